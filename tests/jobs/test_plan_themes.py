"""The music of a story as a whole: how many themes it gets, and which stay."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from storysound.annotate.own_sound import OwnSound
from storysound.cue.score import Cue, Piece, Scene, Score
from storysound.cue.themes import squared_distances
from storysound.cue.turns import Aspect
from storysound.encode.detectors.boxes import Box
from storysound.encode.detectors.nanodet import kinds
from storysound.errors import UsageError
from storysound.ingest.footage import Footage
from storysound.ingest.pictures import Page
from storysound.jobs.plan.likeness import theme_vectors
from storysound.jobs.plan.request import PlanOptions
from storysound.jobs.plan.scenes import Breakdown
from storysound.jobs.plan.sight import PictureReader
from storysound.jobs.plan.themes import theme_notes, with_themes
from storysound.media.arrays import RATE_HZ
from storysound.media.audio import Waveform
from storysound.media.recording import of_wave
from storysound.story import Event, Mood, Sound, Span, Story


def shown(places: str, seconds: float = 15.0, pictures: bool = False, moods: str = "") -> tuple[Breakdown, Footage]:
    """A scene for each letter, which says its place; a digit says how its mood is."""
    edges = (seconds * np.arange(len(places) + 1)).tolist()
    units = tuple(Span(a, b) for a, b in pairwise(edges))
    felt = [Mood(int(digit) / 9, int(digit) / 9) for digit in moods or "5" * len(places)]
    scenes = tuple(Scene(u.start_s, u.end_s, mood, "", (u,)) for u, mood in zip(units, felt, strict=True))
    seen = np.eye(26, dtype=np.float32)[[ord(place) - ord("A") for place in places]]
    aspects = (Aspect(seen, 1.0), Aspect(np.zeros((len(places), 4), np.float32), 1.0), Aspect(seen[:, :2], 1.0, False))
    story = Story("t", units=units, texts=("",) * len(units), duration_s=edges[-1])
    pages = tuple(Page(Path("a.jpg"), "", unit, False) for unit in units) if pictures else ()
    return Breakdown(scenes, (), aspects, (), None), Footage(story, ((),) * len(units), None, pages)


def themes(*of: Any, wishes: dict[str, Any] | None = None, **more: Any) -> list[int | None]:
    breakdown, footage = shown(*of, **more)
    return [scene.theme for scene in with_themes(breakdown, footage, PlanOptions(**wishes or {})).scenes]


def test_a_film_has_few_themes_and_they_return_with_their_places() -> None:
    assert themes("ABACAB") == [1, 2, 1, 3, 1, 2]
    long = themes("ABCDEFGHIJKLMNOPQRST")  # 300 s
    assert 4 <= len(set(long)) <= 8
    assert len(set(themes("ABCDEFGHIJKLMNOPQRST", wishes={"changes": "few"}))) < len(set(long))
    assert len(set(themes("ABCDEFGHIJKLMNOPQRST", wishes={"changes": "many"}))) > len(set(long))


@pytest.mark.parametrize("number", [1, 2, 5])
def test_there_are_as_many_themes_as_asked(number: int) -> None:
    assert len(set(themes("ABCDEF", wishes={"themes": number}))) == number


def test_five_pictures_of_five_moods_have_five_themes() -> None:
    assert themes("ABCDE", 5.0, moods="19375", pictures=True) == [1, 2, 3, 4, 5]
    assert themes("AAAAA", 5.0, pictures=True) == [1] * 5


def test_a_thing_returns_in_photographs_of_other_moods() -> None:
    assert themes("ABAB", 5.0, moods="2673", pictures=True) == [1, 2, 1, 2]
    assert len(set(themes("ABAB", 5.0, moods="0990", pictures=True))) > 2


def test_one_place_with_two_moods_has_two_themes_unless_one_mood_is_asked_for() -> None:
    assert themes("AAAA", 30.0, moods="0099") == [1, 1, 2, 2]
    assert themes("AAAA", 30.0, moods="0099", wishes={"mood": Mood(0.5, 0.5)}) == [1] * 4


def test_places_of_a_film_are_told_by_their_colours() -> None:
    """All look alike to who looks, but for red, green and blue light."""
    breakdown, footage = shown("AAAAAA")
    pictures = tuple((np.full((8, 8, 3), np.eye(3)[number] * 200, np.uint8),) for number in (0, 1, 0, 2, 0, 1))
    lit = replace(footage, pictures=pictures)
    assert [scene.theme for scene in with_themes(breakdown, lit, PlanOptions()).scenes] == [1, 2, 1, 3, 1, 2]
    dark = replace(lit, pictures=(*pictures[:5], ()))  # a unit without a picture is like none
    assert theme_vectors(breakdown, dark, None).shape == theme_vectors(breakdown, lit, None).shape


def test_pictures_are_told_by_the_things_in_them_and_not_by_their_colours() -> None:
    breakdown, footage = shown("AAB", 5.0, pictures=True)
    pictures = tuple((np.full((8, 8, 3), number * 99, np.uint8),) for number in range(3))

    class Reader:
        def detected(self, scenes: Sequence[Scene]) -> np.ndarray:
            return np.eye(4)[[0, 1, 1]]

    footage = replace(footage, pictures=pictures)
    plain = squared_distances(*2 * (theme_vectors(breakdown, footage, None),))
    seen = replace(breakdown, reader=Reader())  # type: ignore[arg-type]
    things = squared_distances(*2 * (theme_vectors(seen, footage, None),))
    assert plain[0, 1] == pytest.approx(0)
    assert things[0, 1] > 0.1
    assert things[1, 2] < plain[1, 2]


def test_themes_that_scenes_have_stay() -> None:
    breakdown, footage = shown("ABAB")
    mine = tuple(replace(scene, theme=theme) for scene, theme in zip(breakdown.scenes, (7, 3, 3, None), strict=True))
    found = with_themes(replace(breakdown, scenes=mine), footage, PlanOptions())
    assert [scene.theme for scene in found.scenes] == [7, 3, 3, 3]


def test_scenes_full_of_speech_are_silent_where_silence_is_asked_for() -> None:
    breakdown, footage = shown("ABAB")
    speech = (Span(15.0, 27.0), Span(30.0, 36.0))
    own = OwnSound(None, speech)
    found = with_themes(breakdown, footage, PlanOptions(silence=True), own)
    assert [scene.theme for scene in found.scenes] == [1, 0, 1, 2]
    assert 0 not in [scene.theme for scene in with_themes(breakdown, footage, PlanOptions(), own).scenes]
    assert with_themes(found, footage, PlanOptions()) == found
    cue = Cue("music-1", "music", 0, 9, Sound("a", "/l", 9.0, "music"), (Piece(0, 9, 0),), 0, 0.1, 0.1, 0.9)
    lines = theme_notes(Score("t", 60.0, 25.0, found.scenes, (cue,)))
    assert lines == ("the music has 2 themes; 1 returns", "no music at 0:15–0:30: somebody speaks in 80% of it")


def test_music_rests_where_the_films_own_fills_a_scene_unless_it_is_told_not_to() -> None:
    breakdown, footage = shown("ABAB")
    own = OwnSound(None, (), (Span(15.0, 19.0), Span(24.0, 29.0), Span(31.0, 35.0)))
    found = with_themes(breakdown, footage, PlanOptions(), own).scenes
    assert [scene.rests for scene in found] == ["", "the film's own music fills 60% of it", "", ""]
    assert [scene.theme for scene in found] == [1, 0, 1, 2]
    assert 0 not in [s.theme for s in with_themes(breakdown, footage, PlanOptions(silence=False), own).scenes]


def test_loud_action_carries_a_scene_where_silence_is_asked_for() -> None:
    breakdown, footage = shown("ABCD", 12.0)
    rng = np.random.default_rng(0)
    samples = (0.01 * rng.standard_normal((1, 48 * RATE_HZ))).astype(np.float32)
    samples[:, 12 * RATE_HZ : 24 * RATE_HZ] *= 8
    sound = of_wave(Waveform(samples, RATE_HZ))
    events = (Event(12.5, 20.0, "Engine", 0.8), Event(14.0, 23.0, "Crowd", 0.7), Event(36.0, 48.0, "Wind", 0.7))
    own = OwnSound(sound, (), (), 48.0, events)
    found = with_themes(breakdown, footage, PlanOptions(silence=True), own).scenes
    assert [scene.rests for scene in found] == [
        "", "its own sound carries it, 18 LU louder than usual: Crowd, Engine", "", "",
    ]  # fmt: skip
    assert not any(scene.rests for scene in with_themes(breakdown, footage, PlanOptions(), own).scenes)
    spoken = replace(own, speech=(Span(13.0, 16.0),))
    assert not any(scene.rests for scene in with_themes(breakdown, footage, PlanOptions(silence=True), spoken).scenes)
    nothing = replace(own, events=(Event(12.5, 15.0, "Engine", 0.8), Event(12.0, 24.0, "Music", 0.8)))
    assert not any(s.rests for s in with_themes(breakdown, footage, PlanOptions(silence=True), nothing).scenes)


def test_what_returns_is_said() -> None:
    breakdown, footage = shown("ABAB")
    scenes = with_themes(breakdown, footage, PlanOptions()).scenes
    cue = Cue("music-1", "music", 0, 9, Sound("a", "/l", 9.0, "music"), (Piece(0, 9, 0),), 0, 0.1, 0.1, 0.9)
    assert theme_notes(Score("t", 60.0, 25.0, scenes, (cue,))) == ("the music has 2 themes; 1, 2 return",)
    assert theme_notes(Score("t", 60.0, 25.0, scenes[:3], (cue,))) == ("the music has 2 themes; 1 returns",)
    assert theme_notes(Score("t", 60.0, 25.0, scenes[:1], (cue,))) == ()
    assert theme_notes(Score("t", 60.0, 25.0, scenes, ())) == ()


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ({"themes": 0}, r"\[1, 1000\]"),
        ({"changes": "often"}, "few, some or many"),
        ({"shortest_scene": 0.2}, r"\[1, 3600\] s"),
    ],
)
def test_wishes_that_make_no_sense_name_their_field(wishes: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words) as raised:
        PlanOptions(**wishes)
    assert raised.value.field == next(iter(wishes))


def test_things_are_the_best_boxes_of_each_kind_in_two_pictures_of_a_scene() -> None:
    breakdown, footage = shown("AB", pictures=True)
    pictures = [np.full((4, 4, 3), number, np.uint8) for number in range(4)]
    footage = replace(footage, pictures=(tuple(pictures[:3]), (pictures[3],)))
    seen = {0: [Box("dog", 0.9, 0, 0, 1, 1), Box("dog", 0.5, 0, 0, 1, 1)], 1: [Box("cat", 0.8, 0, 0, 1, 1)], 3: []}
    detector = SimpleNamespace(find=lambda own: [seen.get(int(own[0][0, 0, 0]), [])])
    models: Any = SimpleNamespace(picture=SimpleNamespace(labels={}), get=lambda name, load: detector)
    reader = PictureReader(footage, ((), ()), None, models)
    assert not reader.detected(breakdown.scenes).any()  # nobody has words for them
    reader.things = object()  # type: ignore[assignment]
    found = reader.detected(breakdown.scenes)
    assert found.shape == (2, 80)
    assert found[0, kinds().index("dog")] == pytest.approx(0.45)
    assert found[0].sum() == pytest.approx(0.45)
    assert not found[1].any()
