"""Tiny sounds to index, ears that count what they hear, and the numbers of a report, for tests of indexing."""

from pathlib import Path

import pytest

from library_fakes import FakeEncoder, judge, tone
from storysound.engine.crew import Tools
from storysound.jobs.index.index import IndexReport


class Ears:
    """An encoder that tells how many files it was given since last asked."""

    def __init__(self, revision: str = "r1") -> None:
        self.encoder = FakeEncoder(revision=revision)

    def __call__(self) -> Tools:
        return Tools({"fake": self.encoder}, judge)

    @property
    def heard(self) -> int:
        count = len(self.encoder.seconds)
        self.encoder.seconds.clear()
        return count


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    folder = tmp_path / "sounds"
    for i, name in enumerate(["one.wav", 'deep/it\'s "two".flac', "deep/three 😀\nlines.wav"]):
        tone(folder / name, 1 + i, 300 + 100 * i)
    return folder


def counts(report: IndexReport) -> tuple[int, int, int, int, int]:
    return report.added, report.refreshed, report.moved, report.unchanged, report.removed
