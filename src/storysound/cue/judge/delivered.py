"""The sound of a delivered file, read where it is asked for."""

from pathlib import Path

import numpy as np

from storysound.media.arrays import RATE_HZ, Samples
from storysound.media.audio import Waveform, read_audio
from storysound.media.layouts import usual_layout

_SHORT_S = 180.0  # of files up to this long all is read, once


class FilmSound:
    """A sound track of a file as a player decodes it; of a long film nothing but what is asked for is read."""

    def __init__(self, path: Path, duration_s: float, track: int = 0) -> None:
        self.duration_s, self._path, self._track = duration_s, path, track
        self._whole = self._front(0.0, None) if duration_s <= _SHORT_S else None

    def read(self, start: int, end: int) -> Samples:
        """Film samples [start, end) at RATE_HZ of the front loudspeakers: left and right, or the only one.

        [2 end - start] or [1 end - start], silence after the end of the file. Raises MediaError.
        """
        if self._whole is not None:
            found = self._whole[:, start:end]
        elif start >= self.duration_s * RATE_HZ:
            return np.zeros((1, end - start), np.float32)
        else:
            found = self._front(start / RATE_HZ, min(end / RATE_HZ, self.duration_s))[:, : end - start]
        return np.pad(found, ((0, 0), (0, end - start - found.shape[1])))

    def _front(self, start_s: float, end_s: float | None) -> Samples:
        wave: Waveform = read_audio(self._path, rate_hz=RATE_HZ, track=self._track, start_s=start_s, end_s=end_s)
        names = wave.layout or usual_layout(wave.channels)
        return wave.samples[[names.index(name) for name in ("FL", "FR") if name in names] or [0]]
