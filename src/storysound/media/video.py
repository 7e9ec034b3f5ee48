"""Pictures of a video, in order, decoded once."""

import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from storysound.errors import MediaError
from storysound.media.clock import USUAL_STEP_S, clock_of
from storysound.media.files import decoded, opened, video_stream
from storysound.progress import check

log = logging.getLogger(__name__)

TICK_S = 0.001  # a picture stamped as the one before, or earlier, is shown so much after it


@dataclass(frozen=True)
class VideoFrame:
    """A shown picture: `rgb` uint8 [h w 3], `time_s` on the clock of the file (0 is where the file starts)."""

    time_s: float
    rgb: NDArray[np.uint8]


@dataclass(frozen=True)
class DecodedFrame:
    """A decoded frame, on the clock of the file; converting it costs as much as decoding a small one."""

    time_s: float
    frame: av.VideoFrame
    pixel_aspect: float
    converters: dict[tuple[int | None, bool], VideoReformatter] = field(repr=False)  # kept for the whole video

    def rgb(self, max_side: int | None = None, *, quick: bool = False) -> NDArray[np.uint8]:
        """The upright picture uint8 [h w 3], its longer side at most `max_side`.

        `quick`: by the fastest scaling there is, enough to tell pictures apart.
        """
        converter = self.converters.setdefault((max_side, quick), VideoReformatter())  # setting one up is costly
        return to_rgb(self.frame, max_side, self.pixel_aspect, converter, "FAST_BILINEAR" if quick else "AREA")


def iter_frames(path: str | Path, *, every_s: float | None = None, max_side: int | None = None) -> Iterator[VideoFrame]:
    """Decodes a video once from start to end and yields its frames upright, as a player shows them.

    `every_s`: at most one frame in each stretch [k · every_s, (k + 1) · every_s), the first of it; the others are not
    even converted. `max_side`: pictures are scaled down so that their longer side has at most this many pixels.
    Damaged frames are left out with a warning. Raises MediaError: no media, no video stream, or not one frame decodes.
    """
    if max_side is not None and max_side < 1:
        raise ValueError(f"max_side must be positive, got {max_side}")
    for shown in iter_shown(path, every_s=every_s):
        yield VideoFrame(shown.time_s, shown.rgb(max_side))


def iter_shown(
    path: str | Path,
    *,
    every_s: float | None = None,
    start_s: float = 0.0,
    end_s: float = math.inf,
    one_thread: bool = False,
) -> Iterator[DecodedFrame]:
    """As `iter_frames`, not converted yet, and only those shown from `start_s` until before `end_s`.

    Stretches of `every_s` begin at `start_s`. `one_thread` takes less processor time in all, and more of the clock.
    """
    if (every_s is not None and every_s <= 0) or not 0 <= start_s < end_s:
        raise ValueError(f"needs every_s > 0 and 0 <= start_s < end_s, got {every_s}, {start_s}..{end_s}")
    with opened(path) as container:
        stream = video_stream(container, path)
        stream.thread_type = "NONE" if one_thread else "AUTO"
        clock, aspect = clock_of(container, path), pixel_aspect_of(stream)
        stamps = clock.reader()
        if start_s and not clock.restarts:
            with suppress(av.FFmpegError):  # what can't be leapt over is decoded
                container.seek(int((start_s + stamps.origin_s) * 1_000_000), backward=True)
        converters: dict[tuple[int | None, bool], VideoReformatter] = {}
        last_cell = -1
        seen = 0
        last_s, step_s = -math.inf, float(1 / stream.average_rate) if stream.average_rate else USUAL_STEP_S
        faults: list[str] = []
        for frame in decoded(container, stream, faults):
            stamp_s = stamps.at(frame.time)
            time_s = stamp_s if stamp_s is not None else max(last_s + step_s, 0.0)
            time_s = last_s = max(time_s, 0.0, last_s + TICK_S)
            if time_s < start_s - 1e-6:
                continue
            if time_s >= end_s:
                break
            seen += 1
            cell = seen if every_s is None else int((time_s - start_s) / every_s + 1e-6)
            if cell <= last_cell:
                continue
            last_cell = cell
            yield DecodedFrame(time_s, frame, aspect, converters)
    if seen == 0:
        empty = f"none is shown from {start_s:g} s on" if start_s else "the stream is empty"
        fault = faults[0] if faults else empty
        raise MediaError(path, f"not one picture of it can be decoded: {fault}", "export or download it again")
    if faults:
        log.warning("%s: damaged (%s); %d pictures could be decoded", path, "; ".join(dict.fromkeys(faults)), seen)


def key_pictures(
    path: str | Path, times_s: Sequence[float], *, max_side: int | None = None
) -> list[tuple[float, NDArray[np.uint8]]]:
    """For each time the nearest picture before it that decodes by itself, and when it is shown: uint8 [h w 3].

    Far quicker than decoding what lies between; times that meet in one picture give one. Raises MediaError.
    """
    found: dict[float, NDArray[np.uint8]] = {}
    with opened(path) as container:
        stream = video_stream(container, path)
        stream.codec_context.skip_frame = "NONKEY"
        aspect, stamps = pixel_aspect_of(stream), clock_of(container, path).reader()
        faults: list[str] = []
        for time_s in times_s:
            check()
            with suppress(av.FFmpegError):  # where nothing can be sought, the first picture stands for all
                container.seek(int((time_s + stamps.origin_s) * 1_000_000), backward=True)
            for frame in decoded(container, stream, faults):
                shown_s = max(0.0, stamps.at(frame.time) or 0.0)
                if shown_s not in found:
                    found[shown_s] = to_rgb(frame, max_side, aspect)
                break
    return sorted(found.items(), key=lambda shown: shown[0])


def rotation_of(frame: av.VideoFrame) -> int:
    """Degrees clockwise (0, 90, 180 or 270) by which a stored picture is turned to be shown."""
    return round(-frame.rotation / 90) % 4 * 90  # PyAV counts counter-clockwise


def to_rgb(
    frame: av.VideoFrame,
    max_side: int | None = None,
    pixel_aspect: float = 1.0,
    converter: VideoReformatter | None = None,
    interpolation: str = "AREA",
) -> NDArray[np.uint8]:
    """The upright picture uint8 [h w 3] of a decoded frame, its longer side at most `max_side`.

    `pixel_aspect`: width of a stored pixel over its height; the shown ones are square. `converter`: one for all frames
    of a video that are brought to the same size saves half of the time.
    """
    width, height = frame.width * pixel_aspect, float(frame.height)
    scale = 1.0 if max_side is None else min(1.0, max_side / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    converter = converter or VideoReformatter()
    converted = converter.reformat(frame, width=size[0], height=size[1], format="rgb24", interpolation=interpolation)
    rgb = converted.to_ndarray()
    turns = rotation_of(frame) // 90
    upright = np.rot90(rgb, -turns) if turns else rgb
    return np.ascontiguousarray(upright, np.uint8)


def pixel_aspect_of(stream: av.VideoStream) -> float:
    """Width of a stored pixel over its height (other than 1 in tape formats and old television)."""
    return float(stream.sample_aspect_ratio or 1)
