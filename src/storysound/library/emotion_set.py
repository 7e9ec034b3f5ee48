"""Sets of pictures and music with valence and arousal, as `storysound build mmva` makes them: a folder of JSON lines.

`pictures.jsonl`, `music.jsonl` (clips of tracks, with captions) and `pairs.jsonl` (fixed pairs of both); `set.json`
says how they were made and is written last: without it a folder is no set. Paths are relative to the folder.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor

from storysound.errors import InputError
from storysound.ingest.splits import Split
from storysound.match.mmva import FixedPairs
from storysound.media.files import atomic, json_lines
from storysound.story import Mood, Span

VERSION = 1
AXES = ("valence", "arousal")
_AGAIN = "build it again with: storysound build mmva"
_BOTH = {"id", "file", "sha256", "valence", "arousal", "split", "group"}


@dataclass(frozen=True)
class RatedPicture:
    """A picture and how it feels."""

    id: str
    file: Path
    sha256: str
    mood: Mood
    split: Split
    group: str


@dataclass(frozen=True)
class MusicClip:
    """A stretch of a track, how it feels, and what it is like in words."""

    id: str
    file: Path
    sha256: str
    span: Span
    mood: Mood
    caption: str
    split: Split
    group: str


Item = RatedPicture | MusicClip


@dataclass(frozen=True)
class EmotionSet:
    """Pictures, clips, and which of them IMEMNet's protocol pairs; `sigma` of Eq. 1 over all pairs there could be."""

    folder: Path
    pictures: tuple[RatedPicture, ...]
    clips: tuple[MusicClip, ...]
    pairs: tuple[tuple[int, int], ...]  # numbers of a picture and a clip of the same split
    sigma: float

    @cached_property
    def picture_moods(self) -> Tensor:
        """[p 2]."""
        return moods_of(self.pictures)

    @cached_property
    def clip_moods(self) -> Tensor:
        """[c 2]."""
        return moods_of(self.clips)

    def only(self, pictures: Sequence[int], clips: Sequence[int]) -> "EmotionSet":
        """The set of these pictures and clips, by number, and of the pairs between them."""
        left, right = ({number: i for i, number in enumerate(side)} for side in (pictures, clips))
        pairs = tuple((left[p], right[c]) for p, c in self.pairs if p in left and c in right)
        seen, heard = tuple(self.pictures[i] for i in pictures), tuple(self.clips[i] for i in clips)
        return EmotionSet(self.folder, seen, heard, pairs, self.sigma)

    def numbers(self, part: Split) -> tuple[Tensor, Tensor]:
        """Numbers of the pictures and of the clips of a part."""
        return _numbers(self.pictures, part), _numbers(self.clips, part)


def _numbers(items: Sequence[Item], part: Split) -> Tensor:
    return torch.tensor([i for i, one in enumerate(items) if one.split == part], dtype=torch.long)


def parts_sha(data: EmotionSet) -> str:
    """Changes with what is learned from and what is kept back."""
    both: tuple[Item, ...] = (*data.pictures, *data.clips)
    told = sorted({f"{one.sha256} {one.split}" for one in both})
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:24]


def near(file: Path, folder: Path) -> str:
    """The path of a file from a folder on."""
    return Path(os.path.relpath(file.absolute(), folder.absolute())).as_posix()


def moods_of(items: Iterable[Item]) -> Tensor:
    """Valence and arousal [n 2]."""
    return torch.tensor([(one.mood.valence, one.mood.arousal) for one in items]).reshape(-1, 2)


def write_set(
    folder: Path,
    pictures: Iterable[RatedPicture],
    clips: Iterable[MusicClip],
    pairs: Iterable[tuple[RatedPicture, MusicClip, float]],
    about: Mapping[str, Any],
) -> None:
    """Writes a set; one that stands there is replaced. `about` has sigma and how it was made. Raises OutputError."""
    rows: dict[str, Iterator[dict[str, Any]]] = {
        "pictures": (_row(one, folder) for one in pictures),
        "music": (
            _row(one, folder) | {"start_s": one.span.start_s, "end_s": one.span.end_s, "caption": one.caption}
            for one in clips
        ),
        "pairs": ({"picture": picture.id, "music": clip.id, "score": round(s, 5)} for picture, clip, s in pairs),
    }
    (folder / "set.json").unlink(missing_ok=True)
    for name, lines in rows.items():
        with atomic(folder / f"{name}.jsonl") as partial, partial.open("w", encoding="utf-8") as stream:
            stream.writelines(json.dumps(line) + "\n" for line in lines)
    with atomic(folder / "set.json") as partial:
        partial.write_text(json.dumps({"version": VERSION, **about}, indent=1), "utf-8")


def read_set(folder: Path) -> EmotionSet:
    """The set in a folder. Raises InputError for what is none."""
    try:
        about = json.loads((folder / "set.json").read_text("utf-8"))
        version, sigma = about["version"], float(about["sigma"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise InputError(folder, f"is no set of pictures and music: set.json: {why}", _AGAIN) from error
    if version != VERSION or not sigma > 0:
        raise InputError(folder, f"is of version {version}, {VERSION} is known here", _AGAIN)
    pictures = tuple(json_lines(folder / "pictures.jsonl", _BOTH, lambda row, _: RatedPicture(**_common(row, folder))))
    clips = tuple(json_lines(folder / "music.jsonl", {*_BOTH, "start_s", "end_s", "caption"}, _clip(folder)))
    left, right = {one.id: i for i, one in enumerate(pictures)}, {one.id: i for i, one in enumerate(clips)}
    keys = {"picture", "music", "score"}
    try:
        pairs = json_lines(folder / "pairs.jsonl", keys, lambda row, _: (row["picture"], row["music"]))
        return EmotionSet(folder, pictures, clips, tuple((left[p], right[m]) for p, m in pairs), sigma)
    except KeyError as error:
        raise InputError(folder / "pairs.jsonl", f"pairs {error}, which isn't in the set", _AGAIN) from error


def numbered(
    pairs: FixedPairs, pictures: Iterable[RatedPicture], clips: Iterable[MusicClip]
) -> Iterator[tuple[RatedPicture, MusicClip, float]]:
    """Pairs of numbers as pairs of what they number."""
    left, right = list(pictures), list(clips)
    for p, c, score in zip(pairs.pictures.tolist(), pairs.clips.tolist(), pairs.scores.tolist(), strict=True):
        yield left[p], right[c], score


def _row(one: Item, folder: Path) -> dict[str, Any]:
    mood = {"valence": round(one.mood.valence, 5), "arousal": round(one.mood.arousal, 5)}
    return {
        "id": one.id,
        "file": near(one.file, folder),
        "sha256": one.sha256,
        **mood,
        "split": one.split,
        "group": one.group,
    }


def _common(row: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    if lacking := _BOTH - row.keys():
        raise ValueError(f"lacks {', '.join(sorted(lacking))}")
    if row["split"] not in get_args(Split):
        raise ValueError(f"split is one of {', '.join(get_args(Split))}, got {row['split']!r}")
    kept = {key: row[key] for key in ("id", "sha256", "split", "group")}
    return {**kept, "file": folder / row["file"], "mood": Mood(float(row["valence"]), float(row["arousal"]))}


def _clip(folder: Path) -> Callable[[dict[str, Any], int], MusicClip]:
    def make(row: dict[str, Any], _: int) -> MusicClip:
        if lacking := {"start_s", "end_s", "caption"} - row.keys():
            raise ValueError(f"lacks {', '.join(sorted(lacking))}")
        if not str(row["caption"]).strip():
            raise ValueError("has an empty caption")
        return MusicClip(**_common(row, folder), span=Span(row["start_s"], row["end_s"]), caption=str(row["caption"]))

    return make
