"""`storysound train mmva`: moods of pictures, music and captions, and how well they match (Choi et al. 2025).

Encoders stay as they are: their features are kept in the run's folder. Rate, decay, batch and schedule are the paper's
(`about.py`); it trained for 1000 epochs of 80 % of 144,435 pairs or as many triples, ours are for small sets.
"""

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from hashlib import sha256
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from storysound.config import load_profile
from storysound.encode.pool import Models
from storysound.errors import InputError
from storysound.library.emotion_set import AXES, EmotionSet, Item, parts_sha, read_set
from storysound.losses.valence_arousal import matching_loss, mood_loss, total
from storysound.match.mmva import mean_score, paired_score
from storysound.match.mmva_model import MMVA, MODALITIES, Config, Predictions
from storysound.match.mmva_towers import TowerEncoder
from storysound.progress import Watch
from storysound.research.mmva.features import TowerFeatures, features_of
from storysound.research.mmva.settings import MmvaTraining
from storysound.research.stories.batches import stories_at
from storysound.train.loop import Losses, Task, check_agrees, fabric_for, fit, speaker
from storysound.trained.cards import write_card
from storysound.trained.mmva import MmvaCard

JUDGED = 2000  # triples of the validation part, at random, by which the best weights are chosen


class MmvaBatch(NamedTuple):
    """Triples: features [b l d], labelled moods [b 2] of picture and music (a caption's is its music's), Eq. 1 [b]."""

    image: Tensor
    music: Tensor
    text: Tensor
    image_mood: Tensor
    music_mood: Tensor
    score: Tensor

    def to(self, device: torch.device) -> "MmvaBatch":
        """The same on a device."""
        return MmvaBatch(*(part.to(device) for part in self))


def triples(features: TowerFeatures, pictures: Tensor, clips: Tensor) -> MmvaBatch:
    """Pictures [b] and clips [b], by number, that stand side by side."""
    seen, heard = features.set.picture_moods[pictures], features.set.clip_moods[clips]
    score = paired_score(seen, heard, features.set.sigma)
    given = (features.images[pictures].float(), features.music[clips].float(), features.text(clips))
    return MmvaBatch(*given, seen, heard, score)


class Pool(NamedTuple):
    """What is learned from: numbers of pictures [p] and clips [c] or, where `paired`, of both of each pair [m]."""

    pictures: Tensor
    clips: Tensor
    paired: bool

    @classmethod
    def of(cls, data: EmotionSet, recipe: MmvaTraining) -> "Pool":
        """The training part. Raises InputError where there is nothing to learn from."""
        if recipe.matching == "random":
            pictures, clips = data.numbers("train")
        else:
            pairs = [pair for pair in data.pairs if data.clips[pair[1]].split == "train"]
            pictures, clips = torch.tensor(pairs, dtype=torch.long).reshape(-1, 2).T
        if not len(pictures) or not len(clips):
            raise InputError(
                recipe.data, "has nothing to learn from in its part train", "build it with kept=1, or more"
            )
        return cls(pictures, clips, recipe.matching == "fixed")

    def at(self, recipe: MmvaTraining, step: int, rank: int, ranks: int) -> tuple[Tensor, Tensor]:
        """Pictures and clips [b] of a step: every clip once an epoch, with any picture, or every fixed pair once."""
        among = torch.arange(len(self.clips))
        chosen = stories_at(among, recipe.batch, recipe.seed, step, rank, ranks)
        if self.paired:
            return self.pictures[chosen], self.clips[chosen]
        rng = np.random.default_rng([recipe.seed, 1, step, rank])
        return self.pictures[torch.from_numpy(rng.integers(0, len(self.pictures), len(chosen)))], self.clips[chosen]


def losses(network: nn.Module, batch: MmvaBatch) -> Losses:
    """Eq. 4 and its parts."""
    predicted: Predictions = network(batch.image, batch.music, batch.text)
    labels = (batch.image_mood, batch.music_mood, batch.music_mood)
    guesses = (predicted.image, predicted.music, predicted.text)
    moods = [mood_loss(guess, label) for guess, label in zip(guesses, labels, strict=True)]
    parts: dict[str, Tensor] = dict(zip(MODALITIES, moods, strict=True))
    matching = None if predicted.matching is None else matching_loss(predicted.matching, batch.score)
    if matching is not None:
        parts["matching"] = matching
    return {"loss": total(moods, matching), **{name: part.detach() for name, part in parts.items()}}


def judge(network: nn.Module, *, triples: MmvaBatch) -> Mapping[str, float]:
    """Eq. 4 of the validation part, less being better: `score` is what is left to 0."""
    device = next(network.parameters()).device
    found = {name: float(value) for name, value in losses(network, triples.to(device)).items()}
    return {"score": -found["loss"], **found}


def validation(features: TowerFeatures, seed: int) -> MmvaBatch:
    """Triples of the validation part: every clip and every picture as often as any other, in random company."""
    pictures, clips = _judgeable(features.set)
    rng = np.random.default_rng([seed, 2])
    drawn = [part[torch.from_numpy(rng.permutation(JUDGED) % len(part))] for part in (pictures, clips)]
    return triples(features, drawn[0], drawn[1])


def _judgeable(data: EmotionSet) -> tuple[Tensor, Tensor]:
    """Pictures [p] and clips [c] of the validation part. Raises InputError where it lacks either."""
    pictures, clips = data.numbers("validation")
    if not len(pictures) or not len(clips):
        raise InputError(data.folder, "has nothing readable in its part validation", "give more")
    return pictures, clips


def train(recipe: MmvaTraining, models: Models, watch: Watch) -> float:
    """Runs the recipe, or goes on with it; the best Eq. 4 of the validation part, with a minus.

    Raises InputError for a set that can't be learned from, MissingModelError.
    """
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    data, run = read_set(recipe.data), {"seed": recipe.seed, "batch": recipe.batch, "matching": recipe.matching}
    Pool.of(data, recipe)
    _judgeable(data)
    check_agrees(recipe.out, recipe.plan(), **run)
    fabric = fabric_for(recipe.out, precision=recipe.precision, devices=recipe.devices)
    watch = speaker(fabric, watch)
    watch.plan({"features": 0.5, "training": 0.5})
    towers = TowerEncoder(models, load_profile(recipe.profile))
    with fabric.rank_zero_first():  # the others find what the first has encoded
        features = features_of(data, towers, recipe.out / "features", watch)
    pool, judged = Pool.of(features.set, recipe), validation(features, recipe.seed)
    torch.manual_seed(recipe.seed)
    config = features.config(similarity=recipe.similarity, dropout=recipe.dropout)
    if fabric.is_global_zero:
        write_card(recipe.out, card_of(config, recipe, features, towers))
    task = Task(
        MMVA(config),
        losses,
        lambda step, rank, ranks: triples(features, *pool.at(recipe, step, rank, ranks)).to(fabric.device),
        partial(judge, triples=judged),
        "score",
        {**run, "model": asdict(config), "data": features_sha(features.set, towers.revision())},
    )
    return fit(task, recipe.plan(), recipe.out, fabric, watch)


def card_of(config: Config, recipe: MmvaTraining, features: TowerFeatures, towers: TowerEncoder) -> MmvaCard:
    """The card of a run."""
    data = features.set
    pictures, clips = data.numbers("train")
    seen, heard = data.picture_moods[pictures], data.clip_moods[clips]
    labels = {"image": seen.mean(dim=0), "music": heard.mean(dim=0), "text": heard.mean(dim=0)}
    usual = {f"{name} {axis}": float(mean[i]) for name, mean in labels.items() for i, axis in enumerate(AXES)}
    usual["similarity"] = mean_score(seen, heard, data.sigma)
    revision, parts = towers.revision(), parts_sha(data)
    return MmvaCard(config, recipe.profile, revision, recipe.matching, data.sigma, recipe.data.name, parts, usual)


def features_sha(data: EmotionSet, revision: str) -> str:
    """Changes with the set and its encoders, not with the last bit of what those say, which is the machine's."""
    both: tuple[Item, ...] = (*data.pictures, *data.clips)
    items = [(one.sha256, one.mood, one.split) for one in both]
    captions = [(clip.span, clip.caption) for clip in data.clips]
    return sha256(repr((revision, items, captions, data.pairs)).encode("utf-8", "replace")).hexdigest()[:24]
