"""NetVLAD and the gated embedding unit against numpy."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from storysound.nn.vlad import GatedEmbedding, NetVlad


def numbers(module: torch.nn.Module) -> dict[str, np.ndarray]:
    return {name: value.detach().numpy().astype(float) for name, value in module.named_parameters()}


def slow_vlad(tokens: np.ndarray, p: dict[str, np.ndarray]) -> np.ndarray:
    """One item [t d], one token and one cluster at a time."""
    clusters, width = p["centres"].shape
    sums = np.zeros((clusters, width))
    for token in tokens:
        logits = p["assign.weight"] @ token + p["assign.bias"]
        shares = np.exp(logits) / np.exp(logits).sum()
        for k in range(clusters):  # ghosts come after these
            sums[k] += shares[k] * (token - p["centres"][k])
    sums /= np.linalg.norm(sums, axis=1, keepdims=True)
    return sums.ravel() / np.linalg.norm(sums)


@pytest.mark.parametrize(("clusters", "ghosts"), [(20, 1), (16, 0)])  # of words, of sound
def test_erratum_4_netvlad_is_its_definition(clusters: int, ghosts: int) -> None:
    torch.manual_seed(0)
    vlad = NetVlad(7, clusters, ghosts)
    assert vlad.assign.weight.shape == (clusters + ghosts, 7)
    tokens = torch.randn(3, 5, 7)
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 1, 0, 1, 1]], dtype=torch.bool)
    found = vlad(tokens, mask).detach()
    assert found.shape == (3, vlad.out_width)
    for one, real, got in zip(tokens, mask, found, strict=True):
        np.testing.assert_allclose(got, slow_vlad(one[real].numpy().astype(float), numbers(vlad)), atol=1e-5)


def test_erratum_4_gated_embedding_is_its_definition() -> None:
    torch.manual_seed(0)
    unit = GatedEmbedding(6, 4)
    p, x = numbers(unit), torch.randn(3, 6)
    y = x.numpy().astype(float) @ p["linear.weight"].T + p["linear.bias"]
    gated = y / (1 + np.exp(-(y @ p["gate.weight"].T + p["gate.bias"])))
    np.testing.assert_allclose(unit(x).detach(), gated / np.linalg.norm(gated, axis=1, keepdims=True), atol=1e-5)


@settings(deadline=None)
@given(st.integers(0, 2**16), st.integers(1, 6), st.integers(0, 4))
def test_padding_and_order_of_tokens_change_nothing(seed: int, real: int, padding: int) -> None:
    torch.manual_seed(seed)
    vlad, tokens = NetVlad(3, 4, 1), torch.randn(1, real, 3)
    alone = vlad(tokens)
    padded = torch.cat([tokens[:, torch.randperm(real)], torch.full((1, padding, 3), torch.nan)], dim=1)
    found = vlad(padded, torch.arange(real + padding)[None] < real)
    torch.testing.assert_close(found, alone, atol=1e-4, rtol=1e-4)


def test_an_item_without_tokens_is_nothing() -> None:
    vlad, tokens = NetVlad(3, 4, 1), torch.randn(2, 2, 3, requires_grad=True)
    found = vlad(tokens, torch.tensor([[True, True], [False, False]]))
    assert not found[1].any()
    found.sum().backward()
    assert tokens.grad is not None
    assert tokens.grad.isfinite().all()
    assert not tokens.grad[1].any()


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="clusters >= 1"):
        NetVlad(3, 0)
