"""How far sound is from the motion that makes it: offset and strength, by arrays alone.

What begins in a sound goes with motion that begins, somewhere in the picture. So each block of the picture has a curve
of its motion, and of how suddenly it moves; both are correlated with the onsets of the sound at every offset, and the
blocks that agree best count. Nothing is learned: where many things move, or what sounds is out of sight, it guesses,
and `strength` is low. `benchmarks.quality.synchrony` measures how often it is right.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.ndimage
from numpy.typing import ArrayLike, NDArray

from storysound.metrics.arrays import Doubles, Floats

RATE_HZ = 50  # of the clock on which both are compared
LONGEST_S = 1.0  # offset that is looked for, to either side
LEAST_S = 3 * LONGEST_S  # of a video
BLOCKS = 8  # of the picture, a side
SHARE = 0.1  # of the blocks: those that agree best
SMOOTH_S = 0.06
_TREND_S = 1.0  # slower changes are no onsets
_FLOOR = 0.002  # of motion, where white is 1: less is noise
_APART_S = 0.16  # from the best offset: farther ones are others
_STILL = 1e-6
_REPEATED = 0.15  # of the usual change around: a picture that changes less is the one before it, coded once more
_AROUND = 9  # changes that tell what is usual


@dataclass(frozen=True)
class Synchrony:
    """Where sound and motion agree best.

    `offset_s`: how much later than the motion the sound is, within LONGEST_S. `strength`: by how much that offset is
    better than the best that is not beside it, in standard deviations over offsets; 0 is the least.
    """

    offset_s: float
    strength: float


def synchrony(pictures: ArrayLike, times_s: ArrayLike, onsets: ArrayLike, onset_rate_hz: float) -> Synchrony | None:
    """Offset of a sound from grey pictures [n h w] in [0, 1], shown at times_s [n]; None where one has no onset.

    `onsets` [t] ≥ 0: how much begins in the sound, `onset_rate_hz` a second from time 0 on
    (`media.rhythm.onset_envelope`). None too where both together last less than LEAST_S. Raises ValueError for other
    shapes, for times that don't rise, and for values that are not finite.
    """
    agreement = agreements(pictures, times_s, onsets, onset_rate_hz)
    if agreement is None:
        return None
    best, reach = int(agreement.argmax()), round(_APART_S * RATE_HZ)
    others = np.delete(agreement, range(max(0, best - reach), min(len(agreement), best + reach + 1)))
    strength = max(0.0, float((agreement[best] - others.max()) / agreement.std()))
    return Synchrony(best / RATE_HZ - LONGEST_S, strength)


def agreements(pictures: ArrayLike, times_s: ArrayLike, onsets: ArrayLike, onset_rate_hz: float) -> Doubles | None:
    """How well sound and motion agree at each offset from -LONGEST_S to LONGEST_S [2 LONGEST_S RATE_HZ + 1].

    Arguments, None and errors as of `synchrony`; the sum of two standardised curves.
    """
    heard = _heard(onsets, onset_rate_hz)
    seen = block_motion(pictures, times_s)
    length = min(len(heard), len(seen))
    if length < LEAST_S * RATE_HZ:
        return None
    heard, seen = heard[:length], seen[:length]
    if heard.std() < _STILL or seen.std(axis=0).max() < _STILL:
        return None
    levels = np.log(seen + _FLOOR)
    trend = scipy.ndimage.uniform_filter1d(seen, round(_TREND_S * RATE_HZ) | 1, axis=0, mode="nearest")
    curves = (np.maximum(0.0, np.gradient(levels, axis=0)), seen - trend)
    found = [_standardised(_by_offset(heard, _smooth(curve))) for curve in curves]
    return np.asarray(found[0] + found[1])


def block_motion(pictures: ArrayLike, times_s: ArrayLike) -> Doubles:
    """Motion in each block of grey pictures [n h w] shown at times_s [n], on a clock of RATE_HZ from 0 on: [t BLOCKS²].

    Motion is what a picture differs from the mean of the one before and the one after, twice: what moves evenly, as a
    camera does, counts less than what begins or stops. Pictures that are shown twice, as where 25 a second became 30,
    count once. Raises ValueError as `synchrony`.
    """
    grey, times = np.asarray(pictures, np.float32), np.asarray(times_s, np.float64)
    if grey.ndim != 3 or min(grey.shape[1:], default=0) < BLOCKS or times.shape != grey.shape[:1]:
        raise ValueError(
            f"needs pictures [n h w] of {BLOCKS} pixels a side and n times, got {grey.shape}, {times.shape}"
        )
    if not np.isfinite(grey).all() or not np.isfinite(times).all() or (np.diff(times) <= 0).any():
        raise ValueError("pictures must be finite, their times rise")
    grey, times = _without_repeats(grey, times)
    if len(grey) < 3:
        return np.zeros((0, BLOCKS**2))
    height, width = (side // BLOCKS * BLOCKS for side in grey.shape[1:])
    change = np.abs(grey[2:] - 2 * grey[1:-1] + grey[:-2])[:, :height, :width]
    blocks = change.reshape(len(change), BLOCKS, height // BLOCKS, BLOCKS, width // BLOCKS).mean(axis=(2, 4))
    clock = np.arange(int(times[-1] * RATE_HZ + 1e-6)) / RATE_HZ
    rows = blocks.reshape(len(change), -1)
    return np.stack([np.interp(clock, times[2:], column) for column in rows.T], axis=1)


def _without_repeats(grey: Floats, times: Doubles) -> tuple[Floats, Doubles]:
    """Pictures [n h w] and times [n] without those that repeat the one before, while just before and after it moves."""
    if len(grey) < _AROUND:
        return grey, times
    change = np.abs(np.diff(grey, axis=0)).mean(axis=(1, 2))
    usual = scipy.ndimage.median_filter(change, _AROUND, mode="nearest")
    moves = np.pad(change >= _REPEATED * usual, 1, constant_values=False)
    new = np.append(True, moves[1:-1] | ~(moves[:-2] & moves[2:]))
    return grey[new], times[new]


def _heard(onsets: ArrayLike, rate_hz: float) -> Doubles:
    """Onsets [t] on the clock [u]: the root of the greatest in each of its cells, smoothed."""
    curve = np.asarray(onsets, np.float64)
    if curve.ndim != 1 or not np.isfinite(curve).all() or (curve < 0).any() or rate_hz < RATE_HZ:
        raise ValueError(f"needs finite onsets [t] >= 0 at {RATE_HZ} a second at least, got {curve.shape} at {rate_hz}")
    starts = (np.arange(int(len(curve) / rate_hz * RATE_HZ + 1e-6)) * rate_hz / RATE_HZ).astype(np.int64)
    return _smooth(np.sqrt(np.maximum.reduceat(curve, starts))) if len(starts) else np.zeros(0)


def _smooth(curve: Doubles) -> Doubles:
    """Along time: [t] or [t k]."""
    return np.asarray(scipy.ndimage.gaussian_filter1d(curve, SMOOTH_S * RATE_HZ, axis=0))


def _by_offset(heard: Doubles, seen: Doubles) -> Doubles:
    """Mean correlation of the sound [t] with the blocks [t k] that agree best, at each offset [o]."""
    most, length = round(LONGEST_S * RATE_HZ), len(heard)
    best = max(1, int(SHARE * seen.shape[1]))
    found = []
    for offset in range(-most, most + 1):
        a = heard[max(0, offset) : length + min(0, offset)]
        b = seen[max(0, -offset) : length - max(0, offset)]
        a, b = a - a.mean(), b - b.mean(axis=0)
        lengths: NDArray[np.floating[Any]] = np.linalg.norm(a) * np.linalg.norm(b, axis=0)
        found.append(np.sort(a @ b / np.maximum(lengths, _STILL))[-best:].mean())
    return np.asarray(found)


def _standardised(curve: Doubles) -> Doubles:
    """[o] with mean 0 and deviation 1; zeros where it is flat."""
    return np.asarray((curve - curve.mean()) / max(float(curve.std()), _STILL))
