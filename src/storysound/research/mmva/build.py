"""`storysound build mmva`: a set of pictures, music and captions that are matched by how they feel (MMVA, "Dataset").

Tables of ratings in, a folder that `storysound train mmva` learns from out; `library/emotion_set.py` says what is in
it. No medium is copied. Captions that had to be made are kept beside the set as soon as they are there, so that a run
that was interrupted, or is repeated with more music, asks for none twice.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from storysound.annotate import lp_musiccaps, music_captions
from storysound.annotate.caption_store import CaptionStore
from storysound.annotate.chat import Chat
from storysound.annotate.music_captions import Captioner
from storysound.encode.pool import Models
from storysound.errors import InputError, MediaError, UsageError
from storysound.ingest.music_clips import rated_clips
from storysound.ingest.ratings import Rating, RatingScale, read_ratings
from storysound.ingest.splits import Split, split
from storysound.library.emotion_set import (
    EmotionSet,
    Item,
    MusicClip,
    RatedPicture,
    moods_of,
    near,
    numbered,
    read_set,
    write_set,
)
from storysound.match import mmva
from storysound.media.audio import read_audio
from storysound.media.content import sha256_of
from storysound.media.probe import probe
from storysound.progress import Watch
from storysound.research.mmva.settings import HEARD, MmvaBuild

LeaveOut = Callable[[Path, MediaError], None]

PARTS: tuple[Split, Split, Split] = ("train", "validation", "test")
EARS, TAGS = "musicnn", "msd"  # of the captioner of no folder: its encoder and label space
SHOW_EVERY = 100  # tracks
LEAST = 3  # tracks, and pictures: one of each part


def build(recipe: MmvaBuild, models: Models, watch: Watch) -> EmotionSet:
    """Makes the set, and tells what was left out and what came of it.

    Raises InputError for tables that can't be read and where too little is left, MissingModelError, and what the
    endpoint raises.
    """
    left_out: list[str] = []

    def leave_out(name: Path, error: MediaError) -> None:
        left_out.append(f"{name}: {error.reason}")
        watch.say(f"left out: {left_out[-1]}")

    seen, heard = (_tables(given) for given in (recipe.pictures, recipe.music))
    pictures = _pictures([one for _, ratings in seen for one in ratings], recipe.out, leave_out)
    caption = _captions(recipe, models, watch)
    clips = _clips([one for _, ratings in heard for one in ratings], recipe, caption, leave_out, watch)
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
    watch.say(
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


def _scale(ends: str, part: str) -> RatingScale:
    try:
        low, high = (float(end) for end in ends.split(":"))
        if not low < high:
            raise ValueError("the first is not below the second")
    except ValueError as error:
        raise UsageError(f"{part!r}: {error}: give a scale as FILE@1:9") from None
    return RatingScale(low, high)


def _pictures(ratings: Sequence[Rating], out: Path, leave_out: LeaveOut) -> list[RatedPicture]:
    """Each picture once; one that is rated several times feels like the first rating says."""
    found: dict[Path, RatedPicture] = {}
    for one in ratings:
        if one.file not in found:
            try:
                sha256 = sha256_of(one.file)
            except MediaError as error:
                leave_out(one.file, error)
                continue
            found[one.file] = RatedPicture(near(one.file, out), one.file, sha256, one.mood, "train", one.group)
    return list(found.values())


def _clips(
    ratings: Sequence[Rating],
    recipe: MmvaBuild,
    caption: Callable[[Rating, MusicClip], str],
    leave_out: LeaveOut,
    watch: Watch,
) -> list[MusicClip]:
    """The clips of every track that can be read, with captions."""
    found: list[MusicClip] = []
    tracks = groupby(sorted(ratings, key=lambda one: str(one.file)), key=lambda one: one.file)
    of = len({one.file for one in ratings})
    for number, (file, rows) in enumerate(tracks):
        watch.at(number, of, file.name)
        if number and number % SHOW_EVERY == 0:
            watch.say(f"{number} tracks are cut, {len(found)} clips so far")
        own = list(rows)
        words = next((one for one in own if one.caption), next((one for one in own if one.tags), own[0]))
        try:
            sha256, duration_s = sha256_of(file), probe(file).duration_s
            for span, mood in rated_clips(((one.start_s, one.mood) for one in own), duration_s, recipe.cut):
                name = f"{near(file, recipe.out)}#{span.start_s:g}-{span.end_s:g}"
                clip = MusicClip(name, file, sha256, span, mood, "", "train", own[0].group)
                found.append(replace(clip, caption=caption(words, clip)))
        except MediaError as error:
            leave_out(file, error)
            found = [clip for clip in found if clip.file != file]
    return found


def _captions(recipe: MmvaBuild, models: Models, watch: Watch) -> Callable[[Rating, MusicClip], str]:
    """What says in words what a clip is like: its table, else its tags, else the captioner; cleaned."""
    kept = CaptionStore(recipe.out / "captions.jsonl")
    chat = Chat(recipe.llm, recipe.llm_model) if recipe.llm else None
    ears: list[Captioner] = []

    def heard(clip: MusicClip) -> str:
        if not ears:
            watch.say("some music has neither caption nor tags: the captioner listens")
            ears.append(_captioner(recipe, models))
        key = f"{clip.sha256}#{clip.span.start_s:g}-{clip.span.end_s:g} {ears[0].revision}"
        span = clip.span
        return kept.get(
            key, lambda: ears[0].caption(read_audio(clip.file, channels=1, start_s=span.start_s, end_s=span.end_s))
        )

    def caption(rating: Rating, clip: MusicClip) -> str:
        words = rating.caption or (music_captions.from_tags(rating.tags) if rating.tags else heard(clip))
        words = music_captions.by_rule(words)
        if chat and music_captions.speaks_of_quality(words):
            key = f"{chat.endpoint} {chat.model} {words}"
            words = kept.get(key, lambda: music_captions.by_model(words, chat))
        return words

    return caption


def _captioner(recipe: MmvaBuild, models: Models) -> Captioner:
    if recipe.captioner == HEARD:
        return music_captions.TagCaptioner(models.encoder(EARS), TAGS)
    return lp_musiccaps.load(Path(recipe.captioner).expanduser())


def _parted(items: Sequence[Any], recipe: MmvaBuild) -> list[Any]:
    """The pictures or clips with their parts: what is of one file, one content or one group is never divided."""
    keys = [(f"content {one.sha256}", *([f"group {one.group}"] if one.group else ())) for one in items]
    parts = split(keys, recipe.shares, recipe.seed)
    if len(set(parts)) < len(PARTS):
        kind = "pictures" if items and isinstance(items[0], RatedPicture) else "music"
        fault = f"{len(set(keys))} {kind} could be read and do not depend on each other, {LEAST} are needed"
        raise InputError(recipe.out, fault, f"give more {kind}")
    return [replace(one, split=part) for one, part in zip(items, parts, strict=True)]


def _pairs(
    pictures: Sequence[RatedPicture], clips: Sequence[MusicClip], sigma: float, recipe: MmvaBuild
) -> list[tuple[RatedPicture, MusicClip, float]]:
    """Fixed pairs, within each part."""
    rng = np.random.default_rng(recipe.seed)
    found: list[tuple[RatedPicture, MusicClip, float]] = []
    for part in PARTS:
        left, right = [one for one in pictures if one.split == part], [one for one in clips if one.split == part]
        pairs = mmva.fixed_pairs(moods_of(left), moods_of(right), sigma, rng, kept=recipe.kept)
        found += numbered(pairs, left, right)
    return found


def _counts(items: Iterable[Item]) -> Mapping[str, int]:
    return dict(Counter(one.split for one in items))
