import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storysound.match.taste import STRENGTH, Choices, asked, fit, judge
from storysound.story import Mood

TRACKS = ("march", "lament", "dance", "storm")


def choices(films: int = 4, scenes: int = 6, seed: int = 0) -> Choices:
    """Three kinds of scene, told in words of their own, each with a track of its own; nobody wants the storm."""
    rng = np.random.default_rng(seed)
    kinds = np.arange(films * scenes) % 3
    told = np.eye(8)[kinds] + 0.2 * rng.normal(size=(len(kinds), 8))
    vectors = np.stack([asked(row.astype(np.float32), Mood(0.5, 0.5), 8) for row in told])
    names = tuple(f"film {i // scenes}" for i in range(len(kinds)))
    return Choices(vectors, names, TRACKS, np.eye(4)[kinds])


def test_the_same_words_bring_the_same_track() -> None:
    taste = fit(choices())
    for kind, track in enumerate(TRACKS[:3]):
        rated = taste(asked(np.eye(8, dtype=np.float32)[kind], None, 8))
        assert TRACKS[int(rated.argmax())] == track


def test_ridge_regression_against_the_normal_equations() -> None:
    data = choices()
    x, y = data.asked - data.asked.mean(axis=0), data.chosen - data.chosen.mean(axis=0)
    ridge = float(np.trace(x @ x.T)) / len(x)
    slow = STRENGTH * np.linalg.solve(x.T @ x + ridge * np.eye(x.shape[1]), x.T @ y)
    assert fit(data).slope == pytest.approx(slow, abs=1e-4)


def test_what_is_chosen_often_lies_above_what_is_not_and_that_above_what_is_refused() -> None:
    data = choices()
    chosen = data.chosen.copy()
    chosen[:, 3] = -1.0
    taste = fit(Choices(data.asked, data.films, TRACKS, chosen))
    usual = taste.among(taste.centre, taste.places(["march", "new", "storm"]))
    assert usual[0] > usual[1] > usual[2]


def test_moods_stand_in_where_nothing_is_told() -> None:
    moods = [Mood(0.1, 0.1), Mood(0.9, 0.9)] * 8
    vectors = np.stack([asked(None, mood, 8) for mood in moods])
    taste = fit(Choices(vectors, ("film",) * 16, TRACKS, np.eye(4)[[1, 2] * 8]))
    assert TRACKS[int(taste(asked(None, Mood(0.2, 0.1), 8)).argmax())] == "lament"
    assert TRACKS[int(taste(asked(None, Mood(0.8, 0.9), 8)).argmax())] == "dance"


@pytest.mark.parametrize("films", [1, 4])
def test_a_taste_that_tells_what_nothing_else_does_is_used(films: int) -> None:
    data = choices(films, 24 // films)
    told = judge(data, np.zeros((24, 4)), TRACKS)
    assert told.used
    assert told.scenes == 24
    assert told.with_taste > 0.9 > told.without


def test_a_taste_is_not_used_where_the_search_knows_better() -> None:
    data = choices()
    chosen = np.eye(4)[np.random.default_rng(1).integers(0, 4, 24)]
    told = judge(Choices(data.asked, data.films, TRACKS, chosen), 10 * chosen, TRACKS)
    assert not told.used
    assert told.without == 1.0


def test_candidates_that_were_never_chosen_are_ranked_too() -> None:
    data = choices()
    assert judge(data, np.zeros((24, 6)), (*TRACKS, "new", "newer")).with_taste > 0.9


@given(st.integers(1, 5), st.integers(0, 3))
def test_a_few_choices_of_any_kind_can_be_fitted(count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(count, 4)).astype(np.float32)
    data = Choices(vectors, ("film",) * count, TRACKS, rng.integers(-1, 2, (count, 4)).astype(float))
    assert np.isfinite(fit(data)(vectors[0])).all()
