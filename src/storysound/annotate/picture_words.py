"""What pictures show in a few words, or as claims, each with the chance that it is right.

Two eyes: one names whole pictures among a thousand classes and knows no people (`picture_claims`), one finds people
and things of 80 kinds in them (`encode.detectors.nanodet`). What both say of one thing is weighed by a logistic model,
whose numbers stand in `picture_words.toml`; how they were fitted, and how often its words are right, is in
`benchmarks/quality/picture_words.py`.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

import numpy as np

from storysound.annotate.check import Check
from storysound.annotate.claims import Claim, merged
from storysound.annotate.picture_claims import SeeingConfig, Things, log_odds, tells
from storysound.encode.detectors.boxes import Box
from storysound.media.arrays import Floats
from storysound.story import Span

PERSON = "person"
MOST = 4  # words for what one scene or shot shows
AGREEING = 2  # pictures of it that are to show a thing
CROWD = 6  # people from which on they are one
COUNTED = 0.35  # score of a box from which on it counts as one more of its kind
FIRST = SeeingConfig(special=0.2, general=0.1, most=2)  # what of the classes is weighed at all
SEEN = 0.3  # score of a box from which on its kind is weighed
INSIDE = 0.6  # share of a box within a surer one from which on both are of one person
CLAIMED = SeeingConfig(special=0.35, general=0.15, most=2)  # what of the classes is claimed, unless a check finds
SURE = 0.5  # too little for it, and score of a box from which on its kind is
FEATURES = ("alone", "named", "both", "found", "classed")  # of evidence, by name
_NOTHING = 0.1, 0.003  # what stands for a kind without a box, and for a class without a probability

ThingChances = Mapping[tuple[str, int | None], float]  # of words, and the thing among `Things` they mean, if one


@dataclass(frozen=True)
class PictureWord:
    """A word for what pictures show, and the chance that it is right, in [0, 1]."""

    words: str
    chance: float


@dataclass(frozen=True)
class Evidence:
    """What both eyes say of one thing in a picture; None where one has no word for it."""

    kind: str | None
    thing: int | None  # among `Things`
    score: float | None  # the detector's
    probability: float | None  # the classifier's

    def words(self, known: Things) -> str:
        """What the thing is called."""
        return self.kind if self.kind is not None else known.words[self.thing or 0]

    @property
    def features(self) -> Floats:
        """`FEATURES`: who has a word for it (the detector alone, the classifier alone, both), and how sure each is."""
        alone, named = self.probability is None, self.score is None
        found = 0.0 if self.score is None else log_odds(max(self.score, _NOTHING[0]))
        classed = 0.0 if self.probability is None else log_odds(max(self.probability, _NOTHING[1]))
        return np.array([alone, named, not (alone or named), found, classed], np.float32)


@dataclass(frozen=True)
class WordModel:
    """How likely a word is right, and what words there are beside those of the classes."""

    weights: Floats  # [5], over the features of its evidence
    least: float  # chance from which on a word is said
    classes: Mapping[str, str]  # what kinds of the detector are called among the classifier's things
    places: Mapping[str, tuple[str, ...]]  # kinds that several of show a place

    def chance(self, evidence: Evidence) -> float:
        """In [0, 1]."""
        return float(1 / (1 + np.exp(-self.weights @ evidence.features)))

    def things(self, known: Things) -> dict[str, int]:
        """The thing that each kind is, where there is one."""
        return {kind: known.labels.index(label) for kind, label in self.classes.items() if label in known.labels}


@cache
def word_model() -> WordModel:
    """The one that ships."""
    table = tomllib.loads((files("storysound.annotate") / "picture_words.toml").read_text("utf-8"))
    model = table["model"]
    places = {place: tuple(kinds) for place, kinds in table["places"].items()}
    return WordModel(np.array(model["weights"], np.float32), model["least"], table["classes"], places)


def evidence_of(
    classes: Floats, boxes: Sequence[Box], known: Things, thing_of: Mapping[str, int], first: SeeingConfig = FIRST,
    seen: float = SEEN,
) -> list[Evidence]:  # fmt: skip
    """All that may be said of a picture by its classes' probabilities [c] and its boxes, whether likely or not.

    `thing_of`: the thing that each kind of box is, as `WordModel.things` has it; `first`, `seen`: from where on a class
    and a box offer something.
    """
    both = known.probabilities(classes[None])[0]
    best = {box.kind: box.score for box in reversed(boxes)}  # they come surest first
    found = [
        Evidence(kind, thing, score, None if thing is None else float(both[thing]))
        for kind, score in best.items()
        if score >= seen
        for thing in [thing_of.get(kind)]
    ]
    for thing in tells(both, known, first):
        parts = known.parts(thing)
        kinds = [kind for kind, own in thing_of.items() if (parts & ~known.parts(own)).sum() == 0]
        if not any(one.kind in kinds and one.thing == thing for one in found):
            score = max((best.get(kind, 0.0) for kind in kinds), default=None)
            found.append(Evidence(None, thing, score, float(both[thing])))
    return found


def picture_words(
    classes: Floats, boxes: Sequence[Sequence[Box]], known: Things, model: WordModel | None = None, most: int = MOST,
    around: Mapping[str, Sequence[float]] | None = None,
) -> tuple[PictureWord, ...]:  # fmt: skip
    """Words for the pictures of one scene, the likeliest first, by their classes [n c] and the boxes in each.

    A thing is as likely as in the mean of the two that show it best: what one of them doesn't show has to be clear in
    the other. Of a thing and a special case of it the special one is said where it is likely enough, else the thing.
    `around`: how likely each picture shows what surrounds (`encode.detectors.scenery`).
    """
    model = model or word_model()
    thing_of = model.things(known)
    chances: dict[tuple[str, int | None], list[float]] = {}
    for own, found in zip(classes, boxes, strict=True):
        for one in evidence_of(own, found, known, thing_of):
            chances.setdefault((one.words(known), one.thing), []).append(model.chance(one))
    said = {key: _together(own, len(classes)) for key, own in chances.items()}
    said = {key: chance for key, chance in said.items() if chance >= model.least}
    words = [PictureWord(name, chance) for (name, thing), chance in said.items() if not _is_general(thing, said, known)]
    words = [replace(word, words=_people(boxes)) if word.words == PERSON else word for word in words]
    places = dict(_places(said, model))
    for name, own in (around or {}).items():
        if (chance := _together(own, len(classes))) >= model.least:
            places[name] = max(chance, places.get(name, 0.0))
    words += [PictureWord(name, chance) for name, chance in places.items()]
    return tuple(sorted(words, key=lambda word: -word.chance)[:most])


def _together(chances: Sequence[float], pictures: int) -> float:
    """How likely so many pictures show what some of them offer with these chances.

    >>> _together([0.8], 1), _together([0.8], 2), round(_together([0.5, 0.8, 0.6], 3), 3)
    (0.8, 0.4, 0.7)
    """
    return sum(sorted(chances, reverse=True)[:AGREEING]) / min(pictures, AGREEING)


def class_words(classes: Floats, known: Things, most: int) -> tuple[str, ...]:
    """Likely words for pictures by their classes alone [n c], where nobody looks for people and things in them."""
    return tuple(word.words for word in picture_words(classes, [()] * len(classes), known, most=most))


@dataclass(frozen=True, eq=False)
class SeenShot:
    """A shot, and what both eyes say of some of its pictures."""

    span: Span
    classes: Floats  # [n c]
    boxes: Sequence[Sequence[Box]]  # of each


@dataclass(frozen=True)
class SeenThing:
    """What a shot may show."""

    label: str  # among `Things`, or a kind of the detector
    evidence: Mapping[str, float]  # `FEATURES`, and whether it is a person


def seen_things(shot: SeenShot, known: Things) -> dict[tuple[str, int | None], SeenThing]:
    """All that is offered for some picture of a shot, by its words and its number among `Things`.

    In a picture that doesn't offer it nothing speaks for it.
    """
    thing_of = word_model().things(known)
    rows: dict[tuple[str, int | None], list[Evidence]] = {}
    for own, around in zip(shot.classes, shot.boxes, strict=True):
        for one in evidence_of(own, around, known, thing_of, CLAIMED, SURE):
            rows.setdefault((one.words(known), one.thing), []).append(one)
    seen = {}
    for key, offered in rows.items():
        none = replace(
            offered[0], score=None if offered[0].score is None else 0.0,
            probability=None if offered[0].probability is None else 0.0,
        )  # fmt: skip
        features = [each.features for each in offered] + [none.features] * (len(shot.classes) - len(offered))
        evidence = {
            **dict(zip(FEATURES, np.mean(features, axis=0).tolist(), strict=True)),
            PERSON: float(key[0] == PERSON),
        }
        seen[key] = SeenThing(key[0] if key[1] is None else known.labels[key[1]], evidence)
    return seen


def seen_claims(shots: Sequence[SeenShot], known: Things, by: str, check: Check) -> list[Claim]:
    """Claims of what shots show, likely or not, `MOST` of each; a thing that several show is one claim.

    Evidence is the mean over a shot's pictures, of the shot that shows it best. Where `check` finds enough
    for a special case of a thing, the thing isn't claimed beside it.
    """
    found: dict[str, list[tuple[float, SeenThing, str, Span]]] = {}
    for shot in shots:
        seen = seen_things(shot, known)
        support = {key: check.support(each.evidence) for key, each in seen.items()}
        likely = {key: value for key, value in support.items() if value >= check.least}
        able = [key for key in seen if not _is_general(key[1], likely, known)]
        for key in sorted(able, key=lambda key: -support[key])[:MOST]:
            words = _people(shot.boxes) if key[0] == PERSON else key[0]
            found.setdefault(seen[key].label, []).append((support[key], seen[key], words, shot.span))
    claims = []
    for label, shown in found.items():
        score, best, words, _ = max(shown, key=lambda each: each[0])
        spans = merged(span for *_, span in shown)
        claims.append(Claim("video", label, words, spans, score, by, best.evidence))
    return claims


def _is_general(thing: int | None, said: ThingChances, known: Things) -> bool:
    """Whether a special case of a thing is said beside it."""
    if thing is None:
        return False
    own = known.parts(thing)
    others = [known.parts(other) for _, other in said if other not in (None, thing)]
    return any(bool((own | other == own).all()) and bool((own != other).any()) for other in others)


def _people(boxes: Sequence[Sequence[Box]]) -> str:
    """How many there are in the picture that has most of them."""
    count = max(_separate([box for box in own if box.kind == PERSON and box.score >= COUNTED]) for own in boxes)
    return "crowd" if count >= CROWD else "people" if count > 1 else PERSON


def _separate(boxes: Sequence[Box]) -> int:
    """Of boxes, surest first, how many don't lie in a surer one nor around it, as a hand or a head does."""
    found: list[Box] = []
    for box in boxes:
        if all(box.shared(other) <= INSIDE * min(box.area, other.area) for other in found):
            found.append(box)
    return len(found)


def _places(said: ThingChances, model: WordModel) -> list[tuple[str, float]]:
    """Places that several kinds of thing belong to: as likely as the second of them."""
    found = []
    for place, kinds in model.places.items():
        chances = sorted((chance for (name, _), chance in said.items() if name in kinds), reverse=True)
        if len(chances) > 1:
            found.append((place, chances[1]))
    return found
