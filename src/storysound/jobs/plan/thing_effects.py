"""Effects for what is seen or told: what a thing sounds like is looked for by words, and has to be heard in it.

Which things have a sound, and which, stands in `annotate/thing_sounds.toml`. An effect is as likely right as the thing
is seen (`annotate.picture_words`), an ambience suits what is seen (`encode.detectors.scenery`), or is meant where it is
told, and the sound is one of it: by how clearly it is heard and how likely it fits the words that it was found by, in a
logistic model of three numbers, which `python -m benchmarks.quality.effects` fits. What is told is looked for as it is
written, too.
"""

import math
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

from storysound.annotate import families
from storysound.annotate.events import faint_sounds
from storysound.annotate.picture_claims import Things, log_odds
from storysound.encode.wording import happening, parse_query
from storysound.jobs.plan.choice import EFFECT_HITS, Searches, search
from storysound.jobs.plan.request import PlanOptions
from storysound.jobs.plan.sight import PictureReader
from storysound.match.chance import SURE
from storysound.match.names import whole_words
from storysound.match.names import words as name_words
from storysound.match.query import Hit, Query

SEEN = 0.5  # chance from which on a thing may have an effect
TOLD = 0.9  # chance that a thing which is told of is meant to be heard
LONGEST = 3  # words in the name of a thing
THING_HITS = 24  # for the words of a thing: what isn't heard as it is left out
# Of the log-odds of the score of what is heard, and of the chance of the hit.
INTERCEPT, HEARD, FITS = -2.03, 1.04, 0.59
MOST = math.log(999)  # of either's log-odds: one in a thousand from certainty
MANY = 400  # units from which on people and things aren't looked for in each: a tenth of a second of one thread


@dataclass(frozen=True)
class ThingSound:
    """What a thing sounds like: words to look for, and classes of AudioSet one of which has to be heard."""

    words: str
    classes: tuple[str, ...]

    @property
    def labels(self) -> frozenset[str]:
        """The classes and their special cases."""
        below = families.audioset().below
        return frozenset(label for name in self.classes for label in (name, *below[name]))

    def heard_in(self, hit: Hit) -> float:
        """The best score of one of its `labels` among what is heard and meant; 0 of none."""
        own = self.labels
        return max((event.score for event in hit.events if event.label in own), default=0.0)

    def chance(self, hit: Hit) -> float:
        """How likely a hit is a sound of it, in [0, 1]; 0 where nobody hears it there.

        The score of what is heard faintly is a chance already.
        """
        faint = max((e.score for e in hit.events if e.label in self.classes and e.label in faint_sounds()), default=0.0)
        heard = self.heard_in(hit)
        odds = INTERCEPT + HEARD * log_odds(heard, MOST) + FITS * log_odds(hit.chance or 0.0, MOST)
        return faint or (1 / (1 + math.exp(-odds)) if heard else 0.0)


@cache
def thing_sounds() -> Mapping[str, ThingSound | None]:
    """Those of things that are seen, by the thing's word; None of what makes no sound though more general things do."""
    return {thing: _sound(own) for thing, own in _table().items() if isinstance(own, list)}


@cache
def ambience_sounds() -> Mapping[str, ThingSound | None]:
    """Those of ambience, by the name of its head (`encode.detectors.scenery`)."""
    return {name: _sound(own) for name, own in _table()["ambience"].items()}


@cache
def told_sounds() -> Mapping[str, ThingSound | None]:
    """Those of things that are heard where they are told of, by the thing's word."""
    return {thing: _sound(own) for thing, own in _table()["told"].items()}


def _table() -> Mapping[str, Any]:
    return tomllib.loads((files("storysound.annotate") / "thing_sounds.toml").read_text("utf-8"))


def _sound(own: Sequence[str]) -> ThingSound | None:
    return ThingSound(own[0], tuple(own[1:])) if own else None


def sound_of(word: str, known: Things) -> ThingSound | None:
    """What is known of a thing, or of the most special thing that it is a case of; None where it makes no sound."""
    table = thing_sounds()
    if word in table or word not in known.words:
        return table.get(word)
    own = known.parts(known.words.index(word))
    above = [(known.parts(known.words.index(thing)), thing) for thing in table if thing in known.words]
    sizes = {thing: int(parts.sum()) for parts, thing in above if not (own & ~parts).any()}
    return table[min(sizes, key=lambda thing: (sizes[thing], thing))] if sizes else None


def things_told(text: str, known: Things, lemma: Callable[[str], str]) -> tuple[str, ...]:
    """Things that a text names and wants heard, the longest names first."""
    words = [lemma(word.lower()) for word in whole_words(parse_query(text).wanted)]
    found: dict[str, None] = {}
    for length in range(LONGEST, 0, -1):
        for at in range(len(words) - length + 1):
            name = " ".join(words[at : at + length])
            if name in told_sounds() or name in thing_sounds() or name in known.words:
                found[name] = None
                words[at : at + length] = [""] * length  # a fire truck is no fire
    return tuple(found)


class ThingEffects:
    """Finds effects in a library for what units of footage show and are told of."""

    def __init__(
        self,
        reader: PictureReader,
        known: Things,
        finder: Searches,
        options: PlanOptions,
        texts: Sequence[str],
        lemma: Callable[[str], str],
    ) -> None:
        """`known`: the things of `reader`; `texts`: what is told of each unit; many units aren't looked at closely."""
        self._reader, self._known, self._finder, self._options = reader, known, finder, options
        self._texts, self._lemma = texts, lemma
        self._sounds: dict[str, ThingSound | None] = {}
        self._found: dict[ThingSound, tuple[tuple[Hit, float], ...]] = {}

    def hits(self, unit: int) -> tuple[Hit, ...]:
        """What fits what a unit shows and is told of it, the likeliest first; each with its chance."""
        best: dict[str, Hit] = {}
        for one in (*self._seen(unit), *self._told(self._texts[unit])):
            before = best.get(one.sound.path)
            if before is None or (one.chance or 0.0) > (before.chance or 0.0):
                best[one.sound.path] = one
        return tuple(sorted(best.values(), key=lambda hit: (-(hit.chance or 0.0), hit.sound.path)))

    def _seen(self, unit: int) -> Iterator[Hit]:
        for word in self._reader.likely([unit], SEEN, closely=len(self._texts) < MANY):
            why = f"seen: {word.words} ({word.chance:.2f})".replace("(0.", "(.")
            if sound := self._sound_of(word.words):
                yield from self._of(sound, word.chance, why)
        for suits in self._reader.ambience(unit):
            if suits.chance >= SEEN and (sound := ambience_sounds()[suits.words]):
                why = f"suits what is seen: {suits.words} ({suits.chance:.2f})".replace("(0.", "(.")
                yield from self._of(sound, suits.chance, why)

    def _told(self, text: str) -> Iterator[Hit]:
        for part in happening(text):
            sounds: dict[str, ThingSound] = {}
            for thing in things_told(part, self._known, self._lemma):
                sound = told_sounds().get(thing) or self._sound_of(thing)
                if sound:
                    sounds[thing] = sound
                    yield from self._of(sound, TOLD, f"told: {thing}", told=True)
            for hit in search(self._finder, Query(text=part), EFFECT_HITS, "sfx", self._options):
                if hit.events and not self._is_namesake(hit.events[0].label, sounds):
                    yield replace(hit, chance=TOLD * (hit.chance or 0.0))

    def _is_namesake(self, label: str, sounds: Mapping[str, ThingSound]) -> bool:
        """Whether a class is called as a thing that is told of, but is no sound of it: engine knocking for a knock."""
        words = {self._lemma(word.lower()) for word in whole_words(label)}
        return any(words & set(thing.split()) and label not in own.labels for thing, own in sounds.items())

    def _sound_of(self, thing: str) -> ThingSound | None:
        if thing not in self._sounds:
            self._sounds[thing] = sound_of(thing, self._known)
        return self._sounds[thing]

    def _of(self, sound: ThingSound, chance: float, why: str, *, told: bool = False) -> Iterator[Hit]:
        """What is heard as the sound of a thing that is there with some chance.

        `told`: where nothing that is meant is heard it counts too if it surely fits, as by its name, of several words:
        one alone may be of something else, as of a fire truck.
        """
        told = told and len(name_words(sound.words)) > 1
        for hit, fits in self._sounding(sound):
            surely = told and not hit.events and (hit.chance or 0.0) >= SURE
            if likely := fits or (hit.chance or 0.0 if surely else 0.0):
                yield replace(hit, chance=chance * likely, why=(why, *hit.why))

    def _sounding(self, sound: ThingSound) -> tuple[tuple[Hit, float], ...]:
        """What a library has for its words, and how likely each is a sound of it."""
        if sound not in self._found:
            hits = search(self._finder, Query(text=sound.words), THING_HITS, "sfx", self._options)
            self._found[sound] = tuple((hit, sound.chance(hit)) for hit in hits)
        return self._found[sound]
