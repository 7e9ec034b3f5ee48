"""BGTAI's alignment losses against loops."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from storysound.losses import alignment, contrastive
from storysound.losses.alignment import Weights, cross_entropy, matrix, middles, sp_loss, total

ALIGNMENTS = st.tuples(st.integers(1, 5), st.integers(1, 6)).flatmap(
    lambda shape: st.tuples(*(arrays(np.float64, shape, elements=st.floats(0.01, 10)) for _ in range(2)))
)


@st.composite
def paths(draw: Any) -> tuple[int, int, list[tuple[int, int]]]:
    """Sizes and a legal path."""
    path = [(0, 0)]
    for _ in range(draw(st.integers(0, 9))):
        q, t = draw(st.sampled_from([(0, 1), (1, 0), (1, 1)]))
        path.append((path[-1][0] + q, path[-1][1] + t))
    return path[-1][0] + 1, path[-1][1] + 1, path


@given(paths())
def test_bgtai_erratum_1_several_targets_become_the_middle_one(given_path: Any) -> None:
    queries, targets, path = given_path
    found = middles(torch.tensor(path), queries)
    for q in range(queries):
        own = sorted(t for step, t in path if step == q)
        assert found[q] == own[(len(own) - 1) // 2]
    assert (found.diff() >= 0).all()
    whole = matrix(torch.tensor(path), queries, targets)
    assert {tuple(pair) for pair in whole.nonzero().tolist()} == set(path)


@settings(deadline=None)
@given(paths(), st.integers(0, 99))
def test_bgtai_erratum_1_rows_are_distributions_and_taken_one_by_one(given_path: Any, seed: int) -> None:
    """Eq. 5 by hand: each row of Â is a distribution over T, A* is one-hot in each row."""
    queries, targets, path = given_path
    pred = torch.rand(queries, targets, generator=torch.Generator().manual_seed(seed)).double().softmax(-1)
    hot = torch.zeros_like(pred)
    for q, t in enumerate(middles(torch.tensor(path), queries)):
        hot[q, t] = 1
    by_hand = -sum(float((hot[q] * pred[q].log()).sum()) for q in range(queries)) / queries
    assert cross_entropy(pred, torch.tensor(path)).item() == pytest.approx(by_hand)


@settings(deadline=None)
@given(ALIGNMENTS)
def test_bgtai_erratum_2_sp_loss_is_an_l1_between_0_and_1(both: Any) -> None:
    a, b = (torch.from_numpy(x) for x in both)
    x, y = (m / m.sum(axis=1, keepdims=True) for m in both)
    assert sp_loss(a, b).item() == pytest.approx(np.abs(x - y).sum() / 2 / len(x))
    assert 0 <= sp_loss(a, b) <= 1 + 1e-12
    assert sp_loss(a, b).item() == pytest.approx(sp_loss(7 * b, a).item())
    assert sp_loss(a, 3 * a).item() == pytest.approx(0, abs=1e-12)


def test_the_bounds_of_sp_loss_are_reached() -> None:
    one = torch.eye(3)
    assert sp_loss(one, one) == 0
    assert sp_loss(one, one.roll(1, 0)) == 1


def test_the_losses_vanish_for_the_path_itself_and_only_there() -> None:
    path = torch.tensor([[0, 0], [1, 1], [2, 3], [3, 3]])
    sure = matrix(path, 4, 5)
    assert cross_entropy(sure, path) == 0
    assert sp_loss(sure, matrix(path, 4, 5)) == 0
    unsure = 0.9 * sure + 0.02
    assert cross_entropy(unsure, path) > 0.05
    assert sp_loss(unsure, sure) > 0.05
    assert math.isfinite(cross_entropy(sure.flip(-1), path))


def test_padding_counts_for_nothing() -> None:
    one, two = torch.tensor([[0, 0], [1, 2]]), torch.tensor([[0, 0], [1, 1], [2, 2], [2, 3]])
    pred = torch.rand(2, 3, 4).softmax(-1)
    padded = torch.stack([torch.cat([one, torch.full((2, 2), -1)]), two])
    apart = [cross_entropy(pred[0, :2], one), cross_entropy(pred[1], two)]
    assert cross_entropy(pred, padded).item() == pytest.approx(float(sum(apart)) / 2)
    apart = [sp_loss(pred[0, :2], matrix(one, 2, 4)), sp_loss(pred[1], matrix(two, 3, 4))]
    assert sp_loss(pred, matrix(padded, 3, 4)).item() == pytest.approx(float(sum(apart)) / 2)


def test_bgtai_erratum_3_the_whole_is_a_sum_with_weights_of_1() -> None:
    torch.manual_seed(0)
    infonce, path = contrastive.symmetric(torch.randn(3, 3), 0.1), torch.tensor([[0, 0], [1, 1]])
    pred = torch.rand(2, 2).softmax(-1).requires_grad_()
    entropy, sp = cross_entropy(pred, path).item(), sp_loss(pred, torch.eye(2)).item()
    assert total(infonce, [(pred, path)])["loss"].item() == pytest.approx(infonce.item() + entropy + sp)
    assert Weights() == Weights(1.0, 1.0, 1.0)
    weighed = total(infonce, [(pred, path)], Weights(0.5, 2.0, 3.0))
    assert weighed["loss"].item() == pytest.approx(0.5 * infonce.item() + 2 * entropy + 3 * sp)
    weighed["loss"].backward()
    assert pred.grad is not None
    assert total(infonce) == {"loss": infonce, "contrastive": infonce}
    assert set(total(infonce, [(pred, path)], Weights(sp=0))) == {"loss", "contrastive", "cross_entropy"}
    two = total(infonce, [(pred, path), (torch.eye(2), path)])
    assert (two["cross_entropy"].item(), two["sp"].item()) == pytest.approx((entropy / 2, sp / 2))


def test_a_step_against_the_gradient_goes_towards_the_path() -> None:
    torch.manual_seed(0)
    path, logits = torch.tensor([[0, 0], [1, 1], [2, 2]]), torch.zeros(3, 3, requires_grad=True)
    for loss in (cross_entropy, lambda p, q: alignment.sp_loss(p, matrix(q, 3, 3))):
        (slope,) = torch.autograd.grad(loss(logits.softmax(-1), path), logits)
        assert (slope.diagonal() < 0).all()


@pytest.mark.parametrize(
    ("path", "fault"),
    [([[0, 0], [3, 1]], "query step 3 of 2"), ([[0, 5]], "target step 5 of 3"), ([0, 1], "needs a path")],
)
def test_paths_that_leave_the_matrix_are_refused(path: Any, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        cross_entropy(torch.full((2, 3), 1 / 3), torch.tensor(path))
    with pytest.raises(ValueError, match=fault):
        matrix(torch.tensor(path), 2, 3)


def test_alignments_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="two alignments"):
        sp_loss(torch.ones(2, 3), torch.ones(3, 2))
    with pytest.raises(ValueError, match="0 or more"):
        sp_loss(-torch.ones(2, 3), torch.ones(2, 3))
    with pytest.raises(ValueError, match="0 or more"):
        Weights(sp=-1)
