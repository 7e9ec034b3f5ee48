"""`storysound evaluate tavg`: TAVGBench's Table 2 on videos with sound of one's own, beside real ones.

Generated videos and real ones pair by name. What ships takes the place of I3D, CLIP and ImageBind, so figures compare
what is judged here, never with those published. With I3D and ImageBind from files the encoders are the paper's; frames
a second and stretches, which it doesn't print, need not be.

- FVD and KVD: Fréchet and kernel distance of videos: eyes per frame, their mean and their change in time, or an encoder
  of whole videos.
- CLIPSIM: cosine of frames with their text; AVHScore and JavisScore: with their sound; all in [-1, 1].
- FAD: Fréchet distance of all moments of sounds. FVD∞, FAD∞: of endless videos, where there are enough to tell.
- in step: how many are within 80 ms, of videos whose sound and motion have onsets; the median offset, and its strength.

The Fréchet distance of few videos is too large: beside all generated videos stand half of them against the other half
of the real ones, and as many real ones, the best that can be reached; so do sounds swapped among generated videos.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storysound.encode.pool import Models
from storysound.errors import InputError, MediaError
from storysound.ingest.captions import read_captions
from storysound.ingest.tables import TABLES
from storysound.media.arrays import Doubles, Floats, Ints
from storysound.metrics.bootstrap import interval
from storysound.metrics.frechet import LEAST_AT_INFINITY, frechet_at_infinity, frechet_distance
from storysound.metrics.kernel import kernel_distance
from storysound.metrics.similarity import WINDOW_S, avh_score, clipsim, javis_score, javis_windows
from storysound.metrics.synchrony import LONGEST_S
from storysound.metrics.table import Row
from storysound.progress import Watch, check
from storysound.research.tavg.clips import ClipFeatures, Observer, Pair, as_classes, pairs_of, usual_sound
from storysound.research.tavg.settings import TAVG_TASK, TavgEvaluation
from storysound.story import Span

LEAST = 4  # pairs
IN_STEP_S = 0.08


@dataclass(frozen=True)
class Judging:
    """What all rows share."""

    recipe: TavgEvaluation
    observer: Observer
    usual: Floats | None  # [c] logits of the real sounds, where sounds and frames meet in ImageNet's classes


def evaluate(recipe: TavgEvaluation, models: Models, watch: Watch) -> list[Row]:
    """All rows that are measured. What can't be read, has no sound, no text or no pair is told.

    Raises InputError for folders without videos, without pairs, or with fewer than four that can be read, and for
    texts; UsageError, MissingModelError.
    """
    pairs = pairs_of(recipe, watch.say)
    observer = Observer(recipe, models)
    found = _looked(pairs, observer, watch)
    if len(found) < LEAST:
        fault = f"has {len(found)} videos that can be read, with a real one of their name that can be"
        raise InputError(recipe.generated, fault, f"{LEAST} at least are needed")
    pairs = [each.pair for each in found]
    made, real = [each.generated for each in found], [each.reference for each in found]
    _tell_silent(recipe, made, real, watch)
    usual = usual_sound(real) if recipe.both == "imagenet" else None
    judging = Judging(recipe, observer, usual)
    watch.say(protocol(judging))
    watch.say("published: see errata 1, 3 and 7 of `storysound papers tavg`")
    texts = _texts(recipe, pairs, observer, watch)
    half, other = np.array_split(np.random.default_rng(recipe.seed).permutation(len(pairs)), 2)
    name = recipe.generated.name
    rest = _chosen(real, half[: len(other)])
    of_half, best = (distances(_chosen(clips, other), rest, recipe) for clips in (made, real))
    swapped = [replace(a, moments=b.moments, heard=b.heard, windows=b.windows, step=np.zeros(0))
               for a, b in zip(made, np.roll(np.array(made, object), len(made) // 2), strict=True)]  # fmt: skip
    return [
        _row(judging, name, distances(made, real, recipe), fits(made, texts, judging), len(made)),
        _row(judging, f"{name}: half of them", of_half, {}, len(rest)),
        _row(judging, "real videos: the other half", best, {}, len(rest)),
        _row(judging, "real videos", {}, fits(real, texts, judging), len(real)),
        _row(judging, f"{name}: sounds swapped", {}, fits(swapped, None, judging), len(made)),
    ]


@dataclass(frozen=True)
class JudgedPair:
    """A pair, and what is seen and heard of both."""

    pair: Pair
    generated: ClipFeatures
    reference: ClipFeatures


@dataclass(frozen=True)
class Figure:
    """A figure of n videos, or moments of sound, with its interval where it has one."""

    value: float
    n: int
    interval: tuple[float, float] | None = None


Figures = dict[str, Figure]


def distances(made: Sequence[ClipFeatures], real: Sequence[ClipFeatures], recipe: TavgEvaluation) -> Figures:
    """FVD, KVD and FAD of made videos against real ones; those of sounds only where either side has them."""
    videos = [np.stack([clip.video for clip in clips]) for clips in (made, real)]
    found: Figures = {"kvd": Figure(kernel_distance(*videos), len(made))}
    found |= _frechet("fvd", [row[None] for row in videos[0]], videos[1], recipe)
    ours, theirs = ([clip.moments for clip in clips if len(clip.moments)] for clips in (made, real))
    if sum(map(len, ours)) > 1 and sum(map(len, theirs)) > 1:
        found |= _frechet("fad", ours, np.concatenate(theirs), recipe)
    return found


def _frechet(key: str, ours: Sequence[Floats | Doubles], theirs: Floats | Doubles, recipe: TavgEvaluation) -> Figures:
    """The distance of vectors [m d] of each made video to those of real ones [n d], with what tells how sure it is.

    That is the distance of endless ones where there are enough of them; else the interval of a bootstrap by videos,
    moved so that its mean is the distance: vectors that are drawn twice make it larger, as fewer of them would.
    """
    rows = np.concatenate(ours)
    distance = frechet_distance(rows, theirs)
    if len(rows) >= LEAST_AT_INFINITY * rows.shape[1]:
        endless = frechet_at_infinity(rows, theirs, seed=recipe.seed)
        return {key: Figure(distance, len(rows)), f"{key}_inf": Figure(endless, len(rows))}
    drawn: list[float] = []

    def again(chosen: Ints) -> float:
        check()
        picked = np.concatenate([ours[i] for i in chosen])
        drawn.append(frechet_distance(picked, theirs) if len(picked) > 1 else distance)
        return drawn[-1]

    low, high = interval(again, len(ours), draws=recipe.draws, seed=recipe.seed)
    shift = distance - float(np.mean(drawn))
    return {key: Figure(distance, len(rows), (max(0.0, low + shift), high + shift))}


def fits(clips: Sequence[ClipFeatures], texts: Sequence[Floats | None] | None, judging: Judging) -> Figures:
    """How videos fit their texts [k] each, where there are any, and their own sounds; means over videos."""
    recipe = judging.recipe
    found: Figures = {}
    if texts is not None and judging.observer.reads:
        scores = [clipsim(clip.words, text) for clip, text in zip(clips, texts, strict=True) if text is not None]
        found |= _mean("clipsim", scores, recipe)
    sounding = [clip for clip in clips if len(clip.heard)]
    heard = [(clip, _in_space(clip.heard, judging)[0], _in_space(clip.windows, judging)) for clip in sounding]
    found |= _mean("avh", [avh_score(clip.seen, whole) for clip, whole, _ in heard], recipe)
    found |= _mean("javis", [javis_score(clip.seen, clip.times_s, windows[: len(_windows(clip))])
                             for clip, _, windows in heard if len(_windows(clip))], recipe)  # fmt: skip
    steps = np.array([clip.step for clip in sounding if len(clip.step)]).reshape(-1, 2)
    offsets = np.abs(steps[:, 0])
    found |= _mean("in_step", (offsets <= IN_STEP_S + 1e-6).astype(np.float64), recipe)
    found |= _mean("offset_ms", 1000 * offsets, recipe, np.median)
    return found | _mean("strength", steps[:, 1], recipe)


def _windows(clip: ClipFeatures) -> tuple[Span, ...]:
    """The windows of a video that the JavisScore judges; none where one of them has no frame."""
    windows = javis_windows(float(clip.times_s[-1]))
    filled = [((clip.times_s >= each.start_s) & (clip.times_s < each.start_s + WINDOW_S)).any() for each in windows]
    return windows if all(filled) else ()


def _in_space(rows: Floats, judging: Judging) -> Floats:
    """Sounds [m c] in the space of frames."""
    return rows if judging.usual is None else as_classes(rows, judging.usual)


def _mean(
    key: str, values: Sequence[float] | Doubles, recipe: TavgEvaluation,
    middle: Callable[[Doubles], Any] = np.mean,
) -> Figures:  # fmt: skip
    """The middle of values [n] with its interval; nothing where there are none."""
    rows = np.asarray(values, np.float64)
    if not len(rows):
        return {}
    spread = interval(lambda chosen: float(middle(rows[chosen])), len(rows), draws=recipe.draws, seed=recipe.seed)
    return {key: Figure(float(middle(rows)), len(rows), spread)}


def _looked(pairs: Sequence[Pair], observer: Observer, watch: Watch) -> list[JudgedPair]:
    """What is seen and heard of both videos of each pair; pairs of which one can't be read are told and left out."""
    found = []
    for number, pair in enumerate(pairs):
        watch.at(number, len(pairs), pair.name)
        try:
            found.append(JudgedPair(pair, observer.look(pair.generated), observer.look(pair.reference)))
        except MediaError as error:
            watch.say(f"left out: {error}")
    return found


def _tell_silent(
    recipe: TavgEvaluation, made: Sequence[ClipFeatures], real: Sequence[ClipFeatures], watch: Watch
) -> None:
    for folder, clips in ((recipe.generated, made), (recipe.reference, real)):
        if silent := sum(not len(clip.heard) for clip in clips):
            watch.say(f"{folder}: {silent} of {len(clips)} videos are silent: no figure of sounds has them")


def _texts(
    recipe: TavgEvaluation, pairs: Sequence[Pair], observer: Observer, watch: Watch
) -> list[Floats | None] | None:
    """Where the text of each pair lies among frames' words [k]; None for one without, and for no texts at all.

    Raises InputError for texts that can't be read.
    """
    if not observer.reads:
        watch.say(f"no CLIPSIM: the profile {recipe.profile} doesn't see words")
        return None
    file = recipe.texts or _table(recipe.generated)
    if file is None:
        said = [" ".join(re.findall(r"[^\W_]+", pair.name)) for pair in pairs]
    else:
        captions = read_captions(file)
        captions.meet(pair.generated for pair in pairs)
        said = [" ".join(caption.text for caption in captions.of(pair.generated)) for pair in pairs]
        for line in captions.left_out():
            watch.say(line)
    if without := [pair.name for pair, words in zip(pairs, said, strict=True) if not words.strip()]:
        watch.say(f"{len(without)} videos have no text, as {without[0]!r}: CLIPSIM is of the others")
    return [observer.text(words) if words.strip() else None for words in said]


def _table(folder: Path) -> Path | None:
    """The table beside the videos, if there is one. Raises InputError for several."""
    tables = sorted(file for file in folder.iterdir() if file.suffix.lower() in TABLES and file.name[0] != ".")
    if len(tables) > 1:
        raise InputError(folder, f"has {len(tables)} tables, as {tables[0].name!r}", "say which by `texts`")
    return tables[0] if tables else None


def _chosen(clips: Sequence[ClipFeatures], numbers: NDArray[np.intp]) -> list[ClipFeatures]:
    """By number [m]."""
    return [clips[i] for i in numbers.tolist()]


def _row(judging: Judging, name: str, apart: Figures, together: Figures, count: int) -> Row:
    both = {**apart, **together}
    figures = {key: figure.value for key, figure in both.items()}
    intervals = {key: figure.interval for key, figure in both.items() if figure.interval is not None}
    counts = ", ".join(f"{key} {figure.n}" for key, figure in both.items())
    said = f"{protocol(judging)}; n: {counts}"
    return Row(TAVG_TASK, name, figures, intervals, count, judging.recipe.reference.name, said)


def protocol(judging: Judging) -> str:
    """What all figures depend on."""
    recipe, observer = judging.recipe, judging.observer
    eyes, ear, meeting = observer.eyes, observer.ear, observer.meeting
    watcher = observer.watcher
    seen = f"{eyes.name} {eyes.revision}, mean and change of {eyes.dim} numbers"
    if watcher is not None:
        seen = f"{watcher.name} {watcher.revision}, {watcher.dim} numbers, the mean over stretches"
    where = "ImageNet's classes above usual logits of the real sounds" if recipe.both == "imagenet" else "words"
    meets = f"{eyes.name} and {meeting.name} in {where}"
    if observer.joint is not None:
        meets = f"both sides of {meeting.name} {meeting.revision}, {meeting.dim} numbers"
    return (
        f"FVD, KVD: {seen}; FAD: {ear.name} "
        f"{ear.revision}, {ear.dim} numbers a moment; CLIPSIM: {eyes.name} and {observer.text_name}; AVHScore, "
        f"JavisScore: {meets}; {recipe.frames_per_s:g} frames a second of at most "
        f"{recipe.longest_s:g} s; in step: within {1000 * IN_STEP_S:g} ms, looked for within {LONGEST_S:g} s; cosines "
        f"in [-1, 1], KVD and FVD as they are; seed {recipe.seed}"
    )
