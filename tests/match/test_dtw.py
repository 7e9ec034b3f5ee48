"""Dynamic time warping against every path there is."""

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from storysound.errors import UsageError
from storysound.match import dtw
from storysound.match.dtw import dtw_path, dtw_paths

Path = list[tuple[int, int]]
COSTS = st.tuples(st.integers(1, 5), st.integers(1, 5)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.floats(-9, 9))
)


def all_paths(q: int, t: int) -> Iterator[Path]:
    """From (0, 0) to (q, t), one after the other."""
    if q == t == 0:
        yield [(0, 0)]
    for before in ((q - 1, t - 1), (q - 1, t), (q, t - 1)):
        if min(before) >= 0:
            yield from ([*path, (q, t)] for path in all_paths(*before))


def legal(path: Any, q: int, t: int) -> bool:
    """From the first pair to the last by the three steps."""
    steps = {tuple(step) for step in np.diff(path, axis=0).tolist()}
    return path[0].tolist() == [0, 0] and path[-1].tolist() == [q - 1, t - 1] and steps <= {(0, 1), (1, 0), (1, 1)}


@settings(deadline=None)
@given(COSTS)
def test_no_path_is_cheaper(cost: Any) -> None:
    q, t = cost.shape
    total, path = dtw_path(cost)
    least = min(sum(cost[step] for step in one) for one in all_paths(q - 1, t - 1))
    assert total == pytest.approx(least, abs=1e-9)
    assert legal(path.numpy(), q, t)
    assert cost[path[:, 0], path[:, 1]].sum() == pytest.approx(total, abs=1e-9)


@settings(deadline=None)
@given(st.data())
def test_padding_changes_nothing(data: Any) -> None:
    costs = data.draw(st.lists(COSTS, min_size=1, max_size=4))
    sizes = torch.tensor([cost.shape for cost in costs])
    padded = torch.full((len(costs), 6, 7), torch.nan, dtype=torch.float64)
    for i, cost in enumerate(costs):
        padded[i, : cost.shape[0], : cost.shape[1]] = torch.from_numpy(cost)
    found = dtw_paths(padded, sizes[:, 0], sizes[:, 1])
    for i, cost in enumerate(costs):
        total, path = dtw_path(cost)
        assert found.totals[i] == total
        assert torch.equal(found.steps[i, : found.lengths[i]], path)
        assert (found.steps[i, found.lengths[i] :] == -1).all()


def test_equal_costs_go_across() -> None:
    total, path = dtw_path(torch.zeros(3, 5))
    assert total == 0
    assert path.tolist() == [[0, 0], [0, 1], [0, 2], [1, 3], [2, 4]]


def test_narrow_numbers_are_summed_in_double() -> None:
    cost = torch.rand(40, 30, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for kind, error in ((torch.float32, 1e-5), (torch.float16, 0.05)):
        total, path = dtw_path(cost.to(kind))
        assert total == pytest.approx(dtw_path(cost)[0], abs=error)
        assert total == pytest.approx(float(cost.to(kind)[path[:, 0], path[:, 1]].double().sum()), abs=1e-9)
    assert dtw_path([[1, 2], [3, 4]])[0] == 5


def test_a_path_does_not_depend_on_how_the_costs_lie_in_memory() -> None:
    cost = torch.rand(7, 9, generator=torch.Generator().manual_seed(0))
    assert torch.equal(dtw_path(cost.T.contiguous().T)[1], dtw_path(cost)[1])
    with_history = cost.clone().requires_grad_()
    assert dtw_path(with_history)[0] == dtw_path(cost)[0]


@pytest.mark.parametrize("worst", [np.nan, np.inf, -np.inf])
def test_costs_that_are_not_finite_are_refused(worst: float) -> None:
    cost = np.ones((4, 4))
    cost[3, 0] = worst  # no cheapest path comes here but that of -inf
    with pytest.raises(ValueError, match="finite"):
        dtw_path(cost)
    with pytest.raises(ValueError, match="finite"):
        dtw_path(np.full((3, 3), 1e308))


def test_shapes_that_make_no_sense_are_refused() -> None:
    for shape in ((3,), (2, 3, 4), (0, 3), (3, 0)):
        with pytest.raises(ValueError, match="needs costs"):
            dtw_path(np.zeros(shape))
    for lengths in ([0, 3], [1, 4], [1]):
        with pytest.raises(ValueError, match="lengths in 1 to 3"):
            dtw_paths(torch.zeros(2, 3, 3), torch.tensor(lengths))


def test_without_numba_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.setattr(dtw, "_compiled", dtw._compiled.__wrapped__)
    with pytest.raises(UsageError, match=r"storysound\[train\]"):
        dtw_path([[1.0]])
