"""Scenes at turns, against all partings tried one by one."""

from collections.abc import Iterator
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storysound.cue import turns
from storysound.cue.turns import Aspect, scenes_at_turns
from storysound.story import Span


def spans(lengths_s: list[float]) -> list[Span]:
    edges = np.concatenate([[0.0], np.cumsum(lengths_s)]).tolist()
    return [Span(a, b) for a, b in pairwise(edges)]


def partings(count: int) -> Iterator[list[tuple[int, int]]]:
    for number in range(count):
        for inner in combinations(range(1, count), number):
            yield list(pairwise([0, *inner, count]))


def mean(rows: list[np.ndarray], lengths_s: list[float]) -> np.ndarray:
    """Of those within reach, the nearest first; of the nearest at least."""
    last = max(1, sum(bool(np.sum(lengths_s[: n + 1]) <= turns.AROUND_S) for n in range(len(rows))))
    return np.asarray(np.average(rows[:last], axis=0, weights=lengths_s[:last]))


def total(parting: list[tuple[int, int]], aspects: list[Aspect], lengths_s: list[float], least: float) -> float:
    value = 0.0
    for (a, b), (c, d) in pairwise(parting):
        for aspect in aspects:
            left = mean(list(aspect.vectors[a:b][::-1]), lengths_s[a:b][::-1])
            right = mean(list(aspect.vectors[c:d]), lengths_s[c:d])
            norms = float(np.linalg.norm(left)), float(np.linalg.norm(right))
            if not aspect.by_angle:
                value += aspect.weight * float(np.linalg.norm(left - right))
            elif min(norms) > 1e-6:
                value += aspect.weight * (1 - float(left @ right) / norms[0] / norms[1])
            elif max(norms) > 1e-6:
                value += aspect.weight
        value -= least
    return value


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([2.5, 5.0, 9.0, 14.0, 40.0]), min_size=1, max_size=8),
    st.integers(0, 10**6),
    st.sampled_from([0.0, 8.0, 20.0, 45.0]),
)
def test_no_parting_has_more_of_a_turn(lengths_s: list[float], seed: int, shortest_s: float) -> None:
    rng = np.random.default_rng(seed)
    looks, told = rng.standard_normal((len(lengths_s), 3)), rng.standard_normal((len(lengths_s), 2))
    told[rng.random(len(lengths_s)) < 0.5] = 0
    aspects = [Aspect(looks, 1.0), Aspect(told, 0.6), Aspect(rng.random((len(lengths_s), 2)), 1.5, by_angle=False)]
    found = scenes_at_turns(spans(lengths_s), aspects, shortest_s=shortest_s, least_turn=1.0)
    allowed = [
        parting
        for parting in partings(len(lengths_s))
        if len(parting) == 1 or min(sum(lengths_s[a:b]) for a, b in parting) >= shortest_s
    ]
    assert found in allowed
    best = max(total(parting, aspects, lengths_s, 1.0) for parting in allowed)
    assert total(found, aspects, lengths_s, 1.0) == pytest.approx(best, abs=1e-9)


def test_a_long_scene_may_drift_and_a_short_one_counts_only_where_it_may() -> None:
    angles = np.linspace(0, np.pi / 2, 40)
    drifting = Aspect(np.stack([np.cos(angles), np.sin(angles)], axis=1), 1.0)
    assert scenes_at_turns(spans([5.0] * 40), [drifting], shortest_s=8, least_turn=0.45) == [(0, 40)]
    looks = Aspect(np.eye(5), 1.0)
    assert len(scenes_at_turns(spans([5.0] * 5), [looks], shortest_s=4, least_turn=0.45)) == 5
    assert len(scenes_at_turns(spans([5.0] * 5), [looks], shortest_s=8, least_turn=0.45)) == 2


def test_nothing_has_no_scenes_and_rows_that_miss_are_refused() -> None:
    assert scenes_at_turns([], [], shortest_s=8, least_turn=0.5) == []
    with pytest.raises(ValueError, match="one row per unit"):
        scenes_at_turns(spans([5.0] * 3), [Aspect(np.eye(2), 1.0)], shortest_s=8, least_turn=0.5)
