"""One update of a library: which files must be analysed, and what becomes of the library's entries."""

import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from storysound.errors import MediaError, StorysoundError
from storysound.jobs.index.request import IndexResult
from storysound.library.analyse import Analysis
from storysound.library.origin import RightsFinder, described
from storysound.library.store import LibraryEntry, LibraryWriter, Segments
from storysound.library.walk import FoundFile, Walk, free_name, worth_a_line
from storysound.media.content import sha256_of
from storysound.media.probe import probe
from storysound.progress import Watch
from storysound.story import Sound

BATCH = 64  # sounds per commit
BATCH_S = 20.0  # and the longest a finished sound waits for its commit
COMPACT_EVERY = 64  # commits


class LibraryUpdate:
    """One pass over the files of a walk: decides what each needs, and commits what comes of it in batches."""

    def __init__(self, writer: LibraryWriter, found: Walk, watch: Watch, *, forget: bool = False) -> None:
        """Nothing is done yet. `forget`: what is gone anywhere is removed, not in the folders of the walk alone."""
        self.writer, self.found, self.watch, self.forget = writer, found, watch, forget
        self.counts = Counter({"ignored": found.ignored})  # by the names they have in the result
        self.skipped = list(found.skipped)
        self.duration_s = 0.0
        self.rights = RightsFinder()
        self.entries = {entry.id: entry for entry in writer.library.entries()}
        self.by_file = {_file(entry): entry.id for entry in self.entries.values()}
        self.by_path = {entry.sound.path: entry.id for entry in self.entries.values()}
        self.by_content: dict[str, list[LibraryEntry]] = {}
        for entry in self.entries.values():
            if writer.holds(entry):
                self.by_content.setdefault(entry.sound.source.sha256, []).append(entry)
        self.wanted = {target.file for target in found.targets}
        self.under_way: dict[str, list[FoundFile]] = {}  # content being analysed -> the files that have it
        self.put: dict[str, LibraryEntry] = {}
        self.segments: dict[str, Segments] = {}
        self.remove: set[str] = set()
        self.done = self.commits = 0
        self.committed_s = time.monotonic()

    def work(self) -> Iterator[tuple[FoundFile, str]]:
        """The files that must be analysed, with the SHA-256 of their content; sees to all others itself."""
        for target in self.found.targets:
            entry = self.entry_of(target)
            if entry is not None and self.is_current(entry, target):
                self.count("unchanged")
                self.tell(target)
                continue
            try:
                sha256 = sha256_of(target.file)
            except MediaError as error:  # perhaps only for now: what the library has of it stays
                self.skipped.append((target.file, error.reason))
                self.tell(target)
                continue
            if sha256 in self.by_content:
                self.reuse(target, self.by_content[sha256])
            elif sha256 in self.under_way:
                self.under_way[sha256].append(target)
            else:
                self.under_way[sha256] = [target]
                yield target, sha256

    def take(self, target: FoundFile, sha256: str, outcome: Analysis | str) -> None:
        """Enters what came of a file, its analysis or why there is none, for it and for its copies."""
        for same in self.under_way.pop(sha256):
            if isinstance(outcome, str):
                self.drop(same, outcome)
            elif same is not target:
                self.reuse(same, self.by_content[sha256])
            else:
                analysis = uuid.uuid4().hex
                self.segments[analysis] = outcome.segments
                self.duration_s += outcome.sound.duration_s
                old = self.entry_of(target)
                self.count("added" if old is None else "refreshed")
                sound = self.describe(target, outcome.sound, outcome.tags, sha256, old)
                self.enter(target, sound, analysis, len(outcome.segments.start_s), old)

    def finish(self) -> IndexResult:
        """Removes what is gone, commits the rest and tidies up."""
        for entry in self.entries.values():
            file = _file(entry)
            if file in self.wanted:
                continue
            presence = _presence(file)
            if (self.found.covers(file) and presence != "hidden") or (self.forget and presence == "gone"):
                self.remove.add(entry.id)
                self.count("removed")
        self.commit()
        self.writer.tidy()
        return IndexResult(**self.counts, skipped=tuple(sorted(self.skipped)), duration_s=self.duration_s)

    def keep(self) -> None:
        """Commits what is finished where the run ends early.

        A commit that was interrupted may be half done; so its segments get other names, and the half is a leftover.
        """
        names = {analysis: uuid.uuid4().hex for analysis in self.segments}
        self.segments = {names[analysis]: rows for analysis, rows in self.segments.items()}
        self.put = {
            id_: replace(entry, analysis=names.get(entry.analysis, entry.analysis)) for id_, entry in self.put.items()
        }
        with suppress(StorysoundError):  # a full disk: it is why the run ends
            self.commit()

    def kept(self) -> str:
        """What an early end leaves, in words."""
        present = sum(self.counts[name] for name in ("added", "refreshed", "moved", "unchanged")) - len(self.put)
        where = self.writer.library.folder
        return f"{present} of {len(self.found.targets)} sounds are in {where}; the same command goes on from there"

    def entry_of(self, target: FoundFile) -> LibraryEntry | None:
        """What the library has of this very file."""
        return self.entries[self.by_file[target.file]] if target.file in self.by_file else None

    def is_current(self, entry: LibraryEntry, target: FoundFile) -> bool:
        """Whether nothing happened to a file since it was indexed, as far as the system tells."""
        stamp = (target.size, target.mtime_ns, self.rights.of(target).sha256)
        return stamp == (entry.size, entry.mtime_ns, entry.rights_sha256) and self.writer.holds(entry)

    def reuse(self, target: FoundFile, same: list[LibraryEntry]) -> None:
        """Enters a file whose content was analysed before: touched, moved, or a copy."""
        try:
            tags = probe(target.file).tags
        except MediaError as error:  # it vanished under our hands
            self.drop(target, error.reason)
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

    def describe(
        self, target: FoundFile, heard: Sound, tags: Mapping[str, str], sha256: str, old: LibraryEntry | None
    ) -> Sound:
        """What was heard, under a path that no other file of the library has."""
        if old is not None and _file(old) == target.file:
            target = replace(target, root=old.sound.root, path=old.sound.path)
        own = old.id if old else ""
        name = free_name(target, lambda path: self.by_path.get(path, own) != own)
        return described(heard, name, tags, self.rights.of(target), sha256)

    def enter(self, target: FoundFile, sound: Sound, analysis: str, segments: int, old: LibraryEntry | None) -> None:
        """Puts a sound into the next batch, in place of `old` where there is one."""
        if old is not None:
            del self.by_path[old.sound.path], self.by_file[_file(old)]
        entry = LibraryEntry(
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

    def drop(self, target: FoundFile, reason: str) -> None:
        """Lists a file that can't be used; what the library had of it is of a content that is no more."""
        old = self.entry_of(target)
        if old is not None:
            self.remove.add(old.id)
            self.count("removed")
        if old is not None or worth_a_line(target.file):
            self.skipped.append((target.file, reason))
        else:
            self.count("ignored")
        self.tell(target)

    def is_moved(self, entry: LibraryEntry) -> bool:
        """Whether the file of an entry is no longer at its place, and nothing was made of the entry yet."""
        file = _file(entry)
        return self.entries[entry.id] is entry and file not in self.wanted and _presence(file) == "gone"

    def count(self, what: str) -> None:
        """One more file of this sort in the result."""
        self.counts[what] += 1

    def tell(self, target: FoundFile) -> None:
        """A file is done."""
        self.done += 1
        self.watch.at(self.done, len(self.found.targets), target.file)
        if len(self.put) >= BATCH or (self.put and time.monotonic() - self.committed_s > BATCH_S):
            self.commit()

    def commit(self) -> None:
        """Writes the batch."""
        self.writer.commit(list(self.put.values()), self.segments, sorted(self.remove))
        self.put, self.segments, self.remove = {}, {}, set()
        self.commits, self.committed_s = self.commits + 1, time.monotonic()
        if self.commits % COMPACT_EVERY == 0:
            self.writer.compact()


def _file(entry: LibraryEntry) -> str:
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
