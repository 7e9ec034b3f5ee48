"""What `ingest` is asked for, and what it gives back."""

from dataclasses import dataclass, field
from pathlib import Path

from storysound.engine import runner
from storysound.errors import UsageError
from storysound.ingest import slices
from storysound.ingest.clips import Join
from storysound.ingest.clusters import FLOOR, SIMILARITY
from storysound.ingest.look import LookConfig

BATCH = 16  # stories per commit


@dataclass(frozen=True)
class Config:
    """What decides how a story turns out. Raises UsageError for values out of their range."""

    look: LookConfig = field(default_factory=LookConfig)
    similarity: float = SIMILARITY
    floor: float = FLOOR
    slice_s: float = slices.LONGEST_S
    floor_hz: float = slices.FLOOR_HZ

    def __post_init__(self) -> None:
        if not 0 <= self.similarity <= 1 or self.floor < 0:
            raise UsageError(f"needs similarity in [0, 1] and floor >= 0, got {self.similarity}, {self.floor}")
        if self.slice_s <= 0 or self.floor_hz < 0:
            raise UsageError(f"needs slice_s > 0 and floor_hz >= 0, got {self.slice_s}, {self.floor_hz}")

    @classmethod
    def paper(cls, similarity: float = SIMILARITY) -> "Config":
        """As the paper's own scripts: ten pictures a second, and no floor under the cut."""
        return cls(LookConfig(frames_per_s=10.0), similarity, floor=0.0)


@dataclass(frozen=True)
class IngestRequest:
    """Make stories of `videos` (files, or folders of them) and add them to the data set `data`, made if need be.

    `captions`: a table, subtitles or a folder of them; `language`: which to take where a video has them in several.
    Each video is a story; with `joining` short clips of one film are joined in order. Every `batch` stories are one
    commit. `jobs`: processes that make them; for more than one call it under `if __name__ == "__main__"`. `engine`: ""
    for this machine, "ray" or "ray://host:port" for Ray, whose machines must see all files under the same names.
    Raises UsageError for what makes no sense.
    """

    videos: tuple[Path, ...]
    data: Path
    captions: Path | None = None
    language: str = ""
    joining: Join | None = None
    config: Config = field(default_factory=Config)
    jobs: int = 1
    engine: str = ""
    batch: int = BATCH

    def __post_init__(self) -> None:
        if not self.videos:
            raise UsageError("must name at least one file or folder", field="videos")
        if self.batch < 1:
            raise UsageError(f"must be at least 1 story, got {self.batch}", field="batch")
        runner.check(self.jobs, self.engine)


@dataclass(frozen=True)
class IngestResult:
    """What became of the videos."""

    added: int = 0  # stories
    refreshed: int = 0  # their videos, captions or neighbours changed
    unchanged: int = 0
    uncaptioned: int = 0  # stories without text
    ignored: int = 0  # files that are no videos
    skipped: tuple[tuple[str, str], ...] = ()  # (file or story, reason)
    notes: tuple[str, ...] = ()  # what else to know
    duration_s: float = 0.0  # of the stories that were made

    @property
    def present(self) -> int:
        """Stories of these videos that are in the data set now."""
        return self.added + self.refreshed + self.unchanged
