"""A composition: notes by part in seconds, and what an editor of scores needs beside them: bars, tempi, keys, markers.

Pitches are MIDI numbers (60 is middle C, a pitch class is a number from 0, C, to 11, B), beats are quarter notes.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from math import ceil

TONICS = ("C", "D flat", "D", "E flat", "E", "F", "F sharp", "G", "A flat", "A", "B flat", "B")


@dataclass(frozen=True)
class Note:
    """A tone or a stroke of the drums."""

    start_s: float
    length_s: float
    pitch: int  # in [0, 127]; of drums the key of General MIDI's percussion map
    velocity: int  # in [1, 127]


@dataclass(frozen=True)
class Part:
    """What one instrument plays, in order of time."""

    name: str
    program: int  # General MIDI, counted from 0; of drums the kit
    drums: bool
    notes: tuple[Note, ...]
    pan: float  # -1 left, 1 right
    gain_db: float


@dataclass(frozen=True)
class Bar:
    """From one bar line to the next."""

    start_s: float
    beats: float  # a multiple of 0.5
    scene: int  # to which it belongs, by number


@dataclass(frozen=True)
class Tempo:
    """From `start_s` on, until the next."""

    start_s: float
    beat: float  # since the beginning of the music
    bpm: float


@dataclass(frozen=True)
class Key:
    """From `start_s` on, until the next."""

    start_s: float
    tonic: int  # pitch class
    mode: str  # of `harmony.MODES`

    @property
    def name(self) -> str:
        """As musicians say it.

        >>> Key(0.0, 9, "minor").name
        'A minor'
        """
        return f"{TONICS[self.tonic]} {self.mode}"


@dataclass(frozen=True)
class Harmony:
    """A chord as it is led: its pitch classes, root first, and the four voices that the figures are made of."""

    start_s: float
    length_s: float
    tones: tuple[int, ...]
    voices: tuple[int, int, int, int]  # bass first


@dataclass(frozen=True)
class Marker:
    """A name for a moment."""

    at_s: float
    text: str


@dataclass(frozen=True)
class Composition:
    """Music of exactly `length_s`. The last notes end before it, and ring out until then."""

    length_s: float
    parts: tuple[Part, ...]
    bars: tuple[Bar, ...]
    tempi: tuple[Tempo, ...]  # the first at 0
    keys: tuple[Key, ...]
    harmonies: tuple[Harmony, ...]
    markers: tuple[Marker, ...]
    ends_s: float  # when the final chord sounds; what is before lies in bars
    leads: tuple[str, ...]  # names of the parts that carry the tune
    seed: int

    def beat_at(self, time_s: float) -> float:
        """Beats since the beginning at a time in [0, length_s]."""
        at = max(0, bisect_right([tempo.start_s for tempo in self.tempi], time_s) - 1)
        tempo = self.tempi[at]
        return tempo.beat + (time_s - tempo.start_s) * tempo.bpm / 60

    def time_at(self, beat: float) -> float:
        """When a beat since the beginning is, in seconds."""
        at = max(0, bisect_right([tempo.beat for tempo in self.tempi], beat) - 1)
        tempo = self.tempi[at]
        return tempo.start_s + (beat - tempo.beat) * 60 / tempo.bpm

    def beats_s(self) -> list[float]:
        """When each beat is, counted from each bar line, to the final chord."""
        lines = accumulate((bar.beats for bar in self.bars), initial=0.0)
        pairs = zip(lines, self.bars, strict=False)
        return [*(self.time_at(line + k) for line, bar in pairs for k in range(ceil(bar.beats))), self.ends_s]

    def notes(self) -> Iterator[Note]:
        """All notes, part by part."""
        for part in self.parts:
            yield from part.notes
