"""Tables of how things feel: pictures or music with the valence and arousal people gave them, on any scale."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from storysound.errors import InputError
from storysound.ingest.naming import Files
from storysound.ingest.tables import Row, first_of, seconds_of, table_rows
from storysound.story import Mood

# Names of columns, the best first.
_COLUMNS = {
    "file": (
        "file", "path", "picture", "image", "music", "audio", "track", "file_name", "filename", "name", "id",
        "image_id", "song_id",
    ),
    "valence": ("valence", "valence_mean", "mean_valence", "valence_mn", "v_mean", "v"),
    "arousal": ("arousal", "arousal_mean", "mean_arousal", "arousal_mn", "a_mean", "a"),
    "start_s": ("start_s", "start", "time_s"),
    "caption": ("caption", "text", "description"),
    "tags": ("tags", "tag", "keywords", "genre", "genres"),
    "group": ("group",),
    "dataset": ("dataset",),
}  # fmt: skip


class RatingScale(NamedTuple):
    """The least and the highest rating that could be given."""

    low: float
    high: float


@dataclass(frozen=True)
class Rating:
    """How a file feels as a whole or, with `start_s`, from that moment on until it is rated anew."""

    file: Path
    mood: Mood
    start_s: float | None = None
    caption: str = ""
    tags: tuple[str, ...] = ()
    group: str = ""  # files of one group are never split between training and test


def read_ratings(file: Path, scale: RatingScale | None = None) -> list[Rating]:
    """The ratings of a table, moved to [0, 1]; paths in it are relative to it, and endings of names may be missing.

    Columns: file, valence, arousal; if there: start_s, caption, tags (separated by commas), group. With a `scale` its
    ends become 0 and 1; without, the least and the highest rating of each source do (of the table, or of each value of
    its column "dataset"), valence and arousal apart, as MMVA puts its sources together. Raises InputError.
    """
    rows = list(table_rows(file))
    if not rows:
        raise InputError(file, "holds no ratings", "give a heading and a row per file")
    raw = np.array([[_rating(row, axis, file, number) for axis in ("valence", "arousal")] for number, row in rows])
    datasets = [str(first_of(row, _COLUMNS["dataset"]) or "") for _, row in rows]
    moods = _stated(raw, scale, file, [number for number, _ in rows]) if scale else _stretched(raw, datasets, file)
    near: dict[Path, Files] = {}
    return [
        _described(row, Mood(*map(float, mood)), file, number, near)
        for (number, row), mood in zip(rows, moods, strict=True)
    ]


def _rating(row: Row, axis: str, file: Path, number: int) -> float:
    value = first_of(row, _COLUMNS[axis])
    if value is None:
        raise InputError(file, f"line {number} has no {axis}", f"name a column one of: {', '.join(_COLUMNS[axis])}")
    try:
        rating = float(value)
    except ValueError:
        rating = float("nan")
    if not np.isfinite(rating):
        raise InputError(file, f"line {number}: {axis} is {value!r}, a number is wanted", "correct or remove the line")
    return rating


def _stated(raw: NDArray[np.float64], scale: RatingScale, file: Path, numbers: Sequence[int]) -> NDArray[np.float64]:
    outside = np.argwhere((raw < scale.low) | (raw > scale.high))
    if len(outside):
        row, axis = outside[0]
        fault = f"line {numbers[row]}: {('valence', 'arousal')[axis]} is {raw[row, axis]:g}, outside {scale.low:g} to "
        raise InputError(file, f"{fault}{scale.high:g}", "give the scale that people rated on")
    result: NDArray[np.float64] = (raw - scale.low) / (scale.high - scale.low)
    return result


def _stretched(raw: NDArray[np.float64], datasets: Sequence[str], file: Path) -> NDArray[np.float64]:
    result, labels = np.empty_like(raw), np.array(datasets)
    for dataset in set(datasets):
        own = labels == dataset
        low, high = raw[own].min(axis=0), raw[own].max(axis=0)
        if (low == high).any():
            raise InputError(file, "rates everything alike", "give the scale that people rated on, as FILE@1:9")
        result[own] = (raw[own] - low) / (high - low)
    return np.clip(result, 0.0, 1.0)


def _described(row: Row, mood: Mood, file: Path, number: int, near: dict[Path, Files]) -> Rating:
    name = first_of(row, _COLUMNS["file"])
    if name is None:
        raise InputError(file, f"line {number} names no file", f"name a column one of: {', '.join(_COLUMNS['file'])}")
    start_s = seconds_of(first_of(row, _COLUMNS["start_s"]), file, number)
    caption = " ".join(str(first_of(row, _COLUMNS["caption"]) or "").split())
    group = str(first_of(row, _COLUMNS["group"]) or "")
    tags = first_of(row, _COLUMNS["tags"]) or ""
    words = tags if isinstance(tags, list) else str(tags).replace(";", ",").split(",")
    kept = tuple(tag for word in words if (tag := " ".join(str(word).split())))
    return Rating(_found(file.parent / str(name), near), mood, start_s, caption, kept, group)


def _found(path: Path, near: dict[Path, Files]) -> Path:
    """The file, or the one beside it that the name means, as one that has an ending besides; as named where none is."""
    if path.exists():
        return path
    if path.parent not in near:
        near[path.parent] = Files(sorted(path.parent.iterdir()) if path.parent.is_dir() else ())
    return next(iter(near[path.parent].called(path.name)), path)
