"""`storysound index`: brings a library up to date with folders of sound files."""

import logging
import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from storysound.annotate.hearing import Ear, ear_among, events_in
from storysound.annotate.sound import SoundJudge
from storysound.config import Profile, load_profile
from storysound.encode.encoder import load
from storysound.engine.crew import Tools, crew
from storysound.errors import MediaError, UsageError
from storysound.library.analyse import Analysis, Judged, Listening, sha256_of
from storysound.library.origin import RightsFinder, described
from storysound.library.store import Entry, Library, Segments, Writer
from storysound.library.walk import Target, Walk, free_name, walk, worth_a_line
from storysound.media.probe import probe
from storysound.story import Sound
from storysound.weights.resolver import Resolver

log = logging.getLogger(__name__)

Progress = Callable[[int, int, str], None]  # files done, files in all, the file just done

_BATCH = 64  # sounds per commit
_BATCH_S = 20.0  # and the longest a finished sound waits for its commit
_COMPACT_EVERY = 64  # commits


@dataclass
class IndexReport:
    """What changed in a library, in numbers of files."""

    added: int = 0
    refreshed: int = 0  # their content, the encoders, or the licence beside them changed
    moved: int = 0  # the same content under another name
    unchanged: int = 0
    removed: int = 0  # no longer there, or no longer readable
    ignored: int = 0  # no media, by name or by content
    skipped: list[tuple[str, str]] = field(default_factory=list)  # (path, reason)
    duration_s: float = 0.0  # of the sounds that were analysed

    @property
    def present(self) -> int:
        """Files of these folders that are in the library now."""
        return self.added + self.refreshed + self.moved + self.unchanged


def index(
    folders: Iterable[str | Path],
    library: str | Path,
    *,
    jobs: int = 1,
    profile: Profile | str = "embedded",
    weights: Resolver | None = None,
    progress: Progress | None = None,
    tools: Callable[[], Tools] | None = None,
) -> IndexReport:
    """Adds the sounds of folders (or single files) to a library, made if need be, and refreshes what is in it.

    Only new and changed content is analysed; a renamed file keeps its analysis, a copy shares it. Files that are gone
    from these folders leave the library. A sound's `path` is relative to the folder it was indexed from; where another
    sound has that path, the folder's own name (and as much above it as is needed) comes before it.
    Every `_BATCH` sounds are one commit: whenever this is interrupted the library is readable, and the next call
    goes on from there. With `jobs` > 1 that many processes analyse, so call it under `if __name__ == "__main__"`.
    `tools` makes the encoders in each process; by default those of the profile.
    Raises InputError for a missing folder, LibraryError, OutputError (rights, full disk), MissingModelError.
    """
    if jobs < 1:
        raise UsageError(f"jobs must be at least 1, got {jobs}")
    make = tools or partial(_tools, load_profile(profile) if isinstance(profile, str) else profile, weights)
    found = walk(folders, leave_out=[Path(library)])
    is_new = not Path(library).exists()
    store = Library.open_or_create(library)
    try:
        with crew(make, min(jobs, max(1, len(found.targets)))) as workers, store.writer(workers.shape()) as writer:
            run = _Run(writer, found, progress)
            try:
                for (target, sha256), outcome in workers.outcomes(run.work()):
                    run.take(target, sha256, outcome)
            except (KeyboardInterrupt, SystemExit):  # what is finished is worth keeping
                run.commit()
                raise
            return run.finish()
    finally:
        if is_new:
            store.discard()


def usable_cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _tools(profile: Profile, weights: Resolver | None) -> Tools:
    resolver = weights or Resolver(offline=True)
    encoders = {name: load(name, resolver) for name in profile.audio}
    return Tools(encoders, partial(_judge, ear_among(encoders), SoundJudge(encoders)))


def _judge(ear: Ear | None, judge: SoundJudge, sound: Listening) -> Judged:
    kind = judge.kind(sound.duration_s, sound.heard)
    mood = judge.mood(kind, sound.heard, sound.expression)
    events = events_in(sound.heard[ear.name], ear, sound.peaks_db, sound.duration_s) if ear else ()
    return Judged(kind, mood, events)


class _Run:
    """One pass over the files of a walk: decides what each needs, and commits what comes of it in batches."""

    def __init__(self, writer: Writer, found: Walk, progress: Progress | None) -> None:
        self.writer, self.found, self.progress = writer, found, progress
        self.report = IndexReport(ignored=found.ignored, skipped=list(found.skipped))
        self.rights = RightsFinder()
        self.entries = {entry.id: entry for entry in writer.library.entries()}
        self.by_file = {_file(entry): entry.id for entry in self.entries.values()}
        self.by_path = {entry.sound.path: entry.id for entry in self.entries.values()}
        self.by_content: dict[str, list[Entry]] = {}
        for entry in self.entries.values():
            if writer.holds(entry):
                self.by_content.setdefault(entry.sound.source.sha256, []).append(entry)
        self.wanted = {target.file for target in found.targets}
        self.under_way: dict[str, list[Target]] = {}  # content being analysed -> the files that have it
        self.put: dict[str, Entry] = {}
        self.segments: dict[str, Segments] = {}
        self.remove: set[str] = set()
        self.done = self.commits = 0
        self.committed_s = time.monotonic()

    def work(self) -> Iterator[tuple[Target, str]]:
        """The files that must be analysed, with the SHA-256 of their content; sees to all others itself."""
        for target in self.found.targets:
            entry = self.entry_of(target)
            if entry is not None and self.is_current(entry, target):
                self.report.unchanged += 1
                self.tell(target)
                continue
            try:
                sha256 = sha256_of(target.file)
            except MediaError as error:  # perhaps only for now: what the library has of it stays
                self.report.skipped.append((target.file, error.reason))
                self.tell(target)
                continue
            if sha256 in self.by_content:
                self.reuse(target, self.by_content[sha256])
            elif sha256 in self.under_way:
                self.under_way[sha256].append(target)
            else:
                self.under_way[sha256] = [target]
                yield target, sha256

    def take(self, target: Target, sha256: str, outcome: Analysis | MediaError) -> None:
        """Enters what came of a file, for it and for its copies."""
        for same in self.under_way.pop(sha256):
            if isinstance(outcome, MediaError):
                self.drop(same, outcome)
            elif same is not target:
                self.reuse(same, self.by_content[sha256])
            else:
                analysis = uuid.uuid4().hex
                self.segments[analysis] = outcome.segments
                self.report.duration_s += outcome.sound.duration_s
                old = self.entry_of(target)
                self.count("added" if old is None else "refreshed")
                sound = self.describe(target, outcome.sound, outcome.tags, sha256, old)
                self.enter(target, sound, analysis, len(outcome.segments.start_s), old)

    def finish(self) -> IndexReport:
        """Removes what is gone, commits the rest and tidies up."""
        for entry in self.entries.values():
            file = _file(entry)
            if file not in self.wanted and self.found.covers(file) and _presence(file) != "hidden":
                self.remove.add(entry.id)
                self.count("removed")
        self.commit()
        self.writer.tidy()
        self.report.skipped.sort()
        return self.report

    def entry_of(self, target: Target) -> Entry | None:
        """What the library has of this very file."""
        return self.entries[self.by_file[target.file]] if target.file in self.by_file else None

    def is_current(self, entry: Entry, target: Target) -> bool:
        """Whether nothing happened to a file since it was indexed, as far as the system tells."""
        stamp = (target.size, target.mtime_ns, self.rights.of(target).sha256)
        return stamp == (entry.size, entry.mtime_ns, entry.rights_sha256) and self.writer.holds(entry)

    def reuse(self, target: Target, same: list[Entry]) -> None:
        """Enters a file whose content was analysed before: touched, moved, or a copy."""
        try:
            tags = probe(target.file).tags
        except MediaError as error:  # it vanished under our hands
            self.drop(target, error)
            return
        known, like = self.entry_of(target), same[-1]
        moved = None if known else next((entry for entry in same if self.is_moved(entry)), None)
        if known is not None:
            same_rights = known.rights_sha256 == self.rights.of(target).sha256
            self.count("unchanged" if known.analysis == like.analysis and same_rights else "refreshed")
        else:
            self.count("moved" if moved else "added")
        old = known or moved
        sound = self.describe(target, like.sound, tags, like.sound.source.sha256, old)
        self.enter(target, sound, like.analysis, like.segments, old)

    def describe(self, target: Target, heard: Sound, tags: Mapping[str, str], sha256: str, old: Entry | None) -> Sound:
        """What was heard, under a path that no other file of the library has."""
        if old is not None and _file(old) == target.file:
            target = replace(target, root=old.sound.root, path=old.sound.path)
        own = old.id if old else ""
        name = free_name(target, lambda path: self.by_path.get(path, own) != own)
        return described(heard, name, tags, self.rights.of(target), sha256)

    def enter(self, target: Target, sound: Sound, analysis: str, segments: int, old: Entry | None) -> None:
        """Puts a sound into the next batch, in place of `old` where there is one."""
        if old is not None:
            del self.by_path[old.sound.path], self.by_file[_file(old)]
        entry = Entry(
            id=old.id if old else uuid.uuid4().hex,
            sound=sound,
            size=target.size,
            mtime_ns=target.mtime_ns,
            rights_sha256=self.rights.of(target).sha256,
            analysis=analysis,
            segments=segments,
            table=self.writer.table,
            indexed_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        self.entries[entry.id] = self.put[entry.id] = entry
        self.by_path[sound.path] = self.by_file[target.file] = entry.id
        self.by_content.setdefault(sound.source.sha256, []).append(entry)
        self.tell(target)

    def drop(self, target: Target, fault: MediaError) -> None:
        """Lists a file that can't be used; what the library had of it is of a content that is no more."""
        old = self.entry_of(target)
        if old is not None:
            self.remove.add(old.id)
            self.count("removed")
        if old is not None or worth_a_line(target.file):
            self.report.skipped.append((target.file, fault.reason))
        else:
            self.report.ignored += 1
        self.tell(target)

    def is_moved(self, entry: Entry) -> bool:
        """Whether the file of an entry is no longer at its place, and nothing was made of the entry yet."""
        file = _file(entry)
        return self.entries[entry.id] is entry and file not in self.wanted and _presence(file) == "gone"

    def count(self, what: str) -> None:
        """One more file of this sort in the report."""
        setattr(self.report, what, getattr(self.report, what) + 1)

    def tell(self, target: Target) -> None:
        """A file is done."""
        self.done += 1
        if self.progress is not None:
            self.progress(self.done, len(self.found.targets), target.file)
        if len(self.put) >= _BATCH or (self.put and time.monotonic() - self.committed_s > _BATCH_S):
            self.commit()

    def commit(self) -> None:
        """Writes the batch."""
        self.writer.commit(list(self.put.values()), self.segments, sorted(self.remove))
        self.put, self.segments, self.remove = {}, {}, set()
        self.commits, self.committed_s = self.commits + 1, time.monotonic()
        if self.commits % _COMPACT_EVERY == 0:
            self.writer.compact()


def _file(entry: Entry) -> str:
    return str(Path(entry.sound.root, entry.sound.path))


def _presence(file: str) -> str:
    """Whether a file is "there" or "gone"; "hidden" where the system does not let us see."""
    try:
        Path(file).stat()
    except (FileNotFoundError, NotADirectoryError):
        return "gone"
    except OSError:
        return "hidden"
    return "there"
