"""Sound files to arrays and back."""

import io
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

import numpy as np
import soundfile
import soxr
from av.audio.frame import AudioFrame, format_dtypes
from av.audio.stream import AudioStream
from av.container import InputContainer
from numpy.typing import NDArray

from storysound.errors import MediaError
from storysound.media.arrays import Samples
from storysound.media.clock import STEEPEST, clock_of, origin_s, stretches
from storysound.media.files import atomic, audio_stream, decoded, is_still, misstates_bytes, opened, stated_s

log = logging.getLogger(__name__)


SILENT_GAP_S = 0.1  # timestamps that leave less than this between frames are rounding, more is a hole
_SETTLE_S = 60.0  # so much is held as it was decoded
_NEAR_S = 4.0  # holes too small to be one are counted over so long
LEAST_RATE_HZ = 100  # what is slower holds no sound, and would fill hours
_SAFE_CHANNELS = 8
_CUT_SHORT_S = 0.3  # so much less than the stream itself states is told; padding of encoders is less
_PREROLL_S = 1.0  # decoded and dropped before a start, so that codecs with memory have settled
_HALF_POWER = math.sqrt(0.5)
# Where each loudspeaker goes in (left, right); the low-frequency channel is left out (ITU-R BS.775-3, table 2).
_TO_STEREO = {
    "FL": (1.0, 0.0), "FR": (0.0, 1.0), "FC": (_HALF_POWER, _HALF_POWER), "LFE": (0.0, 0.0), "LFE2": (0.0, 0.0),
    "BL": (_HALF_POWER, 0.0), "BR": (0.0, _HALF_POWER), "SL": (_HALF_POWER, 0.0), "SR": (0.0, _HALF_POWER),
    "FLC": (1.0, 0.0), "FRC": (0.0, 1.0), "BC": (0.5, 0.5), "DL": (1.0, 0.0), "DR": (0.0, 1.0),
}  # fmt: skip
STEREO = ("FL", "FR")
OPPOSED = 10.0  # sides whose difference is stronger than their sum by this much of power cancel each other out
LOUDEST = 1e3  # 60 dB over full scale: a sample beyond is a fault, not a sound


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
        return Waveform(_mix(self.samples, self._places(), 1), self.rate_hz)

    def stereo(self) -> "Waveform":
        """Left and right: a single channel is doubled, more are folded down (ITU-R BS.775-3)."""
        if self.channels == 2 and self._places() == STEREO:
            return self
        return Waveform(_mix(self.samples, self._places(), 2), self.rate_hz)

    def _places(self) -> tuple[str, ...]:
        return self.layout or usual_layout(self.channels)

    def cut(self, start_s: float, end_s: float | None = None) -> "Waveform":
        """The stretch [start_s, end_s), clipped to what is there; shares memory with this waveform.

        >>> Waveform(np.zeros((1, 100), np.float32), 100).cut(0.2, 0.5).duration_s
        0.3
        """
        end = None if end_s is None else max(0, round(end_s * self.rate_hz))
        return replace(self, samples=self.samples[:, max(0, round(start_s * self.rate_hz)) : end])


def usual_layout(channels: int) -> tuple[str, ...]:
    """Where loudspeakers stand that nobody names: two are left and right, of more nobody knows."""
    return STEREO if channels == 2 else ("?",) * channels


@dataclass
class _Run:
    """Frames that follow each other without a hole and share rate, layout and format."""

    start: int  # in samples from the container's time 0
    rate_hz: int
    layout: tuple[str, ...]
    format: str
    pending: list[NDArray[Any]]  # frames as decoded
    done: list[Samples]  # [c n], mixed to the wanted channels
    late: list[tuple[int, int]]  # of frames: their first sample, and how much later than that their stamp is
    pending_length: int = 0
    length: int = 0
    _near: int = 0  # the frame from which on a change is looked for

    def settle(self, channels: int) -> None:
        """Mixes the pending frames; done now and then, so that a film's surround sound is never held whole."""
        if self.pending:
            data = np.concatenate(self.pending, axis=1)
            self.done.append(_mix(_to_float(data, self.format, len(self.layout)), self.layout, channels))
            self.pending, self.pending_length = [], 0

    def leaps_to(self, late: int) -> bool:
        """Whether a frame so late doesn't go on from the one before: a hole, a leap back, or many small holes."""
        gap = SILENT_GAP_S * self.rate_hz
        before = self.late[-1][1]
        while self._near < len(self.late) - 1 and self.late[self._near][0] < self.length - _NEAR_S * self.rate_hz:
            self._near += 1
        drifts = STEEPEST * (self.length - self.late[self._near][0]) + gap
        return abs(late - before) >= gap or late - self.late[self._near][1] >= drifts

    def whole(self) -> Samples:
        """Everything [c n], where samples and stamps drift apart stretched to the stamps."""
        samples = self.done[0] if len(self.done) == 1 else np.concatenate(self.done, axis=1)
        self.done.clear()
        at, late = np.array(self.late, np.int64).reshape(-1, 2).T
        pieces = stretches(at, late.astype(np.float64), samples.shape[1], self.rate_hz)
        if all(ratio == 1.0 for _, _, ratio in pieces):
            return samples
        parts = [_stretched(samples[:, start:end], ratio) for start, end, ratio in pieces]
        return np.ascontiguousarray(np.concatenate(parts, axis=1))


def _stretched(samples: Samples, ratio: float) -> Samples:
    """The samples [c n] as round(n · ratio) samples: the same sound, as much slower."""
    length = round(samples.shape[1] * ratio)
    if length == samples.shape[1]:
        return samples
    out = soxr.resample(np.ascontiguousarray(samples.T), 1.0, ratio, quality="HQ").T[:, :length]
    return np.asarray(np.pad(out, ((0, 0), (0, length - out.shape[1]))), np.float32)


def read_audio(
    path: str | Path,
    *,
    rate_hz: int | None = None,
    channels: int | None = None,
    start_s: float = 0.0,
    end_s: float | None = None,
    track: int = 0,
) -> Waveform:
    """Decodes a sound stream of any file PyAV reads: the first, or that of number `track`, counted from 0.

    Time 0 is the container's: sound that begins later than the picture is preceded by silence, a hole in the stream
    becomes silence. `rate_hz` resamples, `channels` (1 or 2) downmixes by loudspeaker position; None keeps what is
    there. Only [start_s, end_s) seconds are returned (fewer where the file ends before). A file cut short or partly
    broken gives what can be decoded, with a warning in the log.
    Raises MediaError: missing, empty, no media, no such audio stream, no samples at all, NaN or infinite samples.
    """
    if channels not in (None, 1, 2):
        raise ValueError(f"channels must be 1, 2 or None, got {channels}")
    if start_s < 0 or (end_s is not None and end_s <= start_s):
        raise ValueError(f"needs 0 <= start_s < end_s, got {start_s}..{end_s}")
    with opened(path) as container:
        stream = audio_stream(container, path, track)
        states_s = stated_s(container, stream)
        runs, damage = _decode(container, stream, path, channels, start_s, end_s)
        expected_s = (container.duration or 0) / 1_000_000
    if not runs or not any(run.length for run in runs):
        fault = f"its sound can't be decoded: {damage}" if damage else "has no sound samples in it"
        raise MediaError(path, fault, "export or download it again" if damage else "give a longer file")
    wave, first = _join(runs)
    if not np.isfinite(wave.samples).all():
        raise MediaError(path, "has samples that are NaN or infinite", "export it again, as 16 or 24 bit")
    if (loudest := float(np.abs(wave.samples).max(initial=0.0))) > LOUDEST:
        raise MediaError(
            path, f"has samples of {loudest:.3g}, far beyond full scale", "export it again, as 16 or 24 bit"
        )
    end = None if end_s is None else max(0, round(end_s * wave.rate_hz) - first)
    wave = replace(wave, samples=wave.samples[:, max(0, round(start_s * wave.rate_hz) - first) : end])
    if wave.samples.shape[1] == 0:
        raise MediaError(path, f"has no sound after {start_s:g} s", "choose an earlier start")
    found_s = start_s + wave.duration_s
    if end_s is None and expected_s - found_s > max(1.0, 0.05 * expected_s) and not damage:
        log.info("%s: %.1f s of sound in a file of %.1f s", path, found_s, expected_s)
    wanted_s = min(states_s, math.inf if end_s is None else end_s)
    if not damage and wanted_s - found_s > _CUT_SHORT_S:
        log.warning("%s: its sound is cut short: %.1f s of %.1f s are there", path, found_s, wanted_s)
    if damage:
        log.warning("%s: damaged (%s); %.1f s of sound could be decoded", path, damage, wave.duration_s)
    return wave if rate_hz is None else resample(wave, rate_hz)


def _decode(
    container: InputContainer,
    stream: AudioStream,
    path: str | Path,
    channels: int | None,
    start_s: float,
    end_s: float | None,
) -> tuple[list[_Run], str]:
    """Runs of frames that cover the wanted stretch, and what was wrong on the way ("" when nothing was)."""
    if 0 < (rate_hz := stream.codec_context.sample_rate) < LEAST_RATE_HZ:
        raise MediaError(path, f"states {rate_hz} samples a second, too few to hear", "its heading may be broken")
    stream.codec_context.thread_type = "NONE"  # sound decoders gain nothing from threads, starting them costs
    origin = origin_s(container)
    clock = clock_of(container, path)
    stamps = clock.reader()
    with_picture = any(not is_still(video) for video in container.streams.video)
    first_s = float((stream.start_time or 0) * (stream.time_base or 0))
    if not with_picture:
        origin = first_s  # a sound file starts with its first sample, whatever the encoder's delay
        stamps.origin_s = first_s
    if start_s > _PREROLL_S and not clock.restarts and not misstates_bytes(stream):
        container.seek(int((start_s + origin - _PREROLL_S) * 1_000_000), backward=True)
    faults: list[str] = []
    runs: list[_Run] = []
    for frame in decoded(container, stream, faults):
        if frame.samples == 0:
            continue
        _append(runs, frame, stamps.at(frame.time))
        run = runs[-1]
        if run.pending_length > _SETTLE_S * run.rate_hz:
            run.settle(channels or len(runs[0].layout))
        if end_s is not None and (run.start + run.length + run.late[-1][1]) / run.rate_hz >= end_s + SILENT_GAP_S:
            break
    for run in runs:
        run.settle(channels or len(runs[0].layout))
    return runs, "; ".join(dict.fromkeys(faults))


def _as_decoded(frame: AudioFrame) -> NDArray[Any]:
    """The samples of a frame in its own format: [c n], or [1 c*n] where channels alternate.

    PyAV takes what follows the last of more than eight channels for more of them, and crashes.
    """
    channels = frame.layout.nb_channels
    if not frame.format.is_planar or channels <= _SAFE_CHANNELS:
        return frame.to_ndarray()
    dtype = np.dtype(format_dtypes[frame.format.name])
    return np.stack([np.frombuffer(bytes(plane), dtype, frame.samples) for plane in frame.planes[:channels]])


def _append(runs: list[_Run], frame: AudioFrame, at_s: float | None) -> None:
    """Adds a frame to the last run, or starts a new run where its time leaps or its form changes."""
    layout = tuple(channel.name for channel in frame.layout.channels)
    if not layout or any(name.startswith(("UNK", "USR", "NONE", "UNSD")) for name in layout):
        layout = usual_layout(frame.layout.nb_channels)
    data = _as_decoded(frame)
    last = runs[-1] if runs else None
    rate = frame.sample_rate
    follows = 0 if last is None else round((last.start + last.length) * rate / last.rate_hz)
    start = follows if at_s is None else round(at_s * rate)
    late = start - follows
    same = last is not None and (last.rate_hz, last.layout, last.format) == (rate, layout, frame.format.name)
    leaps = (
        last is not None and at_s is not None and (last.leaps_to(late) if same else abs(late) >= SILENT_GAP_S * rate)
    )
    if at_s is None and last is not None and same:
        late = last.late[-1][1]
    if last is None or not same or leaps:
        last = _Run(start if leaps or last is None else follows, rate, layout, frame.format.name, [], [], [])
        runs.append(last)
        late = 0
    last.late.append((last.length, late))
    last.pending.append(data)
    last.pending_length += frame.samples
    last.length += frame.samples


def _join(runs: list[_Run]) -> tuple[Waveform, int]:
    """One waveform of all runs in the form of the first, silence in the holes, and the time of its first sample.

    That time is in samples and may be negative (the caller cuts), never positive (silence is put before).
    """
    rate = runs[0].rate_hz
    pieces = []
    for run in runs:
        whole = Waveform(run.whole(), run.rate_hz)
        pieces.append((round(run.start * rate / run.rate_hz), resample(whole, rate).samples))
    first = min(0, *(start for start, _ in pieces))  # stamps may lead back before the start
    channels = len(pieces[0][1])
    layout = runs[0].layout if len(runs[0].layout) == channels and "?" not in runs[0].layout else ()
    if len(pieces) == 1 and pieces[0][0] == first:
        return Waveform(pieces[0][1], rate, layout), first
    end = max(start + samples.shape[1] for start, samples in pieces)
    joined = np.zeros((pieces[0][1].shape[0], end - first), np.float32)
    for start, samples in pieces:
        joined[:, start - first : start - first + samples.shape[1]] = samples
    return Waveform(joined, rate, layout), first


def _to_float(data: NDArray[Any], form: str, channels: int) -> Samples:
    """Float32 [c n] in [-1, 1] of decoded samples in any of FFmpeg's sample formats."""
    if not form.endswith("p"):
        data = data.reshape(-1, channels).T
    if data.dtype == np.uint8:
        return np.ascontiguousarray((data.astype(np.float32) - 128) / 128)
    if np.issubdtype(data.dtype, np.signedinteger):
        return np.ascontiguousarray(data, np.float32) * np.float32(1 / -float(np.iinfo(data.dtype).min))
    return np.ascontiguousarray(data, np.float32)


def _mix(samples: Samples, layout: tuple[str, ...], channels: int) -> Samples:
    """Brings [c n] of a loudspeaker layout to `channels`; weights sum to 1, so nothing can clip.

    Loudspeakers are added up one after the other: a matrix product does it in an order of the processor's own. Where
    left and right are opposed, as of a microphone that was wired the wrong way, one channel is half their difference.
    """
    if len(layout) == channels and (channels != 2 or layout == STEREO):
        return samples
    if len(layout) == 1:
        return np.repeat(samples, channels, axis=0)
    if channels == 1 and layout != STEREO and "?" not in layout:
        return _mix(_mix(samples, layout, 2), STEREO, 1)
    if channels > 2:  # a layout that changed inside the file, to a form we can't place: the mean goes everywhere
        return np.repeat(samples.mean(axis=0, keepdims=True, dtype=np.float32), channels, axis=0)
    weights = np.array([_TO_STEREO.get(name, (1.0, 1.0)) for name in layout], np.float64).T
    weights /= weights.sum(axis=1, keepdims=True)
    if channels == 1:
        weights = weights.mean(axis=0, keepdims=True)
    mixed = np.zeros((channels, samples.shape[1]), np.float32)
    for row, shares in zip(mixed, weights.astype(np.float32), strict=True):
        for share, loudspeaker in zip(shares, samples, strict=True):
            if share:
                row += share * loudspeaker
    if channels == 1 and layout == STEREO:
        side = (samples[:1] - samples[1:]) * np.float32(0.5)
        if np.vdot(side, side) > OPPOSED * np.vdot(mixed, mixed):
            return side
    return mixed


def resample(wave: Waveform, rate_hz: int) -> Waveform:
    """The same sound at another rate (soxr, high quality), of round(n · rate_hz / wave.rate_hz) samples, at least one.

    >>> resample(Waveform(np.zeros((2, 441), np.float32), 44100), 48000).samples.shape
    (2, 480)
    """
    if rate_hz == wave.rate_hz:
        return wave
    length = max(1, round(wave.samples.shape[1] * rate_hz / wave.rate_hz))
    # soxr takes frames first; it may give a sample more or less than the exact length.
    out = soxr.resample(np.ascontiguousarray(wave.samples.T), wave.rate_hz, rate_hz, quality="HQ").T[:, :length]
    if out.shape[1] < length:
        out = np.pad(out, ((0, 0), (0, length - out.shape[1])))
    return Waveform(np.ascontiguousarray(out, np.float32), rate_hz, wave.layout)


def write_wav(path: str | Path, wave: Waveform, tags: Mapping[str, str] = MappingProxyType({})) -> None:
    """Writes a WAV, in place of what was there, or nothing at all: 24-bit; 32-bit float where samples go beyond ±1.

    `tags`: title, comment, software, copyright, artist, genre, as RIFF INFO has them.
    Raises OutputError on a full disk or missing rights; ValueError for NaN or infinite samples.
    """
    if not np.isfinite(wave.samples).all():
        raise ValueError("samples must be finite")
    subtype = "PCM_24" if np.abs(wave.samples).max(initial=0.0) <= 1.0 else "FLOAT"
    data = io.BytesIO()  # written by us: the library would hide a full disk behind an error of its own
    with soundfile.SoundFile(data, "w", wave.rate_hz, wave.channels, subtype=subtype, format="WAV") as file:
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
