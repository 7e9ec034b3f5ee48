"""The clips of a request: stretches of videos and of the stories of data sets, each told by its content."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from storysound.errors import MediaError
from storysound.ingest.clip_tables import ClipTable, TableClip, read_clip_table
from storysound.jobs.annotate.request import AnnotateRequest
from storysound.library.annotations import key_of
from storysound.library.dataset import Dataset
from storysound.library.origin import RightsFinder, source_of
from storysound.library.walk import FoundFile, walk, worth_a_line
from storysound.media.content import sha256_of
from storysound.media.probe import probe
from storysound.progress import Watch

LEAST_S = 1.0  # of a clip that a table names


@dataclass(frozen=True)
class Clip:
    """A stretch of a video file, or of the story of a data set, whose folder is then `file`."""

    file: str
    sha256: str
    start_s: float
    end_s: float
    story: str = ""
    size: int = 0
    mtime_ns: int = 0
    licence: str = ""
    credit: str = ""
    source: str = ""  # the video it was cut from, where a table names it
    split: str = ""

    @property
    def key(self) -> str:
        """What tells it from clips of other content."""
        return key_of(self.sha256, self.start_s, self.end_s)

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.file}{'#' if self.story else ''}{self.story} {self.start_s:g}-{self.end_s:g} s"


def table_of(request: AnnotateRequest) -> ClipTable | None:
    """The table of a request over its media. Raises InputError."""
    return None if request.table is None else read_clip_table(request.table, request.inputs[0])


def edges(duration_s: float, clip_s: float) -> list[tuple[float, float]]:
    """Stretches of a video: of `clip_s` each, what is left over of less than half of it going with the last.

    >>> edges(24.0, 10.0), edges(26.0, 10.0), edges(3.0, 10.0), edges(24.0, 0.0)
    ([(0.0, 10.0), (10.0, 24.0)], [(0.0, 10.0), (10.0, 20.0), (20.0, 26.0)], [(0.0, 3.0)], [(0.0, 24.0)])
    """
    count = max(1, int(duration_s / clip_s + 0.5)) if clip_s else 1
    return list(pairwise([*(number * clip_s for number in range(count)), duration_s]))


class Clips:
    """All clips of some inputs, and why others can't be used. Nothing is decoded."""

    def __init__(self, request: AnnotateRequest, known: Iterable[Mapping[str, Any]], watch: Watch) -> None:
        """`known`: file, size, mtime_ns and sha256 of what was annotated before, which isn't read again.

        Raises InputError for what does not exist, and for a table that can't be used.
        """
        self._clip_s, self._table = request.config.clip_s, table_of(request)
        self._rows: dict[Path, list[TableClip]] = {}
        for row in self._table.clips if self._table else ():
            self._rows.setdefault(Path(row.file).resolve(), []).append(row)
        self._known = {(row["file"], row["size"], row["mtime_ns"]): row["sha256"] for row in known}
        paths = [Path(path) for path in request.inputs]
        data = [path for path in paths if Dataset.is_at(path)]
        found = walk([path for path in paths if path not in data], leave_out=[request.out])
        self.ignored, self.skipped = found.ignored, list(found.skipped)
        self.missing = self._table.missing if self._table else ()
        clips = [clip for folder in data for clip in self._of_data(folder)]
        for number, target in enumerate(found.targets, 1):
            watch.at(number, len(found.targets), target.file)
            clips += self._or_fault(target)
        self.clips = list({clip.key: clip for clip in reversed(clips)}.values())[::-1]
        self.twice = len(clips) - len(self.clips)

    def _of_data(self, folder: Path) -> Iterator[Clip]:
        for story in Dataset.open(folder).stories():
            source = story.source
            for start_s, end_s in edges(story.duration_s, self._clip_s):
                yield Clip(str(folder.absolute()), f"{source.sha256} {story.id}", start_s, end_s, story.id,
                           licence=source.licence, credit=source.credit)  # fmt: skip

    def _or_fault(self, target: FoundFile) -> list[Clip]:
        try:
            return self._of_video(target, RightsFinder().of)
        except MediaError as error:
            if worth_a_line(target.file):
                self.skipped.append((target.file, error.reason))
            else:
                self.ignored += 1
            return []

    def _of_video(self, target: FoundFile, rights: Callable[[FoundFile], Any]) -> list[Clip]:
        info = probe(target.file)
        duration_s = (info.video.duration_s or info.duration_s) if info.video else 0.0
        if not duration_s:
            self.ignored += 1
            return []
        same = target.file, target.size, target.mtime_ns
        sha256 = self._known.get(same) or sha256_of(target.file)
        source = source_of(target, info.tags, rights(target), sha256)
        base = Clip(target.file, sha256, 0, 0, "", target.size, target.mtime_ns, source.licence, source.credit)
        if self._table is not None:
            own = self._rows.get(Path(target.file).resolve(), ())
            return [clip for row in own for clip in self._of_row(base, row, duration_s)]
        parts = edges(duration_s, self._clip_s)
        return [replace(base, start_s=start_s, end_s=end_s) for start_s, end_s in parts]

    def _of_row(self, base: Clip, row: TableClip, duration_s: float) -> Iterator[Clip]:
        """The clip of a table's row; less than `LEAST_S` of one is none."""
        end_s = min(row.end_s, duration_s)
        if end_s - row.start_s < LEAST_S:
            fault = f"ends at {duration_s:.1f} s, before the clip at {row.start_s:g} s"
            self.skipped.append((row.id, f"{base.file} {fault}; its table may mean another cut"))
            return
        yield replace(base, start_s=row.start_s, end_s=end_s, source=row.source, split=row.split or "")
