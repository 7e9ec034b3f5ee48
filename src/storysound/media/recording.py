"""Sound that lies in a scratch file, so that hours of it cost no memory. What is short stays in memory."""

import io
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

import numpy as np

from storysound.errors import OutputError
from storysound.media.arrays import Samples
from storysound.media.audio import Waveform
from storysound.media.decoding import decode_sound
from storysound.media.layouts import STEREO, folded, usual_layout
from storysound.progress import check

IN_MEMORY = 8 << 20  # bytes; twenty seconds of stereo
BLOCK_S = 20.0


class Recording:
    """Samples float32 [c n] at `rate_hz` that can be read from any place; its scratch file goes when it goes.

    `layout` names the loudspeaker of each channel, as in `Waveform`. Several threads may read at once.
    """

    def __init__(self, scratch: "Scratch", length: int, rate_hz: int, layout: tuple[str, ...], first: int = 0) -> None:
        self._scratch, self._first = scratch, first
        self.length, self.rate_hz, self.layout = length, rate_hz, layout

    @property
    def channels(self) -> int:
        """Number of channels."""
        return len(self.layout)

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.length / self.rate_hz

    def read(self, start: int, end: int) -> Samples:
        """Samples [c end - start] from sample `start` on; silence before the first and after the last."""
        low, high = min(max(start, 0), self.length), min(max(end, 0), self.length)
        frame = 4 * self.channels
        data = self._scratch.read((self._first + low) * frame, max(0, high - low) * frame)
        samples = np.frombuffer(data, np.float32).reshape(-1, self.channels).T
        before, after = min(max(0, -start), end - start), max(0, end - max(high, start))
        if before or after:
            samples = np.pad(samples, ((0, 0), (before, after)))
        return np.array(samples, order="C")

    def cut(self, start_s: float = 0.0, end_s: float | None = None) -> Waveform:
        """The stretch [start_s, end_s) in memory, clipped to what is there."""
        end = self.length if end_s is None else min(self.length, max(0, round(end_s * self.rate_hz)))
        start = min(end, max(0, round(start_s * self.rate_hz)))
        return Waveform(self.read(start, end), self.rate_hz, () if "?" in self.layout else self.layout)

    def part(self, start: int, end: int) -> "Recording":
        """The samples [start, end), clipped to what is there, as a recording of their own: nothing is copied."""
        start, end = min(max(start, 0), self.length), min(max(end, 0), self.length)
        return Recording(self._scratch, max(0, end - start), self.rate_hz, self.layout, self._first + start)

    def blocks(self, block_s: float = BLOCK_S) -> Iterator[tuple[int, Samples]]:
        """All of it in order, in stretches [c n] of `block_s`, the last shorter, each with its first sample."""
        step = max(1, round(block_s * self.rate_hz))
        for start in range(0, self.length, step):
            check()
            yield start, self.read(start, min(start + step, self.length))


class Scratch:
    """A file without a name, in memory while it is small. Several threads may read and append at once."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115
        self._lock = threading.Lock()

    def read(self, start: int, size: int) -> bytes:
        """So many bytes from `start` on, or what is left."""
        with self._lock:
            self._file.seek(start)
            return self._file.read(size)

    def append(self, data: bytes) -> None:
        """Adds them. Raises OutputError where the disk for scratch files is full."""
        try:
            with self._lock:
                self._file.seek(0, io.SEEK_END)
                self._file.write(data)
        except OSError as error:
            fault = f"takes no more scratch files: {error.strerror}"
            raise OutputError(
                tempfile.gettempdir(), fault, "free space there, or name another folder as TMPDIR"
            ) from error


class Recorder:
    """Takes down sound block by block; `finish` gives the `Recording`."""

    def __init__(self, rate_hz: int, layout: tuple[str, ...]) -> None:
        self._scratch = Scratch()
        self._rate_hz, self._layout, self.length = rate_hz, layout, 0

    def append(self, samples: Samples) -> None:
        """Adds float32 [c n]. Raises OutputError where the disk for scratch files is full."""
        self._scratch.append(np.ascontiguousarray(samples.T, np.float32).tobytes())
        self.length += samples.shape[1]

    def read(self, start: int, end: int) -> Samples:
        """What was taken down, as `Recording.read`."""
        return self.finish().read(start, end)

    def finish(self) -> Recording:
        """What was taken down."""
        return Recording(self._scratch, self.length, self._rate_hz, self._layout)


def recorded(blocks: Iterable[Samples], rate_hz: int, layout: tuple[str, ...]) -> Recording:
    """A recording of blocks [c n] one after the other. Raises OutputError as `Recorder.append`."""
    recorder = Recorder(rate_hz, layout)
    for block in blocks:
        recorder.append(block)
    return recorder.finish()


def laid(parts: Sequence[tuple[int, Recording, float]], length: int) -> Recording:
    """A stereo recording of `length` samples in which each part sounds from its sample on, with its gain.

    All have one rate. Raises OutputError as `Recorder.append`.
    """
    rate_hz = parts[0][1].rate_hz
    recorder, step = Recorder(rate_hz, STEREO), round(BLOCK_S * rate_hz)
    for start in range(0, length, step):
        check()
        end = min(start + step, length)
        total = np.zeros((2, end - start), np.float32)
        for first, sound, gain in parts:
            if first < end and first + sound.length > start:
                total += np.float32(gain) * folded(sound.read(start - first, end - first), sound.layout, 2)
        recorder.append(total)
    return recorder.finish()


def of_wave(wave: Waveform) -> Recording:
    """A recording of what is in memory."""
    return recorded([wave.samples], wave.rate_hz, wave.layout or usual_layout(wave.channels))


def record_audio(
    path: str | Path,
    *,
    rate_hz: int | None = None,
    channels: int | None = None,
    track: int = 0,
    start_s: float = 0.0,
    end_s: float | None = None,
    at: Callable[[float], None] | None = None,
) -> Recording:
    """What `read_audio` reads of a file, with its warnings and errors, however long it is.

    `at` is given how many seconds are decoded, now and then. Raises OutputError as `Recorder.append`.
    """
    sound = decode_sound(path, Recorder, channels=channels, track=track, start_s=start_s, end_s=end_s, at=at)
    if rate_hz in (None, sound.rate_hz) and isinstance(sound.plain, Recorder):
        return sound.plain.finish()
    return recorded(sound.blocks(rate_hz), rate_hz or sound.rate_hz, sound.layout)
