"""What `listen` is asked for and what it answers."""

from dataclasses import dataclass
from pathlib import Path

from storysound.errors import UsageError
from storysound.story import Event

PLOTS = (".svg", ".png")
USUAL_SCORE = 0.7  # from which an event counts


@dataclass(frozen=True)
class ListenRequest:
    """A sound, or a video with sound, that shall be heard."""

    file: Path
    min_score: float = USUAL_SCORE  # clarity in (0, 1] from which an event counts
    top: int = 0  # kinds of sound kept, the ones heard most clearly; 0: all
    plot: Path | None = None  # where a timeline is drawn: .svg or .png

    def __post_init__(self) -> None:
        if not 0 < self.min_score <= 1:
            raise UsageError(f"must lie above 0 and at most at 1, got {self.min_score:g}", field="min_score")
        if self.top < 0:
            raise UsageError(f"must be 0 or more, got {self.top}", field="top")
        check_plot(self.plot)


@dataclass(frozen=True)
class ListenResult:
    """What is heard in a file, in the order in which it begins."""

    path: str
    duration_s: float
    events: tuple[Event, ...]


def check_plot(plot: Path | None) -> None:
    """Raises UsageError for a picture that can't be drawn, by its name."""
    if plot is not None and Path(plot).suffix.lower() not in PLOTS:
        raise UsageError(f"a name that ends in {' or '.join(PLOTS)} is wanted, got {plot}", field="plot")
