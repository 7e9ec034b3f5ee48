"""Cues as they sound, and what says why they were chosen."""

from dataclasses import dataclass

from storysound.cue.score import Cue
from storysound.media.arrays import Doubles, Floats

LISTENED_S = 20.0  # of each cue, from its start, to say why it was chosen
SHORTEST_S = 0.1  # shorter cues have no moments to tell apart


@dataclass(frozen=True, eq=False)
class Pulse:
    """Beats [n] and bar lines [b] of a cue of music, ascending seconds of the story; `turn_s`: when it takes over."""

    beats_s: Doubles
    bars_s: Doubles
    turn_s: float | None = None


@dataclass(frozen=True)
class RenderedCue:
    """A cue with its samples [2 n] at RATE_HZ, faded, before its gain."""

    cue: Cue
    samples: Floats
    pulse: Pulse | None = None  # of music with beats


@dataclass(frozen=True)
class Attention:
    """How much each picture under a cue and each moment of its sound have to do with each other.

    `values` [frames steps], `frames_s`: when in the story the pictures are shown, `steps_s`: times of the sound.
    """

    values: Floats
    frames_s: tuple[float, ...]
    steps_s: tuple[float, ...]
