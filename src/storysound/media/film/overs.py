"""Where sound that comes block by block goes beyond a ceiling, between samples too."""

import math

import numpy as np

from storysound.media.arrays import Samples
from storysound.media.film.gain import CELL
from storysound.media.loudness import REACH, peaks_above

_STEP = 4 * CELL  # samples looked at together; `peaks_above` takes multiples of 32


class Overs:
    """Cells of `CELL` samples whose true peak lies above `ceiling_dbtp`, each with its peak in dBTP."""

    def __init__(self, channels: int, ceiling_dbtp: float) -> None:
        self._ceiling_dbtp = ceiling_dbtp
        self._ceiling = 10 ** (ceiling_dbtp / 20) if math.isfinite(ceiling_dbtp) else math.inf
        self._held: Samples = np.zeros((channels, REACH), np.float32)  # before the first sample nothing is heard
        self._start = 0  # of what comes after the first REACH samples that are held
        self.cells: dict[int, float] = {}

    def add(self, samples: Samples) -> None:
        """The next samples [c n]."""
        if math.isfinite(self._ceiling):
            self._held = np.concatenate([self._held, samples], axis=1)
            self._look((self._held.shape[1] - 2 * REACH) // _STEP)

    def finish(self) -> None:
        """No more comes."""
        if math.isfinite(self._ceiling):
            self._held = np.pad(self._held, ((0, 0), (0, REACH + _STEP)))
            self._look((self._held.shape[1] - 2 * REACH) // _STEP)

    def mark(self, cell: int, peak_dbtp: float) -> None:
        """A peak of a cell that was found, here or elsewhere."""
        if peak_dbtp > self._ceiling_dbtp:
            self.cells[cell] = max(peak_dbtp, self.cells.get(cell, -math.inf))

    def _look(self, steps: int) -> None:
        """Looks through so many steps of what is held."""
        if steps <= 0:
            return
        places, peaks = peaks_above(self._held[:, : steps * _STEP + 2 * REACH], self._ceiling)
        cells, place = np.unique((self._start + places) // CELL, return_inverse=True)
        highest = np.zeros(len(cells), np.float32)
        np.maximum.at(highest, place, peaks)
        for cell, peak in zip(cells.tolist(), highest.tolist(), strict=True):
            self.mark(cell, 20 * math.log10(peak))
        self._held = self._held[:, steps * _STEP :]
        self._start += steps * _STEP
