"""The motif of a theme: two bars of rhythm and contour that tunes are made of, and what scenes make of it.

A theme's motif is the same in the whole film; it comes back inverted, in fragments, broader or busier as the scene
wants.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from storysound.compose.chance import chance, drawn

Variation = Literal["plain", "inverted", "exchanged", "fragment"]

# Rhythms of a bar, lengths in beats.
_CELLS: dict[int, tuple[tuple[float, ...], ...]] = {
    4: ((1, 1, 1, 1), (1.5, 0.5, 1, 1), (2, 1, 1), (1, 0.5, 0.5, 2), (1.5, 1.5, 1), (3, 1), (1, 1, 1.5, 0.5), (1, 2, 1),
        (0.5, 0.5, 1, 2), (1.5, 0.5, 2), (0.5, 1, 0.5, 2), (2, 1.5, 0.5)),
    3: ((1, 1, 1), (2, 1), (1.5, 0.5, 1), (1, 0.5, 0.5, 1), (1, 2), (0.5, 0.5, 1, 1), (1, 1.5, 0.5), (1.5, 1.5)),
}  # fmt: skip
_LONG = 0.2  # how often the second bar is one long note
_ANSWERED = 0.45  # how often it has the rhythm of the first
_STEPS = (1, 2, 3, 4, 0, -1, -2, -3)  # from note to note along the scale, where the contour goes up
_CHANCES = (0.38, 0.15, 0.09, 0.06, 0.04, 0.18, 0.06, 0.04)  # and how likely each is
_THIN, _BARE = -0.55, -0.8  # densities under which only strong beats stay, or only first ones
_FULL = 0.25  # above which long notes are divided


@dataclass(frozen=True)
class Motif:
    """Two bars. `steps`: along the scale, from the note before to each; the first has none, it is 0."""

    metre: int
    rhythms: tuple[tuple[float, ...], tuple[float, ...]]
    steps: tuple[tuple[int, ...], tuple[int, ...]]

    def varied(self, how: Variation) -> "Motif":
        """What a scene or a phrase makes of it."""
        (first, second), (up, down) = self.rhythms, self.steps
        if how == "inverted":
            turned = tuple(-s for s in up), tuple(-s for s in down)
            return replace(self, steps=turned)
        if how == "exchanged":
            return replace(self, rhythms=(second, first), steps=((0, *down[1:]), (1, *up[1:])))
        if how == "fragment":  # the first bar twice, the second time higher or lower
            return replace(self, rhythms=(first, first), steps=(up, (1 if sum(up) >= 0 else -1, *up[1:])))
        return self

    def bar(self, which: int, beats: float, density: float, rng: np.random.Generator) -> list[tuple[float, float, int]]:
        """Beat, length and step of each note of one of the bars, in a bar of so many beats; thinned or filled."""
        notes, at = list[tuple[float, float, int]](), 0.0
        for length, step in zip(self.rhythms[which], self.steps[which], strict=True):
            if at < beats:
                notes.append((at, min(length, beats - at), step))
            at += length
        if at < beats:
            notes[-1] = (notes[-1][0], beats - notes[-1][0], notes[-1][2])
        if density < _THIN:
            return _thinned(notes, beats, (0.0,) if density < _BARE else (0.0, 2.0))
        return _filled(notes, density, rng) if density > _FULL else notes


def motif(seed: int, theme: str, metre: int) -> Motif:
    """The motif of a theme in a film of this seed."""
    rng = chance(seed, "motif", theme, metre)
    cells = _CELLS[metre]
    first = cells[int(rng.integers(len(cells)))]
    second = cells[int(rng.integers(len(cells)))]
    if rng.random() < _LONG:
        second = (float(metre),)
    elif rng.random() < _ANSWERED:
        second = first
    turn = 1 if rng.random() < 0.6 else -1  # arches are commoner than troughs
    steps = tuple(
        tuple(side * _STEPS[drawn(list(_CHANCES), rng)] for _ in cell)
        for cell, side in ((first, turn), (second, -turn))
    )
    return Motif(metre, (first, second), ((0, *steps[0][1:]), steps[1]))


def _thinned(
    notes: list[tuple[float, float, int]], beats: float, kept: tuple[float, ...]
) -> list[tuple[float, float, int]]:
    """Those on the beats that are kept, each as long as until the next; they go where the others would have led."""
    found: list[tuple[float, float, int]] = []
    step = 0
    for at, _, s in notes:
        step += s
        if at in kept:
            found.append((at, 0.0, step))
            step = 0
    ends = [*(note[0] for note in found[1:]), beats]
    return [(at, end - at, s) for (at, _, s), end in zip(found, ends, strict=True)]


def _filled(
    notes: list[tuple[float, float, int]], density: float, rng: np.random.Generator
) -> list[tuple[float, float, int]]:
    """Long notes in two, so that the tune still goes where it went: the second is on the way, beside, or the same."""
    found: list[tuple[float, float, int]] = []
    aside = 0
    following = [*(step for _, _, step in notes[1:]), 0]
    for (at, length, step), ahead in zip(notes, following, strict=True):
        found.append((at, length, step - aside))
        aside = 0
        if length >= 1 and rng.random() < 0.25 + 0.55 * density:
            aside = _between(ahead, rng)
            found[-1:] = [(at, length / 2, found[-1][2]), (at + length / 2, length / 2, aside)]
    return found


def _between(ahead: int, rng: np.random.Generator) -> int:
    """The step to a note before one that lies `ahead` along the scale: halfway there, or a neighbour, or the same."""
    beside = int(rng.integers(-1, 2))
    return ahead // 2 if ahead % 2 == 0 and ahead else beside if abs(ahead) < 2 else 0
