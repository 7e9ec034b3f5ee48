"""`storysound train mac`: MAC's retrieval of videos by what is told or heard, on stories of one's own.

Three things can be matched (`seen` by experts, `heard`): videos with words about them (the paper's tables 1 and 2: its
audio descriptions reach the model as words), videos with sounds, and sounds with words (table 3). Encoders stay as they
are, as in the paper; their features are kept in the run's folder. The paper's numbers (`research/mac/about.RETRIEVAL`)
are for thousands of videos; what differs here is for data sets of hundreds: a narrower space, a lower rate, dropout,
and the mean over all negatives instead of their sum.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from storysound.config import load_profile
from storysound.encode import whisper
from storysound.losses.ranking import NEGATIVES, bidirectional_margin
from storysound.match.mac_model import SOUND_CLUSTERS, WORD_CLUSTERS, WORD_GHOSTS, Config, Mac, Tokens
from storysound.metrics import retrieval
from storysound.research.mac.features import HEARD, IN_PICTURES, SEEN, SOUND, Experts, Material, Sides, means
from storysound.research.stories import read as sos_stories
from storysound.research.stories.batches import a_sound_of_each, a_stretch_of_each, held_out, stories_at
from storysound.research.stories.features import Senses, features_of
from storysound.research.stories.training import StoryRecipe, begin, check_parts, run
from storysound.train.loop import Losses, Tell
from storysound.trained.mac import Card
from storysound.weights.resolver import Resolver


@dataclass(frozen=True)
class Recipe(StoryRecipe):
    """Settings of the training; each can be given as key=value."""

    seen: str = "video"  # what experts judge: video or sound
    heard: str = "words"  # what is matched to it: words or sound
    experts: str = ""  # by name, commas between; "": all that there are
    co_attention: bool = True  # false: for comparison
    negatives: str = "mean"  # of Eq. 3: sum (as printed), mean or hardest
    margin: float = 0.3
    dim: int = 128  # the paper's 768 are for thousands of videos
    heads: int = 4
    steps: int = 1000
    batch: int = 32  # the paper's 128
    rate: float = 1e-3  # the paper's 1e-2
    clip: float = 5.0
    dropout: float = 0.3
    evaluate_every: int = 50

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.negatives not in NEGATIVES:
            raise ValueError(f"negatives are {', '.join(NEGATIVES)}, got {self.negatives!r}")
        if self.seen not in SEEN or self.heard not in HEARD:
            raise ValueError(f"seen is {' or '.join(SEEN)}, heard is {' or '.join(HEARD)}")

    def sides(self, senses: Senses) -> Sides:
        """What is matched to what; by default by all experts."""
        names = tuple(name.strip() for name in self.experts.split(",") if name.strip())
        if not names and self.seen == SOUND:
            names = tuple(senses.heard())
        elif not names:
            names = IN_PICTURES if self.heard == SOUND else (*IN_PICTURES, SOUND)
        return Sides(self.seen, self.heard, names)  # type: ignore[arg-type]


class Batch(NamedTuple):
    """Stories: what experts say, what is heard, and `positives` bool [b b]: what else fits what."""

    seen: dict[str, Tokens]
    heard: Tokens
    positives: Tensor

    def to(self, device: torch.device) -> "Batch":
        """The same on a device."""
        seen = {name: tokens.to(device) for name, tokens in self.seen.items()}
        return Batch(seen, self.heard.to(device), self.positives.to(device))


def batch_at(material: Material, among: Tensor, recipe: Recipe, step: int, rank: int, ranks: int) -> Batch:
    """Stories `among` [n] in a new order each epoch; where sounds are matched, a random one and a random stretch."""
    stories = stories_at(among, recipe.batch, recipe.seed, step, rank, ranks)
    sides = material.sides
    if SOUND not in (sides.seen, sides.heard):
        return Batch(material.seen(stories), material.heard(stories), material.alike(stories))
    rng = np.random.default_rng([recipe.seed, 1, step, rank])
    sounds = a_sound_of_each(material.features, stories, rng)
    first = a_stretch_of_each(material.features, sounds, rng)
    fits = material.features.fits[stories][:, sounds]
    if sides.seen == SOUND:
        return Batch(material.seen(sounds, first), material.heard(stories), fits.T)
    return Batch(material.seen(stories), material.heard(sounds, first), fits)


def losses(network: nn.Module, batch: Batch, recipe: Recipe) -> Losses:
    """Eq. 3 over all pairs of the batch."""
    scores = network(batch.seen, batch.heard)
    negatives: Any = recipe.negatives
    return {"loss": bidirectional_margin(scores, recipe.margin, negatives, batch.positives)}


@torch.inference_mode()
def scores_of(network: Mac, material: Material, seen: Tensor, heard: Tensor, block: int = 256) -> Tensor:
    """Scores [q c] of what is seen against what is heard, of numbers of both; sounds where most informative."""
    device = next(network.parameters()).device
    told = torch.cat([network.audio(material.heard(part).to(device)) for part in torch.split(heard, block)])
    rows = []
    for part in torch.split(seen, block):
        experts = {name: tokens.to(device) for name, tokens in material.seen(part).items()}
        rows.append(network.scores(network.video(experts), told))
    return torch.cat(rows).float().cpu()


def evaluate(network: Mac, material: Material, stories: Tensor) -> dict[str, float]:
    """Geometric means of the recalls at 1, 5 and 10, each way, and their mean."""
    seen, heard, fits = material.items(stories)
    reports = retrieval.both_ways(scores_of(network, material, seen, heard), "seen", "heard", fits)
    found = {name: report.geometric_mean for name, report in reports.items()}
    return {"geometric_mean": float(np.mean(list(found.values()))), **found}


def config_of(recipe: Recipe, material: Material) -> Config:
    """The network for these features: pictures are averaged, what is heard goes through NetVLAD."""
    first = torch.zeros(1, dtype=torch.long)
    seen, heard = material.seen(first), material.heard(first)
    words = material.sides.heard == "words"
    return Config(
        tuple(seen), tuple(tokens.values.shape[-1] for tokens in seen.values()),
        tuple(name for name in seen if name not in IN_PICTURES), heard.values.shape[-1],
        WORD_CLUSTERS if words else SOUND_CLUSTERS, WORD_GHOSTS if words else 0,
        dim=recipe.dim, heads=recipe.heads, co_attention=recipe.co_attention, dropout=recipe.dropout,
    )  # fmt: skip


def network_of(config: Config, material: Material, learned_from: Tensor) -> Mac:
    """An untrained network, centred on what it will learn from."""
    network = Mac(config)
    seen, heard, _ = material.items(learned_from)
    network.centre(**means({**material.seen(seen), "heard": material.heard(heard)}))
    return network


def stories_of(recipe: Recipe, weights: Resolver) -> list[sos_stories.Material]:
    """Stories of the recipe's data. Speech that describes a video is written down by Whisper, where there is any."""
    silent = SOUND not in (recipe.seen, recipe.heard)
    return sos_stories.read_stories(recipe.data, silent=silent, transcribe=whisper.asked(weights))


def train(recipe: Recipe, weights: Resolver, tell: Tell) -> float:
    """Runs the recipe, or goes on with it; the best geometric mean of recalls, of `out/best.safetensors`.

    Raises InputError and LibraryError for data that can't be learned from, MissingModelError, UsageError.
    """
    fabric, tell = begin(recipe, tell)
    senses = Senses(load_profile(recipe.profile), weights)
    experts, stories = Experts(recipe.sides(senses), senses), stories_of(recipe, weights)
    with fabric.rank_zero_first():  # the others find what the first has encoded
        features = features_of(stories, senses, recipe.out / "features", recipe.crop_s, tell)
    return train_on(Material(features, experts), senses, recipe, fabric, tell)


def parted(material: Material, share: float) -> tuple[Tensor, Tensor]:
    """Numbers of the stories that are learned from, and of those held out; of those that have both sides."""
    told = material.told()
    out = held_out(material.features.groups, share)[told]
    return told[~out], told[out]


def train_on(material: Material, senses: Senses, recipe: Recipe, fabric: Fabric, tell: Tell) -> float:
    """As `train`, on stories that were read."""
    learned_from, judged = parted(material, recipe.held_out)
    check_parts(recipe, material.features, learned_from, judged, len(judged), tell)
    torch.manual_seed(recipe.seed)
    config, sides = config_of(recipe, material), material.sides
    return run(
        recipe,
        fabric,
        network_of(config, material, learned_from),
        Card(config, *recipe.made_with(senses.revision()), sides.seen, sides.heard),
        material.features,
        losses=partial(losses, recipe=recipe),
        batch_at=partial(batch_at, material, learned_from, recipe),
        evaluate=partial(evaluate, material=material, stories=judged),
        tell=tell,
        settings={"negatives": recipe.negatives, "margin": recipe.margin},
    )
