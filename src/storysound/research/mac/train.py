"""`storysound train mac`: MAC's retrieval of videos by what is told or heard, on stories of one's own.

Three things can be matched (`seen` by experts, `heard`): videos with words about them (the paper's tables 1 and 2: its
audio descriptions reach the model as words), videos with sounds, and sounds with words (table 3). Encoders stay as they
are, as in the paper; their features are kept in the run's folder. The paper's numbers (`RETRIEVAL` of its `about`) are
for thousands of videos; what differs here is for data sets of hundreds: a narrower space, a lower rate, dropout, and
the mean over all negatives instead of their sum.
"""

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from storysound.config import load_profile
from storysound.encode import whisper
from storysound.encode.features import StoryEncoder
from storysound.encode.pool import Models
from storysound.library.stories import StoryMaterial, read_stories
from storysound.losses.ranking import bidirectional_margin
from storysound.match.mac_experts import IN_PICTURES, SOUND, Experts, Sides, means
from storysound.match.mac_model import SOUND_CLUSTERS, WORD_CLUSTERS, WORD_GHOSTS, Config, Mac, Tokens
from storysound.metrics import retrieval
from storysound.progress import Watch, check
from storysound.research.mac.settings import MacSettings, MacTraining
from storysound.research.mac.stories import MacStories
from storysound.research.stories.batches import a_sound_of_each, a_stretch_of_each, held_out, stories_at
from storysound.research.stories.features import features_of
from storysound.research.stories.training import begin, check_parts, check_stories, run
from storysound.train.loop import Losses
from storysound.trained.mac import MacCard

if TYPE_CHECKING:
    from lightning_fabric import Fabric


class MacBatch(NamedTuple):
    """Stories: what experts say, what is heard, and `positives` bool [b b]: what else fits what."""

    seen: dict[str, Tokens]
    heard: Tokens
    positives: Tensor

    def to(self, device: torch.device) -> "MacBatch":
        """The same on a device."""
        seen = {name: tokens.to(device) for name, tokens in self.seen.items()}
        return MacBatch(seen, self.heard.to(device), self.positives.to(device))


def batch_at(material: MacStories, among: Tensor, recipe: MacSettings, step: int, rank: int, ranks: int) -> MacBatch:
    """Stories `among` [n] in a new order each epoch; where sounds are matched, a random one and a random stretch."""
    stories = stories_at(among, recipe.batch, recipe.seed, step, rank, ranks)
    sides = material.sides
    if SOUND not in (sides.seen, sides.heard):
        return MacBatch(material.seen(stories), material.heard(stories), material.alike(stories))
    rng = np.random.default_rng([recipe.seed, 1, step, rank])
    sounds = a_sound_of_each(material.features, stories, rng)
    first = a_stretch_of_each(material.features, sounds, rng)
    fits = material.features.fits[stories][:, sounds]
    if sides.seen == SOUND:
        return MacBatch(material.seen(sounds, first), material.heard(stories), fits.T)
    return MacBatch(material.seen(stories), material.heard(sounds, first), fits)


def losses(network: nn.Module, batch: MacBatch, recipe: MacSettings) -> Losses:
    """Eq. 3 over all pairs of the batch."""
    scores = network(batch.seen, batch.heard)
    return {"loss": bidirectional_margin(scores, recipe.margin, recipe.negatives, batch.positives)}


@torch.inference_mode()
def scores_of(network: Mac, material: MacStories, seen: Tensor, heard: Tensor, block: int = 256) -> Tensor:
    """Scores [q c] of what is seen against what is heard, of numbers of both; sounds where most informative."""
    device = next(network.parameters()).device
    told = torch.cat([network.audio(material.heard(part).to(device)) for part in torch.split(heard, block)])
    rows = []
    for part in torch.split(seen, block):
        check()
        experts = {name: tokens.to(device) for name, tokens in material.seen(part).items()}
        rows.append(network.scores(network.video(experts), told))
    return torch.cat(rows).float().cpu()


def evaluate(network: Mac, material: MacStories, stories: Tensor) -> dict[str, float]:
    """Geometric means of the recalls at 1, 5 and 10 over stories [s], each way, and their mean."""
    seen, heard, fits = material.items(stories)
    reports = retrieval.both_ways(scores_of(network, material, seen, heard), "seen", "heard", fits)
    found = {name: report.geometric_mean for name, report in reports.items()}
    return {"geometric_mean": float(np.mean(list(found.values()))), **found}


def sides_of(recipe: MacSettings, encoder: StoryEncoder) -> Sides:
    """What is matched to what; by default by all experts. Raises UsageError for experts that don't go with it."""
    names = tuple(name.strip() for name in recipe.experts.split(",") if name.strip())
    if not names and recipe.seen == SOUND:
        names = tuple(encoder.heard())
    elif not names:
        names = IN_PICTURES if recipe.heard == SOUND else (*IN_PICTURES, SOUND)
    return Sides(recipe.seen, recipe.heard, names)


def config_of(recipe: MacSettings, material: MacStories) -> Config:
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


def network_of(config: Config, material: MacStories, learned_from: Tensor) -> Mac:
    """An untrained network, centred on the stories [s] that it will learn from."""
    network = Mac(config)
    seen, heard, _ = material.items(learned_from)
    network.centre(**means({**material.seen(seen), "heard": material.heard(heard)}))
    return network


def stories_of(recipe: MacSettings, models: Models) -> list[StoryMaterial]:
    """Stories of the recipe's data. Speech that describes a video is written down by Whisper, where there is any."""
    silent = SOUND not in (recipe.seen, recipe.heard)
    found = read_stories(recipe.data, silent=silent, transcribe=whisper.reader_of(models))
    check_stories(recipe, [one for one in found if one.texts] if recipe.heard == "words" else found)
    return found


def train(recipe: MacTraining, models: Models, watch: Watch) -> float:
    """Runs the recipe, or goes on with it; the best geometric mean of recalls, of `out/best.safetensors`.

    Raises InputError and LibraryError for data that can't be learned from, MissingModelError, UsageError.
    """
    fabric, watch = begin(recipe, watch, recipe.devices)
    encoder = StoryEncoder(models, load_profile(recipe.profile))
    experts, stories = Experts(sides_of(recipe, encoder), encoder), stories_of(recipe, models)
    with fabric.rank_zero_first():  # the others find what the first has encoded
        features = features_of(stories, encoder, recipe.out / "features", recipe.crop_s, watch)
    return train_on(MacStories(features, experts), encoder, recipe, fabric, watch)


def parted(material: MacStories, share: float) -> tuple[Tensor, Tensor]:
    """Numbers of the stories that are learned from, and of those held out; of those that have both sides."""
    told = material.told()
    out = held_out(material.features.groups, share)[told]
    return told[~out], told[out]


def train_on(material: MacStories, encoder: StoryEncoder, recipe: MacSettings, fabric: "Fabric", watch: Watch) -> float:
    """As `train`, on stories that were read."""
    learned_from, judged = parted(material, recipe.held_out)
    check_parts(recipe, material.features, learned_from, judged, len(judged), watch)
    torch.manual_seed(recipe.seed)
    config, sides = config_of(recipe, material), material.sides
    return run(
        recipe,
        fabric,
        network_of(config, material, learned_from),
        MacCard(config, *recipe.made_with(encoder.revision()), sides.seen, sides.heard),
        material.features,
        losses=partial(losses, recipe=recipe),
        batch_at=partial(batch_at, material, learned_from, recipe),
        evaluate=partial(evaluate, material=material, stories=judged),
        watch=watch,
        settings={"negatives": recipe.negatives, "margin": recipe.margin},
    )
