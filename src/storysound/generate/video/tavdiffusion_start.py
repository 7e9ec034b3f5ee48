"""TAVDiffusion begun from a UNet of Stable Diffusion 1.5, as far as its weights fit (TAVGBench, section 4.2).

The UNet comes from a folder in the layout of diffusers (`diffusion_folder.read_parts`), or is any of its kind. The UNet
of sound gets all but the layers whose channels are others: the first, which takes 8 instead of 4, and with it the last,
of which the paper says nothing, though the noise of 8 channels has 8. That of picture gets all; what looks along frames
is new.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from storysound.nn.tavdiffusion import TavConfig, TavDiffusion

AUDIO_CHANNELS = 8  # of latents of AudioLDM's autoencoder
_STREAMS = ("audio", "video")


@dataclass(frozen=True)
class InitialisationReport:
    """Which weights of a network came from where. Names are the network's, the part before the first dot its part."""

    loaded: Mapping[str, int]  # how many numbers each has
    unfit: Mapping[str, str]  # there, but of another shape: what was there and what is wanted; drawn at random
    new: Mapping[str, int]  # not there: drawn at random, or zeros where they are to add nothing

    def lines(self) -> list[str]:
        """For people: numbers of each part, and each weight that didn't fit."""
        parts = sorted({name.partition(".")[0] for name in (*self.loaded, *self.unfit, *self.new)})
        counted = [
            f"{part}: loaded {_of(self.loaded, part)}, of another shape {_of(self.unfit, part)}, "
            f"new {_of(self.new, part)}" for part in parts
        ]  # fmt: skip
        return [*counted, *(f"{name}: {why}" for name, why in self.unfit.items())]


def started(
    unet: Any, config: TavConfig, audio_channels: int = AUDIO_CHANNELS, seed: int = 0
) -> tuple[TavDiffusion, InitialisationReport]:
    """A network both of whose UNets have the weights of `unet`, a UNet2DConditionModel, where these fit.

    `seed`: of all that is drawn. Raises ValueError for a UNet that isn't of Stable Diffusion's kind.
    """
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        audio = type(unet).from_config({**unet.config, "in_channels": audio_channels, "out_channels": audio_channels})
        source, wanted = unet.state_dict(), audio.state_dict()
        audio.load_state_dict(
            {name: source[name] for name in source if source[name].shape == wanted[name].shape}, False
        )
        network = TavDiffusion(audio.to(unet.dtype), unet, config).eval()
    return network, _reported(network, source)


def _reported(network: TavDiffusion, source: Mapping[str, Tensor]) -> InitialisationReport:
    """By names and shapes, of a parent's weights, each of any shape."""
    loaded, unfit, new = {}, {}, {}
    for name, weight in network.named_parameters():
        part, _, inner = name.partition(".")
        parent = source.get(inner.replace(".space.", ".")) if part in _STREAMS else None
        if parent is None:
            new[name] = weight.numel()
        elif parent.shape != weight.shape:
            unfit[name] = f"{list(parent.shape)} there, {list(weight.shape)} wanted"
        else:
            loaded[name] = weight.numel()
    return InitialisationReport(loaded, unfit, new)


def _of(names: Mapping[str, int] | Mapping[str, str], part: str) -> str:
    """How many weights of a part, and the millions of numbers that these have, where known."""
    own = [value for name, value in names.items() if name.startswith(f"{part}.")]
    millions = sum(value for value in own if isinstance(value, int)) / 1e6
    return f"{len(own)} ({millions:.2f} M)" if millions else str(len(own))
