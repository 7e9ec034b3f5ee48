"""The form of a track: where something new begins, and what its parts are: intro, build, body, break, ending."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from storysound.cue.remix.bars import Bars
from storysound.media.arrays import Doubles, Ints, Reals
from storysound.media.rhythm import find_peaks

Part = Literal["intro", "build", "body", "break", "ending"]
_KERNEL = 16  # beats on either side that are compared
_APART = 8  # beats between two turns
_TURN = 0.15  # of the strongest, that a turn has at least
_SOFTER_DB = 3.0  # than the body, and a part is an intro or a break
_RISING_DB = 4.0  # from its first third to its last, and a part is a build


@dataclass(frozen=True)
class Section:
    """A part of a track, from one turn to the next: beats [first, end)."""

    first: int
    end: int
    start_s: float
    end_s: float
    part: Part
    level_db: float  # beside the loudest


@dataclass(frozen=True)
class Structure:
    """The form of a track of n beats."""

    turns: Doubles  # how much is new from each beat on, in [0, 1]; 0 where nothing is [n]
    sections: tuple[Section, ...]


def structure_of(bars: Bars) -> Structure:
    """Turns are where the music before is unlike the music after, and either is like itself (Foote 2000)."""
    curve = novelty(bars)
    top = float(curve.max(initial=0.0))
    peaks = find_peaks(curve, apart=_APART, height=_TURN * top) if top > 0 else np.empty(0, np.int64)
    turns = np.zeros(bars.count)
    for peak in peaks:
        at = _on_bar(bars, int(peak))
        turns[at] = max(turns[at], curve[peak] / top)
    return Structure(turns, _sections(bars, np.flatnonzero(turns)))


def novelty(bars: Bars) -> Doubles:
    """How much begins anew at each beat, [n], ≥ 0: a checkerboard along the diagonal of the beats' likeness.

    Foote 2000, "Automatic audio segmentation using a measure of audio novelty", equations 3 to 5.
    """
    looks = np.concatenate([_unit(bars.timbre - bars.timbre.mean(axis=0)), _unit(bars.chroma - 0.2)], axis=1)
    size = min(_KERNEL, bars.count // 3)
    padded = np.pad(looks, ((size, size), (0, 0)), mode="edge")
    side = np.arange(-size, size) + 0.5
    taper = np.exp(-0.5 * (side / (0.5 * size)) ** 2) * np.sign(side)
    found = np.empty(bars.count)
    for at in range(bars.count):
        near = padded[at : at + 2 * size]
        found[at] = float(((taper @ near) ** 2).sum())  # taper' (near near') taper
    found[: size // 4 + 1] = 0.0  # what is padded is no music
    return np.maximum(0.0, found - np.median(found))


def _unit(values: Reals) -> Doubles:
    """Rows [n d] of unit length."""
    return np.asarray(values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-9), np.float64)


def _on_bar(bars: Bars, beat: int) -> int:
    """The nearest beat that begins a bar."""
    lines = bars.downbeats
    return int(lines[np.argmin(np.abs(lines - beat))])


def _sections(bars: Bars, turns: Ints) -> tuple[Section, ...]:
    """What lies between turns [p], and what part it plays."""
    edges = [0, *(int(turn) for turn in turns if 0 < turn < bars.count), bars.count]
    times = np.append(bars.times_s, bars.last_s)
    usual = float(np.percentile(bars.level_db, 60))
    loudest = float(bars.level_db.max())
    found = []
    for number, (first, end) in enumerate(pairwise(edges)):
        levels = bars.level_db[first:end]
        third = max(1, len(levels) // 3)
        rises = float(levels[-third:].mean() - levels[:third].mean()) > _RISING_DB
        soft = float(np.median(levels)) < usual - _SOFTER_DB
        part: Part = "build" if rises else "break" if soft else "body"
        if number == 0 and soft:
            part = "intro"
        if number == len(edges) - 2 and number > 0:
            part = "ending"
        start_s = bars.first_s if first == 0 else float(times[first])
        found.append(Section(first, end, start_s, float(times[end]), part, float(np.median(levels)) - loudest))
    return tuple(found)
