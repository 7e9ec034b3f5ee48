"""The gloss of a sound, out of its features (`encode/features.py`): what BGTAI reads beside the sound itself.

In each step the classes that are heard most, measured by what is usual for each; a class that goes on from the step
before is not said again.
"""

import torch
from torch import Tensor

from storysound.encode.features import StoryEncoder
from storysound.errors import UsageError
from storysound.match.sos_model import Features

WORDS_A_STEP = 2
EVENNESS = 0.5  # power of the usual score that a class is divided by
MOST = 64  # steps of a sequence and words of a gloss that are used, from the front


class SoundGloss:
    """The gloss of sounds, out of the part of their features that says classes."""

    def __init__(self, encoder: StoryEncoder) -> None:
        """Raises UsageError where no ear of the profile names classes in each step."""
        parts = encoder.heard()
        space = next((name for name in parts if name not in encoder.ears), None)
        if space is None or encoder.stretch_s:
            raise UsageError("this profile's ears name nothing, so sounds have no gloss: give gloss=false or another")
        names = list(parts)
        start = sum(parts[name] for name in names[: names.index(space)])
        self._part = slice(start, start + parts[space])
        classes, usual = encoder.classes(space)
        self._vectors = torch.from_numpy(classes.vectors)
        self.width = self._vectors.shape[1]
        self._rarity = torch.from_numpy(usual).float().clamp(min=1e-6) ** -EVENNESS

    def __call__(self, heard: Features) -> tuple[Tensor, Tensor]:
        """Words [b Q d] and which are real [b Q] of sounds, one at least of each."""
        if heard.mask is None or not bool(heard.mask.any(dim=1).all()):
            raise ValueError("a sound needs a step")
        named = heard.tokens[..., self._part] ** 2 * self._rarity  # features hold roots of probabilities
        most = named.topk(min(WORDS_A_STEP, named.shape[-1]), dim=-1).indices
        before = torch.cat([torch.full_like(most[:, :1], -1), most[:, :-1]], dim=1)
        new = (most[..., None] != before[:, :, None]).all(dim=-1) & heard.mask[..., None]
        words, real = most.flatten(1), new.flatten(1)
        order = real.int().argsort(dim=1, descending=True, stable=True)[:, : min(MOST, int(real.sum(dim=1).max()))]
        words, real = words.gather(1, order), real.gather(1, order)
        return self._vectors[words] * real[..., None], real
