"""Our own refinement of NSNet2: which part of each moment and frequency is background.

NSNet2 was trained on noise and takes much of the music for speech. A small U-Net reads its gain together with a
spectrum of twice the frequency resolution and of the whole neighbourhood in time, and gives the gain of the
background that leaves the least error (the minimum of |mask · mixture - background|², a Wiener gain without its
independence assumption). Trained by training/speech_mask/train.py on speech and music of Debian packages.
"""

import hashlib
from dataclasses import dataclass
from importlib.resources import files

import torch
from safetensors.torch import load
from torch import Tensor, nn
from torch.nn import functional as F

RATE_HZ = 48000
FFT = 2048
HOP = 512  # NSNet2's, so that both look at the same moments
BINS = 384  # up to 9 kHz; above, NSNet2's own gain is kept


@dataclass(frozen=True)
class Config:
    """Sizes of the network."""

    channels: tuple[int, ...] = (8, 16, 24, 40)  # of each level; every level halves both axes

    def __post_init__(self) -> None:
        if len(self.channels) < 2:
            raise ValueError(f"a U-Net needs two levels, got {self.channels}")

    @classmethod
    def tiny(cls) -> "Config":
        """For tests."""
        return cls((4, 6))


def _conv(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())


class VoiceMask(nn.Module):
    """Mixture and speech gain to the background's gain."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        channels = config.channels
        pairs = list(zip((5, *channels[:-1]), channels, strict=True))
        self.down = nn.ModuleList(nn.Sequential(_conv(i, o), _conv(o, o)) for i, o in pairs)
        self.narrow = nn.ModuleList(nn.Conv2d(o, i, 1) for i, o in reversed(pairs[1:]))
        self.up = nn.ModuleList(_conv(i, i) for i, _ in reversed(pairs[1:]))
        self.out = nn.Conv2d(channels[0], 2, 1)
        self.blend = nn.Parameter(torch.tensor(1.0))  # how far NSNet2's own gain is trusted

    def forward(self, power: Tensor, gain: Tensor) -> Tensor:
        """`power` [b t 384] of the mixture, `gain` [b t 384] of NSNet2 in [0, 1] -> background gain [b t 384]."""
        frames = power.shape[1]
        step = 2 ** (len(self.config.channels) - 1)
        pad = -frames % step
        level = torch.log10(power + 1e-10)
        level = level - torch.log10(power.mean(dim=(1, 2), keepdim=True) + 1e-10)  # loudness must not matter
        both = F.pad(torch.stack([level.clamp(min=-6) / 2, gain], dim=1), (0, 0, 0, pad))
        # two neighbouring bins become channels: half the positions, the same numbers
        x = torch.cat([both[..., 0::2], both[..., 1::2]], dim=1)
        place = torch.linspace(-1, 1, x.shape[3], device=x.device).expand(x.shape[0], 1, x.shape[2], -1)
        x = torch.cat([x, place], dim=1)
        skips: list[Tensor] = []
        for stage in self.down:
            x = stage(x if not skips else F.avg_pool2d(x, 2))
            skips.append(x)
        skips.pop()
        for narrow, stage in zip(self.narrow, self.up, strict=True):
            x = stage(skips.pop() + F.interpolate(narrow(x), scale_factor=2.0))
        logits = self.out(x).permute(0, 2, 3, 1).flatten(2)[:, :frames]
        prior = torch.logit(1 - gain, eps=1e-3)
        result: Tensor = torch.sigmoid(logits + self.blend * prior)
        return result


def spread(gain: Tensor) -> Tensor:
    """NSNet2's gain [... 513] at 46.9 Hz a bin -> [... 384] at 23.4 Hz a bin."""
    half = BINS // 2
    between = (gain[..., :half] + gain[..., 1 : half + 1]) / 2
    return torch.stack([gain[..., :half], between], dim=-1).flatten(-2)


def shipped() -> tuple[VoiceMask, str]:
    """The trained network that comes with the package, and a short sha of its weights."""
    data = files("storysound").joinpath("encode/weights/voice_mask.safetensors").read_bytes()
    network = VoiceMask(Config())
    network.load_state_dict({name: tensor.float() for name, tensor in load(data).items()})
    return network.eval(), hashlib.sha256(data).hexdigest()[:12]
