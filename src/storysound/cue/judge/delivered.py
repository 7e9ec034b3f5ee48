"""The sound of a delivered file, as a player decodes it."""

from pathlib import Path

import numpy as np

from storysound.media.arrays import RATE_HZ, Samples
from storysound.media.recording import record_audio


class FilmSound:
    """A sound track of a file as a player decodes it: all of it once, which costs less than seeking each cue.

    Raises MediaError.
    """

    def __init__(self, path: Path, track: int = 0) -> None:
        self._sound = record_audio(path, rate_hz=RATE_HZ, track=track)
        names = self._sound.layout
        self._front = [names.index(name) for name in ("FL", "FR") if name in names] or [0]

    def read(self, start: int, end: int) -> Samples:
        """Film samples [start, end) at RATE_HZ of the front loudspeakers: left and right, or the only one.

        [2 end - start] or [1 end - start], silence after the end of the file.
        """
        return np.ascontiguousarray(self._sound.read(start, end)[self._front])
