"""`storysound train bgtai`: text, sound and pictures in one space by way of their gloss (Fang et al. 2024).

On stories of one's own, out of features that are kept in the run's folder. `gloss`, `ds_net` and `result_filter` turn
the paper's parts on and off (figure 2); `contrastive`, `cross_entropy` and `sp` are its loss (table 4).
"""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from storysound.config import load_profile
from storysound.encode import lemmas
from storysound.encode.features import StoryEncoder
from storysound.encode.pool import Models
from storysound.errors import UsageError
from storysound.library.stories import read_stories
from storysound.losses.alignment import Weights, total
from storysound.losses.contrastive import squared_distance, symmetric
from storysound.match.bgtai import BGTAI, Config, GlossedSequences
from storysound.match.bgtai_gloss import MOST
from storysound.match.sos_inputs import FRAMES
from storysound.metrics import retrieval
from storysound.progress import Watch
from storysound.research.bgtai.glosses import GlossedStories, glossed
from storysound.research.bgtai.settings import BgtaiSettings, BgtaiTraining
from storysound.research.stories.batches import (
    LEAST_HELD_OUT,
    a_sound_of_each,
    a_stretch_of_each,
    candidates,
    held_out,
    stories_at,
)
from storysound.research.stories.features import features_of
from storysound.research.stories.training import HEAD_WIDTH, begin, check_parts, check_stories, run
from storysound.train.loop import Losses
from storysound.trained.bgtai import BgtaiCard

if TYPE_CHECKING:
    from lightning_fabric import Fabric

LETTERS = {"text": "T", "audio": "A", "frames": "I"}
PAIRS = (("audio", "frames"), ("text", "frames"), ("audio", "text"))


class BgtaiBatch(NamedTuple):
    """Stories, one sound of each, and which of them have text (`read`) and pictures (`seen`); what fits, [b b].

    `frames` are of the stories that have any, else of one that has none.
    """

    texts: GlossedSequences
    read: Tensor
    sounds: GlossedSequences
    frames: tuple[Tensor, Tensor]
    seen: Tensor
    positives: Tensor

    def to(self, device: torch.device) -> "BgtaiBatch":
        """The same on a device."""
        frames = (self.frames[0].to(device), self.frames[1].to(device))
        read, seen, positives = (part.to(device) for part in (self.read, self.seen, self.positives))
        return BgtaiBatch(self.texts.to(device), read, self.sounds.to(device), frames, seen, positives)


def batch_at(
    stories: GlossedStories, among: Tensor, recipe: BgtaiSettings, step: int, rank: int, ranks: int
) -> BgtaiBatch:
    """Stories `among` [n] in a new order each epoch, a random sound of each and a random stretch of it."""
    features = stories.features
    chosen = stories_at(among, recipe.batch, recipe.seed, step, rank, ranks)
    rng = np.random.default_rng([recipe.seed, 1, step, rank])
    sounds = a_sound_of_each(features, chosen, rng)
    seen = features.frames.lengths()[chosen] > 0
    return BgtaiBatch(
        stories.texts(chosen),
        features.text.lengths()[chosen] > 0,
        stories.sounds(sounds, a_stretch_of_each(features, sounds, rng)),
        stories.pictures(chosen[seen] if seen.any() else chosen[:1]),
        seen,
        features.fits[chosen][:, sounds],
    )


def losses(network: nn.Module, batch: BgtaiBatch, recipe: BgtaiSettings) -> Losses:
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
    found = total(
        torch.stack(list(parts.values())).mean() + nothing, aligned, Weights(1.0, recipe.cross_entropy, recipe.sp)
    )
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


class PairSimilarity(NamedTuple):
    """One pair of modalities: similarity and what fits, [q c], and the number of a story of each row and column."""

    similarity: Tensor
    fits: Tensor
    rows: Tensor
    columns: Tensor


def similarities(network: BGTAI, stories: GlossedStories, chosen: Tensor) -> dict[str, PairSimilarity]:
    """Of the stories chosen [s], by pair of modalities: "AI", "TI" and "AT"; without those that fewer than two have."""
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
            found[LETTERS[a] + LETTERS[b]] = PairSimilarity(similarity, truth, told, chosen[columns])
    return found


def evaluate(network: BGTAI, stories: GlossedStories, judged: Tensor) -> dict[str, float]:
    """Geometric means of the recalls at 1, 5 and 10 over held-out stories [s], per direction, and their mean."""
    found: dict[str, float] = {}
    for pair, one in similarities(network, stories, judged).items():
        if min(one.fits.shape) >= LEAST_HELD_OUT:
            reports = retrieval.both_ways(one.similarity, pair[0], pair[1], one.fits)
            found |= {name: report.geometric_mean for name, report in reports.items()}
    return {"geometric_mean": float(np.mean(list(found.values()))) if found else 0.0, **found}


def config_of(recipe: BgtaiSettings, stories: GlossedStories, *, aligned: bool) -> Config:
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
    """An untrained network, centred on the stories [s] that it will learn from."""
    network = BGTAI(config)
    features = stories.features
    sounds, _ = candidates(features, learned_from)
    parts = {"text": features.text, "frames": features.frames, **({"gloss": stories.words} if config.gloss else {})}
    means = {name: part.mean(learned_from) for name, part in parts.items()} | {"audio": features.audio.mean(sounds)}
    network.centre(**{name: mean for name, mean in means.items() if mean is not None})
    return network


def train(recipe: BgtaiTraining, models: Models, watch: Watch) -> float:
    """Runs the recipe, or goes on with it; the best geometric mean of recalls, of `out/best.safetensors`.

    Raises InputError and LibraryError for data that can't be learned from, UsageError, MissingModelError.
    """
    fabric, watch = begin(recipe, watch, recipe.devices)
    encoder = StoryEncoder(models, load_profile(recipe.profile))
    with fabric.rank_zero_first():  # the others find what the first has encoded
        stories = stories_of(recipe, encoder, models, recipe.out / "features", watch)
    return train_on(stories, encoder, recipe, fabric, watch)


def stories_of(
    recipe: BgtaiSettings, encoder: StoryEncoder, models: Models, cache: Path, watch: Watch
) -> GlossedStories:
    """What the recipe learns from and is judged by. Raises as `train`."""
    material = read_stories(recipe.data)
    check_stories(recipe, material)
    features = features_of(material, encoder, cache, recipe.crop_s, watch)
    return glossed(features, material, encoder, models.get("lemmas", lemmas.load).of, read_gloss=recipe.gloss)


def parted(stories: GlossedStories, share: float) -> tuple[Tensor, Tensor]:
    """Numbers of the stories to learn from, and of those held out."""
    out = held_out(stories.features.groups, share)
    return torch.nonzero(~out)[:, 0], torch.nonzero(out)[:, 0]


def train_on(
    stories: GlossedStories, encoder: StoryEncoder, recipe: BgtaiSettings, fabric: "Fabric", watch: Watch
) -> float:
    """`train` with what it learns from at hand."""
    learned_from, judged = parted(stories, recipe.held_out)
    check_parts(recipe, stories.features, learned_from, judged, len(judged), watch)
    torch.manual_seed(recipe.seed)
    config = config_of(recipe, stories, aligned=encoder.aligned)
    return run(
        recipe,
        fabric,
        network_of(config, stories, learned_from),
        BgtaiCard(config, *recipe.made_with(encoder.revision())),
        stories.features,
        losses=partial(losses, recipe=recipe),
        batch_at=partial(batch_at, stories, learned_from, recipe),
        evaluate=partial(evaluate, stories=stories, judged=judged),
        watch=watch,
        settings={"loss": [recipe.contrastive, recipe.cross_entropy, recipe.sp]},
    )
