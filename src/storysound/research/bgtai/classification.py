"""`storysound evaluate classification`: what kind of sound it is, on public sets in their official layouts.

Two rows of the paper's Table 2 (Fang et al. 2024): a linear probe on what the profile's ears say, over the official
folds, and zero-shot, by the names of the classes alone, as `find` judges by ear.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256

import numpy as np
import torch
from torch import Tensor

from storysound.config import load_profile
from storysound.encode.pool import Models
from storysound.ingest.sound_sets import TEST, TRAIN, LabelledSound, SoundSet, read_set
from storysound.metrics.bootstrap import interval
from storysound.metrics.classification import average_precisions
from storysound.metrics.probe import probe
from storysound.metrics.table import Row
from storysound.progress import Watch
from storysound.research.bgtai.settings import ClassificationEvaluation
from storysound.research.bgtai.sound_features import HeardClips, Listeners

FOLDS = 5  # of recordings, where a set has but one official fold


def evaluate(recipe: ClassificationEvaluation, models: Models, watch: Watch) -> list[Row]:
    """A probe and a zero-shot row. Raises InputError for a folder that isn't the set's, MissingModelError."""
    sounds = read_set(recipe.set, recipe.data)
    listeners = Listeners(models, load_profile(recipe.profile))
    files = [clip.path for clip in sounds.clips]
    heard = listeners.hear(files, recipe.keep, watch)
    return list(_rows(recipe, sounds, listeners, heard))


def _rows(recipe: ClassificationEvaluation, sounds: SoundSet, listeners: Listeners, heard: HeardClips) -> Iterator[Row]:
    clips = [sounds.clips[number] for number in heard.at.tolist()]
    sources = [clip.source for clip in clips]
    truth = torch.tensor([[name in clip.labels for name in sounds.classes] for clip in clips])
    folds, how = folds_of(clips)
    scores = torch.zeros(truth.shape)
    judged = torch.zeros(len(clips), dtype=torch.bool)
    for learned, asked in folds:
        given = heard.rows[learned], truth[learned], heard.rows[asked]
        scores[asked] = probe(*given, several=sounds.several, decay=recipe.decay)
        judged |= asked
    by_name = torch.from_numpy(listeners.by_name(heard, sounds.classes))
    for model, found, protocol in (
        ("linear probe", scores, f"{how}; L2 {recipe.decay:g}"),
        ("zero-shot", by_name, "by the names of the classes, nothing learned"),
    ):
        own = [source for source, one in zip(sources, judged.tolist(), strict=True) if one]
        yield _row(recipe, sounds, f"{model} ({recipe.profile})", found[judged], truth[judged], own, protocol)


def _row(
    recipe: ClassificationEvaluation,
    sounds: SoundSet,
    model: str,
    scores: Tensor,
    truth: Tensor,
    sources: list[str],
    protocol: str,
) -> Row:
    """Of scores and truth [n c] of clips of these recordings."""
    figures = {"map": float(np.mean(list(average_precisions(scores.numpy(), truth.numpy()).values())))}
    intervals = {}
    if not sounds.several:
        right = truth.gather(1, scores.argmax(1, keepdim=True))[:, 0].numpy()
        figures["accuracy"] = float(right.mean())
        among = interval(
            lambda some: float(right[some].mean()), len(right), sources, draws=recipe.draws, seed=recipe.seed
        )
        intervals["accuracy"] = among
    protocol += f"; {len(sounds.classes)} classes; intervals over {len(set(sources))} recordings"
    return Row(sounds.name, model, figures, intervals, len(truth), recipe.data.name, protocol)


def folds_of(clips: Sequence[LabelledSound]) -> tuple[list[tuple[Tensor, Tensor]], str]:
    """Which clips are learned from and which are asked, bool [n] each, fold by fold; and the protocol in words.

    Official folds in turn; "train" and "test" once. Where a class would be asked that wasn't learned, as in a part of a
    set, the recordings of each class are dealt out to five parts.
    """
    official = [clip.fold for clip in clips]
    names = sorted(set(official))
    if {TRAIN, TEST} <= set(names):
        return [(_are(official, TRAIN), _are(official, TEST))], "official split"
    if all(
        {clip.fold for clip in clips if label in clip.labels} - {name} for name in names for label in _in(clips, name)
    ):
        return [(~_are(official, name), _are(official, name)) for name in names], f"{len(names)} official folds"
    part: dict[str, str] = {}
    for label in sorted({label for clip in clips for label in clip.labels}):
        own = {clip.source for clip in clips if label in clip.labels} - part.keys()
        dealt = sorted(own, key=lambda source: sha256(source.encode()).digest())
        part |= {source: str(number % FOLDS) for number, source in enumerate(dealt)}
    parts = [part[clip.source] for clip in clips]
    return [(~_are(parts, name), _are(parts, name)) for name in sorted(set(parts))], f"{FOLDS} parts by recording"


def _in(clips: Sequence[LabelledSound], fold: str) -> set[str]:
    return {label for clip in clips if clip.fold == fold for label in clip.labels}


def _are(values: Sequence[str], value: str) -> Tensor:
    return torch.tensor([one == value for one in values])
