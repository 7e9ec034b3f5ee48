"""Public sets of labelled sounds, as their official archives lie on disk when unpacked.

Each layout is one function from the folder to its clips; `LAYOUTS` lists them. Names of classes are those of the set.
Audio is looked for with any ending, so sets that were converted are read too.
"""

import csv
import logging
import math
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from storysound.errors import InputError
from storysound.ingest.naming import Files
from storysound.ingest.tables import Row, first_of, is_nothing, said_in, table_rows
from storysound.media.files import read_text
from storysound.story import Event

TRAIN, TEST = "train", "test"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LabelledSound:
    """A file with its classes; `fold`: the official fold, or "train" and "test"; `source`: of the same recording."""

    path: Path
    labels: tuple[str, ...]
    fold: str
    source: str


@dataclass(frozen=True)
class SoundSet:
    """Clips and the names of all classes; `several`: a clip may have more than one."""

    name: str
    clips: tuple[LabelledSound, ...]
    classes: tuple[str, ...]
    several: bool = False


def read_set(layout: str, folder: Path) -> SoundSet:
    """The clips of a layout of `LAYOUTS` that are there.

    Raises InputError for a folder without the set's table, or without any of its sounds; ValueError for another layout.
    """
    if layout not in LAYOUTS:
        raise ValueError(f"no layout {layout!r}: there are {', '.join(LAYOUTS)}")
    name, read, several = LAYOUTS[layout]
    listed = list(read(folder))
    clips = tuple(clip for clip in listed if clip.path.is_file())
    if not clips:
        wanted = listed[0].path if listed else folder
        raise InputError(folder, f"has none of the sounds of {name}, such as {wanted}", "unpack the official archive")
    return SoundSet(name, clips, tuple(sorted({label for clip in listed for label in clip.labels})), several)


def _esc50(folder: Path) -> Iterator[LabelledSound]:
    """`meta/esc50.csv` (or `labels.csv` beside the folder `audio`), `audio/*.wav`; five folds (Piczak 2015)."""
    for row in _rows(folder, "meta/esc50.csv", "labels.csv"):
        path = _sound(folder / "audio", Path(str(first_of(row, ("filename", "file")))).name)
        yield LabelledSound(path, (str(row["category"]),), str(row["fold"]), str(row["src_file"]))


def _urbansound8k(folder: Path) -> Iterator[LabelledSound]:
    """`metadata/UrbanSound8K.csv`, `audio/fold1` … `fold10` (Salamon et al. 2014)."""
    for row in _rows(folder, "metadata/UrbanSound8K.csv"):
        path = _sound(folder / "audio" / f"fold{row['fold']}", str(row["slice_file_name"]))
        yield LabelledSound(path, (str(row["class"]),), str(row["fold"]), str(row["fsid"]))


def _fsd50k(folder: Path) -> Iterator[LabelledSound]:
    """`FSD50K.ground_truth/dev.csv` and `eval.csv`, `FSD50K.dev_audio`, `FSD50K.eval_audio` (Fonseca et al. 2020)."""
    for part, fold in (("dev", TRAIN), ("eval", TEST)):
        for row in _rows(folder, f"FSD50K.ground_truth/{part}.csv"):
            path = _sound(folder / f"FSD50K.{part}_audio", f"{row['fname']}.wav")
            yield LabelledSound(path, tuple(str(row["labels"]).split(",")), fold, str(row["fname"]))


def _vggsound(folder: Path) -> Iterator[LabelledSound]:
    """`vggsound.csv` without heading: id, second, class, split; files `ID_000030.mp4` anywhere (Chen et al. 2020).

    Or `vggsound_test.csv`: file, class.
    """
    table = next((folder / name for name in ("vggsound.csv", "vggsound_test.csv") if (folder / name).is_file()), None)
    if table is None:
        raise _missing(folder, "vggsound.csv")
    for cells in (_cells(line) for line in read_text(table).splitlines() if line.strip()):
        try:
            rest = (cells[1], TEST) if len(cells) == 2 else (cells[2], cells[3])
            name = cells[0] if len(cells) == 2 else f"{cells[0]}_{int(cells[1]):06d}.mp4"
        except (IndexError, ValueError) as error:
            raise InputError(table, f"{','.join(cells)}: is no row of VGGSound", "give the official table") from error
        path = next(iter(_files_below(folder).called(name, anywhere=True)), folder / name)
        yield LabelledSound(path, rest[:1], rest[1], name[:11])


def _tau(folder: Path) -> Iterator[LabelledSound]:
    """`evaluation_setup/fold1_train.csv` and `fold1_evaluate.csv` (or `_test`), `audio/` (Wang et al. 2021).

    The sets of audio-visual and of acoustic scenes name their columns differently; recordings are "city-place".
    """
    for parts, fold in ((("train",), TRAIN), (("evaluate", "test"), TEST)):
        for row in _rows(folder, *(f"evaluation_setup/fold1_{part}.csv" for part in parts)):
            name = Path(str(first_of(row, ("filename_audio", "filename"))))
            scene = str(first_of(row, ("scene_label",)) or name.stem.split("-")[0])
            yield LabelledSound(
                _sound(folder / "audio", name.name), (scene,), fold, "-".join(name.stem.split("-")[1:3])
            )


LAYOUTS: dict[str, tuple[str, Callable[[Path], Iterator[LabelledSound]], bool]] = {
    "esc50": ("ESC-50", _esc50, False),
    "urbansound8k": ("UrbanSound8K", _urbansound8k, False),
    "fsd50k": ("FSD50K", _fsd50k, True),
    "vggsound": ("VGGSound", _vggsound, False),
    "tau": ("TAU Urban Scenes", _tau, False),
}


def read_desed(table: Path, audio: Path) -> dict[Path, tuple[Event, ...]]:
    """Strong labels of DESED (Turpault et al. 2019): a table filename, onset, offset, event_label, and its sounds.

    A row without onset (empty, or NaN as programs write it) says that nothing is heard in a file. Raises InputError,
    with the line, for another table, for what is no event, or without sounds; warns of sounds that aren't there.
    """
    found: dict[Path, list[Event]] = {}
    for number, row in table_rows(table):
        if lacking := [name for name in ("filename", "onset", "offset", "event_label") if name not in row]:
            raise InputError(table, f"lacks the column {lacking[0]}", "give DESED's table of strong labels")
        name = first_of(row, ("filename",))
        if name is None:
            raise InputError(table, f"line {number} names no file", "see DESED's own table")
        event = _event(row, table, number)
        found.setdefault(_sound(audio, str(name)), []).extend([event] if event else [])
    _check_there(found, table, audio)
    return {path: tuple(events) for path, events in found.items() if path.is_file()}


def _event(row: Row, table: Path, number: int) -> Event | None:
    """What is heard in a row of strong labels; None where it says that nothing is."""
    onset, offset, label = (said_in(row, (name,)) for name in ("onset", "offset", "event_label"))
    if onset is None and offset is None:
        return None
    try:
        event = Event(float(onset), float(offset), str(label or "").strip(), 1.0)
        if not (event.label and 0 <= event.start_s <= event.end_s < math.inf):
            raise ValueError("is no event")
    except (TypeError, ValueError) as error:
        fault = f"line {number}: onset {onset!r}, offset {offset!r} and event_label {label!r} are no event"
        raise InputError(table, fault, "give a label, and seconds from the start") from error
    return event


def read_clotho(table: Path, audio: Path) -> list[tuple[Path, tuple[str, ...]]]:
    """Sounds and their captions of Clotho (Drossos et al. 2020): a table file_name, caption_1 … caption_5.

    Any table with a file name and columns caption… is read so. Raises InputError for one without, or without sounds;
    warns of sounds that aren't there.
    """
    found = []
    for _, row in table_rows(table):
        name = first_of(row, ("file_name", "file", "path"))
        cells = [value for key, value in row.items() if key.startswith("caption")]
        if not name or not cells:
            raise InputError(table, "lacks the columns file_name and caption_1 …", "give a table like Clotho's")
        if told := tuple(str(value).strip() for value in cells if not is_nothing(value)):
            found.append((_sound(audio, str(name)), told))
    _check_there([path for path, _ in found], table, audio)
    return [pair for pair in found if pair[0].is_file()]


def _check_there(paths: Collection[Path], table: Path, audio: Path) -> None:
    """Warns of sounds that aren't there. Raises InputError where none is."""
    lacking = [path for path in paths if not path.is_file()]
    if len(lacking) == len(paths):
        raise InputError(audio, f"has none of the sounds that {table.name} names", "give the folder that holds them")
    if lacking:
        log.warning("%s: %d of %d files are not in %s, as %r", table, len(lacking), len(paths), audio, lacking[0].name)


def _rows(folder: Path, *tables: str) -> Iterator[Row]:
    """Rows of the first of these tables that is there."""
    file = next((folder / table for table in tables if (folder / table).is_file()), None)
    if file is None:
        raise _missing(folder, tables[0])
    for number, row in table_rows(file):
        yield _TableRow(file, number, row)


class _TableRow(dict[str, object]):
    """A row whose missing columns are told with their table."""

    def __init__(self, file: Path, number: int, row: Row) -> None:
        super().__init__(row)
        self._file, self._number = file, number

    def __missing__(self, column: str) -> object:
        raise InputError(self._file, f"line {self._number} has no column {column!r}", "give the official table")


def _missing(folder: Path, table: str) -> InputError:
    return InputError(folder, f"has no {table}", "give the folder into which the official archive was unpacked")


def _cells(line: str) -> list[str]:
    """Cells of VGGSound's tables, whose classes may hold commas within quotes."""
    return [cell.strip() for cell in next(csv.reader([line], skipinitialspace=True))]


def _sound(folder: Path, name: str) -> Path:
    """The file of this name, or of its stem with another ending; the name as it is where there is neither."""
    path = folder / name
    return path if path.is_file() else next(iter(_files_in(folder).called(name, anywhere=True)), path)


@lru_cache(maxsize=64)
def _files_in(folder: Path) -> Files:
    return Files(sorted(folder.iterdir()) if folder.is_dir() else ())


@lru_cache(maxsize=4)
def _files_below(folder: Path) -> Files:
    files = (file for file in sorted(folder.rglob("*")) if file.suffix.lower() not in (".csv", ".txt"))
    return Files(file for file in files if file.is_file())
