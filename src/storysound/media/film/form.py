"""In what form sound is written: encoder, loudspeakers, bit rate or depth; as near to the source's own as it may be."""

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import Any

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from numpy.typing import NDArray

from storysound.media.arrays import RATE_HZ, Samples
from storysound.media.film.containers import Container
from storysound.media.film.tracks import StreamInfo
from storysound.media.layouts import STEREO

Frames = NDArray[Any]
"""Samples in an encoder's own form: float32, int16 or int32."""

BIT_RATES = {1: 128_000, 2: 192_000, 6: 448_000, 8: 576_000}
MOST_BIT_RATE = 160_000  # a channel: more is nothing that ears miss
_AAC_RATES = (44100, RATE_HZ)
# Encoders name the surround loudspeakers one way; players take both for the same.
_BACK = {"5.1(side)": "5.1", "5.0(side)": "5.0"}
_NOWHERE = ("?", "UNK", "USR", "NONE", "UNSD")  # loudspeakers that nobody places
_UNNAMED = {1: "mono", 2: "stereo", 5: "5.0", 6: "5.1", 8: "7.1"}
# FFmpeg's fast AAC coder keeps 10 dB nearer to the sound below 6 kHz at these rates, with a quarter of the overshoot,
# but clips a single partial louder than this.
LOUDEST_PARTIAL = 0.4
_WINDOW = 2048


@dataclass(frozen=True)
class Form:
    """How sound is encoded. `bit_rate` is 0 where nothing is lost, then `depth` counts (bits; negative: float)."""

    encoder: str
    layout: str  # FFmpeg's name
    rate_hz: int = RATE_HZ
    bit_rate: int = 0
    depth: int = 0
    aac_coder: str = "fast"  # "twoloop" for sound with a partial beyond LOUDEST_PARTIAL

    @property
    def channels(self) -> int:
        """Number of channels."""
        return int(av.AudioLayout(self.layout).nb_channels)

    @property
    def most_bit_rate(self) -> int:
        """The highest bit rate that is tried."""
        return max(self.bit_rate, MOST_BIT_RATE * self.channels)

    @property
    def frame_format(self) -> str:
        """FFmpeg's sample format."""
        if self.encoder in ("aac", "libmp3lame"):
            return "fltp"
        if self.encoder == "libopus" or self.depth < 0:
            return "flt"
        return ("s16" if self.depth == 16 else "s32") + ("p" if self.encoder == "alac" else "")

    def configure(self, context: AudioCodecContext) -> None:
        """Sets the parameters on an encoder that isn't open yet."""
        context.sample_rate, context.layout = self.rate_hz, self.layout
        context.format = av.AudioFormat(self.frame_format)
        context.time_base = Fraction(1, self.rate_hz)
        if self.encoder == "aac":
            # Substituted noise is 10 dB further from the sound above 6 kHz, and each decoder makes its own, with peaks.
            context.options = {**context.options, "aac_coder": self.aac_coder, "aac_pns": "0"}
        if self.bit_rate:
            context.bit_rate = self.bit_rate

    def context(self) -> AudioCodecContext:
        """An open encoder."""
        context = av.CodecContext.create(self.encoder, "w")
        assert isinstance(context, AudioCodecContext)
        self.configure(context)
        context.open()
        return context

    def frame(self, samples: Samples, start: int) -> av.AudioFrame:
        """A frame of float32 [c n] from sample `start` on; beyond ±1 it is clipped."""
        data = self.rounded(samples)
        rows = data if self.frame_format.endswith("p") else np.ascontiguousarray(data.T).reshape(1, -1)
        frame = av.AudioFrame(format=self.frame_format, layout=self.layout, samples=samples.shape[1])
        # Of eight channels PyAV finds nine planes.
        for plane, row in zip(frame.planes, rows, strict=False):
            plane.update(np.ascontiguousarray(row).tobytes())
        frame.sample_rate, frame.pts, frame.time_base = self.rate_hz, start, Fraction(1, self.rate_hz)
        return frame

    def rounded(self, samples: Samples) -> Frames:
        """Samples [c n] as the encoder takes them: float32, or integers of `depth` bits at the top of theirs."""
        if self.depth <= 0:
            return samples if self.depth < 0 else np.asarray(np.clip(samples, -1.0, 1.0), np.float32)
        full = 2 ** (self.depth - 1)
        steps = np.clip(np.round(samples.astype(np.float64) * full), -full, full - 1).astype(np.int64)
        if self.depth == 16:
            return np.asarray(steps, np.int16)
        return np.asarray(steps << (32 - self.depth), np.int32)

    def decoded(self, samples: Samples) -> Samples:
        """Samples [c n] as they come out of an encoder that loses nothing."""
        if self.depth <= 0:
            return samples
        return np.asarray(self.rounded(samples) / (2.0**15 if self.depth == 16 else 2.0**31), np.float32)


def loudest_partial(samples: Samples) -> float:
    """Amplitude of the loudest sine in [c n], as AAC's windows of 2048 samples see it."""
    if samples.shape[1] < _WINDOW:
        return 0.0
    windows = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW, axis=1)[:, :: _WINDOW // 2]
    loud = windows[np.abs(windows).max(axis=2) > LOUDEST_PARTIAL]
    if not len(loud):
        return 0.0
    shape = np.sin(np.pi * (np.arange(_WINDOW, dtype=np.float32) + 0.5) / _WINDOW)
    return float(np.abs(np.fft.rfft(loud * shape, axis=1)).max() * 2 / shape.sum())


def form_for(
    container: Container, layout: tuple[str, ...], rate_hz: int, like: StreamInfo | None = None
) -> tuple[Form, str]:
    """How sound of these loudspeakers is written, and what of the source's own form can't be kept ("" where all is).

    `like`: the track that it stands for. The rate is the sound's own, or 48 kHz where the encoder takes only that.
    """
    name = layout_name(layout)
    note = ""
    for form in _candidates(container, name, rate_hz, like):
        if (fitting := _opened(form)) is not None:
            if like and like.depth and fitting.bit_rate:
                note = f"its {like.codec} sound becomes {fitting.encoder.removeprefix('lib').upper()}"
            if fitting.layout not in (name, _BACK.get(name)):
                note += f"{', ' if note else ''}its {name} sound becomes {fitting.layout}"
            return fitting, note
    raise ValueError(f"no encoder takes {layout}")


def layout_name(layout: tuple[str, ...]) -> str:
    """FFmpeg's name of loudspeakers; by their number where nobody names them.

    >>> layout_name(("FL", "FR", "FC", "LFE", "BL", "BR")), layout_name(("?",) * 3)
    ('5.1', 'stereo')
    """
    if len(layout) == 1:
        return "mono"
    if any(name.startswith(_NOWHERE) for name in layout):
        return _UNNAMED.get(len(layout), "stereo")
    if len(layout) == 2:
        return "stereo" if layout == STEREO else _UNNAMED[2]
    return str(av.AudioLayout("+".join(layout)).name)


def _candidates(container: Container, name: str, rate_hz: int, like: StreamInfo | None) -> list[Form]:
    """Forms in the order in which they are wanted; the last can always be opened."""
    names = [each for each in (name, _BACK.get(name), "stereo") if each]
    found = []
    if like and like.depth:
        for kind in container.lossless:
            encoder = _plain(like.depth) if kind == "pcm" else kind
            depth = like.depth if kind == "pcm" or like.depth > 0 else 24
            found += [Form(encoder, each, rate_hz, depth=min(depth, 24)) for each in names[:-1]]
        if like.codec == "flac" and "flac" in container.lossless:
            found.sort(key=lambda form: form.encoder != "flac")
    rate_hz = rate_hz if container.audio == "aac" and rate_hz in _AAC_RATES else RATE_HZ
    return found + [Form(container.audio, each, rate_hz, _bit_rate(each, like)) for each in names]


def _plain(depth: int) -> str:
    return "pcm_f32le" if depth < 0 else f"pcm_s{min(depth, 24)}le"


def _bit_rate(layout: str, like: StreamInfo | None) -> int:
    """At least that of the source, as far as it helps."""
    channels = av.AudioLayout(layout).nb_channels
    usual = BIT_RATES.get(channels, 96_000 * channels)
    own = like.bit_rate if like and not like.depth and like.channels == channels else 0
    return max(usual, min(own, MOST_BIT_RATE * channels))


@lru_cache(maxsize=256)
def _opened(form: Form) -> Form | None:
    """The form where its encoder opens with it, at that rate or 48 kHz."""
    for rate_hz in dict.fromkeys((form.rate_hz, RATE_HZ)):
        fitting = replace(form, rate_hz=rate_hz)
        try:
            fitting.context()
        except (av.FFmpegError, ValueError):
            continue
        return fitting
    return None
