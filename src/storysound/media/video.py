"""Pictures of a video, in order, decoded once."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from storysound.errors import MediaError
from storysound.media.files import decoded, opened, origin_s, video_stream

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class VideoFrame:
    """A shown picture: `rgb` uint8 [h w 3], `time_s` on the clock of the file (0 is where the file starts)."""

    time_s: float
    rgb: NDArray[np.uint8]


def iter_frames(path: str | Path, *, every_s: float | None = None, max_side: int | None = None) -> Iterator[VideoFrame]:
    """Decodes a video once from start to end and yields its frames upright, as a player shows them.

    `every_s`: at most one frame in each stretch [k · every_s, (k + 1) · every_s), the first of it; the others are not
    even converted. `max_side`: pictures are scaled down so that their longer side has at most this many pixels.
    Damaged frames are left out with a warning. Raises MediaError: no media, no video stream, or not one frame decodes.
    """
    if (every_s is not None and every_s <= 0) or (max_side is not None and max_side < 1):
        raise ValueError(f"every_s and max_side must be positive, got {every_s}, {max_side}")
    with opened(path) as container:
        stream = video_stream(container, path)
        stream.thread_type = "AUTO"
        origin = origin_s(container)
        last_cell = -1
        seen = 0
        faults: list[str] = []
        for frame in decoded(container, stream, faults):
            time_s = _time_s(frame, stream, seen, origin)
            seen += 1
            cell = seen if every_s is None else int(time_s / every_s + 1e-6)
            if cell <= last_cell:
                continue
            last_cell = cell
            yield VideoFrame(time_s, to_rgb(frame, max_side, pixel_aspect_of(stream)))
    if seen == 0:
        fault = faults[0] if faults else "the stream is empty"
        raise MediaError(path, f"not one picture of it can be decoded: {fault}", "export or download it again")
    if faults:
        log.warning("%s: damaged (%s); %d pictures could be decoded", path, "; ".join(dict.fromkeys(faults)), seen)


def _time_s(frame: av.VideoFrame, stream: av.VideoStream, index: int, origin: float) -> float:
    """When a frame is shown; streams without times (raw H.264) count frames."""
    if frame.pts is None or frame.time_base is None:
        return index / float(stream.average_rate or 25)
    return max(0.0, float(frame.pts * frame.time_base) - origin)


def rotation_of(frame: av.VideoFrame) -> int:
    """Degrees clockwise (0, 90, 180 or 270) by which a stored picture is turned to be shown."""
    return round(-frame.rotation / 90) % 4 * 90  # PyAV counts counter-clockwise


def to_rgb(frame: av.VideoFrame, max_side: int | None = None, pixel_aspect: float = 1.0) -> NDArray[np.uint8]:
    """The upright picture uint8 [h w 3] of a decoded frame, its longer side at most `max_side`.

    `pixel_aspect`: width of a stored pixel over its height; the shown ones are square.
    """
    width, height = frame.width * pixel_aspect, float(frame.height)
    scale = 1.0 if max_side is None else min(1.0, max_side / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    rgb = frame.reformat(width=size[0], height=size[1], format="rgb24", interpolation="AREA").to_ndarray()
    turns = rotation_of(frame) // 90
    upright = np.rot90(rgb, -turns) if turns else rgb
    return np.ascontiguousarray(upright, np.uint8)


def pixel_aspect_of(stream: av.VideoStream) -> float:
    """Width of a stored pixel over its height (other than 1 in tape formats and old television)."""
    return float(stream.sample_aspect_ratio or 1)
