"""A data set on disk: a folder with one Lance table, a row per story, its media inside.

Sound is FLAC in blob columns, of which a reader fetches as much as it needs; pictures are JPEG. A batch of stories is
one commit: until then nothing of it can be seen, afterwards nothing can take it away. What is under way lies in the
folder `scratch`, which the next writer removes.
"""

import contextlib
import logging
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lance
import pyarrow as pa

from storysound.errors import LibraryError, OutputError
from storysound.library import tables
from storysound.library.faults import faults
from storysound.library.lock import LOCK_NAME, writer_lock
from storysound.media.audio import Waveform, read_flac
from storysound.story import Frame, Mood, Source, Span, Step, Story

log = logging.getLogger(__name__)

FORMAT = 1  # raised when older versions of Storysound could misread a data set
STORIES = "stories"
SCRATCH = "scratch"
_HOW = "make one with: storysound ingest VIDEO... -o DATA"
_AGAIN = "ingest the videos"
_BLOB = {"lance-encoding:blob": "true"}
_SPAN = pa.struct([("start_s", pa.float64()), ("end_s", pa.float64())])
_PART = pa.struct(
    [(name, pa.string()) for name in ("file", "sha256")]
    + [(name, pa.int64()) for name in ("size", "mtime_ns")]
    + [(name, pa.float64()) for name in ("clip_start_s", "start_s", "end_s")]
)
MEDIA = ("frames", "audio", "background")
SCHEMA = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("text", pa.string()),
        pa.field("captions", pa.list_(pa.string())),
        pa.field("duration_s", pa.float64()),
        pa.field("shots", pa.list_(_SPAN)),
        pa.field("frame_times_s", pa.list_(pa.float64())),
        pa.field("slices", pa.list_(pa.struct([*_SPAN, ("mean_hz", pa.float64())]))),
        pa.field("rate_hz", pa.int32()),
        pa.field("channels", pa.int32()),
        pa.field("valence", pa.float64()),
        pa.field("arousal", pa.float64()),
        *(pa.field(name, pa.string()) for name in ("uri", "sha256", "licence", "credit")),
        pa.field("parts", pa.list_(_PART)),  # which stretch of which file lies where in the story
        pa.field("faults", pa.list_(pa.string())),  # what of them could not be used
        pa.field("steps", pa.list_(pa.struct([(name, pa.string()) for name in ("tool", "version", "config_sha")]))),
        pa.field("plan_sha256", pa.string()),  # of what the story was to be made of: the same plan is not made twice
        pa.field("frames", pa.list_(pa.large_binary())),  # JPEG, one per time of `frame_times_s`
        pa.field("audio", pa.large_binary(), metadata=_BLOB),  # FLAC
        pa.field("background", pa.large_binary(), metadata=_BLOB),  # FLAC of as many samples
    ]
)
PLAIN = tuple(name for name in SCHEMA.names if name not in MEDIA)

Row = Mapping[str, Any]


class Dataset:
    """A data set that exists and can be read. Opened when first read, so that it can be handed to workers."""

    def __init__(self, folder: Path) -> None:
        """Of a folder that `open` or `create` has seen to."""
        self.folder = folder
        self._handle: Any = None
        self._places: dict[str, int] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Handles stay where they are; a copy opens its own."""
        return {"folder": self.folder, "_handle": None, "_places": {}}

    @classmethod
    def open(cls, path: str | Path) -> "Dataset":
        """Raises LibraryError where there is no data set, it is damaged, or a newer Storysound made it."""
        with faults(Path(path), again=_AGAIN):
            folder = tables.check_folder(path, STORIES, "data set", _HOW)
        dataset = cls(folder)
        tables.check_stamp(dataset._table().schema, FORMAT, folder, "data set", _HOW)
        return dataset

    @classmethod
    def open_or_create(cls, path: str | Path, settings: Mapping[str, str]) -> "Dataset":
        """The data set at `path`; a new one, made by `settings`, where there is none.

        Raises LibraryError as `open`, or where the data set there was made by other settings; OutputError.
        """
        folder = tables.check_name(path, "data set")
        with faults(folder, writing=True, again=_AGAIN):
            if not cls.is_at(folder):
                tables.check_empty(folder, _is_ours, "data set")
                with writer_lock(folder):
                    tables.create_empty(folder, STORIES, SCHEMA, FORMAT, settings)
        dataset = cls.open(folder)
        tables.check_settings(dataset.settings, settings, path, "ingest into a new folder")
        return dataset

    @staticmethod
    def is_at(path: str | Path) -> bool:
        """Whether there is a data set, whole or not."""
        return any(Path(tables.uri(Path(path), STORIES)).glob("_versions/*.manifest"))

    @property
    def settings(self) -> dict[str, str]:
        """What all its stories were made with."""
        with faults(self.folder, again=_AGAIN):
            return dict(tables.stamped(self._table().schema)["settings"])

    def __len__(self) -> int:
        """Number of stories."""
        with faults(self.folder, again=_AGAIN):
            return int(self._table().count_rows())

    def rows(self, columns: Iterable[str] = PLAIN) -> list[dict[str, Any]]:
        """Columns of all stories, in the order they were ingested; without media unless they are asked for."""
        with faults(self.folder, again=_AGAIN):
            found: list[dict[str, Any]] = self._table().to_table(columns=list(columns)).to_pylist()
        return found

    def stories(self) -> list[Story]:
        """All stories; their media are references into this data set, read by `frames`, `audio` and `background`."""
        return [story_of(row) for row in self.rows()]

    def frames(self, story_id: str) -> list[bytes]:
        """Key frames of a story as JPEG, in time order."""
        with faults(self.folder, again=_AGAIN):
            found = self._table().take([self._place(story_id)], columns=["frames"])
            jpegs: list[bytes] = found.column("frames").to_pylist()[0]
        return jpegs

    def audio(self, story_id: str, start_s: float = 0.0, end_s: float | None = None) -> Waveform:
        """The original sound of a story, or a stretch of it: only that is read."""
        return self._sound("audio", story_id, start_s, end_s)

    def background(self, story_id: str, start_s: float = 0.0, end_s: float | None = None) -> Waveform:
        """The sound without its speech, as `audio`."""
        return self._sound("background", story_id, start_s, end_s)

    def flac(self, column: str, story_id: str) -> bytes:
        """All of `audio` or `background`, as it is stored."""
        with faults(self.folder, again=_AGAIN):
            data: bytes = self._blob(column, story_id).readall()
        return data

    @contextmanager
    def writer(self) -> Iterator["DatasetWriter"]:
        """The right to write, for one writer at a time. Raises LibraryError where another is at work, OutputError."""
        with contextlib.ExitStack() as held:
            with faults(self.folder, writing=True, again=_AGAIN):
                held.enter_context(writer_lock(self.folder))
                writer = DatasetWriter(self)
                writer.tidy()
                writer.scratch.mkdir(exist_ok=True)
            try:
                yield writer
            finally:
                writer.tidy()

    def discard(self) -> None:
        """Removes a data set without stories; one that has any is left alone."""
        self.refresh()
        if not len(self):
            with faults(self.folder, writing=True, again=_AGAIN):
                shutil.rmtree(self.folder, ignore_errors=True)  # workers may still be writing there

    def _sound(self, column: str, story_id: str, start_s: float, end_s: float | None) -> Waveform:
        with faults(self.folder, again=_AGAIN):
            return read_flac(self._blob(column, story_id), start_s, end_s)

    def _blob(self, column: str, story_id: str) -> Any:
        return self._table().take_blobs(column, indices=[self._place(story_id)])[0]

    def _place(self, story_id: str) -> int:
        if story_id not in self._places:
            ids = self._table().to_table(columns=["id"]).column("id").to_pylist()
            self._places = {each: place for place, each in enumerate(ids)}
        if story_id not in self._places:
            raise LibraryError(self.folder, f"has no story {story_id!r}", "its stories are told by `storysound stats`")
        return self._places[story_id]

    def _table(self) -> Any:
        if self._handle is None:
            with faults(self.folder, again=_AGAIN):
                self._handle = lance.dataset(tables.uri(self.folder, STORIES))
        return self._handle

    def refresh(self) -> None:
        """What is read next is as of the last commit."""
        self._handle, self._places = None, {}


@dataclass(frozen=True)
class DatasetWriter:
    """Commits to a data set whose lock is held; made by `Dataset.writer`."""

    dataset: Dataset

    @property
    def scratch(self) -> Path:
        """A folder for what is under way; gone when the writer is done."""
        return self.dataset.folder / SCRATCH

    def commit(self, rows: Iterable[Row], ids: Iterable[str]) -> None:
        """Adds stories with these `ids`, in place of those that have them already: all or nothing.

        Rows are asked for one by one, and written before the next.
        """
        batches = (pa.RecordBatch.from_pylist([dict(row)], schema=SCHEMA) for row in rows)
        reader = pa.RecordBatchReader.from_batches(SCHEMA, batches)
        there = {row["id"] for row in self.dataset.rows(["id"])}
        with faults(self.dataset.folder, writing=True, again=_AGAIN):
            table = self.dataset._table()
            if there.isdisjoint(ids):
                lance.write_dataset(reader, table, mode="append")
            else:
                table.merge_insert("id").when_matched_update_all().when_not_matched_insert_all().execute(reader)
        self.dataset.refresh()

    def tidy(self) -> None:
        """Removes what is under way no more, and versions nobody reads."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        try:
            with faults(self.dataset.folder, writing=True, again=_AGAIN):
                # Nobody else writes while the lock is held: files without a version are those of a killed writer.
                self.dataset._table().cleanup_old_versions(older_than=tables.KEEP_VERSIONS, delete_unverified=True)
        except OutputError as error:  # nothing is lost: the next writer tries again
            log.warning("could not tidy up: %s", error)
        self.dataset.refresh()


def story_of(row: Row) -> Story:
    """The record of a row without media."""
    return Story(
        id=row["id"],
        text=row["text"],
        frames=tuple(Frame(f"{row['id']}#frames/{i}", time_s) for i, time_s in enumerate(row["frame_times_s"])),
        shots=_spans(row["shots"]),
        audio=f"{row['id']}#audio",
        background=f"{row['id']}#background",
        captions=tuple(row["captions"]),
        mood=None if row["valence"] is None else Mood(row["valence"], row["arousal"]),
        source=Source(*(row[name] for name in ("uri", "sha256", "licence", "credit"))),
        steps=tuple(Step(**step) for step in row["steps"]),
        duration_s=row["duration_s"],
        slices=_spans(row["slices"]),
    )


def row_of(story: Story) -> dict[str, Any]:
    """Columns of a story that `story_of` reads; the others are its maker's to say."""
    mood = story.mood
    return {
        "id": story.id,
        "text": story.text,
        "captions": list(story.captions),
        "duration_s": story.duration_s,
        "shots": [vars(span) for span in story.shots],
        "frame_times_s": [frame.time_s for frame in story.frames],
        "valence": None if mood is None else mood.valence,
        "arousal": None if mood is None else mood.arousal,
        "steps": [vars(step) for step in story.steps],
    } | vars(story.source)


def _spans(rows: Iterable[Row]) -> tuple[Span, ...]:
    return tuple(Span(row["start_s"], row["end_s"]) for row in rows)


def _is_ours(name: str) -> bool:
    return name.startswith(".") or name in (LOCK_NAME, SCRATCH, f"{STORIES}.lance")
