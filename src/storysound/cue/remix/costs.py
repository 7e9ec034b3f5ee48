"""What it costs to jump from one beat of a track to another: how much is heard of it.

A jump goes unnoticed where what comes is what would have come, or where what went before is what went before there; and
where, right at the seam, no more changes than at the track's own beats (Wenner et al. 2013, "Scalable Music: Automatic
Music Retargeting and Synthesis", section 4, compare both sides likewise).
"""

from dataclasses import dataclass, replace

import numpy as np
import scipy.special
from numpy.typing import NDArray

from storysound.cue.remix.bars import Bars
from storysound.cue.remix.structure import Structure
from storysound.media.arrays import Doubles, Floats, Ints

# Weights of the beats before a jump, the nearest first, and of those after it.
_PAST = (1.0, 0.6, 0.4, 0.3)
_FUTURE = (1.0, 0.7, 0.5, 0.4)
_BEST_SIDE = 0.7  # weight of the side that is more alike; the other has the rest
_LEAST_DB = 4.0  # two beats that differ by less are the same to the ear
_LEAST_CHROMA = 0.25
_STEP_DB = 4.0  # a step in level by so much more than usual costs 1
_LEVEL_BEATS = 4
_LISTENED = 20  # jumps to each beat of which it is looked whether the beat goes on
_LOST = 5.0  # what it costs to lose the beat
_ALIKE, _ALIKE_WIDTH = 0.2, 0.05  # correlation at which that counts half, and over which it falls off


@dataclass(frozen=True)
class Weights:
    """How much each part of a cost counts; chosen on one half of the tracks of `benchmarks.quality.remix`."""

    timbre: float = 1.0
    harmony: float = 0.6
    seam: float = 1.0
    level: float = 0.4
    jump: float = 0.35  # of every jump
    off_bar: float = 0.1  # of one that isn't on a bar line
    off_meter: float = 1.0  # of one that leaves a bar too short or too long
    short: float = 0.8  # of hearing the same again at once; less, the longer ago it began
    intro: float = 0.4  # of leading into the intro again, or back from the ending


WEIGHTS = Weights()
_SHORT_S = 20.0  # after so long, the same again costs less by a factor of e


@dataclass(frozen=True)
class Costs:
    """Of leaving before beat i and going on with beat j: [n n], 0 where nothing is heard, 1 as between any two."""

    timbre: Floats
    harmony: Floats
    seam: Floats
    level: Floats
    total: Floats  # with what doesn't depend on sound

    def least(self, apart: int) -> tuple[Ints, Ints]:
        """The _LISTENED jumps to each beat that cost least and lead over `apart` beats or more: from [c], to [c]."""
        beats = np.arange(len(self.total))
        total = np.where(np.abs(beats[:, None] - beats) < apart, np.inf, self.total)
        leave = np.argsort(total, axis=0, kind="stable")[:_LISTENED]  # of equals the same on all machines
        reach = np.broadcast_to(beats, leave.shape)
        possible = np.isfinite(np.take_along_axis(total, leave, axis=0))
        return leave[possible], reach[possible]

    def doubted(self, leave: Ints, reach: Ints, likeness: Doubles) -> "Costs":
        """Those where jumps [c] cost more the less the music around both beats is alike, and all others the most.

        Where it isn't alike nobody knows whether the beat goes on.
        """
        lost = scipy.special.expit((_ALIKE - likeness) / _ALIKE_WIDTH)
        total = self.total + np.float32(_LOST)
        total[leave, reach] = self.total[leave, reach] + _LOST * lost
        return replace(self, total=total)

    def without(self, beats: NDArray[np.bool_]) -> "Costs":
        """Those where no jump leads to some beats [n]."""
        return replace(self, total=np.where(beats, np.float32(np.inf), self.total))


def costs_of(bars: Bars, structure: Structure, weights: Weights = WEIGHTS) -> Costs:
    """The cost of every jump in a track."""
    timbre = _context(_scaled(_distances(bars.timbre) / np.sqrt(bars.timbre.shape[1]), _LEAST_DB))
    harmony = _context(_scaled(np.maximum(0.0, 1 - bars.chroma @ bars.chroma.T), _LEAST_CHROMA))
    seam = _seam(bars)
    level = _level(bars)
    heard = weights.timbre * timbre + weights.harmony * harmony + weights.seam * seam + weights.level * level
    total = np.asarray(heard + _form(bars, structure, weights), np.float32)
    return Costs(timbre, harmony, seam, level, total)


def _distances(looks: Floats) -> Floats:
    """Euclidean, of each two of [n d]: [n n]."""
    squares = (looks.astype(np.float64) ** 2).sum(axis=1)
    return np.asarray(np.sqrt(np.maximum(0.0, squares[:, None] + squares - 2.0 * (looks @ looks.T))), np.float32)


def _scaled(distances: Floats, least: float) -> Floats:
    """Distances [n n] where 1 is usual for the track; not where all of it is alike."""
    return np.asarray(distances / max(float(np.median(distances)), least), np.float32)


def _context(distances: Floats) -> Floats:
    """Distances of beats [n n] to distances of what goes before two beats, and of what comes from them on: [n n]."""
    n = len(distances)
    steps = max(len(_PAST), len(_FUTURE))
    padded = np.pad(distances, steps, constant_values=1.0)  # nothing is like what isn't there

    def moved(by: int) -> Floats:
        return padded[steps + by : steps + by + n, steps + by : steps + by + n]

    past = sum(w * moved(-1 - by) for by, w in enumerate(_PAST)) / sum(_PAST)
    future = sum(w * moved(by) for by, w in enumerate(_FUTURE)) / sum(_FUTURE)
    better, worse = np.minimum(past, future), np.maximum(past, future)
    return np.asarray(_BEST_SIDE * better + (1 - _BEST_SIDE) * worse, np.float32)


def _seam(bars: Bars) -> Floats:
    """By how much more the spectrum changes at each jump than at the beats it leaves and reaches: [n n]."""
    squares = [(looks.astype(np.float64) ** 2).sum(axis=1) for looks in (bars.before, bars.after)]
    change = squares[0][:, None] + squares[1] - 2.0 * (bars.before @ bars.after.T)
    change = np.sqrt(np.maximum(0.0, change) / bars.before.shape[1])
    own = np.diagonal(change)
    usual = max(float(np.median(own)), _LEAST_DB)
    return np.asarray(np.maximum(0.0, change - (own[:, None] + own) / 2) / usual, np.float32)


def _level(bars: Bars) -> Floats:
    """By how much more the level steps over a few beats than at the beats themselves: [n n]."""
    sums = np.concatenate([[0.0], np.cumsum(bars.level_db)])
    at = np.arange(bars.count)
    low, high = np.maximum(at - _LEVEL_BEATS, 0), np.minimum(at + _LEVEL_BEATS, bars.count)
    before = (sums[at] - sums[low]) / np.maximum(at - low, 1)
    before[0] = bars.level_db[0]
    after = (sums[high] - sums[at]) / (high - at)
    step = np.abs(before[:, None] - after)
    own = np.diagonal(step)
    return np.asarray(np.clip((step - (own[:, None] + own) / 2) / _STEP_DB, 0.0, 3.0), np.float32)


def _form(bars: Bars, structure: Structure, weights: Weights) -> Doubles:
    """What a jump costs by where in the form it leads: [n n]."""
    beats = np.arange(bars.count)
    back_s = bars.times_s[:, None] - bars.times_s
    cost = np.full((bars.count, bars.count), weights.jump)
    cost += weights.short * np.exp(-np.abs(back_s) / _SHORT_S) * (back_s > 0)
    on_bar = (beats - bars.phase) % bars.meter == 0
    cost += weights.off_bar * ~on_bar[:, None]
    cost += weights.off_meter * ((beats[:, None] - beats) % bars.meter != 0)
    first, last = structure.sections[0], structure.sections[-1]
    if first.part == "intro":
        cost[:, : first.end] += weights.intro
    if last.part == "ending":
        cost[last.first + 1 :] += weights.intro * (back_s[last.first + 1 :] > 0)
    return cost
