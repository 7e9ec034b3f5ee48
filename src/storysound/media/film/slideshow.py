"""A video made of still pictures, and films among them, under a sound."""

import itertools
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from storysound.media.arrays import Pixels
from storysound.media.files import atomic
from storysound.media.film.containers import container_for
from storysound.media.film.soundtrack import DeliveredSound, soundtrack
from storysound.media.image import read_image
from storysound.media.recording import Recording
from storysound.media.video import DecodedFrame, iter_shown
from storysound.progress import check

CROSSFADE_S = 0.5
_GROUND_BLUR = 1 / 60  # of the longer side
_GROUND_LIGHT = 0.55  # the blurred ground is darkened, so that the picture stands before it
_BT709 = 1  # FFmpeg's number for it as colour space, primaries and transfer
_LONGEST_BASE = 1001  # rates are whole numbers, or thousands over this


def render_slideshow(
    images: Sequence[str | Path | Pixels],
    durations_s: Sequence[float],
    sound: Recording,
    out: str | Path,
    *,
    size: tuple[int, int] = (1280, 720),
    fps: float = 25,
    transition_s: float = CROSSFADE_S,
    films: frozenset[int] = frozenset(),
    ceiling_dbtp: float | None = None,
) -> DeliveredSound:
    """Writes an H.264 video that shows each picture for its duration, with its sound.

    Pictures (files, or RGB arrays [h w 3]) are fitted into `size` = (width, height) over a blurred copy of themselves
    and fade into the next within `transition_s` around the change; 0 cuts. Those whose numbers are among `films` are
    film files: they play from their start, and where they are over their last picture stands. The video lasts
    sum(durations_s), rounded to frames; the sound is cut or followed by silence to end with it, see `mux_copy` for it
    and for `ceiling_dbtp`.
    Raises MediaError for a picture that can't be read; OutputError for a suffix that can't hold H.264, a full disk or
    missing rights; ValueError without pictures, for durations under a frame, or odd sizes.
    """
    if not images or len(images) != len(durations_s):
        raise ValueError(f"needs one duration per picture, got {len(images)} and {len(durations_s)}")
    if size[0] % 2 or size[1] % 2 or min(size) < 2:
        raise ValueError(f"width and height must be even, got {size}")
    rate = Fraction(fps).limit_denominator(_LONGEST_BASE)
    ends = [round(end * rate) for end in itertools.accumulate(durations_s)]
    lengths = [end - start for start, end in itertools.pairwise([0, *ends])]
    if min(lengths) < 1:
        raise ValueError(f"each picture must be shown for a frame at least, got {min(durations_s)} s")
    target = container_for(out, "h264")
    track = soundtrack(sound, float(ends[-1] / rate), target, ceiling_dbtp=ceiling_dbtp)
    scenes = (
        _Film(image, size, rate) if number in films and isinstance(image, str | Path) else _Still(image, size)
        for number, image in enumerate(images)
    )
    with (
        atomic(out) as temporary,
        av.open(str(temporary), "w", format=target.format, container_options=dict(target.options)) as result,
    ):
        video = _add_video(result, size, rate)
        audio = track.add_to(result)
        for index, frame in enumerate(_frames(scenes, lengths, round(transition_s * rate / 2))):
            check()
            frame.pts, frame.time_base = index, 1 / rate
            track.mux_until(float(index / rate), audio, result)
            result.mux(video.encode(frame))
        result.mux(video.encode(None))
        track.mux_until(float("inf"), audio, result)
    return track.delivered


def _add_video(result: av.container.OutputContainer, size: tuple[int, int], rate: Fraction) -> av.VideoStream:
    options = {"preset": "veryfast", "tune": "stillimage", "crf": "20"}
    video = result.add_stream("libx264", rate=rate, options=options)
    assert isinstance(video, av.VideoStream)
    context = video.codec_context
    context.width, context.height, context.pix_fmt = *size, "yuv420p"
    context.colorspace = context.color_primaries = context.color_trc = _BT709
    context.gop_size = math.ceil(5 * rate)
    return video


class _Scene(Protocol):
    """What is shown at a time, frame by frame of the show from its own start on; asked for in order."""

    def planes(self, number: int) -> NDArray[np.uint8]:
        """Of the frame of that number, [h · 3/2 w]."""
        ...

    def frame(self, number: int) -> av.VideoFrame:
        """The same, to be encoded."""
        ...


class _Still:
    """A picture, converted once and given again."""

    def __init__(self, image: str | Path | Pixels, size: tuple[int, int]) -> None:
        rgb = read_image(image, max_side=2 * max(size)) if isinstance(image, str | Path) else image
        self._planes = _planes(letterbox(rgb, size))
        self._frame: av.VideoFrame | None = None

    def planes(self, number: int) -> NDArray[np.uint8]:
        return self._planes

    def frame(self, number: int) -> av.VideoFrame:
        self._frame = self._frame or _to_frame(self._planes)
        return self._frame


class _Film:
    """A film, decoded as it is shown."""

    def __init__(self, path: str | Path, size: tuple[int, int], rate: Fraction) -> None:
        self._shown, self._size, self._rate = iter_shown(path, one_thread=True), size, rate
        self._now = next(self._shown)
        self._next = next(self._shown, None)
        self._last: tuple[DecodedFrame, NDArray[np.uint8]] | None = None
        self._converter = VideoReformatter()

    def planes(self, number: int) -> NDArray[np.uint8]:
        time_s = float((number + 0.5) / self._rate)
        while self._next is not None and self._next.time_s <= time_s:
            self._now, self._next = self._next, next(self._shown, None)
        if self._last is None or self._last[0] is not self._now:
            rgb = self._now.rgb(2 * max(self._size))
            self._last = self._now, _planes(letterbox(rgb, self._size), self._converter)
        return self._last[1]

    def frame(self, number: int) -> av.VideoFrame:
        return _to_frame(self.planes(number))


def _frames(scenes: Iterator[_Scene], lengths: Sequence[int], most_fade: int) -> Iterator[av.VideoFrame]:
    """Every frame of the show; half of a fade, at most `most_fade`, lies in each scene, never more than half of it."""
    current, faded = next(scenes), 0  # `faded`: frames of it already spent in the fade from the one before
    for index, length in enumerate(lengths):
        following = next(scenes, None)
        fade = min(most_fade, length // 2, lengths[index + 1] // 2) if following is not None else 0
        for number in range(faded, length - fade):
            yield current.frame(number)
        if following is None:
            return
        for step in range(2 * fade):  # the one before stands when it is over, the next until it begins
            before, after = (
                current.planes(min(length - fade + step, length - 1)),
                following.planes(max(0, step - fade)),
            )
            yield _to_frame(_blend(before, after, (step + 1) / (2 * fade + 1)))
        current, faded = following, fade


def _to_frame(planes: NDArray[np.uint8]) -> av.VideoFrame:
    """The frame of YUV 4:2:0 planes [h · 3/2 w]."""
    frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
    frame.colorspace = _BT709
    return frame


def _blend(a: NDArray[np.uint8], b: NDArray[np.uint8], share: float) -> NDArray[np.uint8]:
    """Mix of two pictures [h · 3/2 w] in 8-bit steps: `share` of b."""
    weight = np.uint16(round(share * 256))
    return np.asarray((a * (np.uint16(256) - weight) + b * weight + np.uint16(128)) >> 8, np.uint8)


def _planes(rgb: Pixels, converter: VideoReformatter | None = None) -> NDArray[np.uint8]:
    """RGB [h w 3] as YUV 4:2:0 planes [h · 3/2 w]."""
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
    converter = converter or VideoReformatter()
    return np.asarray(converter.reformat(frame, format="yuv420p", dst_colorspace=_BT709).to_ndarray(), np.uint8)


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
