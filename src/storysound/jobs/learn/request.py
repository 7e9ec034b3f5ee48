"""What `learn` is asked for, and what comes of it."""

from dataclasses import dataclass
from pathlib import Path

from storysound.library.tastes import Choice
from storysound.match.taste import Judgement


@dataclass(frozen=True)
class LearnRequest:
    """Finished films with their music, and cue sheets that were worked on, for a library to learn from."""

    library: Path  # whose tracks they have
    sources: tuple[Path, ...] = ()  # films and sheets; none: what was learned before is fitted anew
    forget: tuple[Path, ...] = ()  # films and sheets whose choices are left out from now on


@dataclass(frozen=True)
class LearnResult:
    """All that a library has learned from so far, and whether it is used."""

    choices: tuple[Choice, ...]  # all, those from before too
    judgement: Judgement | None  # of films that were left out; None: too few scenes so far
    used: bool
    notes: tuple[str, ...]  # what could not be learned from, and why
    file: str  # where it is kept; empty where there is nothing to keep
