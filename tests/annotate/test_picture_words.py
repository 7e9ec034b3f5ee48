"""Words for pictures from made evidence: what is said, what isn't, and that numbers of the shipped model make sense."""

from dataclasses import replace

import numpy as np
import pytest

from storysound.annotate.picture_claims import Things, log_odds, parse, things
from storysound.annotate.picture_words import Evidence, WordModel, evidence_of, picture_words, word_model
from storysound.encode.detectors import nanodet
from storysound.encode.detectors.boxes import Box

LABELS = ("beagle", "poodle", "sofa", "planet", "kiosk")
GROUPS = parse("dog: 0 1", len(LABELS))
KNOWN = Things((*LABELS, *GROUPS), (*LABELS, *GROUPS), np.stack(list(GROUPS.values())))
# Who is sure from even odds on: the mean of both, where both have a word.
PLAIN = WordModel(
    np.array([0, 0, 0, 1, 1], np.float32), 0.6, {"dog": "dog", "couch": "sofa"}, {"room": ("couch", "tv")}
)


def box(kind: str, score: float, left: float = 0.0) -> Box:
    return Box(kind, score, left, 0.0, left + 0.1, 1.0)


def classes(**probability: float) -> np.ndarray:
    return np.array([probability.get(label, 0.0) for label in LABELS], np.float32)


def said(*pictures: tuple[np.ndarray, list[Box]], model: WordModel = PLAIN) -> list[str]:
    rows, boxes = zip(*pictures, strict=True)
    return [word.words for word in picture_words(np.stack(rows), boxes, KNOWN, model)]


def test_of_what_is_not_known_nothing_is_said() -> None:
    assert said((classes(planet=0.3, kiosk=0.25), [box("person", 0.4)])) == []


@pytest.mark.parametrize(("count", "word"), [(1, "person"), (2, "people"), (5, "people"), (6, "crowd")])
def test_people_are_counted(count: int, word: str) -> None:
    faint = [box("person", 0.31, 0.9)]
    assert said((classes(), [box("person", 0.9, i / 10) for i in range(count)] + faint)) == [word]


def test_both_eyes_speak_for_one_thing() -> None:
    dog = [box("dog", 0.55)]
    assert said((classes(), dog)) == [], "the other one sees nothing of it"
    assert said((classes(beagle=0.35, poodle=0.3), dog)) == ["dog"]
    assert said((classes(beagle=0.95), dog)) == ["beagle"], "the special one, where it is sure"


def test_evidence_says_who_has_a_word_for_it() -> None:
    found = evidence_of(classes(sofa=0.5), [box("couch", 0.7), box("person", 0.8)], KNOWN, PLAIN.things(KNOWN))
    by_word = {one.words(KNOWN): one for one in found}
    assert by_word["couch"].features.tolist() == pytest.approx([0, 0, 1, log_odds(0.7), 0.0])
    assert by_word["person"].features.tolist() == pytest.approx([1, 0, 0, log_odds(0.8), 0.0])
    assert "sofa" not in by_word, "it is the couch"
    unseen = Evidence(None, 3, None, 0.2)
    assert unseen.features.tolist() == pytest.approx([0, 1, 0, 0.0, log_odds(0.2)])


def test_what_only_one_of_two_pictures_shows_has_to_be_clear() -> None:
    def people(*scores: float) -> list[str]:
        return said(*((classes(), [box("person", score)] if score else []) for score in scores))

    assert people(0.9, 0.9) == ["person"]
    assert people(0.9, 0.0) == []
    assert people(0.99, 0.55) == ["person"]


def test_a_hand_and_a_head_are_no_more_people() -> None:
    whole, hand = Box("person", 0.9, 0.2, 0.1, 0.8, 1.0), Box("person", 0.5, 0.5, 0.5, 0.7, 0.7)
    assert said((classes(), [whole, hand])) == ["person"]
    assert said((classes(), [replace(hand, score=0.9), replace(whole, score=0.8)])) == ["person"]
    assert said((classes(), [whole, replace(hand, right=1.2)])) == ["people"]


def test_several_things_of_a_room_are_a_room() -> None:
    assert set(said((classes(sofa=0.9), [box("couch", 0.9), box("tv", 0.9)]))) == {"room", "couch", "tv"}
    assert "room" not in said((classes(sofa=0.9), [box("couch", 0.9)]))


def test_the_likeliest_come_first_and_not_too_many() -> None:
    kinds = ("kite", "horse", "boat", "cup", "vase", "book")
    words = said((classes(), [box(kind, 0.95 - 0.05 * i) for i, kind in enumerate(kinds)]))
    assert words == list(kinds[:4])


def test_the_shipped_model_names_what_both_eyes_know() -> None:
    model = word_model()
    labels = ("cat", *(f"class {i}" for i in range(999)))
    assert set(model.classes) <= set(nanodet.kinds())
    assert {kind for kinds in model.places.values() for kind in kinds} <= set(nanodet.kinds())
    assert len(things("imagenet", labels).labels) > 1000
    alone = [model.chance(Evidence("person", None, score, None)) for score in (0.3, 0.5, 0.7, 0.9)]
    assert alone == sorted(alone)
    assert alone[0] < model.least < alone[-1]


def test_what_surrounds_is_said_beside_things_and_once() -> None:
    room = [box("couch", 0.9), box("tv", 0.8)]
    words = picture_words(
        classes(sofa=0.9)[None], [room], KNOWN, PLAIN, around={"fire": [0.7], "snow": [0.5], "room": [0.95]}
    )
    assert [(word.words, round(word.chance, 2)) for word in words] == [
        ("couch", 0.99), ("room", 0.95), ("tv", 0.8), ("fire", 0.7),
    ]  # fmt: skip


def test_of_three_pictures_two_have_to_show_it() -> None:
    lion, none = (classes(planet=0.98), []), (classes(), [])
    assert said(lion, none, lion) == ["planet"]
    assert said(lion, none, none) == []
    rows = np.stack([classes()] * 3)
    words = picture_words(rows, [[]] * 3, KNOWN, PLAIN, around={"fire": [0.9, 0.1, 0.8], "sea": [0.9, 0.1, 0.1]})
    assert [word.words for word in words] == ["fire"]
