"""The knapsack against brute force, and F against its definition."""

from itertools import combinations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from storysound.metrics.summary import (
    FIGURES,
    evaluate,
    human_ceiling,
    kendall,
    knapsack,
    leave_one_out,
    overlap,
    summarise,
)

DRAWN = np.random.default_rng(0)  # once, as the tests are collected
ITEMS = st.lists(st.tuples(st.floats(-2, 9) | st.integers(-1, 4).map(float), st.integers(0, 30)), max_size=10)


def most(items: list[tuple[float, int]], capacity: float) -> float:
    """The best worth by trying every choice."""
    choices = (choice for size in range(len(items) + 1) for choice in combinations(items, size))
    return max(
        sum(value for value, _ in choice) for choice in choices if sum(weight for _, weight in choice) <= capacity
    )


@given(ITEMS, st.integers(0, 80))
def test_the_knapsack_is_optimal(items: list[tuple[float, int]], capacity: int) -> None:
    values, weights = [value for value, _ in items], [weight for _, weight in items]
    chosen = knapsack(values, weights, capacity)
    assert (np.diff(chosen) > 0).all()
    assert sum(weights[i] for i in chosen) <= capacity
    assert sum(values[i] for i in chosen) == pytest.approx(most(items, capacity), abs=1e-9)


@pytest.mark.parametrize(
    ("values", "weights"),
    [
        (DRAWN.random(60), DRAWN.integers(1, 90, 60)),  # most is decided by the bound
        (weights := DRAWN.integers(1, 90, 60), weights),  # nothing is: value and weight are one
        (weights + 20.0, weights),
        (DRAWN.random(60), 7 * DRAWN.integers(1, 12, 60)),  # a common divisor
    ],
)
def test_large_knapsacks_equal_plain_dynamic_programming(values: np.ndarray, weights: np.ndarray) -> None:
    for capacity in (0, 6, 90, 777, 1e9):
        best = np.zeros(min(int(capacity), int(weights.sum())) + 1)
        for value, weight in zip(values, weights, strict=True):
            for room in range(len(best) - 1, weight - 1, -1):
                best[room] = max(best[room], best[room - weight] + value)
        chosen = knapsack(values, weights, capacity)
        assert weights[chosen].sum() <= capacity
        assert values[chosen].sum() == pytest.approx(best[-1])


def test_of_equal_items_the_first_are_taken_each_time() -> None:
    assert knapsack([1.0] * 9, [2] * 9, 7).tolist() == [0, 1, 2]
    assert knapsack([5, 1, 1, 1, 5], [3, 2, 2, 2, 3], 8).tolist() == [0, 1, 4]


def test_edges_of_the_knapsack() -> None:
    assert knapsack([], [], 5).tolist() == []
    assert knapsack([1.0, 0.0, -1.0, 2.0], [0, 0, 0, 1], 0).tolist() == [0]
    assert knapsack([1.0, 2.0], [3, 9], 5.9).tolist() == [0]
    assert knapsack(np.array([0.5]), np.array([4.0]), 4).tolist() == [0]


@pytest.mark.parametrize(
    ("values", "weights", "capacity"),
    [
        ([1.0], [1, 2], 3),
        ([np.nan], [1], 3),
        ([np.inf], [1], 3),
        ([1.0], [-1], 3),
        ([1.0], [1.5], 3),
        ([1.0], [np.nan], 3),
        ([1.0], [1], -1),
        ([1.0], [1], float("nan")),
    ],
)
def test_what_is_no_knapsack(values: list[float], weights: list[float], capacity: float) -> None:
    with pytest.raises(ValueError, match=r"needs a weight|must be finite"):
        knapsack(values, weights, capacity)


def test_overlap_is_precision_recall_and_their_harmonic_mean() -> None:
    rng = np.random.default_rng(0)
    summary, people = rng.random(40) < 0.3, rng.random((6, 40)) < 0.3
    precision, recall, f = overlap(summary, people)
    for i, person in enumerate(people):
        both = sum(a and b for a, b in zip(summary, person, strict=True))
        p, r = both / summary.sum(), both / person.sum()
        assert (precision[i], recall[i]) == pytest.approx((p, r))
        assert f[i] == pytest.approx(2 * p * r / (p + r) if both else 0.0)
    assert [float(x[0]) for x in overlap(np.zeros(3, bool), np.zeros((1, 3), bool))] == [0.0, 0.0, 0.0]


def test_a_summary_takes_whole_shots_within_its_share() -> None:
    importance = np.repeat([0.1, 0.9, 0.5, 0.2], [10, 5, 20, 5])
    edges = [0, 10, 15, 35, 40]
    assert np.flatnonzero(summarise(importance, edges, 0.15)).tolist() == list(range(10, 15))
    # By mean the two short shots are worth more than the long one; by sum they are not.
    assert summarise(importance, edges, 0.5).nonzero()[0].tolist() == [*range(10), *range(10, 15), *range(35, 40)]
    assert summarise(importance, edges, 0.5, "sum").nonzero()[0].tolist() == list(range(15, 35))
    with pytest.raises(ValueError, match="edges must rise"):
        summarise(importance, [0, 10, 39])


def test_evaluate_judges_by_the_mean_and_by_the_best_person() -> None:
    rng = np.random.default_rng(0)
    people = rng.integers(1, 6, (5, 200)).astype(float)
    edges = np.arange(0, 201, 10)
    report = evaluate(people[0], people, edges)
    assert report.f[0] == report.f_max == 1.0
    assert report.f_mean == pytest.approx(report.f.mean())
    assert report.n == 5
    assert report.kendall == pytest.approx(np.mean([kendall(people[0], other) for other in people]))
    assert "15%" in report.protocol
    assert set(report.figures()) == set(FIGURES)
    own = evaluate(people[0], people, np.arange(0, 201, 20), people_edges=edges)
    assert own.f_max < 1.0
    assert "shots of their own" in own.protocol


def test_the_ceiling_leaves_each_person_out_once() -> None:
    rng = np.random.default_rng(0)
    people = rng.integers(1, 6, (4, 120)).astype(float)
    edges = np.arange(0, 121, 10)
    ceiling = human_ceiling(people, edges)
    alone = [evaluate(people[i], np.delete(people, i, axis=0), edges) for i in range(4)]
    for name in FIGURES:
        assert getattr(ceiling, name) == pytest.approx(np.mean([getattr(one, name) for one in alone])), name
    assert leave_one_out(np.ones((3, 5), bool))[2].tolist() == [[1.0, 1.0]] * 3


def test_correlations_are_scipys_and_a_constant_says_nothing() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(1, 6, 50).astype(float), rng.random(50)
    assert kendall(a, b) == pytest.approx(scipy.stats.kendalltau(a, b).statistic)
    assert kendall(np.ones(50), b) == 0.0


@pytest.mark.parametrize("wrong", [([1, 2], [[1, 2, 3]]), ([[1, 2]], [[1, 2]]), ([1, 2], np.zeros((0, 2)))])
def test_shapes_that_do_not_fit(wrong: tuple[list, list]) -> None:
    with pytest.raises(ValueError, match="needs importances"):
        evaluate(*wrong, [0, 1, 2])
