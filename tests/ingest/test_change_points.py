"""Kernel temporal segmentation: against every way to cut a short sequence, and on sequences whose cuts are known."""

from itertools import combinations, pairwise

import numpy as np
import pytest

from storysound.ingest.change_points import ChangeConfig, change_points, penalties, scatters


def places(lengths: list[int], noise: float = 0.1, width: int = 32) -> np.ndarray:
    """Embeddings that stay near one direction for so many rows each."""
    rng = np.random.default_rng(3)
    centres = rng.normal(size=(len(lengths), width))
    rows = np.repeat(centres, lengths, axis=0)
    return (rows + noise * np.linalg.norm(rows, axis=1, keepdims=True) * rng.normal(size=rows.shape)) * rng.uniform(
        0.5, 2.0, (len(rows), 1)
    )


def cost(unit: np.ndarray, cuts: tuple[int, ...]) -> float:
    """Mean squared distance from the mean of one's stretch, plus the penalty as Potapov et al. print it."""
    n, m = len(unit), len(cuts)
    within = sum(((unit[a:b] - unit[a:b].mean(axis=0)) ** 2).sum() for a, b in pairwise((0, *cuts, n)))
    return within / n + (m / (2 * n) * (np.log(n / m) + 1) if m else 0.0)


@pytest.mark.parametrize("noise", [0.1, 0.15, 0.2, 0.3])
def test_no_other_way_to_cut_costs_less(noise: float) -> None:
    rows = places([4, 3, 5], noise)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    ways = (cuts for m in range(len(rows)) for cuts in combinations(range(1, len(rows)), m))
    found = tuple(change_points(rows))
    assert found == min(ways, key=lambda cuts: cost(unit, cuts))
    assert noise > 0.1 or found == (4, 7)


def test_scatter_and_penalty_are_those_of_the_paper() -> None:
    unit = places([5, 5])
    ways = [np.array(cuts, np.int64) for cuts in ((), (5,), (2, 8))]
    found = scatters(unit, ways) / len(unit) + penalties(2, len(unit))
    assert found == pytest.approx([cost(unit, tuple(way)) for way in ways])


@pytest.mark.parametrize("lengths", [[30], [20, 40], [9, 31, 8, 20], [12] * 6])
def test_known_places_are_parted(lengths: list[int]) -> None:
    assert change_points(places(lengths)).tolist() == np.cumsum(lengths)[:-1].tolist()


def test_a_heavier_penalty_cuts_less_and_stretches_are_not_too_short() -> None:
    rows = places([12] * 6)
    assert len(change_points(rows, ChangeConfig(weight=30.0))) < 5
    noise = np.random.default_rng(0).normal(size=(40, 4))
    found = change_points(noise, ChangeConfig(weight=1e-6, shortest=4))
    assert len(found) > 3
    assert np.diff([0, *found, 40]).min() >= 4


@pytest.mark.parametrize("count", [0, 1, 3, 7])
def test_too_few_rows_are_one_stretch(count: int) -> None:
    assert change_points(np.ones((count, 3)), ChangeConfig(shortest=4)).size == 0


def test_the_same_all_along_is_one_stretch_zeros_included() -> None:
    assert change_points(np.ones((50, 3))).size == 0
    assert change_points(np.zeros((50, 3))).size == 0


def test_rows_must_be_numbers() -> None:
    with pytest.raises(ValueError, match="finite"):
        change_points(np.array([[np.nan, 1.0]] * 9))
    with pytest.raises(ValueError, match="at least 1"):
        ChangeConfig(shortest=0)
