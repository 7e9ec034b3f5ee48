"""A video made of still pictures under a sound."""

import itertools
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from storysound.media.arrays import Pixels
from storysound.media.files import atomic
from storysound.media.film.containers import container_for
from storysound.media.film.soundtrack import DeliveredSound, soundtrack
from storysound.media.image import read_image
from storysound.media.recording import Recording
from storysound.progress import check

CROSSFADE_S = 0.5
_GROUND_BLUR = 1 / 60  # of the longer side
_GROUND_LIGHT = 0.55  # the blurred ground is darkened, so that the picture stands before it
_BT709 = 1  # FFmpeg's number for it as colour space, primaries and transfer


def render_slideshow(
    images: Sequence[str | Path | Pixels],
    durations_s: Sequence[float],
    sound: Recording,
    out: str | Path,
    *,
    size: tuple[int, int] = (1280, 720),
    fps: int = 25,
    ceiling_dbtp: float | None = None,
) -> DeliveredSound:
    """Writes an H.264 video that shows each picture for its duration, with its sound.

    Pictures (files, or RGB arrays [h w 3]) are fitted into `size` = (width, height) over a blurred copy of themselves
    and fade into the next within CROSSFADE_S around the change. The video lasts sum(durations_s), rounded to frames;
    the sound is cut or followed by silence to end with it, see `mux_copy` for it and for `ceiling_dbtp`.
    Raises MediaError for a picture that can't be read; OutputError for a suffix that can't hold H.264, a full disk or
    missing rights; ValueError without pictures, for durations under a frame, or odd sizes.
    """
    if not images or len(images) != len(durations_s):
        raise ValueError(f"needs one duration per picture, got {len(images)} and {len(durations_s)}")
    if size[0] % 2 or size[1] % 2 or min(size) < 2:
        raise ValueError(f"width and height must be even, got {size}")
    ends = [round(end * fps) for end in itertools.accumulate(durations_s)]
    lengths = [end - start for start, end in itertools.pairwise([0, *ends])]
    if min(lengths) < 1:
        raise ValueError(f"each picture must be shown for a frame at least, got {min(durations_s)} s")
    target = container_for(out, "h264")
    track = soundtrack(sound, ends[-1] / fps, target, ceiling_dbtp=ceiling_dbtp)
    with (
        atomic(out) as temporary,
        av.open(str(temporary), "w", format=target.format, container_options=dict(target.options)) as result,
    ):
        video = _add_video(result, size, fps)
        audio = track.add_to(result)
        for index, frame in enumerate(_frames(images, lengths, size, fps)):
            check()
            frame.pts, frame.time_base = index, Fraction(1, fps)
            track.mux_until(index / fps, audio, result)
            result.mux(video.encode(frame))
        result.mux(video.encode(None))
        track.mux_until(float("inf"), audio, result)
    return track.delivered


def _add_video(result: av.container.OutputContainer, size: tuple[int, int], fps: int) -> av.VideoStream:
    options = {"preset": "veryfast", "tune": "stillimage", "crf": "20"}
    video = result.add_stream("libx264", rate=fps, options=options)
    assert isinstance(video, av.VideoStream)
    context = video.codec_context
    context.width, context.height, context.pix_fmt = *size, "yuv420p"
    context.colorspace = context.color_primaries = context.color_trc = _BT709
    context.gop_size = 5 * fps
    return video


def _frames(
    images: Sequence[str | Path | Pixels], lengths: list[int], size: tuple[int, int], fps: int
) -> Iterator[av.VideoFrame]:
    """Every frame of the show of files or RGB arrays [h w 3]; a still one is converted once and given again."""
    shown: NDArray[np.uint8] | None = None
    faded = 0  # frames of the coming picture already spent in the fade from the one before
    for index, (image, length) in enumerate(zip(images, lengths, strict=True)):
        current = shown if shown is not None else _planes(image, size)
        fade = 0
        following: NDArray[np.uint8] | None = None
        if index + 1 < len(images):
            following = _planes(images[index + 1], size)
            # Half of the fade lies in each picture, and never more than half a picture.
            fade = min(round(CROSSFADE_S * fps / 2), length // 2, lengths[index + 1] // 2)
        still = _to_frame(current)
        for _ in range(length - faded - fade):
            yield still
        if following is not None:
            for step in range(1, 2 * fade + 1):
                yield _to_frame(_blend(current, following, step / (2 * fade + 1)))
        shown, faded = following, fade


def _to_frame(planes: NDArray[np.uint8]) -> av.VideoFrame:
    """The frame of YUV 4:2:0 planes [h · 3/2 w]."""
    frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
    frame.colorspace = _BT709
    return frame


def _blend(a: NDArray[np.uint8], b: NDArray[np.uint8], share: float) -> NDArray[np.uint8]:
    """Mix of two pictures [h · 3/2 w] in 8-bit steps: `share` of b."""
    weight = np.uint16(round(share * 256))
    return np.asarray((a * (np.uint16(256) - weight) + b * weight + np.uint16(128)) >> 8, np.uint8)


def _planes(image: str | Path | Pixels, size: tuple[int, int]) -> NDArray[np.uint8]:
    """The picture, a file or RGB [h w 3], fitted into `size`, as YUV 4:2:0 planes [h · 3/2 w]."""
    rgb = read_image(image, max_side=2 * max(size)) if isinstance(image, str | Path) else image
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(letterbox(rgb, size)), format="rgb24")
    return np.asarray(frame.reformat(format="yuv420p", dst_colorspace=_BT709).to_ndarray(), np.uint8)


def letterbox(rgb: Pixels, size: tuple[int, int]) -> Pixels:
    """The whole picture [h w 3] centred in `size` = (width, height); around it the same, large, blurred and dark."""
    picture = Image.fromarray(rgb)
    width, height = size
    scale = min(width / picture.width, height / picture.height)
    inner = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    fitting = picture.resize(inner, Image.Resampling.LANCZOS, reducing_gap=3.0)
    if inner == size:
        return np.asarray(fitting, np.uint8)
    ground = _cover(picture, size)
    ground.paste(fitting, ((width - inner[0]) // 2, (height - inner[1]) // 2))
    return np.asarray(ground, np.uint8)


def _cover(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The middle of the picture filling `size`, blurred and darkened; worked out at an eighth of the size."""
    small = max(1, size[0] // 8), max(1, size[1] // 8)
    scale = max(small[0] / picture.width, small[1] / picture.height)
    part = small[0] / scale / 2, small[1] / scale / 2
    centre = picture.width / 2, picture.height / 2
    box = (centre[0] - part[0], centre[1] - part[1], centre[0] + part[0], centre[1] + part[1])
    cut = picture.resize(small, Image.Resampling.BILINEAR, box=box, reducing_gap=2.0)
    blurred = cut.filter(ImageFilter.GaussianBlur(max(1.0, max(small) * _GROUND_BLUR)))
    dark = blurred.point(lambda value: round(value * _GROUND_LIGHT))
    return dark.resize(size, Image.Resampling.BICUBIC)
