"""Scenes, the choice of sounds (against brute force), and which effects are worth adding."""

from itertools import combinations, pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from storysound.cue.plan import EffectOffer, choose, group_scenes, pick_effects
from storysound.story import Span

SIZES = st.tuples(st.integers(1, 5), st.integers(1, 4))
UNIT = st.floats(0, 1, width=16)


def path_value(path: tuple[int, ...], fit, change, energy, contour) -> float:
    total = sum(fit[s, c] for s, c in enumerate(path))
    for s, (a, b) in enumerate(pairwise(path)):
        total -= change * (a != b)
        total -= contour * abs((energy[1][b] - energy[1][a]) - (energy[0][s + 1] - energy[0][s]))
    return total


def strays(path: tuple[int, ...], alike: NDArray[np.bool_]) -> bool:
    return any(
        path[s] == path[t] and not alike[s, t] and any(path[m] != path[s] for m in range(s, t))
        for s, t in combinations(range(len(path)), 2)
    )


@settings(max_examples=60, deadline=None)
@given(st.data(), SIZES, UNIT, UNIT)
def test_choose_equals_brute_force(data: st.DataObject, size: tuple[int, int], change: float, contour: float) -> None:
    scenes, sounds = size
    fit = data.draw(arrays(float, size, elements=UNIT))
    energy = (data.draw(arrays(float, scenes, elements=UNIT)), data.draw(arrays(float, sounds, elements=UNIT)))
    alike = data.draw(arrays(bool, (scenes, scenes)))
    alike = alike | alike.T
    every = list(product(range(sounds), repeat=scenes))
    free = choose(fit, change, energy=energy, contour_cost=contour)
    best = max(path_value(p, fit, change, energy, contour) for p in every)
    assert path_value(tuple(free), fit, change, energy, contour) == pytest.approx(best)
    bound = choose(fit, change, energy=energy, contour_cost=contour, alike=alike)
    best = max(path_value(p, fit, change, energy, contour) for p in every if not strays(p, alike))
    assert not strays(tuple(bound), alike)
    assert path_value(tuple(bound), fit, change, energy, contour) == pytest.approx(best)


def test_a_motif_returns_only_with_its_place() -> None:
    fit = np.array([[1.0, 0.0, 0.8], [0.0, 1.0, 0.0], [1.0, 0.0, 0.8]])
    same_place = np.array([[True, False, True], [False, True, False], [True, False, True]])
    assert choose(fit, 0.1, alike=same_place).tolist() == [0, 1, 0]
    assert choose(fit, 0.1, alike=np.eye(3, dtype=bool)).tolist() in ([0, 1, 2], [2, 1, 0])


def test_change_cost_and_energy_decide_when_fit_is_even() -> None:
    even = np.ones((3, 2))
    assert len(set(choose(even, 0.1).tolist())) == 1
    story, tracks = np.array([0.1, 0.9, 0.9]), np.array([0.2, 0.8])
    assert choose(even, 0.1, energy=(story, tracks), contour_cost=1.0).tolist() == [0, 1, 1]


@pytest.mark.parametrize("bad", [np.zeros((0, 3)), np.zeros((2, 0)), np.array([[np.nan]])])
def test_choose_refuses_nonsense(bad: NDArray[np.float64]) -> None:
    with pytest.raises(ValueError, match="finite, non-empty"):
        choose(bad, 0.1)


def test_a_long_story_with_many_returns_is_settled_quickly() -> None:
    rng = np.random.default_rng(3)
    fit = rng.random((60, 12))
    path = choose(fit, 0.05, alike=np.eye(60, dtype=bool))
    assert not strays(tuple(path), np.eye(60, dtype=bool))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.6, 20), min_size=1, max_size=12), st.integers(0, 5))
def test_scenes_cover_all_shots_in_order_and_are_long_enough(lengths: list[float], seed: int) -> None:
    edges = np.concatenate([[0], np.cumsum(lengths)])
    shots = [Span(a, b) for a, b in pairwise(edges)]
    groups = group_scenes(shots, np.random.default_rng(seed).standard_normal((len(shots), 4)))
    assert [g[0] for g in groups] == [0, *[g[1] for g in groups[:-1]]]
    assert groups[-1][1] == len(shots)
    if len(groups) > 1:
        assert min(edges[b] - edges[a] for a, b in groups) >= 8.0


def test_like_shots_join_and_unlike_ones_do_not() -> None:
    shots = [Span(10 * i, 10 * i + 10) for i in range(4)]
    look = np.array([[1, 0, 0], [0.95, 0.1, 0], [0, 1, 0], [0, 0.9, 0.2]])
    assert group_scenes(shots, look) == [(0, 2), (2, 4)]
    with pytest.raises(ValueError, match="one feature row per shot"):
        group_scenes(shots, look[:3])


@pytest.mark.parametrize("lengths_s", [(9, 2, 9), (9, 2, 13.7), (21.3, 3, 9), (10.1, 7.7, 9.9)])
def test_a_short_scene_between_two_that_look_alike_joins_the_left_one(lengths_s: tuple[float, ...]) -> None:
    """However their sums are rounded."""
    one, other = np.random.default_rng(0).standard_normal((2, 384))
    edges = np.cumsum([0, *lengths_s])
    shots = [Span(a, b) for a, b in pairwise(edges.tolist())]
    assert group_scenes(shots, np.array([one, other, one]), alike=2.0) == [(0, 2), (2, 3)]


def test_effects_are_few_where_the_clip_has_its_own_sound() -> None:
    shots = [Span(5 * i, 5 * i + 5) for i in range(6)]
    offers = [EffectOffer(i, i, 0.6 + 0.05 * i, long=False) for i in range(6)]
    offers += [EffectOffer(i, 10, 0.9, long=True) for i in range(6)]
    alone = pick_effects(offers, shots, [False] * 6, sure=0.5, surer=0.8)
    under = pick_effects(offers, shots, [True] * 6, sure=0.5, surer=0.8)
    assert sum(o.long for o in alone) == 6
    assert sum(not o.long for o in alone) == 6
    assert [(o.shot, o.long) for o in under] == [(5, False)]


def test_a_spot_sound_plays_once_and_unsure_ones_never() -> None:
    shots = [Span(0, 5), Span(5, 10), Span(10, 15)]
    offers = [EffectOffer(0, 7, 0.9, False), EffectOffer(2, 7, 0.8, False), EffectOffer(1, 8, 0.3, False)]
    assert pick_effects(offers, shots, [False] * 3, sure=0.5, surer=0.8) == [offers[0]]
