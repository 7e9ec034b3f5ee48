"""Effects for what is seen: what a thing sounds like is looked for by words, and has to be heard in what is found.

Which things have a sound, and which, stands in `annotate/thing_sounds.toml`. An effect is as likely right as the thing
is seen (`annotate.picture_words`) and the sound is one of it: by how clearly it is heard and how likely it fits the
words that it was found by, in a logistic model of three numbers, which `python -m benchmarks.quality.effects` fits.
"""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

from storysound.annotate import families
from storysound.annotate.picture_claims import Things
from storysound.jobs.plan.choice import EFFECT_HITS, Searches, search
from storysound.jobs.plan.request import PlanOptions
from storysound.jobs.plan.sight import PictureReader
from storysound.match.query import Hit, Query

SEEN = 0.5  # chance from which on a thing may have an effect
INTERCEPT, HEARD, FITS = (
    -1.11,
    0.62,
    0.43,
)  # of the log-odds of the score of what is heard, and of the chance of the hit
LEAST = 1e-3  # from certainty, of either
MANY = 400  # units from which on people and things aren't looked for in each: a tenth of a second of one thread


@dataclass(frozen=True)
class ThingSound:
    """What a thing sounds like: words to look for, and classes of AudioSet one of which has to be heard."""

    words: str
    classes: tuple[str, ...]

    def heard_in(self, hit: Hit) -> float:
        """The best score of one of the classes, or a special case of it, among what is heard and meant; 0 of none."""
        below = families.audioset().below
        own = {label for name in self.classes for label in (name, *below[name])}
        return max((event.score for event in hit.events if event.label in own), default=0.0)

    def chance(self, hit: Hit) -> float:
        """How likely a hit is a sound of it, in [0, 1]; 0 where nobody hears it there."""
        heard = self.heard_in(hit)
        odds = INTERCEPT + HEARD * _log_odds(heard) + FITS * _log_odds(hit.chance or 0.0)
        return 1 / (1 + math.exp(-odds)) if heard else 0.0


@cache
def thing_sounds() -> Mapping[str, ThingSound | None]:
    """Those that ship, by the thing's word; None of what makes no sound though more general things do."""
    table = tomllib.loads((files("storysound.annotate") / "thing_sounds.toml").read_text("utf-8"))
    return {thing: ThingSound(own[0], tuple(own[1:])) if own else None for thing, own in table.items()}


def sound_of(word: str, known: Things) -> ThingSound | None:
    """What is known of a thing, or of the most special thing that it is a case of; None where it makes no sound."""
    table = thing_sounds()
    if word in table or word not in known.words:
        return table.get(word)
    own = known.parts(known.words.index(word))
    above = [(known.parts(known.words.index(thing)), thing) for thing in table if thing in known.words]
    sizes = {thing: int(parts.sum()) for parts, thing in above if not (own & ~parts).any()}
    return table[min(sizes, key=lambda thing: (sizes[thing], thing))] if sizes else None


class ThingEffects:
    """Finds effects in a library for what units of footage show."""

    def __init__(
        self, reader: PictureReader, known: Things, finder: Searches, options: PlanOptions, units: int
    ) -> None:
        """`known`: the things of `reader`; of so many `units` that it would take long none is looked at closely."""
        self._reader, self._known, self._finder, self._options = reader, known, finder, options
        self._closely = units < MANY
        self._sounds: dict[str, ThingSound | None] = {}
        self._found: dict[ThingSound, tuple[Hit, ...]] = {}

    def hits(self, unit: int) -> tuple[Hit, ...]:
        """What fits what a unit shows, the likeliest first; each with its chance, and the thing it is for."""
        best: dict[str, Hit] = {}
        for word in self._reader.likely([unit], SEEN, closely=self._closely):
            if word.words not in self._sounds:
                self._sounds[word.words] = sound_of(word.words, self._known)
            sound = self._sounds[word.words]
            for hit in self._of(sound) if sound else ():
                likely = word.chance * (hit.chance or 0.0)
                before = best.get(hit.sound.path)
                if before is None or likely > (before.chance or 0.0):
                    why = (f"seen: {word.words} ({word.chance:.2f})".replace("(0.", "(."), *hit.why)
                    best[hit.sound.path] = replace(hit, chance=likely, why=why)
        return tuple(sorted(best.values(), key=lambda hit: (-(hit.chance or 0.0), hit.sound.path)))

    def _of(self, sound: ThingSound) -> tuple[Hit, ...]:
        if sound not in self._found:
            hits = search(self._finder, Query(text=sound.words), EFFECT_HITS, "sfx", self._options)
            likely = [replace(hit, chance=sound.chance(hit)) for hit in hits]
            self._found[sound] = tuple(hit for hit in likely if hit.chance)
        return self._found[sound]


def _log_odds(chance: float) -> float:
    inside = min(max(chance, LEAST), 1 - LEAST)
    return math.log(inside / (1 - inside))
