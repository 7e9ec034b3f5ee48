"""Tables of clips as AudioSet, AudioCaps, VGGSound and TAVGBench give them (id, start, caption), over local media.

Nothing is fetched: media are files that somebody has. They are called by the id of their video, alone (the whole video:
the clip is cut out of it) or with the start of the clip (the clip itself): `ID.mp4`, `ID_30.mp4`, `ID_000030.mp4`,
`ID_30000_40000.mp4` (milliseconds), with a "Y" before the id or without.
"""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from storysound.errors import InputError
from storysound.ingest.splits import Split, split
from storysound.ingest.tables import TABLES, Row, first_of, said_in, seconds_of, table_rows
from storysound.media.endings import MEDIA_SUFFIXES
from storysound.media.files import read_text

CLIP_S = 10.0  # TAVGBench, section 3.1: every clip lasts ten seconds, as AudioSet's do
_ID = ("youtube_id", "ytid", "video_id", "videoid", "youtube", "video", "id")
_START = ("start_s", "start_seconds", "start_time", "start", "start_sec", "begin")
_END = ("end_s", "end_seconds", "end_time", "end", "end_sec")
_CAPTION = ("caption", "text", "description", "label", "labels", "positive_labels")
_SPLIT = ("split", "subset", "fold")
_SIDES: Mapping[str, Split] = {
    "train": "train", "training": "train", "val": "validation", "valid": "validation", "validation": "validation",
    "dev": "validation", "test": "test", "testing": "test", "eval": "test", "evaluation": "test",
}  # fmt: skip
_NAMED = re.compile(r"(?P<id>.{11})_(?P<start>\d+)(?:_(?P<end>\d+))?$")


@dataclass(frozen=True)
class TableClip:
    """A clip of a table: of the video `source`, in the file `file` from `start_s` to `end_s`, with its captions."""

    source: str
    table_start_s: float  # in the video, as the table says
    file: str
    start_s: float  # in the file: 0 where that is the clip itself
    end_s: float
    captions: tuple[str, ...] = ()
    split: Split | None = None  # as the table says; None where it doesn't

    @property
    def id(self) -> str:
        """Tells clips of a table apart."""
        return f"{self.source}_{self.table_start_s:g}"


@dataclass(frozen=True)
class ClipTable:
    """The clips whose media are here, and ids of those whose media aren't."""

    clips: tuple[TableClip, ...]
    missing: tuple[str, ...]


def read_clip_table(table: Path, media: Path) -> ClipTable:
    """The clips of a table over the files of the folder `media` and those below; rows of one clip are one, in order.

    A clip without an end lasts `CLIP_S`. Raises InputError, with the line, for a table without the columns that are
    needed or with times that are none, where a clip ends before it begins, and where the table itself has one video in
    two of its splits.
    """
    files = _media(media)
    clips: dict[str, TableClip] = {}
    missing: dict[str, None] = {}
    for number, row in _rows(table):
        found = _clip(row, table, number, files)
        if isinstance(found, str):
            missing.setdefault(found)
        elif (first := clips.get(found.id)) is not None:
            captions = dict.fromkeys([*first.captions, *found.captions])
            clips[found.id] = replace(first, captions=tuple(captions))
        else:
            clips[found.id] = found
    check_splits(clips.values(), table)
    return ClipTable(tuple(clips.values()), tuple(missing))


def check_splits(clips: Iterable[TableClip], table: Path) -> None:
    """Raises InputError where a video, or a file, is in two splits."""
    sides: dict[str, Split] = {}
    for clip in clips:
        for key in (clip.source, clip.file):
            if clip.split and sides.setdefault(key, clip.split) != clip.split:
                fault = f"has {key!r} in {sides[key]} and in {clip.split}"
                raise InputError(table, fault, "keep each video in one split, or leave the column out")


def split_clips(clips: Sequence[TableClip], shares: Mapping[Split, float], seed: int = 0) -> list[TableClip]:
    """Clips with their splits; no video and no file is on two sides, whatever the table says.

    Raises ValueError as `splits.split`.
    """
    parts = split([(clip.source, clip.file) for clip in clips], shares, seed)
    return [replace(clip, split=part) for clip, part in zip(clips, parts, strict=True)]


def _rows(table: Path) -> Iterable[tuple[int, Row]]:
    """Rows by the names of their columns; AudioSet's comments and VGGSound's lack of a heading are known."""
    if table.suffix.lower() not in TABLES or table.suffix.lower() in (".jsonl", ".ndjson"):
        yield from table_rows(table)
        return
    text = read_text(table)
    first = next(csv.reader(io.StringIO(text)), [])
    if text.startswith("#"):
        names = ["ytid", "start_seconds", "end_seconds", "positive_labels"]
    elif len(first) >= 3 and len(first[0].strip()) == 11 and first[1].strip().isdigit():
        names = ["ytid", "start_seconds", "caption", "split"]
    else:
        yield from table_rows(table)
        return
    lines = csv.reader(io.StringIO(text), skipinitialspace=True)
    for cells in lines:
        if cells and not cells[0].startswith("#"):
            yield lines.line_num, dict(zip(names, cells, strict=False))


def _clip(
    row: Row, table: Path, number: int, files: Mapping[str, Sequence[tuple[int | None, Path]]]
) -> TableClip | str:
    """The clip of a row; its id where there is no file of it."""
    source = first_of(row, _ID)
    if source is None:
        raise InputError(table, f"line {number} has no video", f"name a column one of: {', '.join(_ID)}")
    start_s = seconds_of(first_of(row, _START), table, number) or 0.0
    stated_s = seconds_of(said_in(row, _END), table, number)
    if stated_s is not None and stated_s <= start_s:
        raise InputError(table, f"line {number}: ends at {stated_s:g} s, not after its start", "give end after start")
    length_s = CLIP_S if stated_s is None else stated_s - start_s
    name = str(source).strip()
    found = _file_of(name, start_s, files)
    if found is None:
        return f"{name}_{start_s:g}"
    file, is_cut = found
    begins_s = 0.0 if is_cut else start_s
    told = said_in(row, _CAPTION)
    captions = (" ".join(str(told).split()),) if told is not None else ()
    side = _SIDES.get(str(said_in(row, _SPLIT) or "").strip().lower())
    return TableClip(name, start_s, str(file), begins_s, begins_s + length_s, captions, side)


def _media(folder: Path) -> dict[str, list[tuple[int | None, Path]]]:
    """Files by the id in their names, with the start that stands there in seconds; None where none does."""
    if not folder.is_dir():
        raise InputError(folder, "is no folder", "give the folder of the videos")
    found: dict[str, list[tuple[int | None, Path]]] = {}
    for file in sorted(path for path in folder.rglob("*") if path.suffix.lower() in MEDIA_SUFFIXES):
        named = _NAMED.fullmatch(file.stem.removeprefix("Y") if len(file.stem.split("_")[0]) == 12 else file.stem)
        if named:
            start = int(named["start"])
            found.setdefault(named["id"], []).append((start // 1000 if named["end"] else start, file))
        found.setdefault(file.stem, []).append((None, file))
    return found


def _file_of(
    source: str, start_s: float, files: Mapping[str, Sequence[tuple[int | None, Path]]]
) -> tuple[Path, bool] | None:
    """The file of a clip and whether it is the clip itself; None where there is none."""
    own = [*files.get(source, ()), *files.get(f"Y{source}", ())]
    cut = next((file for start, file in own if start is not None and start == int(start_s)), None)
    if cut is not None:
        return cut, True
    whole = next((file for start, file in own if start is None), None)
    return None if whole is None else (whole, False)
