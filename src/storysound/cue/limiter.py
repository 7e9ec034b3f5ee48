"""Gains that bring peaks under a ceiling within a short reach: what is further away from a peak stays as it is."""

import numpy as np

from storysound.media.arrays import Doubles, Floats, Samples
from storysound.media.loudness import REACH, headroom, points_between

CELL = 16  # samples that share one step of the gain before it is interpolated
MOST_DB = 24.0  # cut no deeper
_SMOOTH = 7  # cells to both sides over which the gain is averaged
_RELEASE = 150  # cells, 50 ms: within these a cut of MOST_DB has gone
BEFORE, AFTER = 2 * _SMOOTH + 2, _RELEASE + 2 * _SMOOTH + 2  # cells before and after a peak where the gain is below 1
AHEAD, BEHIND = (cells * CELL + 3 * REACH for cells in (BEFORE, AFTER))  # the same in samples, and some
_KERNEL = np.convolve(np.ones(_SMOOTH + 1), np.ones(_SMOOTH + 1)) / (_SMOOTH + 1) ** 2  # a triangle: no corner


def cuts_db(fixed: Samples, moving: Samples, ceiling: float) -> Doubles | None:
    """By how much `moving` has to fall in each cell so that the sum of both stays under the ceiling.

    Both [c n + 2 · REACH] -> [n / CELL] in dB, 0 or more and MOST_DB at most; None where nothing has to fall at all.
    `fixed` alone is taken to lie under the ceiling.
    """
    total = fixed + moving
    if float(np.abs(total).max()) * headroom() <= ceiling:
        return None
    gain = np.ones(fixed.shape[1] - 2 * REACH)
    for still, moved, both in zip(fixed, moving, total, strict=True):
        points = _points(both)
        over = np.abs(points) > ceiling
        if over.any():
            sign = np.sign(points[over])
            room = (ceiling - sign * _points(still)[over]) / np.maximum(sign * _points(moved)[over], 1e-9)
            needed = np.ones(over.shape)
            needed[over] = np.clip(room, 10 ** (-MOST_DB / 20), 1.0)
            np.minimum(gain, needed.min(axis=1), out=gain)
    if gain.min() >= 1.0:
        return None
    return np.asarray(-20 * np.log10(gain.reshape(-1, CELL).min(axis=1)))


def _points(channel: Samples) -> Samples:
    """Each sample and the three points after it: [n + 2 · REACH] -> [n 4]."""
    return np.concatenate([channel[REACH:-REACH, None], points_between(channel[None])[0]], axis=1)


def gain_of(cut_db: Doubles) -> Floats:
    """Smooth gain for the cells between, from cuts [AFTER + n + BEFORE] in dB: [n · CELL].

    It falls ahead of a peak, is down over it, and comes back behind it.
    """
    hold = _SMOOTH + 1
    shape = np.concatenate([np.zeros(2 * hold + 1), -np.arange(1, _RELEASE + 1) * (MOST_DB / _RELEASE)])[::-1]
    padded = np.pad(cut_db, (_RELEASE + hold, hold))
    held = np.maximum((np.lib.stride_tricks.sliding_window_view(padded, len(shape)) + shape).max(axis=1), 0.0)
    smooth = (np.lib.stride_tricks.sliding_window_view(held, len(_KERNEL)) * _KERNEL).sum(axis=1)
    gain = 10 ** (-smooth[AFTER - _SMOOTH - 1 : len(smooth) - (BEFORE - _SMOOTH - 1)] / 20)
    edges = (gain[:-1] + gain[1:]) / 2
    ramp = (np.arange(CELL) + 0.5) / CELL
    return np.asarray((edges[:-1, None] + np.diff(edges)[:, None] * ramp).reshape(-1), np.float32)
