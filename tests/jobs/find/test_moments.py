"""What of a query is heard when: which events speak for it, in which words, and where a hit points to."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from library_fakes import SHAPE, entry, rows
from storysound.annotate import families
from storysound.annotate.events import FaintSound, faint_sounds
from storysound.draw.shapes import times_of
from storysound.jobs.find.moments import Moments, pointed_at, told
from storysound.library.search import Index
from storysound.library.store import Library
from storysound.match.first_stage import Evidence, Verdict
from storysound.story import Event, Span

LABELS = ("Bark", "Dog", "Rain", "Music", "unheard of")
BARK, LATER, DOG = Event(2, 5, "Bark", 0.7), Event(12, 13, "Bark", 0.9), Event(0, 9, "Dog", 0.9)
RAIN, ODD = Event(0, 30, "Rain", 0.8), Event(4, 5, "something new", 0.9)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    made = Library.create(tmp_path_factory.mktemp("moments") / "lib")
    with made.writer(SHAPE) as writer:
        heard = {"0a": replace(rows(1, 2, 3), events=(DOG, RAIN, BARK, ODD, LATER)), "0b": rows(4)}
        writer.commit([entry("a.wav", "0a", segments=3), entry("b.wav", "0b")], heard)
    return Index.load(made)


def test_a_faint_sound_is_heard_by_several_classes_and_not_where_it_is_something_else() -> None:
    faint = FaintSound("ears.audioset", 4.0, {"Wind": 1.0, "Noise": 1.0}, {"Water": -8.0})
    heard = np.array([[0.1, 0.5, 0.0], [0.1, 0.0, 0.0], [0.1, 0.5, 0.9]], np.float32)
    windy, quiet, wet = faint.chances(heard, ("Wind", "Noise", "Water")).tolist()
    assert windy == pytest.approx(1 / (1 + np.exp(-(4.0 + np.log(1 / 9)))), abs=1e-6)
    assert quiet < 0.01
    assert wet < 0.01


def test_faint_sounds_are_events_where_they_are_likely(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    moments = Moments(index)
    assert moments.meant(wish(Music=1.0), LABELS, 1) == []
    moments._faint = {"Music": np.array([0.0, 0.9, 0.6, 0.0], np.float32)}
    assert moments.meant(wish(Music=1.0), LABELS, 2) == []
    assert moments.meant(wish(Music=1.0), LABELS, 1)[0].score == 0.9


def test_faint_sounds_go_by_classes_of_audioset() -> None:
    known = set(families.audioset().family)
    for label, faint in faint_sounds().items():
        assert {label, *faint.odds, *faint.shares} <= known


def wish(**weights: float) -> np.ndarray:
    return np.array([weights.get(label, 0.0) for label in LABELS], np.float32)


def test_what_is_meant_speaks_first_and_its_kin_after(index: Index) -> None:
    moments = Moments(index)
    assert moments.meant(wish(Bark=0.8, Rain=0.01), LABELS, 0) == [BARK, DOG]
    assert moments.meant(wish(Dog=0.8), LABELS, 0) == [DOG, BARK]
    assert moments.meant(wish(Dog=0.5, Rain=0.5), LABELS, 0) == [DOG, RAIN, BARK]
    assert moments.meant(wish(Music=1.0), LABELS, 0) == []


def test_only_what_is_heard_in_the_segment_counts(index: Index) -> None:
    moments = Moments(index)
    assert moments.meant(wish(Bark=1.0), LABELS, 1) == [LATER]
    assert moments.meant(wish(Rain=1.0), LABELS, 2) == [RAIN]
    assert moments.meant(wish(Bark=1.0), LABELS, 2) == []
    assert moments.meant(wish(Bark=1.0), LABELS, 3) == []


def test_many_moments_are_summed_up() -> None:
    barks = [Event(10 * i, 10 * i + 4, "Bark", 0.9 - 0.1 * i) for i in range(5)]
    others = [Event(0, 1, label, 0.6) for label in ("Cat", "Cow", "Crow")]
    assert told([*barks, *others]) == (
        "heard: Bark 0:00–0:04, 0:10–0:14, 0:20–0:24 … (.90), Cat 0:00–0:01 (.60), Cow 0:00–0:01 (.60)"
    )
    assert told([]) == ""


@given(st.floats(0, 7200), st.floats(0.01, 7200))
def test_times_are_readable(start_s: float, length_s: float) -> None:
    text = times_of(Span(start_s, start_s + length_s))
    assert text.count("–") == 1
    assert len(text) <= 19
    assert ("." not in text) or length_s < 3


@given(st.floats(0, 60), st.floats(0.1, 60), st.floats(1, 15))
def test_a_hit_points_to_some_of_its_event_and_never_to_more_than_a_segment(
    start_s: float, length_s: float, segment_s: float
) -> None:
    event, segment = Event(start_s, start_s + length_s, "Rain", 0.8), Span(30, 30 + segment_s)
    if event.span.overlap_s(segment) > 0:
        got = pointed_at(event, segment)
        assert got.overlap_s(segment) > 0
        assert event.start_s <= got.start_s < got.end_s <= event.end_s
        assert got.duration_s <= segment.duration_s + 1e-9
    assert pointed_at(None, segment) == segment


def test_the_weightiest_evidence_says_which_moment() -> None:
    scores = np.array([1, 0, 0], np.float32)
    weak = Evidence("seen", scores, 1.0, lambda at: "weak", lambda at: [DOG])
    strong = Evidence("said", scores, 2.0, lambda at: "strong", lambda at: [BARK, DOG])
    mute = Evidence("name", scores, 3.0, lambda at: "named")
    verdict = Verdict([weak, strong, mute])
    assert verdict.events(0) == (BARK, DOG)
    assert verdict.reasons(0) == ("named", "strong", "weak")
    assert verdict.events(1) == ()
