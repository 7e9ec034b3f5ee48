"""Which stories a model learns from, and which of them a step of its training sees."""

from hashlib import sha256

import numpy as np
import torch
from torch import Tensor

from storysound.match.sos_inputs import random_crop_s
from storysound.research.stories.features import StoryFeatures

LEAST_HELD_OUT = 5  # stories


def held_out(groups: tuple[str, ...], share: float) -> Tensor:
    """Which stories are held out, bool [s]: those of the groups whose hash is lowest, the same in every run."""
    distinct = sorted(set(groups), key=lambda group: sha256(group.encode("utf-8", "replace")).digest())
    chosen = set(distinct[: max(1, round(share * len(distinct)))])
    return torch.tensor([group in chosen for group in groups])


def stories_at(among: Tensor, batch: int, seed: int, step: int, rank: int, ranks: int) -> Tensor:
    """The stories of a step and device, at most `batch` of those `among` [n]: in a new order each epoch."""
    size = min(batch, max(2, len(among) // ranks))
    per_epoch = max(1, len(among) // (size * ranks))
    order = np.random.default_rng([seed, step // per_epoch]).permutation(len(among))
    start = (step % per_epoch) * size * ranks + rank * size
    return among[order[start : start + size]]


def a_sound_of_each(features: StoryFeatures, stories: Tensor, rng: np.random.Generator) -> Tensor:
    """Numbers of sounds [b], one at random of those that belong to each story."""
    return torch.tensor([int(rng.choice(torch.nonzero(features.belongs[one])[:, 0].numpy())) for one in stories])


def a_stretch_of_each(features: StoryFeatures, sounds: Tensor, rng: np.random.Generator) -> Tensor:
    """Where a stretch of each sound begins, at random: the number of its first token [b]."""
    lengths = features.audio.lengths()[sounds].tolist()
    if step := features.stretch:
        return torch.tensor([step * int(rng.integers(0, length // step)) for length in lengths])
    return torch.tensor([random_crop_s(length, features.tokens, rng) for length in lengths]).round().long()


def candidates(features: StoryFeatures, stories: Tensor) -> tuple[Tensor, Tensor]:
    """The sounds that belong to any of the stories [u], and which fits which: bool [u s]."""
    sounds = torch.nonzero(features.belongs[stories].any(0))[:, 0]
    return sounds, features.fits[stories][:, sounds].T
