"""A library on disk: a folder with two kinds of Lance tables.

`sounds` has a row per file: all of `story.Sound`, what identifies the file, and which analysis belongs to it.
`segments` has a row per stretch of an analysed sound: its times, its loudness, the events that begin in it, and one
float16 vector per encoder output. A sound refers to its segments by the id of the analysis, so a file that was
renamed, or lies there twice, keeps or shares them.

Segments are always written first; the one commit of `sounds` that refers to them is what makes them exist for a
reader. Whatever a killed writer left behind is referred to by nothing, and the next writer removes it.
When an encoder changes, new analyses go to a new segments table (`segments-2`, …) of their own shape, and the
old one is dropped when its last sound has moved over.
"""

import contextlib
import logging
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from storysound import __version__
from storysound.errors import LibraryError, OutputError
from storysound.library import tables
from storysound.library.event_cells import EVENTS, event_cells
from storysound.library.faults import faults
from storysound.library.lock import LOCK_NAME, writer_lock
from storysound.library.tables import SOUNDS
from storysound.story import Event, Mood, Sound, Source

log = logging.getLogger(__name__)

FORMAT = 1  # of the tables; raised when older versions of Storysound could misread a library
_TABLE_NAME = re.compile(r"segments(-\d+)?")
_COMPACT_AT = 24  # fragments; more of them make loading slower

_SOUND_SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("id", "path", "root", "kind", "title", "key")]
    + [(name, pa.string()) for name in ("uri", "sha256", "licence", "credit", "rights_sha256")]
    + [(name, pa.string()) for name in ("analysis", "table", "indexed_at", "storysound")]
    + [(name, pa.float64()) for name in ("duration_s", "loudness_lufs", "true_peak_dbtp", "tempo_bpm")]
    + [(name, pa.float64()) for name in ("valence", "arousal")]
    + [(name, pa.int64()) for name in ("size", "mtime_ns", "segments")]
    + [("tags", pa.list_(pa.string()))],
    metadata=tables.stamp(FORMAT),
)


@dataclass(frozen=True)
class Segments:
    """The stretches of one analysed sound; n rows in each array, in time order."""

    start_s: NDArray[np.float64]
    end_s: NDArray[np.float64]
    loudness_lufs: NDArray[np.float32]  # -inf for silence
    vectors: Mapping[str, NDArray[np.float16]]  # column -> [n d]
    events: tuple[Event, ...] = ()  # of the whole sound


@dataclass(frozen=True)
class LibraryEntry:
    """A row of `sounds`: the sound, what identifies its file, and where its segments are."""

    id: str  # stays the same for as long as the sound is in the library
    sound: Sound  # source.sha256 is that of the file's content
    size: int
    mtime_ns: int
    rights_sha256: str  # of the licence file that counts for it, empty without one
    analysis: str  # id its segments carry
    segments: int  # how many there are
    table: str  # where they are
    indexed_at: str  # ISO 8601, UTC
    storysound: str = __version__  # the version that analysed it


@dataclass(frozen=True)
class Shape:
    """What a segments table holds: encoder revisions, and the class names of each column of scores."""

    revisions: Mapping[str, str]
    labels: Mapping[str, tuple[str, ...]]  # column -> class names, for columns that are scores


@dataclass(frozen=True)
class Library:
    """A library folder that exists and can be read. Holds no handle: every read sees the last commit."""

    folder: Path

    @classmethod
    def open(cls, path: str | Path) -> "Library":
        """Raises LibraryError where there is no library, it is damaged, or a newer Storysound made it."""
        with faults(Path(path)):
            folder = tables.check_library(path)
        library = cls(folder)
        library._check(library._table(SOUNDS))
        return library

    @classmethod
    def create(cls, path: str | Path) -> "Library":
        """Makes an empty library in a new or empty folder. LibraryError or OutputError where that can't be done."""
        folder = tables.check_name(path, "library")
        with faults(folder, writing=True):
            tables.check_empty(folder, _is_ours, "library")
            if _was_written(folder):
                raise LibraryError(path, "is a library already", "choose a new or empty folder")
            with writer_lock(folder):
                try:
                    lance.write_dataset(_SOUND_SCHEMA.empty_table(), tables.uri(folder, SOUNDS), mode="create")
                except BaseException:
                    if not _was_written(folder):  # it may be: by another, just before we had the lock
                        _remove(folder)
                    raise
        return cls.open(folder)

    @classmethod
    def open_or_create(cls, path: str | Path) -> "Library":
        """`open` where a library is, sound or damaged; `create` elsewhere."""
        with faults(Path(path)):
            there = _was_written(Path(path))
        return cls.open(path) if there else cls.create(path)

    def version(self) -> tuple[int, ...]:
        """Another one after every commit, and where another library lies in this place."""
        with faults(self.folder):
            made = (self.folder / f"{SOUNDS}.lance").stat()
            return int(self._table(SOUNDS).version), made.st_dev, made.st_ino

    def entries(self) -> list[LibraryEntry]:
        """All rows of `sounds` as of the last commit, by path."""
        with faults(self.folder):
            rows = self._table(SOUNDS).to_table().to_pylist()
        return sorted((_entry(row) for row in rows), key=lambda entry: entry.sound.path)

    def sounds(self) -> list[Sound]:
        """All sounds, by path."""
        return [entry.sound for entry in self.entries()]

    def discard(self) -> None:
        """Removes a library without sounds; one that has any is left alone."""
        if not self.entries():
            with faults(self.folder, writing=True):
                _remove(self.folder)

    def shape(self, table: str) -> Shape:
        """What a segments table holds."""
        with faults(self.folder):
            meta = tables.stamped(self._table(table).schema)
            return Shape(meta["revisions"], {column: tuple(names) for column, names in meta["labels"].items()})

    def snapshot(self, choose: Callable[[list[LibraryEntry]], str]) -> tuple[list[LibraryEntry], str, pa.Table | None]:
        """All entries, the segments table that `choose` names ("" for none) and its rows, all of one commit."""
        for _ in range(5):
            entries = self.entries()
            table = choose(entries)
            if not table:
                return entries, "", None
            try:
                with faults(self.folder):
                    rows = self._table(table).to_table()
                    rows = rows.rename_columns([_named(column) for column in rows.column_names])
            except LibraryError:
                if table in {entry.table for entry in self.entries()}:
                    raise
                continue  # its last sound has just moved to a newer table
            found = Counter(rows.column("analysis").to_pylist())
            if all(found[entry.analysis] == entry.segments for entry in entries if entry.table == table):
                return entries, table, rows
            log.debug("%s: changed between two reads, reading again", self.folder)
        raise LibraryError(self.folder, "is damaged: sounds without their segments", "index the sounds into a new one")

    @contextmanager
    def writer(self, shape: Shape) -> Iterator["LibraryWriter"]:
        """The right to write, for one writer at a time; leftovers of a killed one are removed first.

        Raises LibraryError where another writer is at work, OutputError where the disk is full or rights are missing.
        """
        with contextlib.ExitStack() as held:
            with faults(self.folder, writing=True):
                held.enter_context(writer_lock(self.folder))
                self._check(self._table(SOUNDS))
                writer = LibraryWriter(self, shape)
            yield writer

    def tables(self) -> list[str]:
        """Names of the segments tables on disk, oldest first."""
        names = [p.stem for p in self.folder.glob("segments*.lance") if _TABLE_NAME.fullmatch(p.stem)]
        return sorted(names, key=_number)

    def _table(self, name: str) -> Any:
        with faults(self.folder):
            return lance.dataset(tables.uri(self.folder, name))

    def _check(self, sounds: Any) -> None:
        """Refuses tables of other programs, and of a newer Storysound."""
        tables.check_stamp(sounds.schema, FORMAT, self.folder, "library", tables.HOW_LIBRARY)


class LibraryWriter:
    """Commits to a library whose lock is held; made by `Library.writer`."""

    def __init__(self, library: Library, shape: Shape) -> None:
        """Chooses the table for analyses of `shape` (it is made when first written) and cleans up."""
        self.library = library
        self.shape = shape
        shapes = {name: self._shape_of(name) for name in library.tables()}
        used = {entry.table for entry in library.entries()}
        same = [name for name, found in shapes.items() if found == shape]
        taken = [_number(name) for name in shapes if name in used or shapes[name] is not None]
        self.table = same[0] if same else _name(max(taken, default=0) + 1)
        self._held = self._analyses(self.table)
        self.tidy()

    def holds(self, entry: LibraryEntry) -> bool:
        """Whether the segments of an entry are there, in the table that is written."""
        return entry.table == self.table and entry.analysis in self._held

    def commit(
        self,
        put: Sequence[LibraryEntry] = (),
        segments: Mapping[str, Segments] | None = None,
        remove: Sequence[str] = (),
    ) -> None:
        """Adds or replaces `put` by their ids, with new `segments` by analysis, and removes ids: all or nothing."""
        with faults(self.library.folder, writing=True):
            if segments:
                self._append(segments)
                self._held |= segments.keys()
            if put or remove:
                merge = self.library._table(SOUNDS).merge_insert("id")
                merge = merge.when_matched_update_all().when_not_matched_insert_all()
                gone = sorted(set(remove) - {entry.id for entry in put})
                if gone:
                    merge = merge.when_not_matched_by_source_delete(tables.any_of("id", gone))
                merge.execute(pa.Table.from_pylist([_row(entry) for entry in put], schema=_SOUND_SCHEMA))

    def tidy(self) -> None:
        """Drops segments no sound refers to, and compacts."""
        with self._if_it_can():
            self._drop_leftovers()
        self.compact()

    def compact(self) -> None:
        """Joins small files, and forgets versions nobody reads any more."""
        with self._if_it_can():
            for name in (SOUNDS, *self.library.tables()):
                table = self.library._table(name)
                if len(table.get_fragments()) >= _COMPACT_AT:
                    table.optimize.compact_files()
                table.cleanup_old_versions(older_than=tables.KEEP_VERSIONS)

    @contextmanager
    def _if_it_can(self) -> Iterator[None]:
        try:
            with faults(self.library.folder, writing=True):
                yield
        except OutputError as error:  # nothing is lost: the next writer tries again
            log.warning("could not tidy up: %s", error)

    def _drop_leftovers(self) -> None:
        entries = self.library.entries()
        for name in self.library.tables():
            wanted = {entry.analysis for entry in entries if entry.table == name}
            if (name != self.table and not wanted) or self._shape_of(name) is None:
                shutil.rmtree(self.library.folder / f"{name}.lance", ignore_errors=True)
                continue
            table = self.library._table(name)
            leftovers = sorted(self._analyses(name) - wanted)
            for at in range(0, len(leftovers), 500):
                table.delete(tables.any_of("analysis", leftovers[at : at + 500]))

    def _analyses(self, name: str) -> set[str]:
        if self._shape_of(name) is None:
            return set()
        rows = self.library._table(name).to_table(columns=["analysis"])
        return set(rows.column("analysis").to_pylist())

    def _shape_of(self, name: str) -> Shape | None:
        """None for the remains of a table that was killed while it was made."""
        if not any((self.library.folder / f"{name}.lance").glob("_versions/*.manifest")):
            return None
        return self.library.shape(name)

    def _append(self, segments: Mapping[str, Segments]) -> None:
        schema = _segment_schema(next(iter(segments.values())), self.shape)
        rows = pa.concat_tables([_segment_rows(name, part, schema) for name, part in segments.items()])
        exists = self._shape_of(self.table) is not None
        uri = tables.uri(self.library.folder, self.table)
        lance.write_dataset(rows, uri, schema=schema, mode="append" if exists else "create")


def _segment_schema(like: Segments, shape: Shape) -> pa.Schema:
    vectors = {_stored(column): rows for column, rows in sorted(like.vectors.items())}
    columns = [(name, pa.list_(pa.float16(), rows.shape[1])) for name, rows in vectors.items()]
    times = [("analysis", pa.string()), ("start_s", pa.float64()), ("end_s", pa.float64())]
    times += [("loudness_lufs", pa.float32()), ("events", EVENTS)]
    meta = tables.stamp(FORMAT, revisions=dict(shape.revisions), labels=dict(shape.labels))
    return pa.schema([*times, *columns], metadata=meta)


def _segment_rows(analysis: str, part: Segments, schema: pa.Schema) -> pa.Table:
    columns = [pa.array([analysis] * len(part.start_s)), pa.array(part.start_s), pa.array(part.end_s)]
    columns += [pa.array(part.loudness_lufs), event_cells(part.events, part.start_s)]
    for column in schema.names[len(columns) :]:
        vectors = np.ascontiguousarray(part.vectors[_named(column)])
        columns.append(pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), vectors.shape[1]))
    return pa.Table.from_arrays(columns, schema=schema)


_PLAIN = ("path", "root", "duration_s", "kind", "title", "loudness_lufs", "true_peak_dbtp", "tempo_bpm", "key")
_OWN = ("id", "size", "mtime_ns", "rights_sha256", "analysis", "segments", "table", "indexed_at", "storysound")
_SOURCE = ("uri", "sha256", "licence", "credit")


def _row(entry: LibraryEntry) -> dict[str, Any]:
    sound = entry.sound
    row = {name: getattr(entry, name) for name in _OWN} | {name: getattr(sound, name) for name in _PLAIN}
    row |= {name: getattr(sound.source, name) for name in _SOURCE}
    return row | {"tags": list(sound.tags), "valence": sound.mood.valence, "arousal": sound.mood.arousal}


def _entry(row: dict[str, Any]) -> LibraryEntry:
    plain = {name: row[name] for name in _PLAIN}
    source = Source(**{name: row[name] for name in _SOURCE})
    sound = Sound(**plain, tags=tuple(row["tags"]), mood=Mood(row["valence"], row["arousal"]), source=source)
    return LibraryEntry(sound=sound, **{name: row[name] for name in _OWN})


def _stored(column: str) -> str:
    """A column's name on disk: Lance takes no dots."""
    return column.replace(".", "/")


def _named(column: str) -> str:
    return column.replace("/", ".")


def _number(table: str) -> int:
    return int(table.partition("-")[2] or 1)


def _name(number: int) -> str:
    return "segments" if number == 1 else f"segments-{number}"


def _remove(folder: Path) -> None:
    """Removes what is ours, and the folder if it held nothing else."""
    for part in folder.iterdir():
        if part.suffix == ".lance":
            shutil.rmtree(part)
    (folder / LOCK_NAME).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        folder.rmdir()


def _is_ours(name: str) -> bool:
    table = name.removesuffix(".lance")
    return name.startswith(".") or name == LOCK_NAME or table == SOUNDS or bool(_TABLE_NAME.fullmatch(table))


def _was_written(folder: Path) -> bool:
    """Whether `folder` is, or was before it was damaged, a library; not so for what a killed `create` leaves."""
    signs = (f"{SOUNDS}.lance/_versions/*.manifest", f"{SOUNDS}.lance/data/*", "segments*.lance/data/*")
    return any(next(folder.glob(sign), None) is not None for sign in signs)
