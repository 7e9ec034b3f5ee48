"""What `index` is asked for, and what it gives back."""

from dataclasses import dataclass
from pathlib import Path

from storysound.engine import runner
from storysound.errors import UsageError


@dataclass(frozen=True)
class IndexRequest:
    """Add the sounds of `folders` (or single files) to `library`, made if need be, and refresh what is in it.

    `jobs`: processes that analyse; for more than one call it under `if __name__ == "__main__"`. `engine`: "" for this
    machine, "ray" or "ray://host:port" for Ray, whose machines must see the files under the same names.
    Raises UsageError for what makes no sense.
    """

    folders: tuple[Path, ...]
    library: Path
    jobs: int = 1
    engine: str = ""
    forget: bool = False  # sounds whose files are gone leave the library, also those of folders that aren't named

    def __post_init__(self) -> None:
        if not self.folders:
            raise UsageError("must name at least one folder or file", field="folders")
        runner.check(self.jobs, self.engine)


@dataclass(frozen=True)
class IndexResult:
    """What changed in a library, in numbers of files."""

    added: int = 0
    refreshed: int = 0  # their content, the encoders, or the licence beside them changed
    moved: int = 0  # the same content under another name
    unchanged: int = 0
    removed: int = 0  # no longer there, or no longer readable
    ignored: int = 0  # no media, by name or by content
    skipped: tuple[tuple[str, str], ...] = ()  # (path, reason)
    duration_s: float = 0.0  # of the sounds that were analysed

    @property
    def present(self) -> int:
        """Files of these folders that are in the library now."""
        return self.added + self.refreshed + self.moved + self.unchanged
