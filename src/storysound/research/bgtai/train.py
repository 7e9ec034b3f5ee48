"""`storysound train bgtai`: text, sound and pictures in one space by way of their gloss (Fang et al. 2024).

On stories of one's own, out of features that are kept in the run's folder. `gloss`, `ds_net` and `result_filter` turn
the paper's parts on and off (figure 2); `contrastive`, `cross_entropy` and `sp` are its loss (table 4).
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from storysound.config import load_profile
from storysound.encode import lemmas
from storysound.errors import UsageError
from storysound.losses.alignment import Weights, total
from storysound.losses.contrastive import squared_distance, symmetric
from storysound.match.bgtai import BGTAI, Config, Said
from storysound.match.sos_inputs import FRAMES
from storysound.metrics import retrieval
from storysound.research.bgtai.glosses import MOST, GlossedStories, glossed
from storysound.research.sos.train import HEAD_WIDTH
from storysound.research.stories.batches import (
    LEAST_HELD_OUT,
    a_sound_of_each,
    a_stretch_of_each,
    candidates,
    held_out,
    stories_at,
)
from storysound.research.stories.features import Senses, features_of
from storysound.research.stories.read import read_stories
from storysound.research.stories.training import StoryRecipe, begin, check_parts, run
from storysound.train.loop import Losses, Tell
from storysound.trained.bgtai import Card
from storysound.weights.resolver import Resolver

CONTRASTIVE = ("infonce", "l2")
LETTERS = {"text": "T", "audio": "A", "frames": "I"}
PAIRS = (("audio", "frames"), ("text", "frames"), ("audio", "text"))


@dataclass(frozen=True)
class Recipe(StoryRecipe):
    """Settings of the training; each can be given as key=value."""

    gloss: bool = True  # false: texts and sounds are read as they are; then ds_net and result_filter are false too
    ds_net: bool = True  # learned alignments of gloss and sequence
    result_filter: bool = False  # alignments by time warping, which DS-Net follows where it is on (docs/RESULTS.md)
    contrastive: str = "infonce"  # or "l2": what belongs together is drawn together, nothing pushed apart
    cross_entropy: float = 1.0  # weight of Eq. 5
    sp: float = 1.0  # weight of Eq. 6
    scale: float = 20.0  # of similarities in the loss, at first

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.contrastive not in CONTRASTIVE:
            raise ValueError(f"contrastive is {' or '.join(CONTRASTIVE)}, got {self.contrastive!r}")
        if (self.ds_net or self.result_filter) and not self.gloss:
            raise ValueError("without a gloss there is nothing to align: give ds_net=false result_filter=false too")
        self.weights()

    def weights(self) -> Weights:
        """Of the loss."""
        return Weights(1.0, self.cross_entropy, self.sp)


class Batch(NamedTuple):
    """Stories, one sound of each, and which of them have text (`read`) and pictures (`seen`); what fits, [b b].

    `frames` are of the stories that have any, else of one that has none.
    """

    texts: Said
    read: Tensor
    sounds: Said
    frames: tuple[Tensor, Tensor]
    seen: Tensor
    positives: Tensor

    def to(self, device: torch.device) -> "Batch":
        """The same on a device."""
        frames = (self.frames[0].to(device), self.frames[1].to(device))
        read, seen, positives = (part.to(device) for part in (self.read, self.seen, self.positives))
        return Batch(self.texts.to(device), read, self.sounds.to(device), frames, seen, positives)


def batch_at(stories: GlossedStories, among: Tensor, recipe: Recipe, step: int, rank: int, ranks: int) -> Batch:
    """Stories `among` [n] in a new order each epoch, a random sound of each and a random stretch of it."""
    features = stories.features
    chosen = stories_at(among, recipe.batch, recipe.seed, step, rank, ranks)
    rng = np.random.default_rng([recipe.seed, 1, step, rank])
    sounds = a_sound_of_each(features, chosen, rng)
    seen = features.frames.lengths()[chosen] > 0
    return Batch(
        stories.texts(chosen),
        features.text.lengths()[chosen] > 0,
        stories.sounds(sounds, a_stretch_of_each(features, sounds, rng)),
        stories.pictures(chosen[seen] if seen.any() else chosen[:1]),
        seen,
        features.fits[chosen][:, sounds],
    )


def losses(network: nn.Module, batch: Batch, recipe: Recipe) -> Losses:
    """The whole objective, its contrastive part the mean over the three pairs of modalities.

    The paper trains language against images; sound and text meet in UniBriVL's first stage, here at the same time. What
    a batch lacks counts nothing, but gets a gradient: with several devices every weight needs one on each of them.
    """
    embedded, alignments = network({"text": batch.texts, "audio": batch.sounds}, batch.frames)
    module: Any = getattr(network, "module", network)  # as it is, or wrapped for several devices
    nothing = 0.0 * torch.stack([each.sum() for each in embedded.values()]).sum()
    there = {"text": batch.read, "frames": batch.seen, "audio": torch.ones_like(batch.read)}
    embedded = {name: embedded[name] if name == "frames" else embedded[name][own] for name, own in there.items()}
    fits = batch.positives | batch.positives.T
    parts = {}
    for a, b in PAIRS:
        if int(there[a].sum()) >= 2 and int(there[b].sum()) >= 2:
            similarity = embedded[a] @ embedded[b].T
            positives = fits[there[a]][:, there[b]]
            if positives.any():
                parts[LETTERS[a] + LETTERS[b]] = (
                    symmetric(similarity, module.temperature, positives)
                    if recipe.contrastive == "infonce"
                    else squared_distance(similarity, positives)
                )
    if not parts:
        raise UsageError("a batch holds no two stories with pictures, nor with text: give a larger batch=")
    aligned = [(a[there[kind]], path[there[kind]]) for kind, (a, path) in alignments.items() if there[kind].any()]
    found = total(torch.stack(list(parts.values())).mean() + nothing, aligned, recipe.weights())
    return {name: part if name == "loss" else part.detach() for name, part in {**found, **parts}.items()}


@torch.inference_mode()
def embed(
    network: BGTAI, stories: GlossedStories, chosen: Tensor, sounds: Tensor, block: int = 256
) -> dict[str, Tensor]:
    """Unit vectors of "text" and "frames" of stories [s d] and of "audio" of sounds [u d], by number.

    A sound at its most informative stretch. What a story lacks has a vector that says nothing.
    """
    device = next(network.parameters()).device
    told, heard = torch.split(chosen, block), torch.split(sounds, block)
    found = {
        "text": [network.language("text", stories.texts(part).to(device)).whole for part in told],
        "frames": [network.images(*(x.to(device) for x in stories.pictures(part))) for part in told],
        "audio": [network.language("audio", stories.sounds(part).to(device)).whole for part in heard],
    }
    return {name: torch.cat(parts).float().cpu() for name, parts in found.items()}


class Judged(NamedTuple):
    """One pair of modalities: similarity and what fits, [q c], and the number of a story of each row and column."""

    similarity: Tensor
    fits: Tensor
    rows: Tensor
    columns: Tensor


def similarities(network: BGTAI, stories: GlossedStories, chosen: Tensor) -> dict[str, Judged]:
    """By pair of modalities: "AI", "TI" and "AT"; those that fewer than two stories have are left out."""
    features = stories.features
    sounds, fits = candidates(features, chosen)
    vectors = embed(network, stories, chosen, sounds)
    first = chosen[features.belongs[chosen][:, sounds].int().argmax(dim=0)]  # of the stories of each sound
    alike = (fits.T.float() @ fits.float()) > 0  # stories that share a sound, or words
    there = {"text": features.text.lengths()[chosen] > 0, "frames": features.frames.lengths()[chosen] > 0}
    found = {}
    for a, b in PAIRS:
        columns = there[b]
        rows = fits[:, columns].any(dim=1) if a == "audio" else there[a] & there[b]
        columns = columns if a == "audio" else rows
        truth = (fits if a == "audio" else alike)[rows][:, columns]
        if min(truth.shape) >= 2:
            similarity = vectors[a][rows] @ vectors[b][columns].T
            told = (first if a == "audio" else chosen)[rows]
            found[LETTERS[a] + LETTERS[b]] = Judged(similarity, truth, told, chosen[columns])
    return found


def evaluate(network: BGTAI, stories: GlossedStories, judged: Tensor) -> dict[str, float]:
    """Geometric means of the recalls at 1, 5 and 10 over held-out stories, per direction, and their mean."""
    found: dict[str, float] = {}
    for pair, one in similarities(network, stories, judged).items():
        if min(one.fits.shape) >= LEAST_HELD_OUT:
            reports = retrieval.both_ways(one.similarity, pair[0], pair[1], one.fits)
            found |= {name: report.geometric_mean for name, report in reports.items()}
    return {"geometric_mean": float(np.mean(list(found.values()))) if found else 0.0, **found}


def config_of(recipe: Recipe, stories: GlossedStories, *, aligned: bool) -> Config:
    """The network for these features: as wide as the gloss's words, heads of 64."""
    features = stories.features
    common = stories.words.values.shape[1]
    text, audio, frames = (stories.width(part) for part in (features.text, features.audio, features.frames))
    return Config(
        text, audio, frames, common, common,
        steps=2 * MOST, frames=FRAMES, heads=max(1, common // HEAD_WIDTH), dropout=recipe.dropout, scale=recipe.scale,
        aligned=aligned, gloss=recipe.gloss, ds_net=recipe.ds_net, result_filter=recipe.result_filter,
    )  # fmt: skip


def network_of(config: Config, stories: GlossedStories, learned_from: Tensor) -> BGTAI:
    """An untrained network, centred on what it will learn from."""
    network = BGTAI(config)
    features = stories.features
    sounds, _ = candidates(features, learned_from)
    parts = {"text": features.text, "frames": features.frames, **({"gloss": stories.words} if config.gloss else {})}
    means = {name: part.mean(learned_from) for name, part in parts.items()} | {"audio": features.audio.mean(sounds)}
    network.centre(**{name: mean for name, mean in means.items() if mean is not None})
    return network


def train(recipe: Recipe, weights: Resolver, tell: Tell) -> float:
    """Runs the recipe, or goes on with it; the best geometric mean of recalls, of `out/best.safetensors`.

    Raises InputError and LibraryError for data that can't be learned from, UsageError, MissingModelError.
    """
    fabric, tell = begin(recipe, tell)
    senses = Senses(load_profile(recipe.profile), weights)
    with fabric.rank_zero_first():  # the others find what the first has encoded
        stories = stories_of(recipe, senses, weights, recipe.out / "features", tell)
    return train_on(stories, senses, recipe, fabric, tell)


def stories_of(recipe: Recipe, senses: Senses, weights: Resolver, cache: Path, tell: Tell) -> GlossedStories:
    """What the recipe learns from and is judged by. Raises as `train`."""
    material = read_stories(recipe.data)
    features = features_of(material, senses, cache, recipe.crop_s, tell)
    return glossed(features, material, senses, lemmas.load(weights).of, read_gloss=recipe.gloss)


def parted(stories: GlossedStories, share: float) -> tuple[Tensor, Tensor]:
    """Numbers of the stories to learn from, and of those held out."""
    out = held_out(stories.features.groups, share)
    return torch.nonzero(~out)[:, 0], torch.nonzero(out)[:, 0]


def train_on(stories: GlossedStories, senses: Senses, recipe: Recipe, fabric: Fabric, tell: Tell) -> float:
    """`train` with what it learns from at hand."""
    learned_from, judged = parted(stories, recipe.held_out)
    check_parts(recipe, stories.features, learned_from, judged, len(judged), tell)
    torch.manual_seed(recipe.seed)
    config = config_of(recipe, stories, aligned=senses.aligned)
    return run(
        recipe,
        fabric,
        network_of(config, stories, learned_from),
        Card(config, *recipe.made_with(senses.revision())),
        stories.features,
        losses=partial(losses, recipe=recipe),
        batch_at=partial(batch_at, stories, learned_from, recipe),
        evaluate=partial(evaluate, stories=stories, judged=judged),
        tell=tell,
        settings={"loss": [recipe.contrastive, recipe.cross_entropy, recipe.sp]},
    )
