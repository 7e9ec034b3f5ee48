"""Chords: what follows what in each mode, how phrases close, and how one key leads to the next.

Progressions are functional (tonic, predominant, dominant; Kostka & Payne, Tonal Harmony, chapter on progressions), of
the modes as film and popular music has them. A progression is drawn exactly from a Markov chain given its cadence,
by messages from the end.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from storysound.compose.chance import chance, drawn
from storysound.media.arrays import Doubles

MODES = {
    "lydian": (0, 2, 4, 6, 7, 9, 11), "ionian": (0, 2, 4, 5, 7, 9, 11), "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10), "aeolian": (0, 2, 3, 5, 7, 8, 10), "minor": (0, 2, 3, 5, 7, 8, 10),
}  # fmt: skip
"""Semitones above the tonic. "minor" has its seventh raised over the dominant."""

# What follows what, by degree (0 is I); degrees with a diminished triad are left out, the Neapolitan (1 of minor) is
# not.
_FLOW: dict[str, dict[int, dict[int, float]]] = {
    "ionian": {0: {3: 3, 5: 3, 4: 2, 1: 2, 2: 1}, 1: {4: 4, 3: 0.7}, 2: {5: 3, 3: 2}, 3: {4: 3, 0: 1.5, 1: 1.5},
               4: {5: 2, 0: 1.5, 3: 1}, 5: {3: 3, 1: 2.5, 4: 1.2, 2: 0.5}},
    "lydian": {0: {1: 4, 4: 3, 5: 2, 2: 1}, 1: {0: 2, 4: 2, 5: 1}, 2: {5: 2, 1: 1},
               4: {5: 2, 0: 1.5, 1: 1.5}, 5: {1: 3, 4: 2}},
    "mixolydian": {0: {6: 3, 3: 3, 4: 1, 1: 1}, 1: {3: 2, 6: 1, 4: 1}, 3: {6: 2, 0: 2, 1: 1}, 4: {3: 2, 6: 1},
                   5: {3: 1, 6: 1}, 6: {3: 3, 0: 2, 5: 0.6}},
    "dorian": {0: {3: 3, 6: 2, 2: 1, 4: 1}, 1: {4: 1, 3: 1}, 2: {3: 2, 6: 2}, 3: {0: 2, 6: 1.5, 4: 1},
               4: {3: 1.5, 6: 1, 0: 1}, 6: {3: 2, 2: 1.5, 0: 1.2}},
    "aeolian": {0: {5: 3, 3: 3, 6: 2, 2: 1}, 2: {5: 2, 6: 2, 3: 1}, 3: {4: 2, 6: 2, 5: 1, 0: 1}, 4: {5: 2, 3: 1, 0: 1},
                5: {2: 2, 6: 2, 3: 3}, 6: {2: 2, 5: 1.5, 0: 1.5}},
    "minor": {0: {3: 3, 5: 2.5, 1: 1.3, 4: 1.5}, 1: {4: 4}, 3: {4: 3, 1: 1, 0: 1}, 2: {5: 2, 3: 2}, 4: {0: 2, 5: 2},
              5: {3: 2.5, 1: 1.5, 4: 1.5, 2: 1}},
}  # fmt: skip
_CLOSE = {"mixolydian": (6, 0), "dorian": (3, 0)}  # a full cadence; elsewhere V-I
_OPEN = {"mixolydian": 3, "dorian": 6}  # where a phrase asks for another; elsewhere V
_DECEPTIVE = {"ionian": 5, "lydian": 5, "aeolian": 5, "minor": 5, "mixolydian": 3, "dorian": 3}
_NEIGHBOURS = (7, 5, 2, 10, 9, 3)  # keys a scene may go to, in semitones above where the film is at home
_BORROWED = 0.14  # how often a chord before another is its dominant instead, at most
_LESS_BACK = 0.3  # weight of going back where the chord before came from


@dataclass(frozen=True)
class Chord:
    """A chord in its key.

    `tones`: pitch classes, the root first, then third, fifth, and a seventh or ninth; `scale`: the seven pitch classes
    that tunes may use over it.
    """

    degree: int
    tones: tuple[int, ...]
    scale: tuple[int, ...]

    @property
    def root(self) -> int:
        """Pitch class."""
        return self.tones[0]


def progression(
    mode: str, length: int, start: int | None, close: tuple[int, ...], rng: np.random.Generator
) -> list[int]:
    """Degrees of so many chords that end as told. `start`: the first one, if the close can be reached from it."""
    tail = close[-length:]
    free = length - len(tail)
    flow = _flow_matrix(mode)
    ahead = [np.eye(7)[tail[0]]]  # how likely the end is reached from each degree, so many chords before it
    for _ in range(free):
        ahead.insert(0, flow @ ahead[0])
    path: list[int] = []
    for i in range(free):
        weights = ahead[i] * (flow[path[-1]] if path else np.ones(7))
        if not path and start is not None and ahead[i][start] > 0:
            weights = np.eye(7)[start]
        if len(path) > 1:
            weights = np.where(np.arange(7) == path[-2], _LESS_BACK, 1.0) * weights
        path.append(drawn([float(w) for w in weights], rng) if weights.sum() > 0 else 0)
    return [*path, *tail]


def _flow_matrix(mode: str) -> Doubles:
    """Chances of each degree after each: [7 7]."""
    flow = np.zeros((7, 7))
    for degree, after in _FLOW[mode].items():
        for other, weight in after.items():
            flow[degree, other] = weight
    return np.asarray(flow / np.maximum(flow.sum(axis=1, keepdims=True), 1e-9))


def cadence(mode: str, kind: str) -> tuple[int, ...]:
    """Degrees that a phrase ends with: "full", "half", "deceptive", or "last" before the final chord of all.

    >>> cadence("ionian", "full"), cadence("dorian", "half")
    ((4, 0), (6,))
    """
    dominant, tonic = _CLOSE.get(mode, (4, 0))
    if kind == "full":
        return dominant, tonic
    if kind == "deceptive":
        return dominant, _DECEPTIVE[mode]
    return (_OPEN.get(mode, 4),) if kind == "half" else (4,)


def chord(mode: str, tonic: int, degree: int, *, leading: bool = False, colour: bool = False) -> Chord:
    """The triad of a degree, with a seventh where it is `leading` on (a dominant before its tonic), or a ninth or
    seventh as `colour` where that is mild.

    >>> chord("minor", 9, 4, leading=True).tones  # E7 in A minor
    (4, 8, 11, 2)
    """
    steps = list(MODES[mode])
    if degree == 4 and (mode == "minor" or leading):
        steps[6] = 11  # the leading tone
    if mode == "minor" and degree == 1:
        steps[1] = 1  # Neapolitan: major, on the lowered second
    tones = [steps[(degree + k) % 7] for k in (0, 2, 4)]
    seventh, ninth = steps[(degree + 6) % 7], steps[(degree + 1) % 7]
    if leading and degree == 4:
        tones.append(seventh)
    elif colour and (ninth - tones[0]) % 12 == 2:
        tones.append(ninth)
    elif colour and (seventh - tones[0]) % 12 in (10, 11):
        tones.append(seventh)
    return Chord(degree, tuple((t + tonic) % 12 for t in tones), tuple((s + tonic) % 12 for s in steps))


def dominant_of(target: int, degree: int, around: Chord) -> Chord:
    """The dominant seventh chord that leads to a pitch class, in the scale `around` it as far as it goes.

    >>> dominant_of(0, 4, chord("ionian", 0, 0)).tones
    (7, 11, 2, 5)
    """
    tones = tuple((target + t) % 12 for t in (7, 11, 2, 5))
    kept = [s for s in around.scale if s in tones or not any((s - t) % 12 in (1, 11) for t in tones)]
    return Chord(degree, tones, tuple(sorted({*kept, *tones})))


def chords(
    mode: str, tonic: int, degrees: list[int], closing: int, colour: float, rng: np.random.Generator
) -> list[Chord]:
    """Chords of degrees, the last `closing` of which are the cadence; others may be coloured or lead on by a
    dominant.
    """
    made = list[Chord]()
    pairs = list(pairwise([*degrees, degrees[-1]]))
    awaited = False  # whether the chord before was the dominant of this one
    for i, (degree, after) in enumerate(pairs):
        inside = i < len(pairs) - closing
        borrowed, coloured = rng.random(), rng.random() < colour
        leading = degree == 4 and after == 0 and i < len(pairs) - 1
        here = chord(mode, tonic, degree, leading=leading, colour=inside and coloured)
        target = chord(mode, tonic, after)
        apt = 0 < i < len(pairs) - closing and after in (1, 3, 4, 5) and _is_plain(target)
        awaited = apt and not awaited and borrowed < _BORROWED
        made.append(dominant_of(target.root, degree, here) if awaited else here)
    return made


def _is_plain(chord: Chord) -> bool:
    """Whether it is a major or minor triad."""
    return (chord.tones[2] - chord.root) % 12 == 7


def home(seed: int) -> int:
    """The tonic a film's music begins and ends with."""
    return int(chance(seed, "home").integers(12))


def tonic_of(seed: int, section: int, sections: int) -> int:
    """The tonic of a section: home at both ends, a neighbour of it between. Knows nothing of moods, so that a scene can
    be changed and the others stay.
    """
    if section == 0 or section == sections - 1:
        return home(seed)
    before = tonic_of(seed, section - 1, section + 2)
    options = [home(seed), *((home(seed) + step) % 12 for step in _NEIGHBOURS)]
    weights = [0.0 if tonic == before else 1.0 for tonic in options]
    return options[drawn(weights, chance(seed, "key", section))]
