"""The halves of a network of sound and picture, sampled at once, apart, or one for the other that is there already."""

from typing import Protocol

import numpy as np
from torch import Tensor

from storysound.generate.video.maker import Stages

Latents = tuple[Tensor, Tensor]  # of sound, and of picture
Known = tuple[Tensor | None, Tensor | None]  # of either side what is there already


class LatentSampler(Protocol):
    """Samples both sides by a network."""

    def __call__(self, known: Known, *, is_told: bool, afresh: bool) -> Latents:
        """For what is `known`, as `nn.tavdiffusion.generated`; told by the text, or by none.

        `afresh`: from other noise than before, that of `other_seed`.
        """
        ...


def in_stages(sampled: LatentSampler, stages: Stages) -> Latents:
    """Latents of sound and picture, made in these stages.

    The second half starts from noise of its own, and what comes with it of the first is thrown away. After the first it
    is told by that alone, not by the text, as the second of two models would be.
    """
    nothing: Known = (None, None)
    audio, video = sampled(nothing, is_told=True, afresh=False)
    if stages == "apart":
        audio, _ = sampled(nothing, is_told=True, afresh=True)
    elif stages == "pictures-first":
        audio, _ = sampled((None, video), is_told=False, afresh=True)
    elif stages == "sound-first":
        _, video = sampled((audio, None), is_told=False, afresh=True)
    return audio, video


def other_seed(seed: int) -> int:
    """Of what shall have nothing in common with what `seed` gives."""
    return int(np.random.SeedSequence([seed, 1]).generate_state(1)[0])
