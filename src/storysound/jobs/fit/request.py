"""What `fit` is asked for and what it answers."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from storysound.encode.beats.trackers import TrackerName, check_tracker
from storysound.errors import UsageError

MOST_LENGTH_S = 3 * 3600.0


@dataclass(frozen=True)
class FitRequest:
    """A track, and how long it shall be: to the sample, at its own rate."""

    source: Path
    out: Path  # one of `media.film.sound_files.SOUNDS`
    length_s: float
    hits_s: tuple[float, ...] = ()  # when something new should begin: a build, a break
    start_s: float | None = None  # where in the track to begin, at the bar nearest; None: where it begins
    beats: TrackerName = "own"  # who counts it

    def __post_init__(self) -> None:
        if not 0 < self.length_s <= MOST_LENGTH_S:  # not true of NaN either
            fault = f"must be more than 0 and at most {MOST_LENGTH_S:g} s, got {self.length_s:g}"
            raise UsageError(fault, field="length_s")
        for hit_s in self.hits_s:
            if not 0 < hit_s < self.length_s:
                fault = f"must lie between 0 and the length, {self.length_s:g} s, got {hit_s:g}"
                raise UsageError(fault, field="hits_s")
        if self.start_s is not None and not 0 <= self.start_s < math.inf:
            raise UsageError(f"must be 0 or more, got {self.start_s:g}", field="start_s")
        check_tracker(self.beats)


@dataclass(frozen=True)
class FitJump:
    """A jump: when it is heard, what of the track it leaves and reaches, and what it costs; 0 is not heard."""

    at_s: float
    leave_s: float
    reach_s: float
    cost: float
    timbre: float
    harmony: float
    seam: float
    level: float


@dataclass(frozen=True)
class FitPart:
    """A part of the track: intro, build, body, break or ending."""

    start_s: float
    end_s: float
    name: str


@dataclass(frozen=True)
class FitHit:
    """What comes of a hit: when what begins next to it comes, where in the track, and what it is.

    `begins`: a part of the track, else `bar` or `beat`; "" where none is near.
    """

    hit_s: float
    at_s: float | None
    turn_s: float | None
    begins: str = ""


@dataclass(frozen=True)
class FitResult:
    """What was written, and how it was made."""

    out: str
    length_s: float
    track_s: float  # how long the track is
    way: Literal["jumps", "loop"]  # `loop`: no jumps were possible, and why
    why: str
    jumps: tuple[FitJump, ...]
    parts: tuple[FitPart, ...]
    hits: tuple[FitHit, ...]
    begins_s: float  # when the track begins: later than 0 where it waits so that a bar meets a hit
    ending_cut_s: float  # by which the ending rings on for less long
    silence_s: float  # after the ending
    faded_s: float  # at the end, where the track stops with no ending of its own, or it is cut off while it is heard
    lost: tuple[str, ...]  # what of the track's tags, chapters and covers isn't in the file
