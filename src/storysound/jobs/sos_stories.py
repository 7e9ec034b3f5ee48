"""Stories that Sound of Story learns from and is judged by: a data set of `storysound ingest`, or a file of JSON lines.

A line is `{"id", "text", "images", "video", "audio", "group"}`; all but a sound are optional. `audio` may be several
files, of which each belongs to the story; a video without `audio` brings its own sound. `text` may be several texts.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storysound.errors import InputError
from storysound.library.dataset import Dataset
from storysound.match.sos_inputs import FRAMES, frame_indices
from storysound.media.audio import Waveform, read_audio
from storysound.media.files import json_lines
from storysound.media.image import from_jpeg, read_image
from storysound.media.video import iter_frames

Pixels = NDArray[np.uint8]

KEYS = frozenset({"id", "text", "images", "video", "audio", "group"})
SIDE_PX = 320  # of frames; picture encoders look at 260
EVERY_S = 1.0  # of a video; of those, `FRAMES` are taken
_LINE = 'write one a line, as {"text": "a storm comes up", "audio": "storm.flac"}'


@dataclass(frozen=True)
class Sound:
    """A sound of stories; one that several stories share has one key."""

    key: str  # changes whenever the sound does
    read: Callable[[], Waveform]


@dataclass(frozen=True)
class Material:
    """What a story is told in, and the sounds that belong to it."""

    id: str
    group: str  # stories of one group (film, campaign, recording) are never split between training and test
    key: str  # changes whenever text or pictures do
    texts: tuple[str, ...]
    pictures: Callable[[], list[Pixels]]
    sounds: tuple[Sound, ...]


def read_stories(data: Path) -> list[Material]:
    """The stories of a data set's folder or of a file of JSON lines.

    Raises LibraryError for a folder that is no data set, InputError for lines that are no stories, or where nothing is.
    """
    found = list(_of_dataset(Dataset.open(data)) if data.is_dir() else _of_lines(data))
    if not found:
        raise InputError(data, "holds no stories with a sound", _LINE)
    twice = {one.id for one in found if sum(other.id == one.id for other in found) > 1} if len(found) < 10_000 else ()
    if twice:
        raise InputError(data, f"has several stories of one id: {', '.join(sorted(twice)[:3])}", "give each its own")
    return found


def _of_dataset(dataset: Dataset) -> Iterator[Material]:
    """As the paper: key frames, text, and the sound without its speech. Films are groups."""
    for row in dataset.rows(("id", "text", "uri", "sha256", "plan_sha256")):
        name, key = row["id"], str(row["plan_sha256"])
        sound = Sound(f"{key}#background", partial(dataset.background, name))
        texts = (row["text"],) if row["text"].strip() else ()
        yield Material(name, row["uri"] or name, key, texts, partial(_jpegs, dataset, name), (sound,))


def _jpegs(dataset: Dataset, name: str) -> list[Pixels]:
    stored = dataset.frames(name)
    return [from_jpeg(stored[i]) for i in _spread(len(stored))]


def _spread(count: int) -> list[int]:
    """At most `FRAMES` of so many pictures, in order."""
    chosen: list[int] = frame_indices(count, min(count, FRAMES)).tolist() if count else []
    return chosen


def _of_lines(file: Path) -> Iterator[Material]:
    return json_lines(file, KEYS, lambda row, number: _material(row, number, file.parent))


def _material(row: dict[str, Any], number: int, folder: Path) -> Material:
    texts = tuple(text for text in _strings(row, "text") if text.strip())
    images, videos = ([folder / name for name in _strings(row, key)] for key in ("images", "video"))
    sounds = [folder / name for name in _strings(row, "audio")] or videos
    if not sounds:
        raise ValueError("has no sound: give audio, or a video that has one")
    if not (texts or images or videos):
        raise ValueError("tells nothing: give text, images or video")
    name = str(row.get("id", number))
    key = _sha(json.dumps([texts, [_stamp(path) for path in (*images, *videos)]]))
    heard = tuple(Sound(_sha(_stamp(path)), partial(read_audio, path, channels=1)) for path in sounds)
    return Material(name, str(row.get("group", name)), key, texts, partial(_pictures, images, videos), heard)


def _strings(row: dict[str, Any], key: str) -> list[str]:
    """A string or a list of strings."""
    value = row.get(key) or []
    values = [value] if isinstance(value, str) else value
    if not (isinstance(values, list) and all(isinstance(each, str) for each in values)):
        raise ValueError(f"{key} must be a string or a list of strings")
    return values


def _pictures(images: list[Path], videos: list[Path]) -> list[Pixels]:
    shown = [read_image(path, max_side=SIDE_PX) for path in images]
    for path in videos:
        shown += [frame.rgb for frame in iter_frames(path, every_s=EVERY_S, max_side=SIDE_PX)]
    return [shown[i] for i in _spread(len(shown))]


def _stamp(path: Path) -> str:
    """Name, size and time of a file; a file that isn't there is told when it is read."""
    try:
        found = path.stat()
    except OSError:
        return str(path)
    return f"{path.resolve()}:{found.st_size}:{found.st_mtime_ns}"


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:24]
