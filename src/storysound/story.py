"""The two records everything turns around: a `Story` and its sibling, a `Sound` of a library.

Both hold references and seconds, never pixels or samples. Stages are pure functions from a record to a new
record with one more `Step`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Kind = Literal["music", "sfx"]
Modality = Literal["image", "audio", "text", "video"]
MoodCurve = tuple[tuple[float, float, float], ...]
"""Moods over time: points (time_s, valence, arousal), both in [0, 1], in time order."""


@dataclass(frozen=True)
class Source:
    """Where a thing comes from and what may be done with it."""

    uri: str
    sha256: str = ""
    licence: str = ""  # as the file or its package states it; empty when it states none
    credit: str = ""  # whom to name


@dataclass(frozen=True)
class Step:
    """One stage a record went through."""

    tool: str
    version: str
    config_sha: str = ""


@dataclass(frozen=True)
class Mood:
    """A point of the circumplex; both axes run from 0 to 1, 0.5 is neutral."""

    valence: float
    arousal: float

    def __post_init__(self) -> None:
        for axis in ("valence", "arousal"):
            value = getattr(self, axis)
            if not 0.0 <= value <= 1.0:
                raise ValueError(f"{axis} must lie in [0, 1], got {value}")

    def distance(self, other: "Mood") -> float:
        """Euclidean distance on the circumplex, in [0, √2].

        >>> Mood(0.0, 0.5).distance(Mood(0.75, 0.5))
        0.75
        """
        return math.dist((self.valence, self.arousal), (other.valence, other.arousal))


@dataclass(frozen=True)
class Span:
    """A half-open stretch of time [start_s, end_s)."""

    start_s: float
    end_s: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.start_s <= self.end_s:
            raise ValueError(f"a span needs 0 <= start_s <= end_s, got {self.start_s}..{self.end_s}")

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s

    def overlap_s(self, other: "Span") -> float:
        """Seconds both spans share.

        >>> Span(0, 3).overlap_s(Span(2, 5))
        1
        """
        return max(0, min(self.end_s, other.end_s) - max(self.start_s, other.start_s))


@dataclass(frozen=True)
class Event:
    """A sound of a class, heard in [start_s, end_s).

    `score` in [0, 1]: how clearly at its clearest, 0.5 being usual for the class (`annotate.events.relative`); of
    speech placed by a voice detector, the detector's mean.
    """

    start_s: float
    end_s: float
    label: str
    score: float

    @property
    def span(self) -> Span:
        """When."""
        return Span(self.start_s, self.end_s)


@dataclass(frozen=True)
class MoodMoment:
    """The mood of one modality around a time."""

    time_s: float
    modality: Modality
    mood: Mood


@dataclass(frozen=True)
class Frame:
    """A picture of a story: a file of its own, or a moment of the story's video."""

    uri: str
    time_s: float = 0.0


@dataclass(frozen=True)
class Story:
    """Text, pictures and time: what asks for sound. What a stage hasn't told yet, or doesn't tell, is empty."""

    id: str
    title: str = ""
    text: str = ""  # about the whole
    video: str = ""  # reference to the film; empty where pictures tell the story
    frames: tuple[Frame, ...] = ()  # pictures that stand for the story, unit by unit where it has units
    shots: tuple[Span, ...] = ()
    units: tuple[Span, ...] = ()  # what is understood at a time: shots, the long ones in parts; tile [0, duration_s)
    texts: tuple[str, ...] = ()  # per unit what is said about it, mostly empty
    audio: str = ""  # reference to the original sound, empty when there is none
    background: str = ""  # reference to the sound without speech, of exactly the same length
    speech: tuple[Span, ...] = ()  # where somebody speaks in the original sound
    music: tuple[Span, ...] = ()  # where music plays in it
    events: tuple[Event, ...] = ()  # what else is heard in it
    captions: tuple[str, ...] = ()
    mood: Mood | None = None
    moods: Mapping[str, MoodCurve] = field(default_factory=dict)  # over time, by what tells them: "pictures", "words"
    source: Source = field(default_factory=lambda: Source(""))
    steps: tuple[Step, ...] = ()
    duration_s: float = 0.0  # 0 where the story has no time of its own
    fps: float = 0.0  # pictures a second it is shown at; 0 where it has no time of its own
    slices: tuple[Span, ...] = ()  # stretches of the background to learn to make sound from
    faults: tuple[str, ...] = ()  # what of it could not be used

    def with_step(self, step: Step, **changes: Any) -> "Story":
        """A copy with `changes` applied and `step` appended."""
        return replace(self, steps=(*self.steps, step), **changes)


@dataclass(frozen=True)
class Sound:
    """One sound of a library, as analysed when it was indexed."""

    path: str  # relative to the folder that was indexed, with forward slashes
    root: str  # the folder that was indexed, absolute
    duration_s: float
    kind: Kind
    title: str = ""
    tags: tuple[str, ...] = ()  # words the file carries: genre, mood, comment, keywords
    loudness_lufs: float = float("-inf")  # integrated, ITU-R BS.1770; -inf for silence
    true_peak_dbtp: float = float("-inf")
    tempo_bpm: float | None = None  # None when no pulse was found
    key: str = ""  # e.g. "A minor"; empty when not tonal
    mood: Mood = Mood(0.5, 0.5)
    source: Source = field(default_factory=lambda: Source(""))
