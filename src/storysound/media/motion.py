"""How fast what is seen moves: how much light changes within a tenth of a second, cell by cell of a coarse grid."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from storysound.media.video import VideoFrame
from storysound.story import Span

_CELL_PX = 20


class MotionMeter:
    """Measures the motion of frames as they pass."""

    def __init__(self) -> None:
        self._times_s: list[float] = []
        self._changes: list[float] = []
        self._before: NDArray[np.float32] | None = None

    def passed(self, frames: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
        """The same frames, evenly spaced and of one size."""
        for frame in frames:
            cells = _cells(frame.rgb)
            if self._before is not None and cells.shape == self._before.shape:
                self._times_s.append(frame.time_s)
                self._changes.append(float(np.abs(cells - self._before).mean()))
            self._before = cells
            yield frame

    def of(self, spans: Sequence[Span]) -> tuple[float, ...]:
        """Median change within each span, 0 to 255; the median forgets cuts. 0 where less than two frames are seen."""
        found = []
        for span in spans:
            own = self._changes[bisect_left(self._times_s, span.start_s) : bisect_left(self._times_s, span.end_s)]
            found.append(float(np.median(own)) if own else 0.0)
        return tuple(found)


def _cells(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Mean green of cells [r c], which most of luma is."""
    green = rgb[:, :, 1]
    rows, columns = (max(1, size // _CELL_PX) for size in green.shape)
    height, width = (min(_CELL_PX, size) for size in green.shape)
    whole = green[: rows * height, : columns * width].reshape(rows, height, columns, width)
    cells: NDArray[np.float32] = whole.mean(axis=(1, 3), dtype=np.float32)
    return cells
