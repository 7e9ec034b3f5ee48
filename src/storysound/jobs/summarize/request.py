"""What `summarize` is asked for and what it answers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from storysound.encode.beats.trackers import TrackerName, check_tracker
from storysound.errors import UsageError

By = Literal["image", "music"]


@dataclass(frozen=True)
class SummarizeRequest:
    """A video that shall be cut to its most exciting shots."""

    video: Path
    out: Path  # .mp4, .mov or .mkv
    by: By = "image"  # excitement of what is seen, or of the sound under it
    share: float = 0.15  # of the video's length, at most; the literature's
    music: Path | None = None  # a track under the summary, as long as that
    to_beat: bool = False  # pictures change on beats of the music; without a track it is composed
    beats: TrackerName = "own"  # who counts the track

    def __post_init__(self) -> None:
        if self.by not in ("image", "music"):
            raise UsageError(f"must be image or music, got {self.by!r}", field="by")
        if not 0 < self.share < 1:
            raise UsageError(f"must lie between 0 and 1, got {self.share}", field="share")
        check_tracker(self.beats)

    @property
    def has_music(self) -> bool:
        """Whether music lies under the summary."""
        return self.music is not None or self.to_beat


@dataclass(frozen=True)
class SummaryShot:
    """A shot as far as it is shown in the summary.

    `importance`: mean arousal of its frames, in [0, 1]; `shows`: what is recognised in it; `at_s`: from when on it is
    shown.
    """

    start_s: float
    end_s: float
    importance: float
    shows: tuple[str, ...] = ()
    at_s: float = 0.0


@dataclass(frozen=True)
class SummarizeResult:
    """What was kept of a video, and what it was chosen from."""

    path: str  # of the video
    out: str  # of the summary
    by: By
    duration_s: float  # of the video
    length_s: float  # of the summary
    kept: tuple[SummaryShot, ...]
    shots: int  # of the video
    importance: float  # mean over the video
    beats: float | None = None  # share of the picture changes on a beat of the music; None without music that has any
    notes: tuple[str, ...] = ()  # what the user should know
