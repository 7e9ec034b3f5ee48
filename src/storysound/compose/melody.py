"""Tunes and second melodies: the cheapest line through the chords, by dynamic programming over pitches.

A tune follows the contour of its motif as far as the rules let it: notes on strong beats belong to the chord, what is
foreign to it is reached and left by step, leaps are rare and no larger than an octave, the leading tone goes up, a
closed phrase ends on the tonic. A second melody keeps to chord tones, moves against the tune, and never in parallel
fifths or octaves with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from storysound.compose.harmony import Chord
from storysound.media.arrays import Doubles, Ints

Bools = NDArray[np.bool_]
_NEVER = 1e6
_CONTOUR, _RANGE, _FOREIGN, _LEAP, _TRITONE, _SAME, _LEADING, _LATER = 0.8, 0.035, 0.35, 0.9, 3.0, 1.2, 2.0, 1.2
_CHANGED, _UNDER, _PARALLEL = 4.0, 0.3, 8.0
_CHANCE = 0.9  # how much of a line is chance, where the rest is equal
_OCTAVE = 12


@dataclass(frozen=True)
class Slot:
    """Where a note of a tune goes.

    `step`: along the scale from the note before, as the motif has it; `strong`: belongs to the chord; `after`: the
    chord that comes while it still sounds; `goal`: pitch classes it must be of, any if empty; `known`: the pitch it had
    when the phrase was there before; `floor`: the highest pitch of what accompanies, `bass`: the lowest.
    """

    beat: float
    beats: float
    chord: Chord
    step: int
    strong: bool
    after: Chord | None = None
    goal: tuple[int, ...] = ()
    known: int | None = None
    floor: int = 0
    bass: int = 0


@dataclass(frozen=True)
class Ambit:
    """Where a line lies: `low` to `high` in MIDI numbers, and around which pitch."""

    low: int
    high: int
    centre: float


def tune(slots: Sequence[Slot], ambit: Ambit, tonic: int, start: int | None, rng: np.random.Generator) -> list[int]:
    """Pitches of the slots. `start`: the pitch before the first."""
    pitches = np.arange(ambit.low, ambit.high + 1)
    arch = 4 * np.sin(np.linspace(0.2, 2.9, max(2, len(slots))))
    nodes = [
        _node(slot, pitches, ambit.centre + arch[i], rng.random(_OCTAVE) * _CHANCE) for i, slot in enumerate(slots)
    ]
    if start is not None:
        nodes[0] = nodes[0] + 0.12 * np.abs(pitches - start)
    steps = [_step(a, b, pitches, tonic) for a, b in pairwise(slots)]
    return [int(pitches[i]) for i in cheapest(nodes, steps)]


def _node(slot: Slot, pitches: Ints, centre: float, luck: Doubles) -> Doubles:
    """What each pitch [p] costs by itself; `luck` [12]: by pitch class."""
    names = pitches % _OCTAVE
    inside = np.isin(names, slot.chord.tones)
    cost = _RANGE * np.abs(pitches - centre) ** 1.5 + luck[names]
    cost = cost + np.where(inside, 0.0, _NEVER if slot.strong else _FOREIGN)
    cost = cost + np.where(np.isin(names, slot.chord.scale) | inside, 0.0, _NEVER)
    if slot.after is not None:
        cost = cost + np.where(np.isin(names, slot.after.tones), 0.0, _LATER)
    cost = cost + _UNDER * np.maximum(slot.floor - pitches, 0)
    if slot.known is not None:
        cost = cost + np.where(pitches == slot.known, 0.0, _CHANGED)
    if slot.goal:
        cost = cost + np.where(np.isin(names, slot.goal), 0.0, _NEVER / 10)
    return np.asarray(cost)


def _step(before: Slot, after: Slot, pitches: Ints, tonic: int) -> Doubles:
    """What it costs to go from each pitch [p] to each other [p] between two slots: [p p]."""
    move = pitches[None] - pitches[:, None]
    size = np.abs(move)
    names = pitches % _OCTAVE
    foreign = ~np.isin(names, before.chord.tones)[:, None] | ~np.isin(names, after.chord.tones)[None]
    cost = _CONTOUR * np.abs(move / 1.75 - after.step)  # a step of the scale is 1.71 semitones on average
    cost = cost + np.where(size > 7, _LEAP * (size - 7), 0.0) + np.where(size > _OCTAVE, _NEVER, 0.0)
    cost = cost + np.where(size == 6, _TRITONE, 0.0) + np.where(size == 0, _SAME if after.step else _SAME / 3, 0.0)
    cost = cost + np.where(foreign & ((size > 2) | (size == 0)), _NEVER, 0.0)
    cost = cost + _PARALLEL * _with_bass(before.bass, after.bass, pitches, move)
    leading = (names == (tonic - 1) % _OCTAVE)[:, None] & (tonic % _OCTAVE in after.chord.tones)
    return np.asarray(np.round(cost + np.where(leading & (move != 1) & (move != 0), _LEADING, 0.0), 6))


def _with_bass(before: int, after: int, pitches: Ints, move: Ints) -> Bools:
    """Which moves [p p] of a tune make parallel fifths or octaves with a bass that goes from one pitch to another."""
    was, becomes = (pitches[:, None] - before) % _OCTAVE, (pitches[None] - after) % _OCTAVE
    return np.asarray((was == becomes) & ((was == 0) | (was == 7)) & (move * (after - before) > 0))


def second(slots: Sequence[Slot], above: Sequence[int | None], ambit: Ambit, rng: np.random.Generator) -> list[int]:
    """A line of chord tones under a tune that has the pitches `above` when the slots begin (None: it is silent)."""
    pitches = np.arange(ambit.low, ambit.high + 1)
    names = pitches % _OCTAVE
    nodes = []
    for slot, top in zip(slots, above, strict=True):
        cost = _RANGE * np.abs(pitches - ambit.centre) ** 1.5 + (rng.random(_OCTAVE) * _CHANCE)[names]
        cost = cost + np.where(np.isin(names, slot.chord.tones), 0.0, _NEVER)
        if slot.after is not None:
            cost = cost + np.where(np.isin(names, slot.after.tones), 0.0, _LATER)
        if top is not None:  # below it, and not its octave
            cost = cost + np.where(pitches >= top - 2, 8.0, 0.0) + np.where(names == top % _OCTAVE, 1.5, 0.0)
        nodes.append(np.asarray(cost))
    pairs = list(pairwise(above))
    return [int(pitches[i]) for i in cheapest(nodes, [_against(a, b, pitches) for a, b in pairs])]


def _against(before: int | None, after: int | None, pitches: Ints) -> Doubles:
    """What moves of a second line [p p] cost while the tune goes from one pitch to another."""
    move = pitches[None] - pitches[:, None]
    size = np.abs(move)
    cost = (
        0.4 * size + np.where(size > 5, 1.5, 0.0) + np.where(size == 0, 1.8, 0.0) + np.where(size == 6, _TRITONE, 0.0)
    )
    if before is None or after is None:
        return np.asarray(cost)
    was, becomes = (before - pitches[:, None]) % _OCTAVE, (after - pitches[None]) % _OCTAVE
    together = move * (after - before) > 0
    perfect = (becomes == 0) | (becomes == 7)
    return np.asarray(cost + np.where(together & (was == becomes) & perfect, _NEVER, 0.0) + 0.4 * together)


def cheapest(nodes: Sequence[Doubles], steps: Sequence[Doubles]) -> list[int]:
    """The states of the cheapest path: what states cost at each place [s], and going from one to the next [s s].

    >>> cheapest([np.array([0.0, 1.0]), np.array([5.0, 0.0])], [np.array([[0.0, 9.0], [0.0, 2.0]])])
    [1, 1]
    """
    total, links = np.round(nodes[0], 6), []
    for node, step in zip(nodes[1:], steps, strict=True):
        ways = total[:, None] + step
        links.append(ways.argmin(axis=0))
        total = np.round(ways.min(axis=0) + node, 6)
    path = [int(total.argmin())]
    for link in links[::-1]:
        path.append(int(link[path[-1]]))
    return path[::-1]
