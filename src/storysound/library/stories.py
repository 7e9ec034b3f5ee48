"""Stories to learn from and to be judged by: a data set of `storysound ingest`, or a file of JSON lines.

A line is `{"id", "text", "images", "video", "audio", "group"}`; all but a sound are optional. `audio` may be several
files, of which each belongs to the story; a video without `audio` brings its own sound. `text` may be several texts.
`start_s` and `end_s` make a stretch of the video the story. `description` is a file that tells it: subtitles (VTT,
SRT), a text, or speech, which has to be written down by whoever reads the lines. Stories of one video are one group
where `group` isn't given.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from storysound.errors import InputError, MediaError
from storysound.ingest.captions import TOLD, told_in
from storysound.library.dataset import Dataset
from storysound.match.sos_inputs import FRAMES, frame_indices
from storysound.media.arrays import Pixels
from storysound.media.audio import Waveform, read_audio
from storysound.media.files import json_lines
from storysound.media.image import from_jpeg, read_image
from storysound.media.probe import probe
from storysound.media.video import iter_shown
from storysound.story import Span

Transcribe = Callable[[Path], str]  # the words spoken in a sound file

KEYS = frozenset({"id", "text", "images", "video", "audio", "group", "start_s", "end_s", "description"})
SIDE_PX = 320  # of frames; picture encoders look at 260
EVERY_S, LEAST_FRAMES = 1.0, 8  # of a video; of a short stretch more often; of those, `FRAMES` are taken
_LINE = 'write one a line, as {"text": "a storm comes up", "audio": "storm.flac"}'


@dataclass(frozen=True)
class StorySound:
    """A sound of stories; one that several stories share has one key."""

    key: str  # changes whenever the sound does
    read: Callable[[], Waveform]


@dataclass(frozen=True)
class StoryMaterial:
    """What a story is told in, and the sounds that belong to it."""

    id: str
    group: str  # stories of one group (film, campaign, recording) are never split between training and test
    key: str  # changes whenever text or pictures do
    texts: tuple[str, ...]
    pictures: Callable[[], list[Pixels]]
    sounds: tuple[StorySound, ...]
    video: Path | None = None  # where it is one
    span: Span | None = None  # of that, where it is not the whole


def read_stories(data: Path, *, silent: bool = False, transcribe: Transcribe | None = None) -> list[StoryMaterial]:
    """The stories of a data set's folder or of a file of JSON lines.

    `silent`: also those whose video has no sound. `transcribe` writes spoken descriptions down. Raises LibraryError for
    a folder that is no data set, InputError for lines that are no stories, or where nothing is.
    """
    found = list(_of_dataset(Dataset.open(data)) if data.is_dir() else _of_lines(data, silent, transcribe))
    if not found:
        raise InputError(data, "holds no stories with a sound", _LINE)
    twice = {one.id for one in found if sum(other.id == one.id for other in found) > 1} if len(found) < 10_000 else ()
    if twice:
        raise InputError(data, f"has several stories of one id: {', '.join(sorted(twice)[:3])}", "give each its own")
    return found


def _of_dataset(dataset: Dataset) -> Iterator[StoryMaterial]:
    """As the paper: key frames, text, and the sound without its speech. Films are groups."""
    for row in dataset.rows(("id", "text", "uri", "sha256", "plan_sha256")):
        name, key = row["id"], str(row["plan_sha256"])
        sound = StorySound(f"{key}#background", partial(dataset.background, name))
        texts = (row["text"],) if row["text"].strip() else ()
        yield StoryMaterial(name, row["uri"] or name, key, texts, partial(_jpegs, dataset, name), (sound,))


def _jpegs(dataset: Dataset, name: str) -> list[Pixels]:
    stored = dataset.frames(name)
    return [from_jpeg(stored[i]) for i in _spread(len(stored))]


def _spread(count: int) -> list[int]:
    """At most `FRAMES` of so many pictures, in order."""
    chosen: list[int] = frame_indices(count, min(count, FRAMES)).tolist() if count else []
    return chosen


def _of_lines(file: Path, silent: bool, transcribe: Transcribe | None) -> Iterator[StoryMaterial]:
    return json_lines(file, KEYS, lambda row, number: _material(row, number, file.parent, silent, transcribe))


def _material(
    row: dict[str, Any], number: int, folder: Path, silent: bool, transcribe: Transcribe | None
) -> StoryMaterial:
    images, videos = ([folder / name for name in _strings(row, key)] for key in ("images", "video"))
    span = _span(row, videos)
    told = [_description(folder / name, transcribe) for name in _strings(row, "description")]
    texts = tuple(text for text in (*_strings(row, "text"), *told) if text.strip())
    named = [folder / name for name in _strings(row, "audio")]
    sounds = named or videos
    if not sounds and not (silent and images):
        raise ValueError("has no sound: give audio, or a video that has one")
    if not (texts or images or videos):
        raise ValueError("tells nothing: give text, images or video")
    name = str(row.get("id", number))
    of_span = () if span is None else (span.start_s, span.end_s)
    key = _sha(json.dumps([texts, [_stamp(path) for path in (*images, *videos)], *of_span]))
    heard = tuple(_sound(path, None if named else span) for path in sounds if named or not silent or _has_sound(path))
    pictures = partial(_pictures, images, videos, span)
    group = str(row.get("group", (_strings(row, "video") or [name])[0]))
    return StoryMaterial(name, group, key, texts, pictures, heard, videos[0] if videos else None, span)


def clip_of(video: Path, span: Span) -> StoryMaterial:
    """A stretch of a video of which nothing is told."""
    name, key = f"{video}:{span.start_s:g}-{span.end_s:g}", _sha(f"{_stamp(video)}:{span}")
    sounds = (_sound(video, span),) if _has_sound(video) else ()
    return StoryMaterial(name, str(video), key, (), partial(_pictures, [], [video], span), sounds, video, span)


def _span(row: dict[str, Any], videos: list[Path]) -> Span | None:
    given = [row.get(key) for key in ("start_s", "end_s")]
    if given == [None, None]:
        return None
    if not all(isinstance(value, int | float) for value in given) or len(videos) != 1:
        raise ValueError("start_s and end_s go together, in seconds, with one video")
    start_s, end_s = given
    if not 0 <= start_s < end_s:  # type: ignore[operator]
        raise ValueError(f"needs 0 <= start_s < end_s, got {start_s} and {end_s}")
    return Span(float(start_s), float(end_s))  # type: ignore[arg-type]


def _description(file: Path, transcribe: Transcribe | None) -> str:
    if file.suffix.lower() in TOLD:
        return told_in(file)
    if transcribe is None:
        raise ValueError(f"{file.name} is no text: give {', '.join(TOLD)}, or a reader that writes speech down")
    return transcribe(file)


def _has_sound(video: Path) -> bool:
    """True also for a file that can't be read: that is told when it is."""
    try:
        return bool(probe(video).audio)
    except MediaError:
        return True


def _sound(path: Path, span: Span | None) -> StorySound:
    if span is None:
        return StorySound(_sha(_stamp(path)), partial(read_audio, path, channels=1))
    part = partial(read_audio, path, channels=1, start_s=span.start_s, end_s=span.end_s)
    return StorySound(_sha(f"{_stamp(path)}:{span.start_s}:{span.end_s}"), part)


def _strings(row: dict[str, Any], key: str) -> list[str]:
    """A string or a list of strings."""
    value = row.get(key) or []
    values = [value] if isinstance(value, str) else value
    if not (isinstance(values, list) and all(isinstance(each, str) for each in values)):
        raise ValueError(f"{key} must be a string or a list of strings")
    return values


def _pictures(images: list[Path], videos: list[Path], span: Span | None) -> list[Pixels]:
    shown = [read_image(path, max_side=SIDE_PX) for path in images]
    for path in videos:
        shown += pictures_of(path, span)
    return [shown[i] for i in _spread(len(shown))]


def pictures_of(video: Path, span: Span | None = None) -> list[Pixels]:
    """Pictures of a video, or of a stretch of it, evenly spread. Raises MediaError."""
    if span is None:
        return [shown.rgb(SIDE_PX) for shown in iter_shown(video, every_s=EVERY_S)]
    every_s = min(EVERY_S, span.duration_s / LEAST_FRAMES)
    frames = iter_shown(video, every_s=every_s, start_s=span.start_s, end_s=span.end_s)
    return [shown.rgb(SIDE_PX) for shown in frames]


def _stamp(path: Path) -> str:
    """Name, size and time of a file; a file that isn't there is told when it is read."""
    try:
        found = path.stat()
    except OSError:
        return str(path)
    return f"{path.resolve()}:{found.st_size}:{found.st_mtime_ns}"


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:24]
