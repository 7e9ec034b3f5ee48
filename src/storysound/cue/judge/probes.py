"""What is taken of each cue while the mix is made, so that it can be judged without making it again."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from storysound.cue.duck import CHUNK
from storysound.cue.judge.measures import Frames, frames_of, joined
from storysound.cue.mix import spread_of
from storysound.cue.score import Cue
from storysound.media.arrays import RATE_HZ, Floats, Ints, Samples
from storysound.media.levels import bridged
from storysound.media.recording import Recorder
from storysound.story import Span

MOST_PROBES = 4  # of a cue: the loudest chunks, those without speech first
_SPOKEN = 0.2  # share of a chunk
_AROUND = 512  # samples to both sides of a joint that say how the sound itself moves there
_STANDS_OUT = 2.0  # times the largest step around it a joint's has to be, so that it is a seam and no drum


@dataclass(frozen=True)
class Probe:
    """A chunk of a cue as it lies in the mix before the one gain, where it lies in the scratch file."""

    chunk: int
    at: int


@dataclass(frozen=True)
class CueProbes:
    """What was taken of one cue: its loudest chunks in order of time, all its frames, and its largest seam."""

    frames: Frames
    seam: float  # largest step from sample to sample at a joint or an edge that stands out there; before the one gain
    probes: tuple[Probe, ...]


@dataclass
class _Chunk:
    """A chunk of a cue, and of everything, in the front loudspeakers [c CHUNK]."""

    rank: tuple[bool, float]  # whether nobody speaks, and its power
    chunk: int
    stem: Samples
    mix: Samples


@dataclass
class _Open:
    """A cue that sounds now."""

    cue: Cue
    joints: Ints  # film samples where pieces meet and the cue begins and ends
    tail: Samples  # the last of what came before [c 2 · _AROUND]
    next: int  # the chunk after the last
    frames: list[Frames] = field(default_factory=list)
    loudest: list[_Chunk] = field(default_factory=list)
    seam: float = 0.0


class Probes:
    """Takes probes of every cue chunk by chunk, as `cue.mix` makes them (it is a `Tap`)."""

    def __init__(self, speech: Sequence[Span], layout: tuple[str, ...]) -> None:
        spread = spread_of(layout)
        self._front = [row for row, shares in enumerate(spread) if shares.max() > 0.5]  # left and right, or the one
        self._spread = spread[self._front]
        self._speech = bridged(speech, 0.0)
        self._starts = np.array([span.start_s for span in self._speech])
        self._open: dict[str, _Open] = {}
        self._store = Recorder(RATE_HZ, ("?",) * (2 * len(self._front)))
        self._done: dict[str, CueProbes] = {}

    def cue(self, chunk: int, cue: Cue, samples: Samples) -> None:
        """A chunk of a cue [2 CHUNK], before the one gain."""
        for cue_id in [cue_id for cue_id, other in self._open.items() if other.next < chunk]:
            self._close(cue_id)
        own = self._open.get(cue.id)
        if own is None:
            own = self._open[cue.id] = _Open(cue, _joints(cue), np.zeros((2, 2 * _AROUND), np.float32), chunk)
        if chunk < own.next:
            return
        own.next = chunk + 1
        own.frames.append(frames_of(samples))
        own.seam = max(own.seam, _seam(own.joints, own.tail, samples, chunk * CHUNK))
        own.tail = samples[:, -2 * _AROUND :].copy()
        power = float(np.square(samples, dtype=np.float64).sum())
        if power > 0:
            stem = self._spread @ samples
            own.loudest.append(_Chunk((not self._is_spoken(chunk), power), chunk, stem, np.zeros_like(stem)))
            own.loudest.sort(key=lambda one: one.rank, reverse=True)
            del own.loudest[MOST_PROBES:]

    def mix(self, chunk: int, samples: Samples) -> None:
        """The same chunk of everything [c CHUNK or less], before the one gain."""
        for own in self._open.values():
            for one in own.loudest:
                if one.chunk == chunk:
                    one.mix[:, : samples.shape[1]] = samples[self._front]

    def finish(self) -> dict[str, CueProbes]:
        """All that was taken, by cue id."""
        for cue_id in list(self._open):
            self._close(cue_id)
        return self._done

    def read(self, probe: Probe) -> tuple[Samples, Samples]:
        """What a probe holds of the cue and of everything, in the front loudspeakers [c CHUNK]."""
        both = self._store.read(probe.at, probe.at + CHUNK)
        return both[: len(self._front)], both[len(self._front) :]

    def _close(self, cue_id: str) -> None:
        own = self._open.pop(cue_id)
        end = np.zeros((2, 2 * _AROUND), np.float32)
        seam = max(own.seam, _seam(own.joints, own.tail, end, own.next * CHUNK))
        probes = []
        for one in sorted(own.loudest, key=lambda one: one.chunk):
            probes.append(Probe(one.chunk, self._store.length))
            self._store.append(np.concatenate([one.stem, one.mix]))
        self._done[cue_id] = CueProbes(joined(own.frames), seam, tuple(probes))

    def _is_spoken(self, chunk: int) -> bool:
        """Whether someone speaks in a good part of a chunk."""
        window = Span(chunk * CHUNK / RATE_HZ, (chunk + 1) * CHUNK / RATE_HZ)
        first = max(0, int(np.searchsorted(self._starts, window.start_s)) - 1)
        last = int(np.searchsorted(self._starts, window.end_s))
        return sum(span.overlap_s(window) for span in self._speech[first:last]) > _SPOKEN * window.duration_s


def _joints(cue: Cue) -> Ints:
    """Film samples where a cue begins, ends, and its pieces begin to meet and have met."""
    meets = [(after.at_s, before.end_s) for before, after in pairwise(cue.pieces)]
    times_s = [cue.start_s, cue.end_s, *(t for meet in meets for t in meet)]
    return np.unique(np.round(np.array(times_s) * RATE_HZ).astype(np.int64))


def _seam(joints: Ints, tail: Samples, samples: Samples, start: int) -> float:
    """The largest step at a joint that stands out, of joints at least _AROUND inside of tail and samples [2 n]."""
    first, count = start - tail.shape[1], tail.shape[1] + samples.shape[1]
    found = 0.0
    for joint in joints[(joints >= first + _AROUND) & (joints < first + count - _AROUND)]:
        middle = int(joint) - first
        steps = _steps(np.concatenate([tail, samples[:, : max(0, middle + _AROUND - tail.shape[1])]], axis=1), middle)
        at, around = float(steps[_AROUND - 2 : _AROUND + 2].max()), np.delete(steps, range(_AROUND - 4, _AROUND + 4))
        if at > _STANDS_OUT * float(around.max()):
            found = max(found, at)
    return found


def _steps(samples: Samples, middle: int) -> Floats:
    """Steps from sample to sample of [c n] within _AROUND of one, the larger of all channels: [2 · _AROUND - 1]."""
    return np.asarray(np.abs(np.diff(samples[:, middle - _AROUND : middle + _AROUND], axis=1)).max(axis=0))
