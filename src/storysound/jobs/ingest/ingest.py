"""`storysound ingest`: raw videos and what people wrote about them to a data set of stories."""

import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from storysound.config import Profile, load_profile
from storysound.encode.encoder import load
from storysound.engine.stages import Engine, Outcome
from storysound.errors import MediaError, UsageError
from storysound.ingest.captions import Captions, read_captions
from storysound.ingest.clips import Clip, Join, clips_of, join
from storysound.jobs.ingest import stages as ingest_stages
from storysound.jobs.ingest.stages import AUDIO, BACKGROUND, Config, Splitter, Tools, picture_file
from storysound.library.analyse import sha256_of
from storysound.library.dataset import Dataset, Writer, row_of
from storysound.library.origin import RightsFinder, source_of
from storysound.library.walk import Target, free_name, walk, worth_a_line
from storysound.media.endings import stem_path
from storysound.media.probe import probe
from storysound.story import Frame, Source, Span, Step, Story
from storysound.weights.resolver import Resolver

log = logging.getLogger(__name__)

Progress = Callable[[int, int, str], None]  # stories done, stories in all, the story just done

BATCH = 16  # stories per commit: so many are made again at most after a crash


@dataclass
class IngestReport:
    """What became of the videos."""

    added: int = 0  # stories
    refreshed: int = 0  # their videos, captions or neighbours changed
    unchanged: int = 0
    uncaptioned: int = 0  # stories without text
    ignored: int = 0  # files that are no videos
    skipped: list[tuple[str, str]] = field(default_factory=list)  # (file or story, reason)
    notes: list[str] = field(default_factory=list)  # what else to know
    duration_s: float = 0.0  # of the stories that were made

    @property
    def present(self) -> int:
        """Stories of these videos that are in the data set now."""
        return self.added + self.refreshed + self.unchanged


def ingest(
    videos: Iterable[str | Path],
    data: str | Path,
    *,
    captions: str | Path | None = None,
    language: str = "",
    joining: Join | None = None,
    config: Config | None = None,
    profile: Profile | str = "embedded",
    weights: Resolver | None = None,
    jobs: int = 1,
    batch: int = BATCH,
    engine: str = "",
    progress: Progress | None = None,
    tools: Tools | None = None,
) -> IngestReport:
    """Makes stories of videos (files, or folders of them) and adds them to a data set, made if need be.

    `language`: which captions to take where a video has them in several. Each video is a story; with `joining` short
    clips of one film are joined in order. Every `batch` stories are one commit: killed at any moment and called again,
    the result is the same, and so many are made twice at most. Stories that are there already and whose videos and
    captions did not change are not made again. A video that can't be used is reported and left out, and so is what
    of the captions isn't used. Each stage runs in `jobs` processes; `engine`: "" for this machine, or Ray's address.
    Raises InputError for missing videos and unusable captions, LibraryError for a data set made with other settings,
    OutputError (rights, full disk), MissingModelError, UsageError.
    """
    if batch < 1:
        raise UsageError(f"a batch has at least 1 story, got {batch}")
    config = config or Config()
    tools = tools or _tools(load_profile(profile) if isinstance(profile, str) else profile, weights)
    runner = Engine(jobs, engine)
    report = IngestReport()
    told = read_captions(captions, language)
    stories = join(_clips(videos, Path(data), told, report, split=joining is not None), joining)
    made_with = ingest_stages.settings(config, tools.picture(), tools.splitter())
    is_new = not Path(data).exists()
    dataset = Dataset.open_or_create(data, made_with)
    try:
        with dataset.writer() as writer:
            run = _Run(writer, report, ingest_stages.steps(made_with), len(stories), progress)
            todo = [story for story in stories if not run.is_there(story)]
            for start in range(0, len(todo), batch):
                rows = [run.row(number, story) for number, story in enumerate(todo[start : start + batch])]
                outcomes = runner.run(rows, ingest_stages.SCHEMA, ingest_stages.stages(config, tools))
                run.commit(todo[start : start + batch], outcomes)
    finally:
        if is_new:
            dataset.discard()
    report.notes += told.left_out()
    report.skipped.sort()
    return report


def _tools(profile: Profile, weights: Resolver | None) -> Tools:
    resolver = weights or Resolver(offline=True)
    return Tools(partial(load, profile.picture, resolver), partial(_separator, resolver))


def _separator(weights: Resolver) -> Splitter:
    from storysound.encode import separator  # the light stages need no torch

    return separator.load(weights)


def _clips(
    videos: Iterable[str | Path], data: Path, told: Captions, report: IngestReport, *, split: bool
) -> Iterator[Clip]:
    """Clips of all videos that can be opened; the others go into the report."""
    found = walk(videos, leave_out=[data])
    report.ignored = found.ignored
    report.skipped += found.skipped
    rights = RightsFinder()
    names: set[str] = set()
    told.meet(target.file for target in found.targets)
    for target in found.targets:
        try:
            info = probe(target.file)
        except MediaError as error:
            _pass_over(target, error, report)
            continue
        if info.video is None or not info.duration_s:
            report.ignored += 1
            continue
        if info.audio is None:
            report.skipped.append((target.file, "has no sound; a story needs some"))
            continue
        source = source_of(target, info.tags, rights.of(target), "")
        name = _free_name(target, names)
        own = told.of(target.file, alone=len(found.targets) == 1)
        yield from clips_of(Path(target.file), name, info.duration_s, own, source, split=split)


def _pass_over(target: Target, fault: MediaError, report: IngestReport) -> None:
    if worth_a_line(target.file):
        report.skipped.append((target.file, fault.reason))
    else:
        report.ignored += 1


def _free_name(target: Target, taken: set[str]) -> str:
    """The path below what was given, without ending, and with as much above it as tells it from others."""
    free = free_name(target, lambda path: stem_path(path) in taken)
    name = stem_path(free.path)
    if name in taken:  # files of one folder that differ in their endings only, at the root of the disk
        name = free.path
    taken.add(name)
    return name


class _Run:
    """Decides which stories must be made, and commits what comes of them."""

    def __init__(
        self, writer: Writer, report: IngestReport, steps: tuple[Step, ...], count: int, progress: Progress | None
    ) -> None:
        self.writer, self.report, self.steps, self.count, self.progress = writer, report, steps, count, progress
        self.rows = {row["id"]: row for row in writer.dataset.rows(("id", "plan_sha256", "parts", "text"))}
        self.done = 0

    def is_there(self, story: Sequence[Clip]) -> bool:
        """Whether the data set has the story, made of the same clips of the same content; reports it."""
        row = self.rows.get(story[0].id)
        if row is None or row["plan_sha256"] != _plan_sha(story) or not all(map(_is_same, row["parts"])):
            return False
        self.report.unchanged += 1
        self.report.uncaptioned += not row["text"]
        self.tell(story[0].id)
        return True

    def row(self, number: int, story: Sequence[Clip]) -> dict[str, Any]:
        """What the stages are given."""
        parts = [{"file": clip.file, "start_s": clip.start_s, "end_s": clip.end_s} for clip in story]
        return {"work": str(self.writer.scratch / str(number)), "parts": parts}

    def commit(self, stories: Sequence[Sequence[Clip]], outcomes: Sequence[Outcome]) -> None:
        """One batch, all or nothing."""
        good = [(s, outcome) for s, outcome in zip(stories, outcomes, strict=True) if not outcome.fault]
        if good:
            self.writer.commit((_finished(s, o.row, self.steps) for s, o in good), [s[0].id for s, _ in good])
        for story, outcome in zip(stories, outcomes, strict=True):
            name = story[0].id if len(story) > 1 else story[0].file
            if outcome.fault:
                self.report.skipped.append((name, outcome.fault))
            else:
                refreshed = story[0].id in self.rows
                self.report.refreshed += refreshed
                self.report.added += not refreshed
                self.report.uncaptioned += not any(clip.captions for clip in story)
                self.report.duration_s += outcome.row["duration_s"]
                self.report.notes += [*outcome.row["faults"], *outcome.notes]
            self.tell(story[0].id)
        for child in self.writer.scratch.iterdir():
            shutil.rmtree(child, ignore_errors=True)

    def tell(self, name: str) -> None:
        """A story is done."""
        self.done += 1
        if self.progress is not None:
            self.progress(self.done, self.count, name)


def _plan_sha(story: Sequence[Clip]) -> str:
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


def _finished(story: Sequence[Clip], row: Any, steps: tuple[Step, ...]) -> dict[str, Any]:
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


def _source(clips: Sequence[Clip], hashes: Sequence[str]) -> Source:
    """Of all clips: every licence and credit is named once."""
    unique = list(dict.fromkeys(hashes))
    sha256 = unique[0] if len(unique) == 1 else hashlib.sha256("".join(unique).encode()).hexdigest()
    licences = dict.fromkeys(clip.source.licence for clip in clips if clip.source.licence)
    credits = dict.fromkeys(clip.source.credit for clip in clips if clip.source.credit)
    return Source(clips[0].source.uri, sha256, " / ".join(licences), "; ".join(credits))
