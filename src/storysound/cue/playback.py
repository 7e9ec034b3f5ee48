"""Plays cues: any stretch of one, sample by sample, without the rest of it; what is decoded serves all of a job."""

import threading
from bisect import bisect_right
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from storysound.cue.score import Cue, Piece
from storysound.media.arrays import RATE_HZ, Floats, Samples
from storysound.media.audio import Waveform
from storysound.media.levels import raised_cosine
from storysound.media.recording import Recording, record_audio
from storysound.progress import check
from storysound.story import Sound, Span

if TYPE_CHECKING:
    from storysound.media import rhythm

CUT_S = 0.02  # fade where the film ends before the cue does
_MARGIN_S = 1.0  # read beyond the pieces
SHARED_S = 20.0  # files up to this long are read whole, for all their cues: of longer ones that costs rendering more
_MOST_BYTES = 512 << 20  # of sounds that are kept; those of 20 s and more lie in scratch files


@dataclass(frozen=True)
class _Placed:
    """A piece on the grid of samples: those of the sound from `first` on are played in [at, end)."""

    first: int
    at: int
    end: int
    overlap: int = 0  # samples over which it takes over from what sounded before
    alike: float = 0.0  # how much the two resemble each other there


class CuePlayer:
    """One cue as samples; those outside its span are silence.

    `sound` begins at `from_s` of the file that the pieces speak of. Film time is counted in samples of the sound's
    rate, from 0. `length`: where the film ends; a cue that would go on is cut smoothly there.
    """

    def __init__(
        self,
        sound: Waveform | Recording,
        pieces: Sequence[Piece],
        *,
        fade_in_s: float,
        fade_out_s: float,
        span: Span | None = None,
        from_s: float = 0.0,
        gain_db: float = 0.0,
        length: int | None = None,
    ) -> None:
        rate = sound.rate_hz
        span = span or Span(pieces[0].at_s, pieces[-1].end_s)
        self._sound, self.gain = sound, np.float32(10 ** (gain_db / 20))
        self.channels = sound.channels
        self.start, full_end = round(span.start_s * rate), round(span.end_s * rate)
        half = max(0, full_end - self.start) // 2
        self.end = max(self.start, full_end if length is None else min(full_end, length))
        self._fade_in = raised_cosine(min(round(fade_in_s * rate), half))
        self._fade_out = raised_cosine(min(round(fade_out_s * rate), half))[::-1]
        self._out_at = full_end - len(self._fade_out)
        cut = min(round(CUT_S * rate), self.end - self.start) if self.end < full_end else 0
        self._cut = raised_cosine(cut)[::-1]
        self._placed: list[_Placed] = []
        for piece in pieces:
            self._place(piece, round(from_s * rate))

    def _place(self, piece: Piece, origin: int) -> None:
        """Adds a piece; how it takes over from those before is found from the whole overlap, once."""
        check()
        rate = self._sound.rate_hz
        at, first = round(piece.at_s * rate), round(piece.in_s * rate) - origin
        end = at + min(round((piece.out_s - piece.in_s) * rate) + 1, _length(self._sound) - first)
        overlap = max(0, min(self._placed[-1].end if self._placed else at, end) - at)
        alike = 0.0
        if overlap:
            seam = at + overlap
            alike = likeness(self._pieces(at, seam), _read(self._sound, first, first + overlap))
            for number in range(len(self._placed) - 1, -1, -1):
                if self._placed[number].end <= seam:
                    break
                self._placed[number] = replace(self._placed[number], end=seam)
        self._placed.append(_Placed(first, at, max(at, end), overlap, alike))

    def _pieces(self, start: int, end: int) -> Samples:
        """What the pieces placed so far make of [start, end), [c end - start]."""
        out = np.zeros((self.channels, end - start), np.float32)
        # No piece ends before one placed earlier: those of hours are not all looked at for every block.
        for piece in self._placed[bisect_right(self._placed, start, key=lambda placed: placed.end) :]:
            low, high = max(piece.at, start), min(piece.end, end)
            if low >= high:
                continue
            new = _read(self._sound, piece.first + low - piece.at, piece.first + high - piece.at)
            faded = slice(low - piece.at, min(high - piece.at, piece.overlap))
            n = max(0, faded.stop - faded.start)
            if n:
                leaving, coming = crossfade(piece.overlap, piece.alike)
                before = out[:, low - start : low - start + n] * leaving[faded]
                new = np.concatenate([before + new[:, :n] * coming[faded], new[:, n:]], axis=1)
            out[:, low - start : high - start] = new
        return out

    def unfaded(self, start: int, end: int) -> Samples:
        """Film samples [start, end), [c end - start], before gain and fades; silence outside the cue's span."""
        out = self._pieces(start, end)
        out[:, : max(0, self.start - start)] = 0.0
        out[:, max(0, self.end - start) :] = 0.0
        return out

    def gains(self, start: int, end: int) -> Floats:
        """What those samples are multiplied with: gain and fades, 0 outside the cue's span: [end - start]."""
        gains = np.zeros(end - start, np.float32)
        gains[max(0, self.start - start) : max(0, self.end - start)] = self.gain
        for at, fade in (
            (self.start, self._fade_in),
            (self._out_at, self._fade_out),
            (self.end - len(self._cut), self._cut),
        ):
            low, high = max(at, start), min(at + len(fade), end)
            if low < high:
                gains[low - start : high - start] *= fade[low - at : high - at]
        return gains

    def read(self, start: int, end: int) -> Samples:
        """Film samples [start, end) as the cue plays them: [c end - start]."""
        return self.unfaded(start, end) * self.gains(start, end)

    def whole(self) -> Samples:
        """All of the cue's samples [c n], from its start."""
        return self.read(self.start, self.end)


def likeness(leaving: Samples, coming: Samples) -> float:
    """Correlation of two stretches [c n], in [0, 1]: 0 where they are opposed, or one is silent."""
    norm = float(np.linalg.norm(leaving) * np.linalg.norm(coming))
    return max(0.0, float((leaving * coming).sum()) / norm) if norm > 0 else 0.0


def crossfade(n: int, alike: float) -> tuple[Floats, Floats]:
    """Gains [n] for two stretches whose `likeness` is known such that their sum keeps its power.

    Constant power is cos² + sin² = 1, corrected by how much the two resemble each other: like waves add in amplitude,
    unlike ones in power.
    """
    angle = np.pi / 2 * (np.arange(n) + 0.5) / max(n, 1)
    out, into = np.cos(angle), np.sin(angle)
    power = np.sqrt(1.0 + 2.0 * alike * out * into)
    return (out / power).astype(np.float32), (into / power).astype(np.float32)


def _length(sound: Waveform | Recording) -> int:
    return sound.length if isinstance(sound, Recording) else sound.samples.shape[1]


def _read(sound: Waveform | Recording, start: int, end: int) -> Samples:
    """Samples [c end - start] of a sound, silence where it has none."""
    if isinstance(sound, Recording):
        return sound.read(start, end)
    out = np.zeros((sound.channels, end - start), np.float32)
    low, high = max(start, 0), min(end, sound.samples.shape[1])
    if low < high:
        out[:, low - start : high - start] = sound.samples[:, low:high]
    return out


class Sounds:
    """The sounds of cues as a job decodes them, from cutting to the last mix: of those asked for last 512 MB are kept.

    Stereo at RATE_HZ. Short ones are decoded once, of longer ones what a cue plays. Several threads may ask at once.
    """

    def __init__(self, most_bytes: int = _MOST_BYTES, tracker: "rhythm.Tracker | None" = None) -> None:
        """`tracker` counts those that are music; ours without it."""
        self._most, self._tracker = most_bytes, tracker
        self._kept: dict[_Stretch, Recording] = {}  # the one asked for last stands last
        self._lock = threading.Lock()

    def bars(self, music: "rhythm.Spectrogram") -> "rhythm.Bars | None":
        """Beats and bars of one of them; None where nothing pulses."""
        from storysound.media import rhythm  # and scipy with it: rendering counts nothing

        return (self._tracker or rhythm.bars)(music)

    def whole(self, sound: Sound) -> Recording:
        """All of a sound. Raises MediaError where its file can't be read."""
        return self._get(_Stretch(sound.root, sound.path))

    def of(self, cue: Cue) -> tuple[Recording, float]:
        """The stretch of the cue's file that its pieces use, and where in the file it begins.

        Which stretch depends on this cue alone, so that changing another changes none of its samples; of files up to
        SHARED_S it is the whole. Raises MediaError where the file can't be read.
        """
        stretch = _stretch_of(cue)
        return self._get(stretch), stretch.start_s

    def holds(self, cue: Cue) -> bool:
        """Whether the cue's sound is there and needn't be decoded."""
        return _stretch_of(cue) in self._kept

    def _get(self, stretch: "_Stretch") -> Recording:
        with self._lock:
            sound = self._kept.pop(stretch, None)
        if sound is None:
            path = Path(stretch.root) / stretch.path
            sound = record_audio(path, rate_hz=RATE_HZ, channels=2, start_s=stretch.start_s, end_s=stretch.end_s)
        with self._lock:
            self._kept[stretch] = sound
            sizes = {kept: 8 * one.length for kept, one in self._kept.items()}
            while sum(sizes.values()) > self._most and len(sizes) > 1:
                oldest = next(iter(sizes))
                del self._kept[oldest], sizes[oldest]
        return sound


@dataclass(frozen=True)
class _Stretch:
    """What of a file is decoded together."""

    root: str
    path: str
    start_s: float = 0.0
    end_s: float | None = None


def _stretch_of(cue: Cue) -> _Stretch:
    if cue.sound.duration_s <= SHARED_S:
        return _Stretch(cue.sound.root, cue.sound.path)
    from_s = float(max(0, int(min(piece.in_s for piece in cue.pieces) - _MARGIN_S)))
    end_s = max(piece.out_s for piece in cue.pieces) + _MARGIN_S
    return _Stretch(cue.sound.root, cue.sound.path, from_s, end_s)


class Players:
    """Players of a film's cues, made when they begin and let go when they end.

    While one sounds the file of the next is decoded, on another core.
    """

    def __init__(self, cues: Sequence[Cue], length: int, sounds: Sounds | None = None) -> None:
        """`length`: of the film in samples; `sounds`: those that are decoded already."""
        self._cues, self._length, self._sounds = cues, length, sounds or Sounds()
        self._players: dict[str, CuePlayer] = {}
        self._pool = ThreadPoolExecutor(1)
        self._ahead: dict[str, Future[tuple[Recording, float]]] = {}  # by cue id

    def at(self, start: int, end: int) -> list[tuple[Cue, CuePlayer]]:
        """The cues that sound in [start, end), in their order. Stretches are asked for in order of time.

        Raises MediaError where the sound of one can't be read.
        """
        reached = [cue for cue in self._cues if round(cue.end_s * RATE_HZ) > start]
        now = [cue for cue in reached if round(cue.start_s * RATE_HZ) < end]
        self._players = {cue.id: self._players.get(cue.id) or self._player(cue) for cue in now}
        self._look_ahead(reached, end)
        return [(cue, self._players[cue.id]) for cue in now]

    def _look_ahead(self, reached: Sequence[Cue], end: int) -> None:
        """Begins to decode the sound of the next cue that sounds from `end` or later on."""
        later = [cue for cue in reached if round(cue.start_s * RATE_HZ) >= end]
        following = min(later, key=lambda cue: cue.start_s, default=None)
        if following is not None and following.id not in self._ahead and not self._sounds.holds(following):
            self._ahead[following.id] = self._pool.submit(copy_context().run, self._sounds.of, following)

    def _player(self, cue: Cue) -> CuePlayer:
        coming = self._ahead.pop(cue.id, None)
        sound, from_s = coming.result() if coming else self._sounds.of(cue)
        return CuePlayer(
            sound,
            cue.pieces,
            fade_in_s=cue.fade_in_s,
            fade_out_s=cue.fade_out_s,
            span=Span(cue.start_s, cue.end_s),
            from_s=from_s,
            gain_db=cue.gain_db,
            length=self._length,
        )
