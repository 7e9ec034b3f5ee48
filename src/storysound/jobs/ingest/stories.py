"""One update of a data set: which stories must be made, and the rows of those that were."""

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice, takewhile
from pathlib import Path
from typing import Any

from storysound.engine.stage import Outcome, Row
from storysound.errors import MediaError, StorysoundError
from storysound.ingest.clips import VideoClip
from storysound.jobs.ingest.request import IngestResult
from storysound.jobs.ingest.stages import AUDIO, BACKGROUND, picture_file
from storysound.jobs.ingest.videos import Videos
from storysound.library.dataset import DatasetWriter, row_of
from storysound.media.content import sha256_of
from storysound.progress import Watch
from storysound.story import Frame, Source, Span, Step, Story


class DatasetUpdate:
    """Decides which stories must be made, and commits what comes of them in batches and in the order of the videos.

    A story that takes long keeps those after it waiting, but no more of them than two batches hold.
    """

    def __init__(
        self, writer: DatasetWriter, videos: Videos, steps: tuple[Step, ...], batch: int, watch: Watch
    ) -> None:
        """Nothing is done yet."""
        self.writer, self.steps, self.batch, self.watch = writer, steps, batch, watch
        self.stories: list[Sequence[VideoClip]] = list(videos.stories)
        self.counts = Counter({"ignored": videos.ignored})  # by the names they have in the result
        self.skipped, self.duration_s = list(videos.skipped), 0.0
        self.notes: list[str] = []
        self.there = {row["id"]: row for row in writer.dataset.rows(("id", "plan_sha256", "parts", "text"))}
        self.waiting: dict[int, None] = {}  # numbers of the stories that are not committed yet, in order
        self.made: dict[int, Outcome] = {}
        self.done = 0

    def rows(self) -> Iterator[Row]:
        """What the stages are given: the stories that must be made; sees to all others itself."""
        self.waiting = dict.fromkeys(number for number, story in enumerate(self.stories) if not self.is_there(story))
        for number in list(self.waiting):
            parts = [{"file": clip.file, "start_s": clip.start_s, "end_s": clip.end_s} for clip in self.stories[number]]
            yield {"number": number, "work": str(self.writer.scratch / str(number)), "parts": parts}

    def is_there(self, story: Sequence[VideoClip]) -> bool:
        """Whether the data set has the story, made of the same clips of the same content; counts it."""
        row = self.there.get(story[0].id)
        if row is None or row["plan_sha256"] != _plan_sha(story) or not all(map(_is_same, row["parts"])):
            return False
        self.counts["unchanged"] += 1
        self.counts["uncaptioned"] += not row["text"]
        self.tell(story)
        return True

    def take(self, outcome: Outcome) -> None:
        """Commits a batch when it is whole."""
        number = outcome.row["number"]
        self.made[number] = outcome
        self.tell(self.stories[number])
        in_order = list(islice(takewhile(self.made.__contains__, self.waiting), self.batch))
        if len(in_order) == self.batch:
            self.commit(in_order)
        elif len(self.made) >= 2 * self.batch:
            self.commit(sorted(self.made))

    def keep(self) -> None:
        """Commits what is finished where the run ends early; a commit that was interrupted is made again, not twice."""
        with suppress(StorysoundError):  # a full disk: it is why the run ends
            self.writer.dataset.refresh()
            self.commit(sorted(self.made))

    def finish(self) -> IngestResult:
        """Commits the rest."""
        self.commit(sorted(self.made))
        return IngestResult(
            **self.counts, skipped=tuple(sorted(self.skipped)), notes=tuple(self.notes), duration_s=self.duration_s
        )

    def kept(self) -> str:
        """What an early end leaves, in words."""
        present = sum(self.counts[name] for name in ("added", "refreshed", "unchanged"))
        where = self.writer.dataset.folder
        return f"{present} of {len(self.stories)} stories are in {where}; the same command goes on from there"

    def commit(self, numbers: Sequence[int]) -> None:
        """One batch, all or nothing."""
        good = [(self.stories[number], self.made[number]) for number in numbers if not self.made[number].fault]
        if good:
            rows = (_finished(story, outcome.row, self.steps) for story, outcome in good)
            self.writer.commit(rows, [story[0].id for story, _ in good])
        for number in numbers:
            outcome = self.made.pop(number)
            del self.waiting[number]
            self.count(self.stories[number], outcome)
            shutil.rmtree(outcome.row["work"], ignore_errors=True)

    def count(self, story: Sequence[VideoClip], outcome: Outcome) -> None:
        """Enters a story into the result."""
        if outcome.fault:
            self.skipped.append((story[0].id if len(story) > 1 else story[0].file, outcome.fault))
            return
        self.counts["refreshed" if story[0].id in self.there else "added"] += 1
        self.counts["uncaptioned"] += not any(clip.captions for clip in story)
        self.duration_s += outcome.row["duration_s"]
        self.notes += [*outcome.row["faults"], *outcome.notes]

    def tell(self, story: Sequence[VideoClip]) -> None:
        """A story is done."""
        self.done += 1
        self.watch.at(self.done, len(self.stories), story[0].id)


def _plan_sha(story: Sequence[VideoClip]) -> str:
    """Of all that a story is to be made of, but the content of the files."""
    plan = [[c.name, c.start_s, c.end_s, c.captions, c.source.uri, c.source.licence, c.source.credit] for c in story]
    return hashlib.sha256(json.dumps(plan).encode()).hexdigest()


def _is_same(part: dict[str, Any]) -> bool:
    """Whether the file of a part has the content it had."""
    try:
        status = Path(part["file"]).stat()
        if (status.st_size, status.st_mtime_ns) == (part["size"], part["mtime_ns"]):
            return True
        return bool(status.st_size == part["size"] and sha256_of(part["file"]) == part["sha256"])
    except (OSError, MediaError):
        return False


def _finished(story: Sequence[VideoClip], row: Any, steps: tuple[Step, ...]) -> dict[str, Any]:
    """The row of a data set, media included, of what the stages made."""
    work = Path(row["work"])
    places = {used["number"]: Span(used["start_s"], used["end_s"]) for used in row["used"]}
    used = [clip for number, clip in enumerate(story) if number in places]
    captions = tuple(caption for clip in used for caption in clip.captions)
    record = Story(
        id=story[0].id,
        text=" ".join(captions),
        frames=tuple(Frame("", time_s) for time_s in row["frame_times_s"]),
        shots=tuple(Span(**shot) for shot in row["shots"]),
        captions=captions,
        source=_source(used, [row["files"][number]["sha256"] for number in places]),
        steps=steps,
        duration_s=row["duration_s"],
    )
    parts = [
        {"file": clip.file, "clip_start_s": clip.start_s, **file, **(vars(places[n]) if n in places else {})}
        for n, (clip, file) in enumerate(zip(story, row["files"], strict=True))
    ]
    kept = {name: row[name] for name in ("slices", "rate_hz", "channels", "faults")}
    media = {
        "frames": [picture_file(work, number).read_bytes() for number in row["frame_numbers"]],
        "audio": (work / AUDIO).read_bytes(),
        "background": (work / BACKGROUND).read_bytes(),
    }
    return row_of(record) | kept | {"parts": parts, "plan_sha256": _plan_sha(story)} | media


def _source(clips: Sequence[VideoClip], hashes: Sequence[str]) -> Source:
    """Of all clips: every licence and credit is named once."""
    unique = list(dict.fromkeys(hashes))
    sha256 = unique[0] if len(unique) == 1 else hashlib.sha256("".join(unique).encode()).hexdigest()
    licences = dict.fromkeys(clip.source.licence for clip in clips if clip.source.licence)
    credits = dict.fromkeys(clip.source.credit for clip in clips if clip.source.credit)
    return Source(clips[0].source.uri, sha256, " / ".join(licences), "; ".join(credits))
