"""Which stretches of a video fill the time between beats of music: those that hold most importance.

Dynamic programming over shots and beats. Each stretch lies in one take of the camera, so that pictures change on beats
alone; where somebody speaks across a cut of the camera, both sides are one, and no stretch begins or ends in speech.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from storysound.media.arrays import Doubles, Ints
from storysound.story import Span

LEAST_S = 1.0  # that a stretch is shown
MOST_S = 8.0  # of a take; longer ones are parted
STEP_S = 0.05  # in which stretches are looked for
CALM_S = 0.1  # before and after it nobody speaks
BAR_WORTH = 0.3  # of a stretch that ends with a bar: as many seconds of usual importance
JUMP_COST = 1.0  # likewise of one that goes on in the take before it: a jump that no cut of the camera explains
MOST_BEATS = 64  # in a stretch
_FAR = -1e12


@dataclass(frozen=True)
class Take:
    """A stretch of the video without a cut of the camera, or with somebody who speaks across it."""

    start_s: float
    end_s: float


@dataclass(frozen=True)
class Importance:
    """Of each moment of the video: `values` [n] at `times_s` [n], ascending."""

    times_s: Doubles
    values: Doubles

    def until(self, at_s: Doubles) -> Doubles:
        """Summed over all seconds before each time [k]: [k]."""
        steps = np.diff(self.times_s, append=2 * self.times_s[-1] - self.times_s[-2] if len(self.times_s) > 1 else 1.0)
        edges = np.concatenate([self.times_s, [self.times_s[-1] + steps[-1]]])
        return np.asarray(np.interp(at_s, edges, np.concatenate([[0.0], np.cumsum(self.values * steps)])))


def takes_of(edges_s: Sequence[float], cuts_s: Sequence[float], speech: Sequence[Span], late_s: float) -> list[Take]:
    """What lies between cuts of the camera; long ones are parted at edges of shots, which include start and end.

    Across speech both sides are one. A cut of the camera is known `late_s` late: a take ends that much before it.
    """

    def spoken(at_s: float) -> bool:
        return any(span.start_s - CALM_S < at_s < span.end_s + CALM_S for span in speech)

    start_s, *inner, end_s = edges_s
    cuts = [cut_s for cut_s in cuts_s if start_s < cut_s < end_s and not spoken(cut_s)]
    found = []
    for a, b in pairwise([start_s, *cuts, end_s]):
        bounds = [a]
        for edge_s in [edge_s for edge_s in inner if a < edge_s < b and not spoken(edge_s)]:
            if b - bounds[-1] > MOST_S and edge_s - bounds[-1] >= MOST_S / 2 <= b - edge_s:
                bounds.append(edge_s)
        found += [Take(x, y - late_s * (y in cuts)) for x, y in pairwise([*bounds, b])]
    return [take for take in found if take.end_s - take.start_s >= LEAST_S]


@dataclass(frozen=True)
class _Windows:
    """The best stretch of a take for each length: what it is worth and where it begins, [l] in steps of STEP_S."""

    worth: Doubles
    start_s: Doubles


def _windows(take: Take, importance: Importance, speech: Sequence[Span], most: int) -> _Windows:
    """Of lengths of at most so many steps."""
    times = np.arange(take.start_s, take.end_s + 1e-9, STEP_S)
    sums = importance.until(times)
    free = np.ones(len(times), np.bool_)
    for span in speech:
        free &= (times <= span.start_s - CALM_S) | (times >= span.end_s + CALM_S)
    worth, starts = (np.full(min(most + 1, len(times)), fill) for fill in (_FAR, take.start_s))
    for length in range(1, len(worth)):
        able = free[length:] & free[:-length]
        if able.any():
            held = np.where(able, sums[length:] - sums[:-length], _FAR)
            best = int(held.argmax())
            worth[length], starts[length] = held[best], times[best]
    return _Windows(worth, starts)


@dataclass(frozen=True)
class _Ways:
    """How each node [m] is come to with a take: over how many beats, 0 where it isn't shown, from when in the video on.

    `passes` [m]: what is shown from a node on follows on what is shown without the take before.
    """

    back: Ints
    start_s: Doubles
    passes: NDArray[np.bool_]


def stretches(
    takes: Sequence[Take],
    nodes_s: Doubles,
    is_bar: Sequence[bool],
    importance: Importance,
    speech: Sequence[Span] = (),
) -> tuple[list[tuple[Span, int]], int]:
    """Stretches that fill the time from the first of the nodes [m] on, each with the node at which it ends, in order.

    And how many of the nodes are reached: all, where there is enough to show.
    """
    usual = float(importance.values.mean())
    bars = np.where(np.asarray(is_bar), BAR_WORTH * usual, 0.0)
    count = len(nodes_s)
    best = np.full(count, _FAR)
    best[0] = 0.0
    most = math.ceil(float((nodes_s[MOST_BEATS:] - nodes_s[:-MOST_BEATS]).max(initial=0.0) or nodes_s[-1]) / STEP_S)
    ways: list[_Ways] = []
    without = best  # the take before
    for number, take in enumerate(takes):
        windows = _windows(take, importance, speech, most)
        goes_on = number > 0 and take.start_s - takes[number - 1].end_s < STEP_S
        jumping = best - JUMP_COST * usual if goes_on else best
        passes = (without > jumping) & goes_on
        came = np.where(passes, without, jumping)
        total, back, start = best.copy(), np.zeros(count, np.int64), np.zeros(count)
        for beats in range(1, min(count, MOST_BEATS + 1)):
            lengths = nodes_s[beats:] - nodes_s[:-beats]
            steps = np.ceil(lengths / STEP_S - 1e-6).astype(np.int64)
            able = (lengths >= LEAST_S - 1e-6) & (steps < len(windows.worth))
            if not able.any():
                if lengths.min() > len(windows.worth) * STEP_S:
                    break
                continue
            steps = np.where(able, steps, 0)
            value = np.where(able, came[:-beats] + windows.worth[steps] + bars[beats:], _FAR)
            better = value > total[beats:]
            total[beats:][better], back[beats:][better] = value[better], beats
            start[beats:][better] = windows.start_s[steps][better]
        ways.append(_Ways(back, start, passes))
        without, best = best, total
    reached = int(np.flatnonzero(best > _FAR / 2)[-1])
    found, at, number = [], reached, len(ways) - 1
    while number >= 0:
        way, beats = ways[number], int(ways[number].back[at])
        if beats:
            start_s = float(way.start_s[at])
            found.append((Span(start_s, start_s + float(nodes_s[at] - nodes_s[at - beats])), at))
            at -= beats
            number -= int(way.passes[at])
        number -= 1
    return found[::-1], reached


def nodes_of(beats_s: Doubles, bars_s: Doubles, length_s: float) -> tuple[Doubles, list[bool]]:
    """Times at which pictures may change: beats [n] between 0 and the end, and those; and which of them begin bars [b].

    >>> nodes_of(np.array([0.02, 0.5, 1.0]), np.array([0.5]), 1.3)
    (array([0. , 0.5, 1. , 1.3]), [True, True, False, True])
    """
    inner = beats_s[(beats_s > 2 * STEP_S) & (beats_s < length_s - 2 * STEP_S)]
    is_bar = [bool(len(bars_s)) and bool(np.abs(bars_s - at).min() < 0.02) for at in inner]
    return np.concatenate([[0.0], inner, [length_s]]), [True, *is_bar, True]
