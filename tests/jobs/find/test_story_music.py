"""What story words ask of a library's music, by a library of three tracks and a sound that nobody has to decode."""

from collections.abc import Iterator
from dataclasses import replace
from typing import cast

import numpy as np
import pytest

from storysound.encode.ears import class_names
from storysound.jobs.find.finder import STORY, TASTE, _weighed
from storysound.jobs.find.story_music import StoryMusic
from storysound.library.search import Index
from storysound.match.first_stage import Evidence
from storysound.match.story_words import shipped
from storysound.story import Kind, Mood, Sound

CALM, WAR, DANCE, NOISE = range(4)


def sound(path: str, mood: Mood, bpm: float, key: str, kind: Kind = "music") -> Sound:
    return Sound(path, "/", 30.0, kind, mood=mood, tempo_bpm=bpm, key=key)


class Tracks:
    """As much of an index as is looked at: two segments a sound."""

    sounds = (
        sound("calm", Mood(0.7, 0.1), 60, "C major"),
        sound("war", Mood(0.2, 0.9), 150, "A minor"),
        sound("dance", Mood(0.9, 0.8), 120, "G major"),
        sound("noise", Mood(0.0, 1.0), 200, "", "sfx"),
    )
    first = np.arange(0, 9, 2)
    loudness_lufs = np.array([-20, -20, -30, -10, -14, -14, -np.inf, -5], np.float32)
    labels = {"ears.audioset": class_names(), "ears.audioset^max": class_names()}  # noqa: RUF012

    def __iter__(self) -> Iterator[str]:
        return iter(["ears", *self.labels])

    def matrix(self, column: str) -> np.ndarray:
        heard = np.full((8, len(class_names())), 0.001, np.float32)
        if column == "ears.audioset":
            for track, name in ((CALM, "Harp"), (WAR, "Drum"), (WAR, "Timpani"), (DANCE, "Accordion"), (NOISE, "Drum")):
                heard[2 * track, class_names().index(name)] = 0.8
        return heard


@pytest.fixture
def music() -> StoryMusic:
    return StoryMusic(cast(Index, Tracks()), shipped(), lambda word: word)


@pytest.mark.parametrize(("text", "track"), [("a battle", WAR), ("peace and rest", CALM), ("they dance", DANCE)])
def test_the_track_that_is_what_the_words_ask(music: StoryMusic, text: str, track: int) -> None:
    rated = music.rated(music.mentions(text))
    assert int(np.argmax(rated[:NOISE])) == track


def test_a_reason_tells_what_is_asked_and_there(music: StoryMusic) -> None:
    mentions = music.mentions("The siege goes on")
    assert music.reason(mentions, WAR).startswith("battle (siege): wild, dark, drums")
    assert music.reason(mentions, CALM) == ""


def test_sounds_that_are_no_music_change_nothing(music: StoryMusic) -> None:
    class Fewer(Tracks):
        sounds = (*Tracks.sounds[:NOISE], replace(Tracks.sounds[NOISE], mood=Mood(1.0, 0.0), tempo_bpm=None))

    other = StoryMusic(cast(Index, Fewer()), shipped(), lambda word: word)
    rated = [each.rated(each.mentions("a battle"))[:NOISE] for each in (music, other)]
    assert rated[0] == pytest.approx(rated[1])


def test_a_text_about_many_things_weighs_less(music: StoryMusic) -> None:
    one, three = (music.weight(music.mentions(text)) for text in ("battle", "battle storm sea"))
    assert one == shipped().weight
    assert three == pytest.approx(one / np.sqrt(3))


def test_music_that_nobody_listened_to_is_rated_by_its_measures() -> None:
    class Unheard(Tracks):
        labels = {}  # noqa: RUF012

    music = StoryMusic(cast(Index, Unheard()), shipped(), lambda word: word)
    assert int(np.argmax(music.rated(music.mentions("a battle"))[:NOISE])) == WAR
    assert "drums" not in music.reason(music.mentions("a battle"), WAR)


def test_a_library_of_one_track_can_be_asked() -> None:
    class One(Tracks):
        sounds = Tracks.sounds[:1]
        first = np.array([0, 8])

    music = StoryMusic(cast(Index, One()), shipped(), lambda word: word)
    assert music.rated(music.mentions("a battle")).tolist() == [0.0]
    assert music.reason(music.mentions("a battle"), 0) == ""


def test_story_words_weigh_beside_all_else_and_taste_beside_both() -> None:
    rows = [("said", 3.0), ("near", 4.0), (STORY, 2.0), (TASTE, 1.0)]
    evidence = [Evidence(name, np.zeros(1, np.float32), weight, lambda at: "") for name, weight in rows]
    weights = {one.source: one.weight for one in _weighed(evidence)}
    assert weights[STORY] == pytest.approx(2 * 5)
    assert weights[TASTE] == pytest.approx(np.hypot(5, 10))
    assert STORY not in {one.source for one in _weighed([*evidence[:2], replace(evidence[2], weight=0.0)])}
