"""Sound of Story's similarity against its equations, written out one number at a time."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from storysound.match import sos
from storysound.match.sos import Matrices, attention, mean_pooled, similarity, token_similarity
from storysound.nn.tokens import masked_mean

T = 0.01


def softmax(values: list[float]) -> list[float]:
    weights = [math.exp((value - max(values)) / T) for value in values]
    return [weight / sum(weights) for weight in weights]


def attended(values: list[float]) -> float:
    """Eq. 5, 6, 8 and 10: the right factor carries the index of the sum (erratum 2)."""
    return sum(weight * value for weight, value in zip(softmax(values), values, strict=True))


def slow_pair(f_a: np.ndarray, f_as: np.ndarray, f_v: np.ndarray, f_f: np.ndarray) -> float:
    """Eq. 1 to 11 of one sound and one video."""
    n, m = len(f_as), len(f_f)
    s_av = float(f_a @ f_v)  # Eq. 1
    s_af = [float(f_f[j] @ f_a) for j in range(m)]  # Eq. 2
    s_asv = [float(f_as[i] @ f_v) for i in range(n)]  # Eq. 3
    s_asf = [[float(f_as[i] @ f_f[j]) for j in range(m)] for i in range(n)]  # Eq. 4
    s_aud = [attended([s_asf[i][j] for i in range(n)]) for j in range(m)]  # Eq. 7, over n
    s_vid = [attended([s_asf[i][j] for j in range(m)]) for i in range(n)]  # Eq. 9, over m
    return (s_av + attended(s_af) + attended(s_asv) + (attended(s_aud) + attended(s_vid)) / 2) / 4  # Eq. 11


def unit(*shape: int, seed: int = 0, near: float = 0.0) -> Tensor:
    """Random directions; `near` pulls them all towards one, so that similarities are high and spread."""
    x = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return F.normalize(x + near * x.flatten(0, -2)[0], dim=-1)


def items(q: int, n: int, c: int, m: int, d: int = 16, near: float = 0.0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return unit(q, d, seed=1, near=near), unit(q, n, d, seed=2), unit(c, d, seed=3), unit(c, m, d, seed=4, near=near)


def slow(a_global: Tensor, a_tokens: Tensor, b_global: Tensor, b_tokens: Tensor) -> np.ndarray:
    a, b = list(zip(a_global, a_tokens, strict=True)), list(zip(b_global, b_tokens, strict=True))
    return np.array([[slow_pair(*(x.double().numpy() for x in (*x_a, *x_b))) for x_b in b] for x_a in a])


@pytest.mark.parametrize(("q", "n", "c", "m"), [(5, 7, 6, 4), (1, 1, 1, 1), (2, 1, 3, 5), (3, 6, 2, 1)])
@pytest.mark.parametrize("near", [0.0, 2.0])
def test_equations_1_to_11(q: int, n: int, c: int, m: int, near: float) -> None:
    given_items = items(q, n, c, m, near=near)
    np.testing.assert_allclose(similarity(*given_items), slow(*given_items), atol=1e-6)


def test_erratum_2_every_factor_has_the_index_of_its_sum() -> None:
    """As printed, Eq. 5 and 6 weigh whole vectors, Eq. 10 repeats S_vid(1,1), and Eq. 11 adds a vector to scalars."""
    f_a, f_f = torch.tensor([[1.0, 0.0]]), F.normalize(torch.tensor([[[1.0, 0.0], [0.0, 1.0], [-1.0, 0.5]]]), dim=-1)
    assert token_similarity(f_a[:, None], f_f).shape == (1, 1)
    assert token_similarity(f_a[:, None], f_f).item() == pytest.approx(
        1.0
    )  # the frame that fits, not S_vid(1,1) of all
    turned = f_f[:, [2, 1, 0]]
    torch.testing.assert_close(token_similarity(f_a[:, None], turned), token_similarity(f_a[:, None], f_f))


def test_erratum_3_the_temperature_is_a_hundredth_and_can_be_set() -> None:
    given_items = items(2, 3, 2, 4)
    torch.testing.assert_close(similarity(*given_items), similarity(*given_items, temperature=0.01))
    flat = similarity(*given_items, temperature=1e4)
    a_global, a_tokens, b_global, b_tokens = given_items
    means = (a_global + a_tokens.mean(1)) @ (b_global + b_tokens.mean(1)).T / 4
    torch.testing.assert_close(flat, means, atol=1e-4, rtol=0)


def masks(q: int, n: int, c: int, m: int, seed: int) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    a_mask, b_mask = (torch.rand(shape, generator=rng) < 0.6 for shape in ((q, n), (c, m)))
    a_mask[:, 0] = b_mask[:, -1] = True
    return a_mask, b_mask


@given(q=st.integers(1, 5), n=st.integers(1, 6), c=st.integers(1, 5), m=st.integers(1, 6), seed=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_padding_changes_nothing(q: int, n: int, c: int, m: int, seed: int) -> None:
    a_global, a_tokens, b_global, b_tokens = items(q, n, c, m)
    a_mask, b_mask = masks(q, n, c, m, seed)
    dirty = [a_tokens.masked_fill(~a_mask[..., None], torch.nan), b_tokens.masked_fill(~b_mask[..., None], 1e30)]
    found = similarity(a_global, dirty[0], b_global, dirty[1], a_mask=a_mask, b_mask=b_mask)
    for i in range(q):
        for j in range(c):
            one = (a_global[i], a_tokens[i][a_mask[i]], b_global[j], b_tokens[j][b_mask[j]])
            assert found[i, j].item() == pytest.approx(slow_pair(*(x.double().numpy() for x in one)), abs=1e-6)


def test_padding_has_no_gradient() -> None:
    a_global, a_tokens, b_global, b_tokens = items(3, 4, 3, 5)
    a_mask, b_mask = masks(3, 4, 3, 5, seed=7)
    a_tokens = a_tokens.masked_fill(~a_mask[..., None], torch.nan).requires_grad_()
    b_tokens = b_tokens.masked_fill(~b_mask[..., None], torch.nan).requires_grad_()
    similarity(a_global, a_tokens, b_global, b_tokens, a_mask=a_mask, b_mask=b_mask).sum().backward()
    assert a_tokens.grad is not None
    assert b_tokens.grad is not None
    assert a_tokens.grad.isfinite().all()
    assert (a_tokens.grad[~a_mask] == 0).all()
    assert (b_tokens.grad[~b_mask] == 0).all()
    assert (b_tokens.grad[b_mask] != 0).any()


@pytest.mark.parametrize("block", [1, 2, 3, 100])
def test_block_size_changes_nothing(block: int) -> None:
    given_items = items(7, 3, 9, 4)
    a_mask, b_mask = masks(7, 3, 9, 4, seed=1)
    for given_masks in ({}, {"a_mask": a_mask, "b_mask": b_mask}):
        expected = similarity(*given_items, **given_masks)
        torch.testing.assert_close(similarity(*given_items, **given_masks, block=block), expected, atol=1e-6, rtol=0)


def test_blocks_of_its_own_choice_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    given_items = items(20, 5, 70, 3)
    expected = similarity(*given_items, block=100)
    monkeypatch.setattr(sos, "CPU_BLOCK", 5 * 3 * 64)
    torch.testing.assert_close(similarity(*given_items), expected, atol=1e-6, rtol=0)


class Largest(TorchDispatchMode):
    """Notes the most numbers that any result of an operation holds in memory of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        result = func(*args, **(kwargs or {}))
        given = {x.untyped_storage().data_ptr() for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)}
        for x in tree_leaves(result):
            if isinstance(x, Tensor) and x.untyped_storage().data_ptr() not in given:
                self.numbers = max(self.numbers, x.numel())
        return result


@pytest.mark.parametrize("masked", [False, True])
def test_no_step_holds_more_than_a_block_or_the_result(masked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    q, n, c, m = 90, 12, 80, 6
    given_items = items(q, n, c, m)
    a_mask, b_mask = masks(q, n, c, m, seed=1) if masked else (None, None)
    monkeypatch.setattr(sos, "CPU_BLOCK", 64 * n * m)
    with Largest() as largest:
        similarity(*given_items, a_mask=a_mask, b_mask=b_mask)
    assert largest.numbers <= max(64 * n * m, q * c)
    assert largest.numbers < min(x.numel() for x in (given_items[1], given_items[3]))


def test_order_of_queries_candidates_and_tokens() -> None:
    a_global, a_tokens, b_global, b_tokens = items(6, 5, 4, 3)
    expected = similarity(a_global, a_tokens, b_global, b_tokens)
    rng = torch.Generator().manual_seed(0)
    i, j, k = torch.randperm(6, generator=rng), torch.randperm(4, generator=rng), torch.randperm(5, generator=rng)
    found = similarity(a_global[i], a_tokens[i][:, k], b_global[j], b_tokens[j])
    torch.testing.assert_close(found, expected[i][:, j], atol=1e-6, rtol=0)
    swapped = similarity(b_global, b_tokens, a_global, a_tokens)
    torch.testing.assert_close(swapped.T, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("block", [None, 2])
def test_gradients_are_right(block: int | None) -> None:
    given_items = [x.double().requires_grad_() for x in items(3, 2, 3, 4, d=5)]
    a_mask, b_mask = masks(3, 2, 3, 4, seed=2)

    def scores(*x: Tensor) -> Tensor:
        return similarity(*x, a_mask=a_mask, b_mask=b_mask, temperature=0.2, block=block)

    assert torch.autograd.gradcheck(scores, given_items)


def test_attention_is_where_the_similarity_comes_from() -> None:
    a, b = unit(6, 16, seed=5), unit(4, 16, seed=6)
    a_mask, b_mask = torch.tensor([True, True, False, True, True, False]), torch.tensor([True, False, True, True])
    for given_masks in ((None, None), (a_mask, b_mask)):
        shares = attention(a, b, a_mask=given_masks[0], b_mask=given_masks[1])
        batched = [None if mask is None else mask[None] for mask in given_masks]
        expected = token_similarity(a[None], b[None], a_mask=batched[0], b_mask=batched[1])
        assert (shares * (a @ b.T)).sum().item() == pytest.approx(expected.item(), abs=1e-6)
        assert shares.sum().item() == pytest.approx(1.0)
        assert (shares >= 0).all()
    assert (shares[~a_mask] == 0).all()
    assert (shares[:, ~b_mask] == 0).all()


def slow_learned(a_global: Tensor, a: Tensor, b_global: Tensor, b: Tensor, w: Matrices) -> Tensor:
    """X-CLIP's four terms with its matrices, in its own order of operations, for whole batches."""
    assert all(matrix is not None for matrix in w)
    s_v, s_w = torch.einsum("qd,cmd->qcm", a_global, b), torch.einsum("qnd,cd->qcn", a, b_global)
    s = torch.einsum("qnd,de,cme->qcnm", a, w.tokens, b)
    words = torch.einsum("qckm,kn->qcnm", torch.softmax(s / T, 2), w.n_first).mul(s).sum(2)
    frames = (torch.softmax(s / T, 3) @ w.m_first * s).sum(3)
    fine = (torch.softmax(words / T, 2) @ w.m_second * words).sum(2)
    fine = fine + (torch.softmax(frames / T, 2) @ w.n_second * frames).sum(2)
    coarse = (torch.softmax(s_v / T, 2) @ w.m_alone * s_v).sum(2) + (torch.softmax(s_w / T, 2) @ w.n_alone * s_w).sum(2)
    return (a_global @ w.whole @ b_global.T + coarse + fine / 2) / 4


def test_learned_matrices_are_those_of_x_clip() -> None:
    given_items = items(3, 4, 2, 5, d=6)
    rng = torch.Generator().manual_seed(9)
    sizes = Matrices(6, 6, 4, 5, 4, 5, 5, 4)  # type: ignore[arg-type]
    learned = Matrices(*(torch.eye(k) + 0.3 * torch.randn(k, k, generator=rng) for k in sizes))  # type: ignore[call-overload]
    found = similarity(*given_items, matrices=learned, block=2)
    torch.testing.assert_close(found, slow_learned(*given_items, learned), atol=1e-5, rtol=0)


def test_identities_and_room_to_spare_change_nothing() -> None:
    given_items = items(3, 4, 2, 5, d=6)
    identities = Matrices(torch.eye(6), torch.eye(6), *(torch.eye(9) for _ in range(6)))
    torch.testing.assert_close(similarity(*given_items, matrices=identities), similarity(*given_items))


def test_padding_changes_nothing_with_learned_matrices() -> None:
    a_global, a_tokens, b_global, b_tokens = items(3, 4, 2, 5, d=6)
    rng = torch.Generator().manual_seed(9)
    learned = Matrices(*(torch.randn(k, k, generator=rng) for k in (6, 6, 8, 8, 8, 8, 8, 8)))
    a_mask, b_mask = torch.arange(4) < torch.tensor([[4], [2], [3]]), torch.arange(5) < torch.tensor([[5], [3]])
    a_dirty, b_dirty = (
        x.masked_fill(~mask[..., None], torch.nan) for x, mask in ((a_tokens, a_mask), (b_tokens, b_mask))
    )
    found = similarity(a_global, a_dirty, b_global, b_dirty, a_mask=a_mask, b_mask=b_mask, matrices=learned)
    short = similarity(a_global[1:2], a_tokens[1:2, :2], b_global[1:], b_tokens[1:, :3], matrices=learned)
    assert found[1, 1].item() == pytest.approx(short.item(), abs=1e-5)


def test_mean_pooling_is_the_cosine_of_means() -> None:
    a, b = unit(3, 4, 8, seed=1), unit(2, 5, 8, seed=2)
    mask = torch.tensor([[True, True, False, False], [True, True, True, True], [False, True, True, True]])
    means = [row[keep].mean(0) for row, keep in zip(a, mask, strict=True)]
    for i, mean in enumerate(means):
        for j, other in enumerate(b.mean(1)):
            expected = F.cosine_similarity(mean, other, dim=0).item()
            assert mean_pooled(a, b, a_mask=mask)[i, j].item() == pytest.approx(expected, abs=1e-6)
    assert masked_mean(a).norm(dim=-1).tolist() == pytest.approx([1, 1, 1])


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"temperature": 0.0}, "temperature"),
        ({"block": 0}, "block"),
        ({"a_mask": torch.zeros(2, 3, dtype=torch.bool)}, "a token at least"),
        ({"b_mask": torch.ones(2, 3, dtype=torch.bool)}, r"bool \[2, 4\]"),
        ({"b_mask": torch.ones(2, 4)}, "bool"),
        ({"b_tokens": torch.zeros(2, 4, 3)}, "one width"),
        ({"a_tokens": torch.zeros(2, 0, 16)}, "a token at least"),
    ],
)
def test_nonsense_is_refused(change: dict[str, object], fault: str) -> None:
    names = ("a_global", "a_tokens", "b_global", "b_tokens")
    with pytest.raises(ValueError, match=fault):
        similarity(**(dict(zip(names, items(2, 3, 2, 4), strict=True)) | change))  # type: ignore[arg-type]
