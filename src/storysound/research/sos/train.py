"""`storysound train sos`: Sound of Story's retrieval model on stories of one's own (Bae et al. 2023, section 4.1).

Encoders stay as they are: their features are kept in the run's folder, so that any number of epochs costs one reading
of the data. The paper's numbers (`RETRIEVAL` of its `about`) are for 26,054 stories and two large towers; what differs
here is for data sets of hundreds: smaller batches, a higher rate for maps that start at nothing, a milder scale.
"""

from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from storysound.config import load_profile
from storysound.encode.features import StoryEncoder
from storysound.encode.pool import Models
from storysound.errors import UsageError
from storysound.library.stories import read_stories
from storysound.losses.contrastive import symmetric
from storysound.match.sos_inputs import FRAMES
from storysound.match.sos_model import Config, Features, SoundOfStory
from storysound.metrics import retrieval
from storysound.progress import Watch, check
from storysound.research.sos.settings import SosTraining
from storysound.research.stories.batches import (
    LEAST_HELD_OUT,
    a_sound_of_each,
    a_stretch_of_each,
    candidates,
    held_out,
    stories_at,
)
from storysound.research.stories.features import StoryFeatures, features_of
from storysound.research.stories.training import HEAD_WIDTH, LONE_WIDTH, begin, check_parts, check_stories, run
from storysound.train.loop import Losses
from storysound.trained.sos import SosCard

Pair = Literal["AV", "AT"]
PAIRS: tuple[Pair, Pair] = ("AV", "AT")


class SosBatch(NamedTuple):
    """Stories, one sound of each; `positives` bool [b b]: which sound fits which story, its own or one that is shared.

    `seen` and `read`: which of the stories have frames, and text; frames and texts are None where no story of the data
    has any.
    """

    sounds: Features
    frames: tuple[Tensor, Tensor] | None
    seen: Tensor
    texts: Features | None
    read: Tensor
    positives: Tensor

    def to(self, device: torch.device) -> "SosBatch":
        """The same on a device."""
        frames = None if self.frames is None else (self.frames[0].to(device), self.frames[1].to(device))
        texts = None if self.texts is None else self.texts.to(device)
        rest = (t.to(device) for t in (self.read, self.positives))
        return SosBatch(self.sounds.to(device), frames, self.seen.to(device), texts, *rest)


def batch_at(features: StoryFeatures, among: Tensor, recipe: SosTraining, step: int, rank: int, ranks: int) -> SosBatch:
    """Stories `among` [n] in a new order each epoch, a random sound of each and a random stretch of it."""
    stories = stories_at(among, recipe.batch, recipe.seed, step, rank, ranks)
    rng = np.random.default_rng([recipe.seed, 1, step, rank])
    sounds = a_sound_of_each(features, stories, rng)
    return SosBatch(
        features.sounds(sounds, a_stretch_of_each(features, sounds, rng)),
        features.pictures(stories) if len(features.frames.values) else None,
        features.frames.lengths()[stories] > 0,
        features.texts(stories) if len(features.text.values) else None,
        features.text.lengths()[stories] > 0,
        features.fits[stories][:, sounds],
    )


def losses(network: nn.Module, batch: SosBatch) -> Losses:
    """Symmetric contrastive loss of sounds against frames and against texts, the mean of both.

    One pass for both; stories that lack a modality are passed and then left out. A modality that none of the batch has
    is passed as well and counts nothing: with several devices every weight needs its gradient on each of them. Sounds
    are told apart from those of the same device (X-CLIP gathers those of all).
    """
    given: dict[str, Any] = {}
    if batch.frames is not None:
        given["frames"] = (batch.frames[0], _never_empty(batch.frames[1]))
    if batch.texts is not None and batch.texts.mask is not None:
        given["text"] = batch.texts._replace(mask=_never_empty(batch.texts.mask))
    similarities = network(batch.sounds, **given)
    module: Any = getattr(network, "module", network)  # as it is, or wrapped for several devices
    found = {
        pair: symmetric(similarities[pair][:, told], module.temperature, batch.positives[told].T)
        for pair, told in zip(PAIRS, (batch.seen, batch.read), strict=True)
        if int(told.sum()) >= 2
    }
    if not found:
        raise UsageError("a batch holds no two stories with frames, nor with text: give a larger batch=")
    loss = torch.stack(list(found.values())).mean()
    for pair in similarities.keys() - found.keys():
        loss = loss + 0.0 * similarities[pair].sum()
    return {"loss": loss, **{pair: value.detach() for pair, value in found.items()}}


def _never_empty(mask: Tensor) -> Tensor:
    """A first token for those of a mask [b n] that have none."""
    first = torch.arange(mask.shape[1], device=mask.device) == 0
    return mask | (first & ~mask.any(1, keepdim=True))


@torch.inference_mode()
def similarity_of(
    network: SoundOfStory, features: StoryFeatures, stories: Tensor, sounds: Tensor, pair: Pair, block: int = 64
) -> Tensor:
    """Similarity of sounds to stories [u s], at the most informative stretch of each sound; of numbers of both."""
    device = next(network.parameters()).device
    heard = [network.audio(features.sounds(part).to(device)) for part in torch.split(sounds, block)]
    columns = []
    for part in torch.split(stories, block):
        check()
        if pair == "AV":
            values, mask = features.pictures(part)
            told = network.frames(values.to(device), mask.to(device))
        else:
            told = network.text(features.texts(part).to(device))
        columns.append(torch.cat([network.similarity(sound, told, pair) for sound in heard]))
    return torch.cat(columns, dim=1).float().cpu()


def evaluate(network: SoundOfStory, features: StoryFeatures, stories: Tensor) -> dict[str, float]:
    """Geometric means of the recalls at 1, 5 and 10 over held-out stories [s], per direction, and their mean."""
    found: dict[str, float] = {}
    for pair in PAIRS:
        some = stories[torch.isin(stories, features.told(pair))]
        if len(some) >= LEAST_HELD_OUT:
            sounds, relevant = candidates(features, some)
            similarity = similarity_of(network, features, some, sounds, pair)
            reports = retrieval.both_ways(similarity, pair[0], pair[1], relevant)
            found |= {name: report.geometric_mean for name, report in reports.items()}
    return {"geometric_mean": float(np.mean(list(found.values()))), **found}


def config_of(recipe: SosTraining, features: StoryFeatures, *, aligned: bool) -> Config:
    """The network for these features: as wide as the text's, heads of 64, one layer of time for small data.

    Features that begin in the common space get maps that add to them. Where they don't, as the paper's, a map is
    learned of those that are not as wide as it: of audio alone with CLIP and AST.
    """
    text, frames, audio = (part.values.shape[1] for part in (features.text, features.frames, features.audio))
    common = text if text > 1 else LONE_WIDTH
    least = common if aligned else 1  # of a modality that no story has
    widths = {"text": max(text, least), "frames": max(frames, least), "audio": max(audio, least)}
    mapped = tuple(name for name, width in widths.items() if aligned or width != common or name == "audio")
    return Config(
        widths["text"], widths["frames"], widths["audio"], common, mapped,
        frames=FRAMES, sounds=features.tokens, temporal_layers=1,
        temporal_heads=max(1, common // HEAD_WIDTH), dropout=recipe.dropout, scale=recipe.scale,
        matrices=recipe.matrices, aligned=aligned, centred=True, use_tokens=recipe.tokens,
        mode=recipe.mode,
    )  # fmt: skip


def network_of(config: Config, features: StoryFeatures, learned_from: Tensor) -> SoundOfStory:
    """An untrained network, centred on the stories [s] that it will learn from."""
    network = SoundOfStory(config)
    sounds, _ = candidates(features, learned_from)
    parts = {"text": (features.text, learned_from), "frames": (features.frames, learned_from)}
    for name, (ragged, numbers) in {**parts, "audio": (features.audio, sounds)}.items():
        mean = ragged.mean(numbers)
        if mean is None:
            network.freeze(name)
        else:
            network.centre(**{name: mean})
    return network


def train(recipe: SosTraining, models: Models, watch: Watch) -> float:
    """Runs the recipe, or goes on with it; the best geometric mean of recalls, of `out/best.safetensors`.

    Raises InputError and LibraryError for data that can't be learned from, MissingModelError.
    """
    fabric, watch = begin(recipe, watch, recipe.devices)
    encoder = StoryEncoder(models, load_profile(recipe.profile))
    stories = read_stories(recipe.data)
    check_stories(recipe, stories)
    with fabric.rank_zero_first():  # the others find what the first has encoded
        features = features_of(stories, encoder, recipe.out / "features", recipe.crop_s, watch)
    out = held_out(features.groups, recipe.held_out)
    learned_from, judged = (torch.nonzero(part)[:, 0] for part in (~out, out))
    judgeable = max(int(torch.isin(judged, features.told(pair)).sum()) for pair in PAIRS)
    check_parts(recipe, features, learned_from, judged, judgeable, watch)
    torch.manual_seed(recipe.seed)
    config = config_of(recipe, features, aligned=encoder.aligned)
    return run(
        recipe,
        fabric,
        network_of(config, features, learned_from),
        SosCard(config, *recipe.made_with(encoder.revision())),
        features,
        losses=losses,
        batch_at=partial(batch_at, features, learned_from, recipe),
        evaluate=partial(evaluate, features=features, stories=judged),
        watch=watch,
    )
