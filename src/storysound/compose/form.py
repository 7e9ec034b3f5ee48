"""The form of a film's music: sections between turns, phrases and periods in them, and which chords each phrase has.

A section is a scene, or several that are too short for a bar each. Everything about it follows from the film's seed,
its number and its own scenes: what is changed in one leaves the others as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from storysound.compose import harmony
from storysound.compose.chance import chance
from storysound.compose.harmony import Chord
from storysound.compose.spotting import Scene
from storysound.compose.tempo import least_s
from storysound.story import Mood

Close = Literal["half", "full", "deceptive", "on", "last"]

SLOWEST_BPM = 55.0  # of any style and mood, so that how scenes are grouped doesn't depend on either
LEAST_SECTION_S = least_s(SLOWEST_BPM)
_KINDS = "aabaccba"  # of phrases, by number: a returns, b contrasts, c goes on
_PHRASE_BARS = 4
_SLOW_BAR_S, _FAST_BAR_S = 3.3, 1.9  # bars so long may have two chords, and so short share one
_HURRY = 0.5  # how often the bar before a full close has two chords
_DECEIVED = 0.2  # how often a period inside a section closes elsewhere


@dataclass(frozen=True)
class Section:
    """One or more scenes that are composed together. `mood`: theirs by length; `names`: whose chance it draws from."""

    number: int
    start_s: float
    end_s: float
    scenes: tuple[int, ...]
    mood: Mood
    theme: str
    ensemble: str
    style: str
    names: tuple[int | str, ...]

    def rng(self, what: str, *more: int | str) -> np.random.Generator:
        """The chance of one of its decisions."""
        return chance(*self.names, what, *more)


@dataclass(frozen=True)
class Phrase:
    """Bars of a section, by number; what kind it is, and how it closes."""

    first: int
    bars: int
    kind: str
    close: Close
    number: int


@dataclass(frozen=True)
class Slot:
    """A chord and how long it lasts, in beats of its section."""

    beat: float
    beats: float
    chord: Chord


def sections(scenes: Sequence[Scene], ends_s: float, seed: int) -> list[Section]:
    """Scenes, the short ones joined to what follows (or, at the end, to what is before), until the final chord."""
    groups: list[list[int]] = []
    open_group: list[int] = []
    for number, scene in enumerate(scenes):
        open_group.append(number)
        end_s = ends_s if number == len(scenes) - 1 else min(scene.end_s, ends_s)
        if end_s - scenes[open_group[0]].start_s >= LEAST_SECTION_S:
            groups.append(open_group)
            open_group = []
    if open_group:
        groups = [*groups[:-1], groups[-1] + open_group] if groups else [open_group]
    starts = [0.0, *(scenes[group[0]].start_s for group in groups[1:]), ends_s]
    return [section(i, groups[i], scenes, starts[i], starts[i + 1], seed) for i in range(len(groups))]


def section(
    number: int, group: Sequence[int], scenes: Sequence[Scene], start_s: float, end_s: float, seed: int
) -> Section:
    """The section of a group of the scenes: the `number`th of a film of this seed."""
    members = [scenes[i] for i in group]
    lengths = np.array([scene.end_s - scene.start_s for scene in members])
    valence = float(np.average([scene.mood.valence for scene in members], weights=lengths))
    arousal = float(np.average([scene.mood.arousal for scene in members], weights=lengths))
    mood = Mood(min(1.0, max(0.0, round(valence, 6))), min(1.0, max(0.0, round(arousal, 6))))
    longest = members[int(lengths.argmax())]
    names: tuple[int | str, ...] = (seed, "section", number, *(scene.seed for scene in members))
    character = longest.theme, longest.ensemble, longest.style
    return Section(number, start_s, end_s, tuple(group), mood, *character, names)


def phrases(bars: int, final: bool, rng: np.random.Generator) -> list[Phrase]:
    """Bars in phrases of four, the last ones shorter where it doesn't come out even; two make a period."""
    sizes = list[int]()
    left = bars
    while left:
        sizes.append(left if left <= _PHRASE_BARS + 1 else 3 if left == 6 else _PHRASE_BARS)
        left -= sizes[-1]
    found, first = list[Phrase](), 0
    for number, size in enumerate(sizes):
        close: Close = "half" if number % 2 == 0 else "deceptive" if rng.random() < _DECEIVED else "full"
        if number == len(sizes) - 1:
            close = "last" if final else "on"
        found.append(Phrase(first, size, _KINDS[number % len(_KINDS)], close, number))
        first += size
    return found


def slots(
    phrase: Phrase,
    bars: Sequence[float],
    starts: Sequence[float],
    bar_s: float,
    chord_bars: int,
    rng: np.random.Generator,
) -> list[tuple[float, float]]:
    """Beat and length of each chord of a phrase: one a bar, two where bars are long or a close is near, one for two."""
    found: list[tuple[float, float]] = []
    shared = chord_bars if bar_s < _SLOW_BAR_S else 1
    if bar_s < _FAST_BAR_S:
        shared = 2
    for i in range(phrase.bars):
        at, length = starts[phrase.first + i], bars[phrase.first + i]
        last, near = i == phrase.bars - 1, i == phrase.bars - 2
        split = rng.random()
        if shared > 1 and i % 2 and not last and not near and found:
            found[-1] = (found[-1][0], found[-1][1] + length)
        elif _divided(phrase, last, near, length, bar_s, split):
            half = float(int(length / 2)) if length >= 2 else length / 2
            found += [(at, half), (at + half, length - half)]
        else:
            found.append((at, length))
    return found


def _divided(phrase: Phrase, last: bool, near: bool, beats: float, bar_s: float, luck: float) -> bool:
    """Whether a bar of a phrase has two chords."""
    if phrase.bars == 1 and phrase.close in ("on", "last"):
        return True
    if beats < 4 or last:
        return False
    if near and phrase.close in ("full", "last"):
        return luck < _HURRY
    return bar_s > _SLOW_BAR_S and luck < _HURRY


def degrees(
    phrase: Phrase, mode: str, count: int, lasting: int, known: dict[str, list[int]], rng: np.random.Generator
) -> list[int]:
    """Degrees of a phrase with `count` chords, of which `lasting` come before its last two bars.

    A kind of phrase that was there before has these again. Where the phrase closes "on", the last one is left to
    whoever knows the next key.
    """
    again = known.get(phrase.kind, [])[:lasting]
    start = again[-1] if again else 0 if phrase.kind == "a" else (3, 5)[int(rng.integers(2))]
    free = count - max(0, len(again) - 1)
    if phrase.close == "on":
        close: tuple[int, ...] = ((3, 5, 0)[int(rng.integers(3))],) if mode != "lydian" else (0,)
        made = [*(harmony.progression(mode, free - 1, start, close, rng) if free > 1 else []), 4]
    else:
        made = harmony.progression(mode, free, start, harmony.cadence(mode, phrase.close), rng)
    made = [*again[:-1], *made]
    known.setdefault(phrase.kind, made)
    return made


def phrase_chords(
    section: Section, phrase: Phrase, mode: str, tonic: int, following: int, made: list[int], colour: float
) -> list[Chord]:
    """Chords of a phrase's degrees. The last phrase of a section leads `following`, to the tonic of the next."""
    closing = {"full": 2, "deceptive": 2}.get(phrase.close, 1)
    rng = section.rng("colour", phrase.kind)
    found = harmony.chords(mode, tonic, made, closing, colour, rng)
    if phrase.close in ("on", "last"):
        found[-1] = harmony.dominant_of(following, 4, found[-1])
    return found
