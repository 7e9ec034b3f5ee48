"""Sound files to arrays and back."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

import numpy as np
import soundfile

from storysound.media.arrays import Samples
from storysound.media.decoding import decode_sound
from storysound.media.files import atomic
from storysound.media.layouts import STEREO, folded, resampled, usual_layout

MOST_WAV_BYTES = 2**32 - 2**20  # of samples; the rest is for what is said of them


@dataclass(frozen=True)
class Waveform:
    """Sound in memory: `samples` float32 [c n], nominally in [-1, 1], at `rate_hz` samples a second.

    `layout` names the loudspeaker of each channel as FFmpeg does ("FL", "FR", "FC", "LFE" …), and is empty where nobody
    knows: then two channels are left and right, and of more each counts the same.
    """

    samples: Samples
    rate_hz: int
    layout: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.samples.ndim != 2 or self.samples.dtype != np.float32:
            raise ValueError(f"samples must be float32 [c n], got {self.samples.dtype} {self.samples.shape}")
        if self.samples.shape[0] < 1 or self.rate_hz < 1:
            raise ValueError(f"a waveform needs a channel and a rate, got {self.samples.shape} at {self.rate_hz} Hz")
        if self.layout and len(self.layout) != len(self.samples):
            raise ValueError(f"a layout names every channel: {self.layout} of {len(self.samples)}")

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return float(self.samples.shape[1] / self.rate_hz)

    @property
    def channels(self) -> int:
        """Number of channels."""
        return int(self.samples.shape[0])

    def mono(self) -> "Waveform":
        """One channel: all loudspeakers folded down (ITU-R BS.775-3), or the difference of sides that cancel out."""
        if self.channels == 1:
            return self
        return Waveform(folded(self.samples, self._places(), 1), self.rate_hz)

    def stereo(self) -> "Waveform":
        """Left and right: a single channel is doubled, more are folded down (ITU-R BS.775-3)."""
        if self.channels == 2 and self._places() == STEREO:
            return self
        return Waveform(folded(self.samples, self._places(), 2), self.rate_hz)

    def _places(self) -> tuple[str, ...]:
        return self.layout or usual_layout(self.channels)

    def cut(self, start_s: float, end_s: float | None = None) -> "Waveform":
        """The stretch [start_s, end_s), clipped to what is there; shares memory with this waveform.

        >>> Waveform(np.zeros((1, 100), np.float32), 100).cut(0.2, 0.5).duration_s
        0.3
        """
        end = None if end_s is None else max(0, round(end_s * self.rate_hz))
        return replace(self, samples=self.samples[:, max(0, round(start_s * self.rate_hz)) : end])


class _Memory:
    """A shelf for what is short."""

    def __init__(self, _rate_hz: int, layout: tuple[str, ...]) -> None:
        self.length = 0
        self._parts = [np.zeros((len(layout), 0), np.float32)]

    def append(self, samples: Samples) -> None:
        self._parts.append(samples)
        self.length += samples.shape[1]

    def read(self, start: int, end: int) -> Samples:
        if len(self._parts) > 1:
            self._parts = [np.concatenate(self._parts, axis=1)]
        inside = self._parts[0][:, max(start, 0) : max(end, 0)]
        before = min(max(0, -start), end - start)
        return np.pad(inside, ((0, 0), (before, end - start - before - inside.shape[1])))


def read_audio(
    path: str | Path,
    *,
    rate_hz: int | None = None,
    channels: int | None = None,
    track: int = 0,
    start_s: float = 0.0,
    end_s: float | None = None,
) -> Waveform:
    """Decodes a sound stream of any file PyAV reads: that of number `track` among them, from 0.

    Time 0 is the container's: sound that begins later than the picture is preceded by silence, a hole in the stream
    becomes silence. `rate_hz` resamples, `channels` (1 or 2) downmixes by loudspeaker position; None keeps what is
    there. Only [start_s, end_s) seconds are returned (fewer where the file ends before). A file cut short or partly
    broken gives what can be decoded, with a warning in the log. `media.recording.record_audio` does the same for hours.
    Raises MediaError: missing, empty, no media, no such stream, no samples at all, NaN or infinite samples.
    """
    sound = decode_sound(path, _Memory, channels=channels, track=track, start_s=start_s, end_s=end_s)
    samples = np.concatenate(list(sound.blocks(rate_hz)), axis=1)
    return Waveform(samples, rate_hz or sound.rate_hz, () if "?" in sound.layout else sound.layout)


def resample(wave: Waveform, rate_hz: int) -> Waveform:
    """The same sound at another rate (soxr, high quality), of round(n · rate_hz / wave.rate_hz) samples, at least one.

    >>> resample(Waveform(np.zeros((2, 441), np.float32), 44100), 48000).samples.shape
    (2, 480)
    """
    if rate_hz == wave.rate_hz:
        return wave
    length = max(1, round(wave.samples.shape[1] * rate_hz / wave.rate_hz))
    blocks = list(resampled([wave.samples], wave.rate_hz, rate_hz, length))
    return Waveform(np.ascontiguousarray(np.concatenate(blocks, axis=1)), rate_hz, wave.layout)


def needs_rf64(length: int, channels: int, bits: int) -> bool:
    """Whether so many samples a channel, of so many bits, are too much for a WAV, whose sizes have 32 bits.

    RF64 (EBU Tech 3306) is the same with sizes of 64.

    >>> needs_rf64(4 * 3600 * 48_000, 2, 24), needs_rf64(5 * 3600 * 48_000, 2, 24)
    (False, True)
    """
    return length * channels * bits // 8 > MOST_WAV_BYTES


def write_wav(path: str | Path, wave: Waveform, tags: Mapping[str, str] = MappingProxyType({})) -> None:
    """Writes a WAV, in place of what was there, or nothing at all: 24-bit; 32-bit float where samples go beyond ±1.

    Beyond 4 GB it is an RF64. `tags`: title, comment, software, copyright, artist, genre, as RIFF INFO has them.
    Raises OutputError on a full disk or missing rights; ValueError for NaN or infinite samples.
    """
    if not np.isfinite(wave.samples).all():
        raise ValueError("samples must be finite")
    subtype = "PCM_24" if np.abs(wave.samples).max(initial=0.0) <= 1.0 else "FLOAT"
    kind = "RF64" if needs_rf64(wave.samples.shape[1], wave.channels, 24 if subtype == "PCM_24" else 32) else "WAV"
    data = io.BytesIO()  # written by us: the library would hide a full disk behind an error of its own
    with soundfile.SoundFile(data, "w", wave.rate_hz, wave.channels, subtype=subtype, format=kind) as file:
        for name, value in tags.items():
            setattr(file, name, value)
        file.write(wave.samples.T)
    with atomic(path) as temporary:
        temporary.write_bytes(data.getbuffer())


def write_flac(path: str | Path, wave: Waveform) -> None:
    """Writes a 16-bit FLAC of the same rate, channels and number of samples. Samples beyond ±1 are clipped.

    Raises OutputError on a full disk or missing rights.
    """
    data = io.BytesIO()
    soundfile.write(data, wave.samples.T, wave.rate_hz, subtype="PCM_16", format="FLAC")
    with atomic(path) as temporary:
        temporary.write_bytes(data.getbuffer())


def read_flac(file: str | Path | BinaryIO, start_s: float = 0.0, end_s: float | None = None) -> Waveform:
    """The stretch [start_s, end_s) of what `write_flac` wrote; only that stretch is read."""
    with soundfile.SoundFile(file) as flac:
        rate: int = flac.samplerate
        flac.seek(min(round(start_s * rate), flac.frames))
        count = -1 if end_s is None else max(0, round(end_s * rate) - flac.tell())
        return Waveform(np.ascontiguousarray(flac.read(count, dtype="float32", always_2d=True).T), rate)
