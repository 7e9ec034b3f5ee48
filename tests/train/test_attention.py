"""Attention in single precision within bfloat16."""

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch.overrides import TorchFunctionMode  # noqa: E402 - needs torch

from storysound.train.attention import SingleAttention  # noqa: E402 - needs torch

fused = torch.nn.functional.scaled_dot_product_attention


def test_fused_attention_is_that_of_single_precision() -> None:
    dice = torch.Generator().manual_seed(0)
    queries, keys, values = (torch.randn(2, 4, 6, 8, generator=dice).bfloat16().requires_grad_() for _ in range(3))
    scores = (queries.double() @ keys.double().transpose(-1, -2) / 8**0.5).softmax(-1)
    wanted = (scores @ values.double()).detach().float()
    with torch.autocast("cpu", torch.bfloat16):
        rounded = fused(queries, keys, values)
        with SingleAttention():
            found = fused(queries, keys, values)
    torch.testing.assert_close(found.detach(), wanted, atol=1e-5, rtol=1e-5)
    assert (rounded.detach().float() - wanted).abs().max() > 1e-4, "what it is for"
    found.sum().backward()
    assert all(one.grad is not None and one.grad.dtype == torch.bfloat16 for one in (queries, keys, values))


class _Spy(TorchFunctionMode):
    """Counts calls of a function, and what precision they are given."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (torch.nn.functional.linear, fused):
            self.seen.append((func, torch.is_autocast_enabled("cpu")))
        return func(*args, **(kwargs or {}))


def test_a_layer_attends_in_single_precision_and_others_are_left_alone() -> None:
    tokens = torch.randn(1, 5, 16)
    layer, linear = torch.nn.MultiheadAttention(16, 2, batch_first=True), torch.nn.Linear(16, 16)
    wanted = layer(tokens, tokens, tokens, need_weights=False)[0]
    with torch.autocast("cpu", torch.bfloat16), _Spy() as spy, SingleAttention():
        found = layer(tokens.bfloat16(), tokens, tokens, need_weights=False)[0]
        assert linear(tokens).dtype == torch.bfloat16
        fused(tokens[None], tokens[None], tokens[None])
    torch.testing.assert_close(found, wanted, atol=0.02, rtol=0.02)
    assert found.dtype == torch.float32
    assert spy.seen == [(torch.nn.functional.linear, True), (fused, False)]
    with SingleAttention():
        torch.testing.assert_close(layer(tokens, tokens, tokens, need_weights=False)[0], wanted)
