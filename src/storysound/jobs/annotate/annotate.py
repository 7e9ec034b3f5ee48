"""`storysound annotate`: videos and data sets to descriptions of what is seen and heard, clip by clip.

The coarse-to-fine pipeline of TAVGBench (section 3.2), with a check that it lacks: pictures and sound are captioned on
their own, what too little speaks for is left out, both captions are rephrased and merged.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from operator import attrgetter
from typing import Any

import numpy as np

from storysound import __version__
from storysound.annotate.endpoint import OutOfBudgetError
from storysound.annotate.rewriting import Caption, Description
from storysound.annotate.sentences import split_sentences
from storysound.encode.pool import Models
from storysound.engine.runner import Runner, runner
from storysound.engine.stage import Outcome, Row
from storysound.errors import StorysoundError, UsageError
from storysound.ingest.splits import Split, split
from storysound.jobs.annotate import stages
from storysound.jobs.annotate.clips import Clip, Clips
from storysound.jobs.annotate.request import AnnotateRequest, AnnotateResult, AnnotationStats
from storysound.jobs.annotate.rewriting import Describer, cost_of, expected
from storysound.library.annotations import LIST, SHORT, Annotations, AnnotationsWriter
from storysound.media.files import write_whole
from storysound.progress import Cancelled, Watch
from storysound.story import Span

SHARES: Mapping[Split, float] = {"train": 0.8, "validation": 0.1, "test": 0.1}
GRAMMAR = f"grammar {__version__}"


def run(request: AnnotateRequest, models: Models, watch: Watch) -> AnnotateResult:
    """Clips whose content was described before are not described again, whatever their files are called now.

    A clip that can't be used is reported and left out. Whatever ends this, what is finished is committed; killed at any
    moment and called again, the result is the same, and one batch and what was under way are made twice at most. What
    an endpoint answered is kept as it comes and never asked for again. Where the budget is spent the clips that are
    left are counted; the same call goes on with them.
    Raises InputError for missing inputs and for an endpoint that fails again and again, LibraryError for a folder made
    with other settings, OutputError, MissingModelError; UsageError where a profile's encoders were not measured and the
    check is to drop or mark.
    """
    watch.plan({"clips": 4, "models": 4, "captions": 92})
    watch.step("clips")
    seen_before = ("key", "file", "size", "mtime_ns", "sha256")
    known = Annotations.open(request.out).rows(seen_before) if Annotations.is_at(request.out) else []
    clips = Clips(request, known, watch)
    jobs = min(request.jobs, max(1, len(clips.clips)))
    if request.dry:
        there = {row["key"] for row in known}
        left = sum(clip.key not in there for clip in clips.clips)
        cost = expected(left, request.rewriting)
        return AnnotateResult(
            unchanged=len(clips.clips) - left, ignored=clips.ignored, left=left, cost=cost, skipped=tuple(clips.skipped)
        )
    describer = Describer(request, models)
    with runner(stages.stages(request.config, models), jobs, request.engine) as makers:
        watch.step("models")
        made_with = _settings(request, makers, describer.rewriter.revision)
        is_new = not request.out.exists()
        annotations = Annotations.open_or_create(request.out, made_with)
        try:
            watch.step("captions")
            with annotations.writer() as writer:
                return AnnotationsUpdate(writer, clips, describer, request, watch).run(makers)
        finally:
            if is_new:
                annotations.discard()


def _settings(request: AnnotateRequest, makers: Runner, rewritten_by: str) -> dict[str, str]:
    """What all clips of a folder have in common, in words. Raises UsageError where the check knows an encoder not."""
    eyes = makers.ask(stages.PICTURES, attrgetter("revision"))
    ears = makers.ask(stages.SOUND, attrgetter("revision"))
    checks = makers.ask(stages.CAPTIONS, attrgetter("checks"))
    tellers = [makers.ask(stage, attrgetter("teller")) for stage in (stages.PICTURES, stages.SOUND)]
    config = request.config
    if config.unsupported != "keep":
        for sense, name in (("video", eyes.split()[0]), ("audio", ears.split()[0])):
            if not checks.known(sense, name):
                raise UsageError(f"what {name} says was never measured: only 'keep' is possible", field="unsupported")
    return {
        "clip_s": f"{config.clip_s:g}",
        "pictures_per_s": f"{config.pictures_per_s:g}",
        "seen_by": eyes,
        "heard_by": ears,
        "sentences_by": "; ".join(filter(None, tellers)) or GRAMMAR,
        "unsupported": config.unsupported,
        "check": checks.revision,
        "rewritten_by": rewritten_by,
    }


class AnnotationsUpdate:
    """Has the clips described that aren't yet, and commits what comes of them in batches."""

    def __init__(
        self, writer: AnnotationsWriter, clips: Clips, describer: Describer, request: AnnotateRequest, watch: Watch
    ) -> None:
        """Nothing is done yet."""
        self.writer, self.all, self.describer, self.request, self.watch = writer, clips, describer, request, watch
        self.new = [clip for clip in clips.clips if clip.key not in writer.there]
        self.skipped, self.notes = list(clips.skipped), list[str]()
        self.notes += [f"{clips.twice} clips have the content of others and are described once"] * bool(clips.twice)
        if clips.missing:
            self.notes.append(f"{len(clips.missing)} clips of the table have no file here, as {clips.missing[0]}")
        self.made: list[Outcome] = []
        self.done = self.unchanged = len(clips.clips) - len(self.new)
        self.added, self.claims, self.dropped, self.left, self.duration_s = 0, 0, 0, 0, 0.0
        self.failed = self.unused = 0  # clips that can't be described; clips of which an answer was not taken

    def run(self, makers: Runner) -> AnnotateResult:
        """All of it; what is finished when it ends early is kept. Raises what the stages raise, OutputError."""
        try:
            for outcome in makers.outcomes(self._rows()):
                self.take(outcome)
                if self.left:
                    break
            self.commit()
            self.left = self.left and len(self.all.clips) - self.unchanged - self.added - self.failed
            self._write_list()
            self.writer.tidy()
        except BaseException as end:
            with suppress(StorysoundError):  # a full disk: it is why the run ends
                self.writer.refresh()
                self.commit()
            if isinstance(end, KeyboardInterrupt | SystemExit | Cancelled):
                end.add_note(self.kept())
            raise
        return self.result()

    def _rows(self) -> Iterator[Row]:
        for number, clip in enumerate(self.new):
            yield {"number": number, **{name: getattr(clip, name) for name in ("file", "story", "start_s", "end_s")}}

    def take(self, outcome: Outcome) -> None:
        """Commits a batch when it is whole."""
        self.done += 1
        self.watch.at(self.done, len(self.all.clips), self.new[outcome.row["number"]].name)
        self.made.append(outcome)
        if len(self.made) >= self.request.batch:
            self.commit()

    def commit(self) -> None:
        """What is finished, in the order of the clips: all or nothing."""
        made = sorted(self.made, key=lambda outcome: outcome.row["number"])
        self.made.clear()
        good = [(self.new[outcome.row["number"]], outcome.row) for outcome in made if not outcome.fault]
        for outcome in made:
            if outcome.fault:
                self._leave_out(self.new[outcome.row["number"]], outcome.fault)
            self.notes += outcome.notes
        captions = [(_caption(row, "video", clip), _caption(row, "audio", clip)) for clip, row in good]
        rows = []
        for (clip, row), answer in zip(good, self.describer.describe(captions), strict=True):
            if isinstance(answer, Description):
                rows.append(_finished(clip, row, answer))
            elif isinstance(answer, OutOfBudgetError):
                self.left += 1
            else:
                self._leave_out(clip, f"{answer.reason}; the same call asks again")
        self.writer.commit(rows)
        self._count(rows)
        self.describer.check()

    def _leave_out(self, clip: Clip, reason: str) -> None:
        self.failed += 1
        self.skipped.append((clip.name, reason))

    def _count(self, rows: Sequence[dict[str, Any]]) -> None:
        self.added += len(rows)
        for row in rows:
            self.claims += len(row["claims"])
            self.dropped += sum(not claim["kept"] for claim in row["claims"])
            self.duration_s += row["end_s"] - row["start_s"]
            self.unused += bool(row["faults"])

    def _write_list(self) -> None:
        rows = self.writer.annotations.rows(("file", "story", *SHORT, "sha256", "source", "split"))
        for row, part in zip(rows, _splits(rows), strict=True):
            row["split"] = part
        lines = [json.dumps(row, ensure_ascii=False) for row in rows]
        write_whole(self.writer.annotations.folder / LIST, "".join(f"{line}\n" for line in lines))

    def kept(self) -> str:
        """What an early end leaves, in words."""
        there = self.unchanged + self.added
        where = self.writer.annotations.folder
        return f"{there} of {len(self.all.clips)} clips are in {where}; the same command goes on from there"

    def result(self) -> AnnotateResult:
        """What became of the clips."""
        if self.unused:
            self.notes.append(f"of {self.unused} clips an answer was not taken: their `faults` say why")
        if self.left:
            self.notes.append(f"the budget is spent: {self.left} clips are left for the same call")
        return AnnotateResult(
            self.added, self.unchanged, self.claims, self.dropped, self.all.ignored, self.left,
            cost_of(self.describer.spent, self.request.rewriting), tuple(sorted(self.skipped)),
            tuple(dict.fromkeys(self.notes)), self.duration_s, stats(self.writer.annotations),
        )  # fmt: skip


def _finished(clip: Clip, row: Row, made: Description) -> dict[str, Any]:
    """The row of a table."""
    said = [
        {"text": s.text, "part": s.part, "by": s.by, "prompt_sha256": s.prompt_sha256, **vars(s.span)}
        for s in made.sentences
    ]
    return {
        **{name: getattr(clip, name) for name in ("key", *vars(clip))},
        "caption": made.text,
        "video_caption": made.video,
        "audio_caption": made.audio,
        "sentences": said,
        "claims": row["claims"],
        "faults": list(made.faults),
    }


def _splits(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Train, validation or test: as tables said, else so that no video, file or content is on two sides."""
    if not rows or any(row["split"] for row in rows):
        return [row["split"] for row in rows]
    keys = [[key for key in (row["file"] + row["story"], row["sha256"], row["source"]) if key] for row in rows]
    return list(split(keys, SHARES))


def _caption(row: Row, sense: str, clip: Clip) -> Caption:
    """What grammar made of the claims of one sense, in the time of the file."""
    own = [claim for claim in row["claims"] if claim["sense"] == sense and claim["kept"]]
    spans = [span for claim in own for span in claim["spans"]]
    by = "; ".join(dict.fromkeys([GRAMMAR, *(claim["by"] for claim in own)]))
    by = row["seen_teller" if sense == "video" else "heard_teller"] or by
    start_s = clip.start_s + min((span["start_s"] for span in spans), default=0.0)
    end_s = clip.start_s + max((span["end_s"] for span in spans), default=clip.end_s - clip.start_s)
    return Caption(row[f"{sense}_caption"], by, Span(start_s, max(start_s, end_s)))


def stats(annotations: Annotations) -> AnnotationStats:
    """Table 1's columns for what was made. Raises LibraryError for a damaged table."""
    rows = annotations.rows(SHORT)
    told = [row for row in rows if row["caption"]]
    return AnnotationStats(
        len(rows),
        round(sum(row["end_s"] - row["start_s"] for row in rows) / 3600, 6),
        _mean([len(split_sentences(row["caption"])) for row in told]),
        _mean([len(row["caption"].split()) for row in told]),
        _mean([bool(row["video_caption"]) for row in rows]),
        _mean([bool(row["audio_caption"]) for row in rows]),
    )


def _mean(values: Sequence[float]) -> float:
    return round(float(np.mean(values)), 4) if values else 0.0
