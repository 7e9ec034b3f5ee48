"""Annotations on disk: a folder with one Lance table, a row per clip, told apart by content and not by name.

A batch of clips is one commit: until then nothing of it can be seen, afterwards nothing can take it away.
"""

import contextlib
import hashlib
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lance
import pyarrow as pa

from storysound.library import tables
from storysound.library.faults import faults
from storysound.library.lock import LOCK_NAME, writer_lock

FORMAT = 1  # raised when older versions of Storysound could misread annotations
CLIPS = "clips"
ANSWERS = "answers.jsonl"  # what endpoints answered, in the same folder
LIST = "captions.jsonl"  # what was made, for other programs
MOST_FILES = 64  # of a table, each from one commit, before they are joined
_WHAT = "folder of annotations"
_HOW = "make one with: storysound annotate VIDEO... -o OUT"
_AGAIN = "annotate the videos"
_SPAN = pa.struct([("start_s", pa.float64()), ("end_s", pa.float64())])
_CLAIM = pa.struct(
    [(name, pa.string()) for name in ("sense", "label", "words", "by")]
    + [("spans", pa.list_(_SPAN)), ("score", pa.float64()), ("support", pa.float64())]
    + [("kept", pa.bool_()), ("doubtful", pa.bool_())]
    + [("evidence", pa.list_(pa.struct([("name", pa.string()), ("value", pa.float64())])))]
)
_SENTENCE = pa.struct(
    [(name, pa.string()) for name in ("text", "part", "by", "prompt_sha256")]
    + [("start_s", pa.float64()), ("end_s", pa.float64())]
)
SCHEMA = pa.schema(
    [
        pa.field("key", pa.string()),  # of the content and the stretch
        *(pa.field(name, pa.string()) for name in ("file", "story", "sha256", "licence", "credit")),
        pa.field("source", pa.string()),  # the video a clip was cut from, where that isn't the file
        pa.field("split", pa.string()),  # as a table said; empty where none did
        *(
            pa.field(name, pa.int64()) for name in ("size", "mtime_ns")
        ),  # of the file: as they were, it is not read again
        pa.field("start_s", pa.float64()),  # in the file
        pa.field("end_s", pa.float64()),
        *(pa.field(name, pa.string()) for name in ("caption", "video_caption", "audio_caption")),
        pa.field("sentences", pa.list_(_SENTENCE)),  # who said each
        pa.field("claims", pa.list_(_CLAIM)),
        pa.field("faults", pa.list_(pa.string())),
    ]
)
SHORT = ("key", "start_s", "end_s", "caption", "video_caption", "audio_caption")


def key_of(sha256: str, start_s: float, end_s: float) -> str:
    """What tells clips apart: the content of their file, and the stretch to the millisecond.

    >>> key_of("ab", 0.0, 10.0) == key_of("ab", 0.0001, 10.0), key_of("ab", 0, 10) == key_of("ab", 0, 9)
    (True, False)
    """
    return hashlib.sha256(f"{sha256}\0{round(1000 * start_s)}\0{round(1000 * end_s)}".encode()).hexdigest()[:32]


class Annotations:
    """Annotations that exist and can be read."""

    def __init__(self, folder: Path) -> None:
        """Of a folder that `open` or `open_or_create` has seen to."""
        self.folder = folder

    @classmethod
    def open(cls, path: str | Path) -> "Annotations":
        """Raises LibraryError where there are none, they are damaged, or a newer Storysound made them."""
        with faults(Path(path), again=_AGAIN):
            folder = tables.check_folder(path, CLIPS, _WHAT, _HOW)
            found = cls(folder)
            tables.check_stamp(found._table().schema, FORMAT, folder, _WHAT, _HOW)
        return found

    @classmethod
    def open_or_create(cls, path: str | Path, settings: Mapping[str, str]) -> "Annotations":
        """Those at `path`; new ones, made by `settings`, where there are none.

        Raises LibraryError as `open`, or where those there were made by other settings; OutputError.
        """
        folder = tables.check_name(path, _WHAT)
        with faults(folder, writing=True, again=_AGAIN):
            if not cls.is_at(folder):
                tables.check_empty(folder, _is_ours, _WHAT)
                with writer_lock(folder):
                    tables.create_empty(folder, CLIPS, SCHEMA, FORMAT, settings)
        found = cls.open(folder)
        tables.check_settings(found.settings, settings, path, "annotate into a new folder")
        return found

    @staticmethod
    def is_at(path: str | Path) -> bool:
        """Whether there are any, whole or not."""
        return any(Path(tables.uri(Path(path), CLIPS)).glob("_versions/*.manifest"))

    @property
    def settings(self) -> dict[str, str]:
        """What all of them were made with."""
        with faults(self.folder, again=_AGAIN):
            return dict(tables.stamped(self._table().schema)["settings"])

    def rows(self, columns: Iterable[str] = SCHEMA.names) -> list[dict[str, Any]]:
        """Columns of all clips, in the order in which they were annotated."""
        with faults(self.folder, again=_AGAIN):
            found: list[dict[str, Any]] = self._table().to_table(columns=list(columns)).to_pylist()
        return found

    @contextmanager
    def writer(self) -> Iterator["AnnotationsWriter"]:
        """The right to write, for one writer at a time. Raises LibraryError where another is at work, OutputError."""
        with contextlib.ExitStack() as held:
            with faults(self.folder, writing=True, again=_AGAIN):
                held.enter_context(writer_lock(self.folder))
            yield AnnotationsWriter(self)

    def discard(self) -> None:
        """Removes those without a single clip; others, and what was paid for, are left alone."""
        if not self.rows(["key"]) and not (self.folder / ANSWERS).exists():
            with faults(self.folder, writing=True, again=_AGAIN):
                shutil.rmtree(self.folder, ignore_errors=True)

    def _table(self) -> Any:
        return lance.dataset(tables.uri(self.folder, CLIPS))


class AnnotationsWriter:
    """Commits to annotations whose lock is held; made by `Annotations.writer`."""

    def __init__(self, annotations: Annotations) -> None:
        """Reads which clips are there."""
        self.annotations = annotations
        self.there = {row["key"] for row in annotations.rows(["key"])}

    def commit(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Adds clips that aren't there yet: all or nothing."""
        new = list({row["key"]: dict(row) for row in rows if row["key"] not in self.there}.values())
        if not new:
            return
        with faults(self.annotations.folder, writing=True, again=_AGAIN):
            table = pa.Table.from_pylist(new, schema=SCHEMA)
            lance.write_dataset(table, self.annotations._table(), mode="append")
        self.there |= {row["key"] for row in new}

    def tidy(self) -> None:
        """Joins what many small commits left in as few files as readers like, and removes versions nobody reads."""
        with faults(self.annotations.folder, writing=True, again=_AGAIN):
            table = self.annotations._table()
            if len(table.get_fragments()) > MOST_FILES:
                table.optimize.compact_files()
            table.cleanup_old_versions(older_than=tables.KEEP_VERSIONS)

    def refresh(self) -> None:
        """After a commit that may have been cut off: reads anew which clips are there."""
        self.there = {row["key"] for row in self.annotations.rows(["key"])}


def _is_ours(name: str) -> bool:
    return name.startswith(".") or name in (LOCK_NAME, f"{CLIPS}.lance", ANSWERS, LIST)
