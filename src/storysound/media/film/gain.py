"""Gain that keeps encoded sound under a ceiling: short dips where it goes beyond, and a constant one at the last."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from storysound.media.arrays import Floats, Samples

CELL = 240  # samples that share a step of the gain
_HOLD = 5  # cells on both sides of a peak that are cut as deep: as many as smoothing and interpolation reach
_SMOOTH = 5  # cells of each of two boxes, which make a triangle: no corner in the gain
_NEAR = _HOLD + 2 * (_SMOOTH // 2)  # cells on both sides that a step of the gain depends on
REACH = _NEAR + 1  # cells on both sides whose samples a cut changes


class Gain:
    """Of a sound of `length` samples; 0 dB at first."""

    def __init__(self, length: int) -> None:
        self._cut_db: NDArray[np.float32] = np.zeros(length // CELL + 2, np.float32)
        self.constant_db = 0.0

    def cut(self, cell: int, by_db: float) -> None:
        """Lowers the cell of that number, and what lies around it, by so much more."""
        self._cut_db[min(max(cell, 0), len(self._cut_db) - 1)] += by_db

    @property
    def deepest_db(self) -> float:
        """The deepest dip."""
        return float(self._cut_db.max())

    def apply(self, samples: Samples, start: int) -> Samples:
        """The samples [c n] from `start` on, with the gain."""
        first, last = max(0, start // CELL - 1), (start + samples.shape[1]) // CELL + 2
        near = self._curve(first, last)
        if not self.constant_db and not near.any():
            return samples
        centres = (np.arange(first, first + len(near)) + 0.5) * CELL
        cut_db = np.interp(np.arange(start, start + samples.shape[1]) + 0.5, centres, near)
        return np.asarray(samples * 10 ** ((self.constant_db - cut_db) / 20), np.float32)

    def _curve(self, first: int, last: int) -> Floats:
        """Cuts of the cells [first, last) in dB, held and smoothed, as far as there are cells; >= 0."""
        low, high = max(0, first - _NEAR), min(last + _NEAR, len(self._cut_db))
        held = _windows(self._cut_db[low:high], 2 * _HOLD + 1).max(axis=1)
        for _ in range(2):
            held = _windows(held, _SMOOTH).mean(axis=1)
        return np.asarray(np.maximum(held[first - low : last - low], 0.0))


def _windows(values: Floats, width: int) -> Floats:
    """Around each of [n] those that lie in an odd width; beyond the ends these go on: [n width]."""
    return sliding_window_view(np.pad(values, width // 2, mode="edge"), width)
