"""Gain that keeps encoded sound under a ceiling: short dips where it goes beyond, and a constant one at the last."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from storysound.media.arrays import Floats, Samples

CELL = 240  # samples that share a step of the gain
_HOLD = 5  # cells on both sides of a peak that are cut as deep: as many as smoothing and interpolation reach
_SMOOTH = 5  # cells of each of two boxes, which make a triangle: no corner in the gain


class Gain:
    """Of a sound of `length` samples; 0 dB at first."""

    def __init__(self, length: int) -> None:
        self._cut_db: NDArray[np.float32] = np.zeros(length // CELL + 2, np.float32)
        self._curve: NDArray[np.float32] | None = None  # [cells] in dB, smooth
        self.constant_db = 0.0

    def cut(self, cell: int, by_db: float) -> None:
        """Lowers the cell of that number, and what lies around it, by so much more."""
        self._cut_db[min(max(cell, 0), len(self._cut_db) - 1)] += by_db
        self._curve = None

    @property
    def deepest_db(self) -> float:
        """The deepest dip."""
        return float(self._cut_db.max())

    def apply(self, samples: Samples, start: int) -> Samples:
        """The samples [c n] from `start` on, with the gain."""
        if self._curve is None:
            held = _windows(self._cut_db, 2 * _HOLD + 1).max(axis=1)
            for _ in range(2):
                held = _windows(held, _SMOOTH).mean(axis=1)
            self._curve = np.maximum(held, 0.0)
        first, last = start // CELL, (start + samples.shape[1]) // CELL + 2
        near = self._curve[max(0, first - 1) : last]
        if not self.constant_db and not near.any():
            return samples
        centres = (np.arange(max(0, first - 1), max(0, first - 1) + len(near)) + 0.5) * CELL
        cut_db = np.interp(np.arange(start, start + samples.shape[1]) + 0.5, centres, near)
        return np.asarray(samples * 10 ** ((self.constant_db - cut_db) / 20), np.float32)


def _windows(values: Floats, width: int) -> Floats:
    """Around each of [n] those that lie in an odd width; beyond the ends these go on: [n width]."""
    return sliding_window_view(np.pad(values, width // 2, mode="edge"), width)
