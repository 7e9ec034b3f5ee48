"""Four voices that lead from chord to chord, by dynamic programming over all ways to lay each (Viterbi 1967).

Rules as textbooks have them (Kostka & Payne, Tonal Harmony): little motion, no parallel fifths, octaves or unisons,
every chord with its third, no third or leading tone twice, no crossing. Parallels are forbidden, the rest is priced.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, pairwise

import numpy as np

from storysound.compose.harmony import Chord
from storysound.media.arrays import Doubles, Ints

Voices = tuple[int, int, int, int]

BASS = (34, 53)  # of every ensemble's bass: B flat 1 to F 3
MIDDLE = 58  # around which the upper voices lie, before a mood lifts them
_REACH = 12  # semitones that they go to either side of there
_WIDE = (3, 9)  # between two upper voices next to each other, of triads
_SPAN = 17  # between the lowest and the highest upper one
_PARALLEL = 1e6
_INVERTED = 2.2  # third in the bass; the fifth is never there
_MOVE, _BASS_MOVE, _LEAP, _OFF_CENTRE, _DOUBLED_THIRD, _HIDDEN = 0.5, 0.2, 1.5, 0.15, 2.0, 1.0


@dataclass(frozen=True)
class Ends:
    """What is asked of the outer chords of a section, so that whatever is before and after it leads well too.

    Parallels across the border of two sections can't be then, whatever their registers: the last chord of one has a
    perfect interval between its outer voices alone, and that a fifth; the first chord of the next has none there.
    """

    first: bool = True
    last: bool = True


def lead(chords: list[Chord], lift: float, ends: Ends = Ends()) -> list[Voices]:
    """Voices of each chord, low to high, around a register `lift` semitones above the middle one."""
    centre = MIDDLE + round(lift)
    rows = [_ways(chord.tones, centre) for chord in chords]
    if ends.first:
        rows[0] = _kept(rows[0], _interval(rows[0], 0, 3) != 7)
    if ends.last:
        pairs = [(i, j) for i, j in combinations(range(4), 2) if (i, j) != (0, 3)]
        open_pairs = [~np.isin(_interval(rows[-1], i, j), (0, 7)) for i, j in pairs]
        rows[-1] = _kept(rows[-1], np.all([*open_pairs, _interval(rows[-1], 0, 3) != 0], axis=0))
    costs, links = _price(rows[0], chords[0], centre), list[Ints]()
    for before, now, chord in zip(rows, rows[1:], chords[1:], strict=False):
        total = costs[:, None] + np.round(_steps(before, now), 6)
        links.append(total.argmin(axis=0))
        costs = total.min(axis=0) + _price(now, chord, centre)
    at = int(costs.argmin())
    found = [_row(rows[-1], at)]
    for row, link in zip(rows[-2::-1], links[::-1], strict=True):
        at = int(link[at])
        found.append(_row(row, at))
    return found[::-1]


def _row(rows: Ints, at: int) -> Voices:
    """One of the ways [w 4]."""
    bass, low, middle, high = (int(pitch) for pitch in rows[at])
    return bass, low, middle, high


def _kept(rows: Ints, wanted: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> Ints:
    """Those ways [w 4] that are wanted [w], or all where none is."""
    return rows[wanted] if wanted.any() else rows


def _interval(rows: Ints, lower: int, upper: int) -> Ints:
    """Semitones between two voices of ways [w 4], without octaves: [w]."""
    return (rows[:, upper] - rows[:, lower]) % 12


@lru_cache(maxsize=512)
def _ways(tones: tuple[int, ...], centre: int) -> Ints:
    """All ways to lay a chord around a pitch: [w 4], bass first."""
    pitches = [p for p in range(centre - _REACH, centre + _REACH + 1) if p % 12 in tones]
    least = 2 if len(tones) > 3 else _WIDE[0]
    rows = []
    for upper in combinations(pitches, 3):
        apart = [b - a for a, b in pairwise(upper)]
        if min(apart) < least or max(apart) > _WIDE[1] or upper[2] - upper[0] > _SPAN:
            continue
        for bass in range(BASS[0], BASS[1] + 1):
            sound = {pitch % 12 for pitch in (bass, *upper)}
            complete = tones[1] in sound and tones[0] in sound and len(sound) >= min(4, len(tones))
            if bass % 12 in tones[:2] and bass < upper[0] and complete:
                rows.append((bass, *upper))
    return np.array(rows, np.int64)


def _price(rows: Ints, chord: Chord, centre: int) -> Doubles:
    """Of ways [w 4] by themselves: [w]."""
    inverted = np.where(rows[:, 0] % 12 == chord.tones[1], _INVERTED, 0.0)
    thirds = (rows % 12 == chord.tones[1]).sum(axis=1)
    off = np.abs(rows[:, 1:].mean(axis=1) - centre)
    low = 0.05 * np.maximum(rows[:, 0] - (BASS[0] + 12), 0)
    return np.asarray(np.round(inverted + _DOUBLED_THIRD * (thirds > 1) + _OFF_CENTRE * off + low, 6))


def _steps(before: Ints, now: Ints) -> Doubles:
    """Of going from each way [a 4] to each other [b 4]: [a b]."""
    move = now[None] - before[:, None]
    size = np.abs(move)
    cost = _BASS_MOVE * size[:, :, 0] + _MOVE * size[:, :, 1:].sum(axis=2) + _LEAP * (size[:, :, 1:] > 5).sum(axis=2)
    for i, j in combinations(range(4), 2):
        was, becomes = (before[:, j] - before[:, i]) % 12, (now[:, j] - now[:, i]) % 12
        together = move[:, :, i] * move[:, :, j] > 0
        perfect = np.isin(becomes, (0, 7))
        cost = cost + _PARALLEL * (together & (was[:, None] == becomes[None]) & perfect[None])
        if (i, j) == (0, 3):  # outer voices leap into a fifth or octave
            cost = cost + _HIDDEN * (together & perfect[None] & (size[:, :, 3] > 2))
    return np.asarray(cost)


def follow(before: Voices, chord: Chord, lift: float) -> Voices:
    """The best way to lay one more chord after others."""
    centre = MIDDLE + round(lift)
    rows = _ways(chord.tones, centre)
    cost = np.round(_steps(np.array([before], np.int64), rows)[0], 6) + _price(rows, chord, centre)
    cost = cost + np.where(rows[:, 0] % 12 == chord.root, 0.0, _PARALLEL / 10)
    return _row(rows, int(cost.argmin()))
