"""`storysound build mmva`: a set of pictures, music and captions that are matched by how they feel (MMVA, "Dataset").

Tables of ratings in, a folder that `storysound train mmva` learns from out; `research/mmva/set.py` says what is in it.
No medium is copied. Captions that had to be made are kept beside the set as soon as they are there, so that a run that
was interrupted, or is repeated with more music, asks for none twice.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from storysound.annotate import lp_musiccaps, music_captions
from storysound.annotate.chat import Chat
from storysound.annotate.music_captions import Captioner
from storysound.encode import encoder
from storysound.errors import InputError, MediaError, UsageError
from storysound.ingest.music_clips import Config, clips_of
from storysound.ingest.ratings import Rating, Scale, read_ratings
from storysound.ingest.splits import Split, split
from storysound.library.analyse import sha256_of
from storysound.match import mmva
from storysound.media.audio import read_audio
from storysound.media.files import writing
from storysound.media.probe import probe
from storysound.research.mmva.set import Clip, EmotionSet, Item, Picture, moods_of, near, numbered, read_set, write_set
from storysound.weights.resolver import Resolver

Tell = Callable[[str], None]
LeaveOut = Callable[[Path, MediaError], None]

PARTS: tuple[Split, Split, Split] = ("train", "validation", "test")
HEARD, EARS, TAGS = "heard", "musicnn", "msd"  # the captioner of no folder; its encoder and label space
SHOW_EVERY = 100  # tracks
LEAST = 3  # tracks, and pictures: one of each part


@dataclass(frozen=True)
class Recipe:
    """Settings of the set; each can be given as key=value."""

    pictures: str  # tables of ratings, FILE,FILE…; FILE@1:9 states the scale, else ratings are stretched to [0, 1]
    music: str  # the same, of music; rows with start_s rate a track moment by moment
    out: Path  # folder of the set
    joined: int = 5  # pieces of two seconds in a clip at most; the paper's
    every: int = 1  # pieces from one clip's start to the next; the paper's. 5: clips that don't overlap
    captioner: str = HEARD  # says what music without caption and tags is like: its tags, or a folder with LP-MusicCaps
    llm: str = ""  # OpenAI-compatible endpoint that takes talk of recording quality out of captions; empty: none
    llm_model: str = ""  # the model that the endpoint is to use
    validation: float = 0.05  # share of tracks and of pictures that choose the best weights
    test: float = 0.15  # share that is judged by
    kept: float = mmva.KEPT  # share of the fixed pairs
    seed: int = 0  # of splits and pairs

    def __post_init__(self) -> None:
        if min(self.validation, self.test) <= 0 or self.validation + self.test >= 1 or not 0 < self.kept <= 1:
            raise ValueError(f"needs shares above 0 that leave something to learn from, got {self}")
        if bool(self.llm) != bool(self.llm_model):
            raise ValueError("llm= and llm_model= go together: an endpoint and its model")
        _ = self.cut

    @property
    def cut(self) -> Config:
        """How music is cut."""
        return Config(joined=self.joined, every=self.every)

    @property
    def shares(self) -> dict[Split, float]:
        """Of the parts."""
        return {"train": 1 - self.validation - self.test, "validation": self.validation, "test": self.test}


class Kept:
    """Texts that cost something to make, in a file of JSON lines that grows with each."""

    def __init__(self, file: Path) -> None:
        """Reads what is there; a last line that was cut off is dropped."""
        self._file = file
        self._known: dict[str, str] = {}
        for line in file.read_text("utf-8", "replace").split("\n") if file.exists() else ():
            try:
                row = json.loads(line)
                self._known[row["key"]] = row["text"]
            except (ValueError, KeyError, TypeError):
                continue

    def get(self, key: str, make: Callable[[], str]) -> str:
        """The text of a key, made if need be. Raises OutputError, and what `make` raises."""
        if key not in self._known:
            self._known[key] = make()
            with writing(self._file):
                self._file.parent.mkdir(parents=True, exist_ok=True)
                with self._file.open("a", encoding="utf-8") as stream:
                    stream.write("\n" + json.dumps({"key": key, "text": self._known[key]}))
        return self._known[key]


def build(recipe: Recipe, weights: Resolver, tell: Tell) -> EmotionSet:
    """Makes the set, and tells what was left out and what came of it.

    Raises InputError for tables that can't be read and where too little is left, MissingModelError, and what the
    endpoint raises.
    """
    left_out: list[str] = []

    def leave_out(name: Path, error: MediaError) -> None:
        left_out.append(f"{name}: {error.reason}")
        tell(f"left out: {left_out[-1]}")

    seen, heard = (_tables(given) for given in (recipe.pictures, recipe.music))
    pictures = _pictures([one for _, ratings in seen for one in ratings], recipe.out, leave_out)
    caption = _captions(recipe, weights, tell)
    clips = _clips([one for _, ratings in heard for one in ratings], recipe, caption, leave_out, tell)
    parted_pictures, parted_clips = _parted(pictures, recipe), _parted(clips, recipe)
    sigma = mmva.mean_distance(moods_of(parted_pictures), moods_of(parted_clips))
    pairs = _pairs(parted_pictures, parted_clips, sigma, recipe)
    about = {
        "sigma": sigma,
        "pictures": _counts(parted_pictures),
        "music": _counts(parted_clips),
        "pairs": len(pairs),
        "tables": [{"table": table, "ratings": len(ratings)} for table, ratings in (*seen, *heard)],
        "made_with": {key: str(value) for key, value in vars(recipe).items()},
        "left_out": left_out,
    }
    write_set(recipe.out, parted_pictures, parted_clips, pairs, about)
    tell(
        f"{recipe.out}: {len(pictures)} pictures, {len(clips)} clips of {len({clip.file for clip in clips})} tracks, "
        f"{len(pairs)} fixed pairs, sigma {sigma:.3f}, {len(left_out)} files left out"
    )
    return read_set(recipe.out)


def _tables(given: str) -> list[tuple[str, list[Rating]]]:
    """The ratings of each table of `FILE,FILE@LOW:HIGH`."""
    found = []
    for part in given.split(","):
        name, _, ends = part.strip().rpartition("@") if ":" in part.rpartition("@")[2] else (part.strip(), "", "")
        found.append((part.strip(), read_ratings(Path(name).expanduser(), _scale(ends, part) if ends else None)))
    return found


def _scale(ends: str, part: str) -> Scale:
    try:
        low, high = (float(end) for end in ends.split(":"))
        if not low < high:
            raise ValueError("the first is not below the second")
    except ValueError as error:
        raise UsageError(f"{part!r}: {error}: give a scale as FILE@1:9") from None
    return Scale(low, high)


def _pictures(ratings: Sequence[Rating], out: Path, leave_out: LeaveOut) -> list[Picture]:
    """Each picture once; one that is rated several times feels like the first rating says."""
    found: dict[Path, Picture] = {}
    for one in ratings:
        if one.file not in found:
            try:
                sha256 = sha256_of(one.file)
            except MediaError as error:
                leave_out(one.file, error)
                continue
            found[one.file] = Picture(near(one.file, out), one.file, sha256, one.mood, "train", one.group)
    return list(found.values())


def _clips(
    ratings: Sequence[Rating], recipe: Recipe, caption: Callable[[Rating, Clip], str], leave_out: LeaveOut, tell: Tell
) -> list[Clip]:
    """The clips of every track that can be read, with captions."""
    found: list[Clip] = []
    tracks = groupby(sorted(ratings, key=lambda one: str(one.file)), key=lambda one: one.file)
    for number, (file, rows) in enumerate(tracks):
        if number and number % SHOW_EVERY == 0:
            tell(f"{number} tracks are cut, {len(found)} clips so far")
        own = list(rows)
        words = next((one for one in own if one.caption), next((one for one in own if one.tags), own[0]))
        try:
            sha256, duration_s = sha256_of(file), probe(file).duration_s
            for span, mood in clips_of(((one.start_s, one.mood) for one in own), duration_s, recipe.cut):
                name = f"{near(file, recipe.out)}#{span.start_s:g}-{span.end_s:g}"
                clip = Clip(name, file, sha256, span, mood, "", "train", own[0].group)
                found.append(replace(clip, caption=caption(words, clip)))
        except MediaError as error:
            leave_out(file, error)
            found = [clip for clip in found if clip.file != file]
    return found


def _captions(recipe: Recipe, weights: Resolver, tell: Tell) -> Callable[[Rating, Clip], str]:
    """What says in words what a clip is like: its table, else its tags, else the captioner; cleaned."""
    kept = Kept(recipe.out / "captions.jsonl")
    chat = Chat(recipe.llm, recipe.llm_model) if recipe.llm else None
    ears: list[Captioner] = []

    def heard(clip: Clip) -> str:
        if not ears:
            tell("some music has neither caption nor tags: the captioner listens")
            ears.append(_captioner(recipe, weights))
        key = f"{clip.sha256}#{clip.span.start_s:g}-{clip.span.end_s:g} {ears[0].revision}"
        span = clip.span
        return kept.get(
            key, lambda: ears[0].caption(read_audio(clip.file, channels=1, start_s=span.start_s, end_s=span.end_s))
        )

    def caption(rating: Rating, clip: Clip) -> str:
        words = rating.caption or (music_captions.from_tags(rating.tags) if rating.tags else heard(clip))
        words = music_captions.by_rule(words)
        if chat and music_captions.speaks_of_quality(words):
            key = f"{chat.endpoint} {chat.model} {words}"
            words = kept.get(key, lambda: music_captions.by_model(words, chat))
        return words

    return caption


def _captioner(recipe: Recipe, weights: Resolver) -> Captioner:
    if recipe.captioner == HEARD:
        return music_captions.Heard(encoder.load(EARS, weights), TAGS)
    return lp_musiccaps.load(Path(recipe.captioner).expanduser())


def _parted(items: Sequence[Any], recipe: Recipe) -> list[Any]:
    """The pictures or clips with their parts: what is of one file, one content or one group is never divided."""
    keys = [(f"content {one.sha256}", *([f"group {one.group}"] if one.group else ())) for one in items]
    parts = split(keys, recipe.shares, recipe.seed)
    if len(set(parts)) < len(PARTS):
        kind = "pictures" if items and isinstance(items[0], Picture) else "music"
        fault = f"{len(set(keys))} {kind} could be read and do not depend on each other, {LEAST} are needed"
        raise InputError(recipe.out, fault, f"give more {kind}")
    return [replace(one, split=part) for one, part in zip(items, parts, strict=True)]


def _pairs(
    pictures: Sequence[Picture], clips: Sequence[Clip], sigma: float, recipe: Recipe
) -> list[tuple[Picture, Clip, float]]:
    """Fixed pairs, within each part."""
    rng = np.random.default_rng(recipe.seed)
    found: list[tuple[Picture, Clip, float]] = []
    for part in PARTS:
        left, right = [one for one in pictures if one.split == part], [one for one in clips if one.split == part]
        pairs = mmva.fixed_pairs(moods_of(left), moods_of(right), sigma, rng, kept=recipe.kept)
        found += numbered(pairs, left, right)
    return found


def _counts(items: Iterable[Item]) -> Mapping[str, int]:
    return dict(Counter(one.split for one in items))
