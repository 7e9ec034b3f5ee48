"""Themes and their tracks, against everything tried one by one."""

from itertools import groupby, pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storysound.cue.themes import group_themes, least_path, tracks_of_themes

PLACES = np.eye(4)


def grouped(places: str, seconds: float = 12.0, **wishes: float) -> str:
    """Themes as letters; each place is as unlike each other."""
    rows = np.stack([PLACES["ABCD".index(place)] for place in places])
    asked = {"most": 9, "most_cues": 99, "worth": 4.0, "change_cost": 2.0} | wishes
    return "".join("ABCD"[theme] for theme in group_themes(np.full(len(places), seconds), rows, **asked))  # type: ignore[arg-type]


def test_a_theme_returns_with_its_place() -> None:
    assert grouped("ABCADB") == "ABCADB"
    assert grouped("DDCD") == "AABA"  # by when they are first heard


def test_a_turn_is_worth_a_theme_where_it_lasts() -> None:
    assert grouped("AABAA", worth=20.0) == "AAAAA"
    assert grouped("AABAA", worth=20.0, seconds=60.0) == "AABAA"


def test_there_are_no_more_themes_and_cues_than_asked() -> None:
    assert len(set(grouped("ABCD", most=2))) == 2
    few = grouped("ABABABAB", most_cues=3)
    assert sum(1 for _ in groupby(few)) <= 3
    assert grouped("ABAB", most=1) == "AAAA"


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 12), st.integers(1, 5), st.integers(1, 6), st.integers(0, 10**6))
def test_every_scene_has_a_theme_within_the_budget(scenes: int, most: int, most_cues: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    lengths, rows = rng.uniform(5, 40, scenes), rng.standard_normal((scenes, 3))
    found = group_themes(lengths, rows, most=most, most_cues=most_cues, worth=1.0, change_cost=1.0)
    assert len(found) == scenes
    assert list(dict.fromkeys(found)) == list(range(len(set(found))))
    assert len(set(found)) <= most
    assert sum(1 for _ in groupby(found)) <= most_cues


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 6), st.integers(1, 3), st.floats(0, 2), st.integers(0, 10**6))
def test_no_path_is_cheaper(rows: int, columns: int, change: float, seed: int) -> None:
    costs = np.random.default_rng(seed).random((rows, columns))

    def price(path: tuple[int, ...]) -> float:
        changes = sum(one != other for one, other in pairwise(path))
        return float(sum(costs[row, column] for row, column in enumerate(path)) + change * changes)

    cheapest = min(price(path) for path in product(range(columns), repeat=rows))
    assert price(tuple(least_path(costs, change).tolist())) == pytest.approx(cheapest)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 4), st.integers(1, 4), st.floats(0.01, 3), st.integers(0, 10**6))
def test_no_choice_of_tracks_fits_better(themes: int, tracks: int, shared: float, seed: int) -> None:
    fits = np.random.default_rng(seed).standard_normal((themes, tracks))

    def fit(choice: tuple[int, ...]) -> float:
        copies = [choice[:theme].count(track) for theme, track in enumerate(choice)]
        return float(sum(fits[theme, track] for theme, track in enumerate(choice)) - shared * sum(copies))

    best = max(fit(choice) for choice in product(range(tracks), repeat=themes))
    assert fit(tuple(tracks_of_themes(fits, shared_cost=shared))) == pytest.approx(best)


@pytest.mark.parametrize("bad", [np.zeros((0, 3)), np.zeros((2, 0)), np.array([[np.nan]])])
def test_tracks_refuse_nonsense(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="finite, non-empty"):
        tracks_of_themes(bad, shared_cost=1.0)


def test_themes_refuse_nonsense() -> None:
    assert group_themes(np.empty(0), np.empty((0, 2)), most=1, most_cues=1, worth=1, change_cost=1) == []
    with pytest.raises(ValueError, match="make no sense"):
        group_themes(np.ones(2), np.eye(3), most=1, most_cues=1, worth=1, change_cost=1)
