"""Tiny sounds to index, ears that count what they hear, and the numbers of a result, for tests of indexing."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from library_fakes import FakeEncoder, FakeModels, tone
from storysound.encode.pool import Models
from storysound.jobs.index import index as job
from storysound.jobs.index.request import IndexRequest, IndexResult
from storysound.progress import Progress, Stop, Watch


def index(
    folders: Iterable[Path],
    library: Path,
    models: Models | None = None,
    *,
    jobs: int = 1,
    engine: str = "",
    forget: bool = False,
    report: Callable[[Progress], None] | None = None,
    stop: Stop | None = None,
) -> IndexResult:
    """The job, as whoever asks for it runs it."""
    with Watch(report, stop) as watch:
        return job.run(IndexRequest(tuple(folders), library, jobs, engine, forget), models or FakeModels(), watch)


class EarsModels(FakeModels):
    """An encoder that tells how many files it was given since last asked."""

    def __init__(self, revision: str = "r1") -> None:
        self.own = FakeEncoder(revision=revision)
        super().__init__(lambda: self.own)

    @property
    def heard(self) -> int:
        count = len(self.own.seconds)
        self.own.seconds.clear()
        return count


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    folder = tmp_path / "sounds"
    for i, name in enumerate(["one.wav", 'deep/it\'s "two".flac', "deep/three 😀\nlines.wav"]):
        tone(folder / name, 1 + i, 300 + 100 * i)
    return folder


def counts(result: IndexResult) -> tuple[int, int, int, int, int]:
    return result.added, result.refreshed, result.moved, result.unchanged, result.removed
