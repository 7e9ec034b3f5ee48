"""Effects for what is seen: which thing sounds how, and that only what is heard so, and likely, is laid."""

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from test_choice import story

from storysound.annotate import families
from storysound.annotate.own_sound import OwnSound
from storysound.annotate.picture_claims import IMAGENET, Things, parse
from storysound.annotate.picture_words import PictureWord
from storysound.encode.detectors import scenery
from storysound.jobs.plan.choice import Draft, effect_drafts
from storysound.jobs.plan.plan import _accepts
from storysound.jobs.plan.request import PlanOptions
from storysound.jobs.plan.thing_effects import (
    TOLD,
    ThingEffects,
    ThingSound,
    ambience_sounds,
    sound_of,
    thing_sounds,
    things_told,
    told_sounds,
)
from storysound.match.query import Hit, Query
from storysound.story import Event, Sound, Source

LABELS = ("beagle", "tabby cat", "kiosk", "ambulance", "taxi")
GROUPS = parse("dog: 0\ncat: 1\ncar: 3 4", len(LABELS))
KNOWN = Things((*LABELS, *GROUPS), (*LABELS, *GROUPS), np.stack(list(GROUPS.values())))


DOG = ThingSound("dog barking", ("Dog",))


class Reader:
    things = KNOWN

    def __init__(self, *words: PictureWord, suits: Sequence[PictureWord] = ()) -> None:
        self.words, self.suits = words, tuple(suits)

    def likely(self, units: Sequence[int], least: float, *, closely: bool) -> tuple[PictureWord, ...]:
        return self.words

    def ambience(self, unit: int) -> tuple[PictureWord, ...]:
        return self.suits


class Shelf:
    """Has the same hits for every query."""

    def __init__(self, *hits: Hit) -> None:
        self.hits, self.asked = hits, []  # type: ignore[var-annotated]

    def search(self, query: Query, k: int = 10, *, kind: Any, ignore_names: bool = False) -> tuple[Hit, ...]:
        self.asked.append(query.text)
        return self.hits[:k]


def hit(name: str, label: str, chance: float, seconds: float = 1.0, score: float = 0.9) -> Hit:
    own = Sound(name, "/l", seconds, "sfx", source=Source(name))
    return Hit(own, 0.0, seconds, 0.95, ("heard",), (Event(0.0, seconds, label, score),), chance)


def effects(shelf: Shelf, *words: PictureWord, told: str = "") -> ThingEffects:
    lemma = {"dogs": "dog", "barking": "bark", "bells": "bell", "knocking": "knock"}
    return ThingEffects(Reader(*words), KNOWN, shelf, PlanOptions(), [told], lambda w: lemma.get(w, w))  # type: ignore[arg-type]


def test_every_class_of_the_table_is_one_of_audioset() -> None:
    tables = (thing_sounds(), told_sounds(), ambience_sounds())
    sounds = [sound for table in tables for sound in table.values() if sound]
    assert {name for sound in sounds for name in sound.classes} <= set(families.audioset().family)
    assert all(sound.words and sound.classes for sound in sounds)


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("tabby cat", "cat meowing"),
        ("dog", "dog barking"),
        ("ambulance", "ambulance siren"),
        ("taxi", "car engine"),
        ("boat", "waves against a boat"),
    ],
)
def test_a_special_case_sounds_as_the_most_special_thing_that_is_known(word: str, words: str) -> None:
    found = sound_of(word, KNOWN)
    assert found is not None
    assert found.words == words


def test_what_makes_no_sound_has_none() -> None:
    assert sound_of("kiosk", KNOWN) is None
    assert sound_of("person", KNOWN) is None
    assert sound_of("kite", KNOWN) is None, "though birds have one"
    assert effects(Shelf(hit("a", "Bark", 0.9)), PictureWord("kiosk", 0.9)).hits(0) == ()


def test_only_what_is_heard_as_the_thing_is_offered_with_both_chances() -> None:
    shelf = Shelf(hit("meow", "Meow", 0.9), hit("faint", "Bow-wow", 0.5), hit("bark", "Bark", 0.8))
    found = effects(shelf, PictureWord("beagle", 0.9), PictureWord("kiosk", 0.8)).hits(0)
    assert shelf.asked == ["dog barking"]
    assert [one.sound.path for one in found] == ["bark", "faint"]
    sounds = [DOG.chance(one) for one in shelf.hits]
    assert sounds[0] == 0 < sounds[1] < sounds[2]
    assert [one.chance for one in found] == pytest.approx([0.9 * sounds[2], 0.9 * sounds[1]])
    assert found[0].why == ("seen: beagle (.90)", "heard")


def test_ambience_that_suits_what_is_seen_is_offered_from_a_chance_on() -> None:
    shelf = Shelf(hit("waves", "Waves, surf", 0.9), hit("bark", "Bark", 0.9))
    reader = Reader(suits=(PictureWord("waves", 0.8), PictureWord("birds", 0.4)))
    found = ThingEffects(reader, KNOWN, shelf, PlanOptions(), [""], str).hits(0)  # type: ignore[arg-type]
    assert shelf.asked == ["ocean waves"]
    assert [one.sound.path for one in found] == ["waves"]
    assert found[0].why[0] == "suits what is seen: waves (.80)"
    assert set(ambience_sounds()) == set(scenery.shipped("ambience").names)


def test_the_score_of_what_is_heard_faintly_is_a_chance() -> None:
    wind = ambience_sounds()["wind"]
    assert wind is not None
    assert wind.chance(hit("a", "Wind", 0.01, score=0.85)) == 0.85
    assert 0 < wind.chance(hit("b", "Wind noise (microphone)", 0.3, score=0.85)) < 0.5


def test_an_effect_is_laid_where_both_are_likely_and_where_the_clip_sounds_where_they_are_sure() -> None:
    footage, understood = story(6)
    for score, silent, under in ((0.99, 1, 1), (0.95, 1, 0), (0.7, 0, 0)):
        by_things = effects(Shelf(hit("bark", "Bark", 0.5, score=score)), PictureWord("dog", 1.0)).hits
        counts = [
            len(effect_drafts(footage, understood, Shelf(), PlanOptions(), [audible], by_things=by_things))
            for audible in (False, True)
        ]
        assert counts == [silent, under]


def test_a_sound_is_as_likely_right_as_it_is_heard_clearly_and_fits() -> None:
    by_ear = [DOG.chance(hit("a", "Bark", 0.5, score=score)) for score in (0.6, 0.9, 1.0)]
    by_words = [DOG.chance(hit("a", "Bark", chance)) for chance in (0.1, 0.5, 1.0)]
    for chances in (by_ear, by_words):
        assert chances == sorted(chances)
        assert 0 < chances[0] < chances[-1] < 1


def test_what_is_told_is_looked_for_as_it_is_written_and_by_the_things_in_it() -> None:
    shelf = Shelf(hit("bark", "Bark", 0.8), hit("drum", "Drum", 0.3), replace(hit("x", "", 0.7), events=()))
    found = effects(shelf, told="Dogs are barking").hits(0)
    assert shelf.asked == ["dog barking", "Dogs are barking"]
    assert [one.sound.path for one in found] == ["bark", "drum"], "what isn't heard to be meant is nothing"
    assert [one.chance for one in found] == pytest.approx([TOLD * 0.8, TOLD * 0.3])
    bells = Shelf(replace(hit("bells", "", 0.9), events=()))
    assert [one.chance for one in effects(bells, told="church bells").hits(0)] == pytest.approx([TOLD * 0.9])
    clear = hit("bark", "Bark", 0.3, score=0.99)
    (found_for_dogs,) = effects(Shelf(clear), told="Dogs are barking").hits(0)
    assert found_for_dogs.chance == pytest.approx(TOLD * DOG.chance(clear))
    assert found_for_dogs.why == ("told: dog", "heard")


def test_what_surely_fits_what_is_told_needs_not_be_heard_in_it_as_where_it_is_named() -> None:
    named = Shelf(replace(hit("church bells", "", 0.85), events=()))
    (found,) = effects(named, told="The bells ring.").hits(0)
    assert (found.chance, found.why[0]) == (pytest.approx(TOLD * 0.85), "told: bell")
    assert effects(named, PictureWord("dog", 0.9)).hits(0) == (), "what is seen has to be heard"
    assert effects(named, told="a fire").hits(0) == (), "a word may be of something else"


def test_a_class_that_only_shares_a_word_with_what_is_told_is_nothing() -> None:
    shelf = Shelf(hit("engine", "Engine knocking", 0.9, score=0.99), hit("door", "Knock", 0.5, score=0.9))
    assert [one.sound.path for one in effects(shelf, told="Then a knock.").hits(0)] == ["door"]


def test_what_has_come_to_its_end_has_no_effect() -> None:
    shelf = Shelf(hit("bark", "Bark", 0.9, score=0.99))
    assert effects(shelf, told="The dog was silent.").hits(0) == ()
    assert shelf.asked == []


def test_what_is_heard_where_it_is_told_isnt_laid_where_it_is_seen() -> None:
    shelf = Shelf(hit("thunder", "Thunder", 0.9, score=0.99))
    assert [one.why[0] for one in effects(shelf, told="the storm").hits(0)] == ["told: storm"]
    assert effects(shelf, PictureWord("thunderstorm", 0.9)).hits(0) == ()


def test_what_is_seen_and_told_counts_once_as_it_is_likeliest() -> None:
    shelf = Shelf(hit("bark", "Bark", 0.3, score=0.99))
    (found,) = effects(shelf, PictureWord("dog", 0.99), told="a dog").hits(0)
    assert found.why[0] == "seen: dog (.99)"


@pytest.mark.parametrize(
    ("text", "things"),
    [
        ("The fire truck passes a taxi", ("fire truck", "taxi")),
        ("a dog by a dog", ("dog",)),
        ("A storm at sea", ("storm", "sea")),
        ("rain without dogs", ("rain",)),
        ("", ()),
        ("He mourns.", ()),
    ],
)
def test_things_are_named_in_texts(text: str, things: tuple[str, ...]) -> None:
    assert things_told(text, KNOWN, str) == things


def test_a_story_told_beside_pictures_has_effects_by_both() -> None:
    footage, understood = story(6)
    told = replace(footage, story=replace(footage.story, texts=("a dog barks",)))
    shelf = Shelf(hit("bark", "Bark", 0.9, score=0.99))
    by_things = effects(shelf, told="a dog barks").hits
    (draft,) = effect_drafts(told, understood, Shelf(), PlanOptions(), [False], by_things=by_things)
    assert draft.hits[0].sound.path == "bark"


def test_what_was_found_for_a_thing_needs_no_second_look() -> None:
    footage, understood = story(6)
    deaf = SimpleNamespace(agreement=lambda *of: 0.0)
    draft = Draft("spot", 0.0, 2.0, (hit("bark", "Bark", 0.9),), 0.5, unit=0)
    laid = SimpleNamespace(cue=SimpleNamespace(start_s=0.0, end_s=2.0), samples=np.zeros((2, 8), np.float32))
    for labels, kept in (({IMAGENET: ("dog",) * 1000}, True), ({"others": ("dog",)}, False)):
        models = SimpleNamespace(picture=SimpleNamespace(labels=labels))
        accepts = _accepts(footage, understood, OwnSound(None), models, lambda: deaf)  # type: ignore[arg-type, return-value]
        assert accepts(draft, draft.hits[0], laid) is kept  # type: ignore[arg-type]
