"""From encoders' scores to events: patches that overlap, silence, and what an encoder says of itself."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from storysound.annotate.hearing import USUAL, Ear, audible, cells, ear_among, events_in, tightened
from storysound.encode.encoder import Encoding, Head, Traits
from storysound.story import Event

LABELS = ("Dog", "Bark", "Rain")
scores_over_time = arrays.arrays(
    np.float32, st.tuples(st.integers(1, 20), st.just(3)), elements=st.floats(2**-10, 1, width=32)
)


def encoder(usual: np.ndarray | None = None, patch_s: float = 0.0, **head: Any) -> Any:
    """One that hears `LABELS`."""
    traits = Traits(patch_s=patch_s, heads={"own": Head(usual=usual, **head)})
    return SimpleNamespace(labels={"own": LABELS}, traits=traits)


@given(scores_over_time, st.sampled_from([0.0, 0.5, 0.75, 1.0, 1.4, 2.0]))
def test_a_step_is_heard_by_all_patches_that_hold_it(scores: np.ndarray, patch_s: float) -> None:
    got = cells(scores, 0.5, patch_s)
    overlap = max(1, round(patch_s / 0.5))
    assert len(got) == len(scores) + overlap - 1
    for step in range(len(got)):
        patches = scores[max(0, step - overlap + 1) : step + 1]
        np.testing.assert_allclose(got[step], np.prod(patches, axis=0) ** (1 / len(patches)), rtol=1e-4)


def test_a_slip_of_one_patch_is_no_event_and_a_click_in_two_is_one() -> None:
    ear = Ear("e", encoder(patch_s=0.975), "own")
    scores = np.full((20, 3), 0.001, np.float32)
    scores[5, 0] = 0.9  # heard by one of the two patches that hold it
    scores[11:13, 2] = 0.9
    heard = Encoding(np.zeros((20, 1), np.float32), {"own": scores}, 0.48)
    (rain,) = events_in(heard, ear, np.zeros(100, np.float32), 10.0)
    assert rain == Event(5.76, 6.24, "Rain", pytest.approx(81 / 82, abs=1e-3))


def test_nothing_is_heard_in_silence() -> None:
    ear = Ear("e", encoder(), "own")
    heard = Encoding(np.zeros((10, 1), np.float32), {"own": np.full((10, 3), 0.9, np.float32)}, 1.0)
    levels = np.full(100, -np.inf, np.float32)
    assert events_in(heard, ear, levels, 10.0) == ()
    levels[40:60] = -20
    assert {(event.start_s, event.end_s) for event in events_in(heard, ear, levels, 10.0)} == {(4.0, 6.0)}


@given(arrays.arrays(np.float32, st.integers(1, 60), elements=st.floats(-120, 0, width=32)), st.integers(1, 20))
def test_a_step_is_as_loud_as_its_loudest_tenth(levels: np.ndarray, count: int) -> None:
    got = audible(levels, 0.3, count)
    least = max(-70, levels.max() - 60)
    for step in range(min(count, len(levels) // 3)):
        assert got[step] == (levels[3 * step : 3 * step + 3].max() > least)
    assert audible(np.zeros(0, np.float32), 0.3, count).tolist() == [False] * count


def test_an_encoder_says_what_is_usual_and_how_long_it_listens() -> None:
    levels = np.array([0.2, 0.3, 0.4], np.float32)
    slow, guessed = encoder(moments=False), encoder(logits=True)
    ear = ear_among({"slow": slow, "plain": encoder(), "good": encoder(usual=levels, patch_s=0.975)})
    assert ear is not None
    assert (ear.name, ear.patch_s, ear.labels) == ("good", 0.975, LABELS)
    assert ear.usual.tolist() == levels.tolist()
    plain = ear_among({"plain": encoder()})
    assert plain is not None
    assert plain.usual.tolist() == pytest.approx([USUAL] * 3)
    assert ear_among({"slow": slow, "guessed": guessed}) is None


@given(
    arrays.arrays(np.float32, st.integers(80, 90), elements=st.floats(-80, 0, width=32)),
    st.floats(0, 5), st.floats(0.1, 3), st.floats(0.1, 1.2),
)  # fmt: skip
def test_only_silence_is_taken_off_and_no_more_than_the_reach(
    levels: np.ndarray, start_s: float, length_s: float, reach_s: float
) -> None:
    event = Event(round(start_s, 3), round(start_s + length_s, 3), "Dog", 0.9)
    (got,) = tightened([event], levels, reach_s)
    assert event.start_s <= got.start_s < got.end_s <= event.end_s
    assert max(got.start_s - event.start_s, event.end_s - got.end_s) <= reach_s + 0.1 + 1e-6
    own = levels[int(event.start_s / 0.1 + 1e-6) : round(event.end_s / 0.1 + 0.499)]
    inside = levels[int(got.start_s / 0.1 + 1e-6) : round(got.end_s / 0.1 + 0.499)]
    if own.size:
        assert inside.max() == own.max()


def test_an_event_begins_when_it_sounds() -> None:
    ear = Ear("e", encoder(patch_s=0.975), "own")
    scores = np.full((20, 3), 0.001, np.float32)
    scores[8:13, 0] = 0.9  # patches that hold a bit of what sounds from 4.7 to 5.9 s
    levels = np.full(100, -60, np.float32)
    levels[47:59] = -10
    heard = Encoding(np.zeros((20, 1), np.float32), {"own": scores}, 0.48)
    (dog,) = events_in(heard, ear, levels, 10.0)
    assert (dog.start_s, dog.end_s) == (4.7, 5.9)
