"""Scores over time to events: what every event keeps, and by hand what is told of a class and its special cases."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from storysound.annotate import families
from storysound.annotate.events import (
    EventConfig,
    bridged,
    events_of,
    relative,
    surest,
    told_once,
    with_speech,
)
from storysound.encode.ears import class_names
from storysound.story import Event

LABELS = ("Dog", "Rain", "Piano")
STEP_S = 0.2
scores_over_time = arrays.arrays(
    np.float32, st.tuples(st.integers(1, 60), st.just(3)), elements=st.floats(0, 1, width=32)
)
TREE = families.parse("[animals]\nAnimal\n  Dog\n    Bark\n    Growling\n[voice]\nSpeech\n  Narration\n[setting]\nRoom")


def heard(scores: np.ndarray, config: EventConfig | None = None) -> tuple[Event, ...]:
    return events_of(scores, LABELS, STEP_S, duration_s=len(scores) * STEP_S, config=config)


@given(scores_over_time)
def test_events_of_a_class_never_overlap_and_stay_in_the_sound(scores: np.ndarray) -> None:
    config = EventConfig()
    for label in LABELS:
        own = [event for event in heard(scores) if event.label == label]
        for earlier, later in pairwise(own):
            assert later.start_s - earlier.end_s > config.bridged_s - STEP_S - 1e-6
        for event in own:
            assert 0 <= event.start_s < event.end_s <= len(scores) * STEP_S + 1e-6
            assert event.end_s - event.start_s >= config.shortest_s - 1e-6
            assert config.begins <= event.score + 1e-4 <= 1.001


def obvious(curve: np.ndarray, config: EventConfig) -> list[tuple[int, int]]:
    """Hysteresis step by step: [first, last + 1) of each event, before short ones are dropped."""
    found: list[list[int]] = []
    t = 0
    while t < len(curve):
        if curve[t] < config.ends:
            t += 1
            continue
        end = t
        while end < len(curve) and curve[end] >= config.ends:
            end += 1
        if max(curve[t:end]) >= config.begins:
            if found and (t - found[-1][1]) * STEP_S <= config.bridged_s + 1e-6:
                found[-1][1] = end
            else:
                found.append([t, end])
        t = end
    return [(a, b) for a, b in found]


@given(scores_over_time, st.sampled_from([0.0, 0.4, 1.0]), st.sampled_from([(0.65, 0.4), (0.5, 0.5), (0.9, 0.1)]))
def test_events_are_those_of_an_obvious_walk(scores: np.ndarray, bridged_s: float, levels: tuple[float, float]) -> None:
    config = EventConfig(begins=levels[0], ends=levels[1], bridged_s=bridged_s, shortest_s=0.0)
    for c, label in enumerate(LABELS):
        got = [(e.start_s, e.end_s, e.score) for e in heard(scores, config) if e.label == label]
        runs = obvious(scores[:, c], config)
        assert [(round(a / STEP_S), round(b / STEP_S)) for a, b, _ in got] == runs
        assert [s for *_, s in got] == pytest.approx([float(scores[a:b, c].max()) for a, b in runs], abs=1e-4)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 9), st.sampled_from("abcdefgh"), st.floats(0.65, 0.95))))
def test_never_more_at_a_time_than_can_be_read(drawn: list[tuple[int, int, str, float]]) -> None:
    """No event is kept of which half lies under each of four surer ones, and no kept event would have to go."""
    tree = families.parse("\n".join(f"[{label}]\n{label}" for label in "abcdefgh"))
    events = [Event(start, start + length, label, score) for start, length, label, score in drawn]
    kept = told_once(events, tree, EventConfig(at_once=4, alike=99, drowned=1e9))
    surest_first = sorted(kept, key=lambda e: (-e.score, e.start_s, e.label))
    for i, event in enumerate(surest_first):
        over = [e for e in surest_first[:i] if e.span.overlap_s(event.span) >= event.span.duration_s / 2]
        assert len(over) < 4
    assert set(kept) <= set(events)
    assert (len(events) <= 4) <= (len(kept) == len(events))


@given(scores_over_time)
def test_what_is_above_the_threshold_is_covered(scores: np.ndarray) -> None:
    events = heard(scores, EventConfig(shortest_s=0.0))
    for t, c in np.argwhere(scores >= EventConfig.begins):
        middle_s = (t + 0.5) * STEP_S
        assert any(e.label == LABELS[c] and e.start_s <= middle_s < e.end_s for e in events)


@given(arrays.arrays(np.float32, (30, 3), elements=st.floats(0, 0.625, width=32)))
def test_what_is_nowhere_above_the_threshold_gives_none(scores: np.ndarray) -> None:
    assert heard(scores) == ()


@given(scores_over_time)
def test_telling_once_only_leaves_out(scores: np.ndarray) -> None:
    found = heard(scores)
    for event in told_once(found, families.audioset()):
        assert any(
            event.label == e.label and event.score == e.score and e.start_s <= event.start_s < event.end_s <= e.end_s
            for e in found
        )


def test_starts_high_ends_low_and_bridges() -> None:
    curve = np.array([0, 0.6, 0.9, 0.6, 0.6, 0.2, 0.2, 0.7, 0, 0, 0, 0, 0, 0.6, 0.6, 0, 0.8, 0], np.float32)
    scores = np.stack([curve, 0 * curve, 0 * curve], axis=1)
    # 0.2-1.0 and 1.4-1.6 are bridged; 0.6 alone is too weak to begin; one step of 0.8 is too short.
    assert heard(scores) == (Event(0.2, 1.6, "Dog", 0.9),)


def test_no_steps_no_events() -> None:
    assert heard(np.zeros((0, 3), np.float32)) == ()


def test_refuses_scores_of_other_classes_and_odd_thresholds() -> None:
    with pytest.raises(ValueError, match=r"\[t 3\], got \(4, 2\)"):
        heard(np.zeros((4, 2), np.float32))
    with pytest.raises(ValueError, match="ends <= begins"):
        EventConfig(begins=0.3, ends=0.5)
    assert EventConfig.from_score(0.14).ends == pytest.approx(0.08)


def test_what_is_usual_counts_half() -> None:
    got = relative(np.array([[0.02, 0.6], [0.18, 0.99]], np.float32), np.array([0.02, 0.6], np.float32))
    np.testing.assert_allclose(got, [[0.5, 0.5], [0.915, 0.985]], atol=1e-3)


@given(st.floats(0, 1, width=32), st.floats(0, 1, width=32), st.floats(2**-7, 1, width=32))
def test_surer_is_surer_and_even_what_is_always_heard_can_be_heard(low: float, high: float, usual: float) -> None:
    low, high = sorted((low, high))
    got = relative(np.array([[low], [high], [usual], [1.0]], np.float32), np.array([usual], np.float32))[:, 0]
    assert 0 <= got[0] <= got[1] <= 1
    assert got[2] == pytest.approx(0.5)
    assert got[3] > 0.7 or usual > 0.999999


def test_the_special_case_explains_the_general_one() -> None:
    animal, bark = Event(0, 10, "Animal", 0.9), Event(1, 9, "Bark", 0.8)
    assert told_once([animal, bark], TREE) == (bark,)
    brief = Event(1, 3, "Bark", 0.8)
    assert told_once([animal, brief], TREE) == (animal, brief)
    half, whole = Event(1, 8, "Bark", 0.8), Event(0, 12, "Animal", 0.9)
    assert told_once([whole, half], TREE) == (half, replace(whole, start_s=8))
    guess = Event(1, 9, "Bark", 0.3)
    assert told_once([animal, guess], TREE) == (animal,)


def test_places_are_no_events_and_families_speak_with_two_voices() -> None:
    room = Event(0, 10, "Room", 0.9)
    many = [Event(0, 4, label, score) for label, score in (("Bark", 0.9), ("Growling", 0.8), ("Animal", 0.7))]
    many.append(Event(0, 4, "Howl", 0.7))
    tree = families.parse("[animals]\nBark\nGrowling\nAnimal\nHowl\n[setting]\nRoom")
    assert {event.label for event in told_once([room, *many], tree)} == {"Bark", "Growling"}
    apart = Event(5, 6, "Howl", 0.66)
    assert apart in told_once([*many, apart], tree)


def test_an_echo_of_something_sure_is_a_guess() -> None:
    tree = families.parse("[animals]\nMoo\n[vehicles]\nRace car\n[music]\nMusic\n[impacts]\nBang")
    moo, car = Event(0, 5, "Moo", 0.97), Event(2, 5, "Race car", 0.8)
    assert told_once([moo, car], tree) == (moo,)
    assert told_once([moo, replace(car, score=0.9)], tree)[1:] == (replace(car, score=0.9),)  # a cow before a car
    assert told_once([moo, replace(car, end_s=20)], tree)[1:] == (replace(car, end_s=20),)  # goes on without the cow
    song = replace(moo, label="Music")
    assert set(told_once([song, car], tree)) == {song, car}


def test_the_voice_detector_says_when_and_the_classes_whether() -> None:
    classes = [Event(0, 8, "Speech", 0.7), Event(0, 3, "Narration", 0.7), Event(6, 8, "Narration", 0.7)]
    spoken = [Event(0.5, 2.9, "Speech", 0.98), Event(5, 6, "Speech", 0.9)]
    got = with_speech(classes, spoken, lambda span: 0.8 if span.start_s < 5 else 0.1, TREE, 0.3)
    assert got == (Event(0, 3, "Narration", 0.7), spoken[0])


def test_short_pauses_are_bridged() -> None:
    parts = [Event(0, 1, "Speech", 0.9), Event(1.3, 2, "Speech", 0.9), Event(3, 4, "Speech", 0.8)]
    assert [(event.start_s, event.end_s) for event in bridged(parts, 0.4)] == [(0, 2), (3, 4)]


def test_the_surest_classes_keep_all_their_events() -> None:
    events = [Event(0, 1, "Dog", 0.7), Event(1, 2, "Rain", 0.8), Event(2, 3, "Dog", 0.9)]
    assert surest(events, 1) == (events[0], events[2])


def test_the_tree_names_every_class_once_or_more_and_has_no_circle() -> None:
    tree = families.audioset()
    assert set(tree.family) == set(class_names())
    assert all(name not in below for name, below in tree.below.items())
    assert all(name not in tree.below[special] for name, below in tree.below.items() for special in below)
    assert "Bark" in tree.below["Animal"]
    assert tree.family["Bark"] == "animals"
