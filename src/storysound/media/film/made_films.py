"""A film of frames and sound that are made, not recorded: shot by shot, so that a long one needs no more memory."""

import math
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np

from storysound.media.arrays import RATE_HZ, Pixels, Samples
from storysound.media.audio import Waveform, resample
from storysound.media.film.containers import container_for
from storysound.media.film.mux import ScoredTrack, mux_film
from storysound.media.layouts import STEREO
from storysound.media.recording import Recorder
from storysound.progress import check

CEILING_DBTP = -1.0
FADE_S = 0.005  # at either end of a shot's sound: where two meet, nothing clicks
_LONGEST_BASE = 1001  # rates are whole numbers, or thousands over this
_BT709 = 1  # FFmpeg's number for it as colour space, primaries and transfer


class ShotWriter:
    """Takes shots and makes one film of them. A context manager: what it needs beside the film goes with it."""

    def __init__(self, scratch: str | Path, tags: Mapping[str, str]) -> None:
        """`scratch`: a folder for the pictures, until their sound is known; `tags` of the film, as mp4 knows them."""
        self._silent = Path(scratch) / "silent.mkv"
        self._tags = dict(tags)
        self._result: av.container.OutputContainer | None = None
        self._sound = Recorder(RATE_HZ, STEREO)
        self.frames = self.shots = 0

    def __enter__(self) -> "ShotWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._result is not None:
            self._result.close()
        self._silent.unlink(missing_ok=True)

    @property
    def seconds(self) -> float:
        """Of the film so far."""
        return float(self.frames / self._rate) if self.frames else 0.0

    def add(self, frames: Pixels, frames_per_s: float, sound: Waveform) -> None:
        """A shot: frames [f h w 3] and its sound, which is cut or followed by silence to end with them.

        Raises ValueError for a shot of another size or rate than the first, and for one without frames.
        """
        if not len(frames):
            raise ValueError("needs a frame")
        frames, rate = _even(frames), Fraction(frames_per_s).limit_denominator(_LONGEST_BASE)
        size = (frames.shape[1], frames.shape[2])
        if self._result is None:
            self._begin(rate, size)
        if (rate, size) != (self._rate, self._size):
            raise ValueError(f"needs frames of {self._size} at {self._rate} a second, got {size} at {rate}")
        assert self._result is not None
        for rgb in frames:
            check()
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace=_BT709)
            frame.pts, frame.time_base = self.frames, 1 / rate
            self._result.mux(self._video.encode(frame))
            self.frames += 1
        self.shots += 1
        end = round(float(self.frames / rate) * RATE_HZ)
        self._sound.append(_of_shot(sound, end - self._sound.length))

    def _begin(self, rate: Fraction, size: tuple[int, int]) -> None:
        self._rate, self._size = rate, size
        self._result = av.open(str(self._silent), "w", format="matroska")
        self._result.metadata.update(self._tags)
        self._video = self._result.add_stream("libx264", rate=rate, options={"preset": "medium", "crf": "14"})
        assert isinstance(self._video, av.VideoStream)
        context = self._video.codec_context
        context.height, context.width = size
        context.pix_fmt, context.gop_size = "yuv420p", math.ceil(2 * rate)
        context.colorspace = context.color_primaries = context.color_trc = _BT709

    def finish(self, out: str | Path) -> None:
        """Writes the film, in place of what was there or not at all.

        Raises OutputError for a suffix that can't hold H.264, a full disk or missing rights; ValueError without shots.
        """
        if self._result is None:
            raise ValueError("there is no shot")
        container_for(out, "h264")
        self._result.mux(self._video.encode(None))
        self._result.close()
        mux_film(self._silent, [ScoredTrack(self._sound.finish())], out, ceiling_dbtp=CEILING_DBTP)


def _even(frames: Pixels) -> Pixels:
    """Frames [f h w 3] of even height and width, as 4:2:0 needs them: an odd one's last row or column stands twice."""
    height, width = frames.shape[1:3]
    return np.pad(frames, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), "edge")


def _of_shot(wave: Waveform, length: int) -> Samples:
    """Stereo [2 length] of a shot's sound, faded at both ends."""
    heard = resample(wave, RATE_HZ).stereo().samples[:, :length]
    samples = np.pad(heard, ((0, 0), (0, length - heard.shape[1])))
    fade = min(round(FADE_S * RATE_HZ), length // 2)
    ramp = np.linspace(0, 1, fade, endpoint=False, dtype=np.float32)
    samples[:, :fade] *= ramp
    samples[:, length - fade :] *= ramp[::-1]
    return np.asarray(samples, np.float32)
