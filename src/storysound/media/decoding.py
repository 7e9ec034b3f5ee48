"""Sound out of files: decoded once, put on the clock of the file, handed on in blocks however long it is."""

import logging
import math
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer

from storysound.errors import MediaError
from storysound.media.arrays import Samples
from storysound.media.clock import STEEPEST, clock_of, origin_s, stretches
from storysound.media.files import (
    audio_stream,
    decoded,
    is_still,
    loudspeakers,
    misstates_bytes,
    opened,
    samples_of,
    stated_s,
)
from storysound.media.layouts import folded, resampled, usual_layout
from storysound.progress import check

log = logging.getLogger(__name__)

SILENT_GAP_S = 0.1  # timestamps that leave less than this between frames are rounding, more is a hole
_SETTLE_S = 20.0  # so much is held and handed on at a time
_NEAR_S = 4.0  # holes too small to be one are counted over so long
LEAST_RATE_HZ = 100  # what is slower holds no sound, and would fill hours
_CUT_SHORT_S = 0.3  # so much less than the stream itself states is told; padding of encoders is less
_PREROLL_S = 1.0  # decoded and dropped before a start, so that codecs with memory have settled
LOUDEST = 1e3  # 60 dB over full scale: a sample beyond is a fault, not a sound


class Shelf(Protocol):
    """What samples [c n] are put on in order, and taken from in any: memory, or a scratch file (`media/recording`)."""

    length: int

    def append(self, samples: Samples) -> None:
        """Adds float32 [c n]."""

    def read(self, start: int, end: int) -> Samples:
        """Samples [c end - start], silence where there are none."""
        ...


MakesShelf = Callable[[int, tuple[str, ...]], Shelf]  # of a rate and a layout


@dataclass
class _Run:
    """Frames that follow each other without a hole and share rate, layout and format."""

    start: int  # in samples from the container's time 0
    rate_hz: int
    layout: tuple[str, ...]
    format: str
    shelf: Shelf  # for samples mixed to the wanted channels
    channels: int
    pending: AudioFifo = field(default_factory=AudioFifo)  # in the decoder's own format, which spares work a frame
    length: int = 0
    # Of each frame: its first sample, and how much later than that its stamp is.
    at: "array[int]" = field(default_factory=lambda: array("q"))
    late: "array[int]" = field(default_factory=lambda: array("q"))
    _near: int = 0  # the frame from which on a change is looked for

    def add(self, frame: AudioFrame, late: int) -> None:
        """One more frame."""
        self.at.append(self.length)
        self.late.append(late)
        frame.pts = None  # it stands where it comes
        self.pending.write(frame)
        self.length += frame.samples

    def settle(self, path: str | Path) -> None:
        """Mixes the pending frames; done now and then, so that a film's sound is never held whole.

        Raises MediaError for what is no sound.
        """
        pending = self.pending.read()
        if pending is not None:
            samples = folded(samples_of(pending), self.layout, self.channels)
            _check_samples(samples, path)
            self.shelf.append(samples)

    def leaps_to(self, late: int) -> bool:
        """Whether a frame so late doesn't go on from the one before: a hole, a leap back, or many small holes."""
        gap = SILENT_GAP_S * self.rate_hz
        while self._near < len(self.at) - 1 and self.at[self._near] < self.length - _NEAR_S * self.rate_hz:
            self._near += 1
        drifts = STEEPEST * (self.length - self.at[self._near]) + gap
        return abs(late - self.late[-1]) >= gap or late - self.late[self._near] >= drifts

    def whole(self, rate_hz: int, new: MakesShelf, layout: tuple[str, ...]) -> Shelf:
        """All of it at `rate_hz`; where samples and stamps drift apart it is stretched to the stamps."""
        shelf, at, late = self.shelf, np.array(self.at, np.int64), np.array(self.late, np.float64)
        pieces = stretches(at, late, shelf.length, self.rate_hz)
        if any(ratio != 1.0 for _, _, ratio in pieces):
            straight = new(self.rate_hz, layout)
            for start, end, ratio in pieces:
                blocks = resampled(_blocks(shelf, start, end, self.rate_hz), 1.0, ratio, round((end - start) * ratio))
                _put(blocks, straight)
            shelf = straight
        if rate_hz == self.rate_hz:
            return shelf
        length = max(1, round(shelf.length * rate_hz / self.rate_hz))
        blocks = _blocks(shelf, 0, shelf.length, self.rate_hz)
        return _put(resampled(blocks, self.rate_hz, rate_hz, length), new(rate_hz, layout))


def _blocks(shelf: Shelf, start: int, end: int, rate_hz: int) -> Iterator[Samples]:
    """What lies in [start, end), in blocks [c n]."""
    step = round(_SETTLE_S * rate_hz)
    for low in range(start, end, step):
        check()
        yield shelf.read(low, min(low + step, end))


def _put(blocks: Iterable[Samples], shelf: Shelf) -> Shelf:
    for block in blocks:
        shelf.append(block)
    return shelf


def _check_samples(samples: Samples, path: str | Path) -> None:
    loudest = float(np.abs(samples).max(initial=0.0))
    if not math.isfinite(loudest):
        raise MediaError(path, "has samples that are NaN or infinite", "export it again, as 16 or 24 bit")
    if loudest > LOUDEST:
        raise MediaError(
            path, f"has samples of {loudest:.3g}, far beyond full scale", "export it again, as 16 or 24 bit"
        )


@dataclass(frozen=True)
class DecodedSound:
    """The samples [first, last) of what was decoded, counted from the container's time 0."""

    rate_hz: int
    layout: tuple[str, ...]
    first: int
    last: int
    parts: tuple[tuple[int, Shelf], ...]  # each with its first sample; a later one covers those before

    @property
    def length(self) -> int:
        """Number of samples."""
        return self.last - self.first

    @property
    def plain(self) -> Shelf | None:
        """Where all of it lies as it is, if there is such a place."""
        at, shelf = self.parts[0]
        return shelf if len(self.parts) == 1 and (at, at + shelf.length) == (self.first, self.last) else None

    def blocks(self, rate_hz: int | None = None) -> Iterator[Samples]:
        """All of it in order, [c n], at another rate where one is asked for; silence in the holes."""
        blocks = map(self._between, *_edges(self.first, self.last, round(_SETTLE_S * self.rate_hz)))
        if rate_hz in (None, self.rate_hz):
            return blocks
        assert rate_hz is not None
        return resampled(blocks, self.rate_hz, rate_hz, max(1, round(self.length * rate_hz / self.rate_hz)))

    def _between(self, start: int, end: int) -> Samples:
        check()
        if len(self.parts) == 1:
            at, shelf = self.parts[0]
            return shelf.read(start - at, end - at)
        joined = np.zeros((len(self.layout), end - start), np.float32)
        for at, shelf in self.parts:
            low, high = max(start, at), min(end, at + shelf.length)
            if low < high:
                joined[:, low - start : high - start] = shelf.read(low - at, high - at)
        return joined


def _edges(first: int, last: int, step: int) -> tuple[list[int], list[int]]:
    """Where blocks that tile [first, last) begin and end."""
    starts = list(range(first, last, step))
    return starts, [*starts[1:], last]


def decode_sound(
    path: str | Path,
    new: MakesShelf,
    *,
    channels: int | None = None,
    track: int = 0,
    start_s: float = 0.0,
    end_s: float | None = None,
    at: Callable[[float], None] | None = None,
) -> DecodedSound:
    """What `read_audio` reads, with its warnings and errors, on shelves that `new` makes.

    `at` is given how many seconds are decoded, now and then.
    """
    if channels not in (None, 1, 2):
        raise ValueError(f"channels must be 1, 2 or None, got {channels}")
    if start_s < 0 or (end_s is not None and end_s <= start_s):
        raise ValueError(f"needs 0 <= start_s < end_s, got {start_s}..{end_s}")
    with opened(path) as container:
        stream = audio_stream(container, path, track)
        states_s = stated_s(container, stream)
        decoding = _Decoding(path, channels, new)
        damage = decoding.decode(container, stream, start_s, end_s, at)
        expected_s = (container.duration or 0) / 1_000_000
    runs = decoding.runs
    if not any(run.length for run in runs):
        fault = f"its sound can't be decoded: {damage}" if damage else "has no sound samples in it"
        raise MediaError(path, fault, "export or download it again" if damage else "give a longer file")
    rate = runs[0].rate_hz
    parts = tuple((round(r.start * rate / r.rate_hz), r.whole(rate, new, decoding.layout)) for r in runs)
    first, last = max(0, round(start_s * rate)), max(start + shelf.length for start, shelf in parts)
    last = last if end_s is None else min(last, round(end_s * rate))
    if last <= first:
        raise MediaError(path, f"has no sound after {start_s:g} s", "choose an earlier start")
    found_s = last / rate
    if end_s is None and expected_s - found_s > max(1.0, 0.05 * expected_s) and not damage:
        log.info("%s: %.1f s of sound in a file of %.1f s", path, found_s, expected_s)
    wanted_s = min(states_s, math.inf if end_s is None else end_s)
    if not damage and wanted_s - found_s > _CUT_SHORT_S:
        log.warning("%s: its sound is cut short: %.1f s of %.1f s are there", path, found_s, wanted_s)
    if damage:
        log.warning("%s: damaged (%s); %.1f s of sound could be decoded", path, damage, (last - first) / rate)
    return DecodedSound(rate, decoding.layout, first, last, parts)


class _Decoding:
    """Runs of frames that cover the wanted stretch of a file, in the form of the first."""

    def __init__(self, path: str | Path, channels: int | None, new: MakesShelf) -> None:
        self.runs: list[_Run] = []
        self.layout: tuple[str, ...] = ()
        self._path, self._channels, self._new = path, channels, new
        self._places: tuple[str, tuple[str, ...]] = "", ()  # of the last frame, by FFmpeg's name of them

    def decode(
        self,
        container: InputContainer,
        stream: AudioStream,
        start_s: float,
        end_s: float | None,
        at: Callable[[float], None] | None,
    ) -> str:
        """Fills the runs; what was wrong on the way, "" when nothing was."""
        if 0 < (rate_hz := stream.codec_context.sample_rate) < LEAST_RATE_HZ:
            raise MediaError(
                self._path, f"states {rate_hz} samples a second, too few to hear", "its heading may be broken"
            )
        stream.codec_context.thread_type = "NONE"  # sound decoders gain nothing from threads, starting them costs
        origin = origin_s(container)
        clock = clock_of(container, self._path)
        stamps = clock.reader()
        with_picture = any(not is_still(video) for video in container.streams.video)
        if not with_picture:  # a sound file starts with its first sample, whatever the encoder's delay
            stamps.origin_s = origin = float((stream.start_time or 0) * (stream.time_base or 0))
        if start_s > _PREROLL_S and not clock.restarts and not misstates_bytes(stream):
            container.seek(int((start_s + origin - _PREROLL_S) * 1_000_000), backward=True)
        faults: list[str] = []
        for frame in decoded(container, stream, faults):
            if frame.samples == 0:
                continue
            self._append(frame, stamps.at(frame.time))
            run = self.runs[-1]
            until_s = (run.start + run.length + run.late[-1]) / run.rate_hz
            if run.pending.samples > _SETTLE_S * run.rate_hz:
                run.settle(self._path)
                if at is not None:
                    at(until_s)
            if end_s is not None and until_s >= end_s + SILENT_GAP_S:
                break
        for run in self.runs:
            run.settle(self._path)
        return "; ".join(dict.fromkeys(faults))

    def _append(self, frame: AudioFrame, at_s: float | None) -> None:
        """Adds a frame to the last run, or starts a new run where its time leaps or its form changes."""
        places = frame.layout
        if places.name != self._places[0]:
            self._places = places.name, loudspeakers(frame) or usual_layout(places.nb_channels)
        layout = self._places[1]
        last = self.runs[-1] if self.runs else None
        rate = frame.sample_rate
        follows = 0 if last is None else round((last.start + last.length) * rate / last.rate_hz)
        start = follows if at_s is None else round(at_s * rate)
        late = start - follows
        same = last is not None and (last.rate_hz, last.layout, last.format) == (rate, layout, frame.format.name)
        leaps = (
            last is not None
            and at_s is not None
            and (last.leaps_to(late) if same else abs(late) >= SILENT_GAP_S * rate)
        )
        if at_s is None and last is not None and same:
            late = last.late[-1]
        if last is None or not same or leaps:
            if last is None:
                channels = self._channels or len(layout)
                self.layout = layout if len(layout) == channels else usual_layout(channels)
            else:
                last.settle(self._path)
            last = _Run(
                start if leaps or last is None else follows, rate, layout, frame.format.name,
                self._new(rate, self.layout), len(self.layout),
            )  # fmt: skip
            self.runs.append(last)
            late = 0
        last.add(frame, late)
