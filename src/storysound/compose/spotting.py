"""What music is composed to: scenes with their moods, cuts, speech and marked moments, all in seconds of the film."""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, get_args

from storysound.errors import UsageError
from storysound.story import Mood, Span

Mark = Literal["accent", "breath", "rest"]

LEAST_LENGTH_S = 1.0
MOST_LENGTH_S = 6 * 3600.0
_SLACK_S = 0.05  # by which the end of a scene and the start of the next may differ


@dataclass(frozen=True)
class Scene:
    """A stretch of one mood.

    `theme`: who or what it is about; scenes of one theme share a motif. `ensemble`, `style`: others than the film's.
    `seed`: other notes for this scene alone. `about`: words for people, by which nothing goes.
    """

    start_s: float
    end_s: float
    mood: Mood
    theme: str = ""
    ensemble: str = ""
    seed: int = 0
    style: str = ""
    about: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.start_s < self.end_s <= MOST_LENGTH_S:  # not true of NaN either
            text = f"needs 0 <= start_s < end_s <= {MOST_LENGTH_S:g}, got {self.start_s:g} to {self.end_s:g}"
            raise UsageError(text, field="scenes")


@dataclass(frozen=True)
class Hit:
    """A marked moment: an accent, an accent after a held breath, or silence from here to the next bar line."""

    at_s: float
    mark: Mark = "accent"

    def __post_init__(self) -> None:
        if self.mark not in get_args(Mark):
            raise UsageError(f"must be {', '.join(get_args(Mark))}, got {self.mark!r}", field="hits")


@dataclass(frozen=True)
class Spotting:
    """Where music is wanted, and what it has to fit: scenes follow each other without gaps, from 0 on.

    `speech`: where music stays thin and low. Cuts and hits may come in any order. Raises UsageError for times that
    contradict each other.
    """

    scenes: tuple[Scene, ...]
    cuts_s: tuple[float, ...] = ()
    speech: tuple[Span, ...] = field(default=())
    hits: tuple[Hit, ...] = ()

    def __post_init__(self) -> None:
        if not self.scenes:
            raise UsageError("names no scene, at least one is wanted", field="scenes")
        if self.scenes[0].start_s > _SLACK_S:
            raise UsageError(f"must begin at 0 s, the first begins at {self.scenes[0].start_s:g} s", field="scenes")
        for before, after in pairwise(self.scenes):
            if abs(after.start_s - before.end_s) > _SLACK_S:
                text = f"must follow each other: one ends at {before.end_s:g} s, the next begins at {after.start_s:g} s"
                raise UsageError(text, field="scenes")
        if self.length_s < LEAST_LENGTH_S:
            raise UsageError(f"must last {LEAST_LENGTH_S:g} s or more, got {self.length_s:g} s", field="scenes")
        self._check_inside("cuts_s", self.cuts_s)
        self._check_inside("hits", [hit.at_s for hit in self.hits])

    @property
    def length_s(self) -> float:
        """When the last scene ends."""
        return self.scenes[-1].end_s

    def _check_inside(self, field: str, times_s: "tuple[float, ...] | list[float]") -> None:
        strange = [time_s for time_s in times_s if not 0 <= time_s <= self.length_s]
        if strange:
            raise UsageError(f"must lie from 0 to {self.length_s:g} s, got {strange[0]:g}", field=field)
