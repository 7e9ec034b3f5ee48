"""A small autoencoder of moving pictures: a few frames together become one small grid of numbers, and back.

Frames that follow each other share nearly all they show, so they are encoded as one picture with more colours. Half by
half (Rombach et al. 2022, section 3.1, of single pictures), of residual blocks; codes are normalised at each place
instead of held near a Gaussian, and a little noise on them while learning keeps them smooth. Axes: b clips, f frames, g
groups of frames, c channels of the code, h w height and width, multiples of `PATCH`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PATCH = 16  # pixels of a place of the code, a side
_FIRST = 4  # of them are folded into channels at once
_NOISE = 0.1  # on codes while learning


@dataclass(frozen=True)
class FrameAutoencoderConfig:
    """Shape of the network."""

    together: int = 2  # frames of a group
    channels: int = 16
    width: int = 64  # twice as much where places are wider
    blocks: int = 1  # of each level of each half

    def __post_init__(self) -> None:
        if min(self.together, self.width, self.blocks) < 1 or self.channels < 2:
            raise ValueError(f"needs sizes of at least 1 and 2 channels or more, got {self}")


class _Block(nn.Module):
    """Two convolutions whose result is added (He et al. 2016, pre-activation); no norm: codes have one."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """[b c h w] -> the same shape."""
        out: Tensor = x + self.second(F.gelu(self.first(F.gelu(x))))
        return out


class FrameAutoencoder(nn.Module):
    """Clips [b f 3 h w] in [-1, 1] to codes [b g c h/16 w/16] and back; g = f / together."""

    mean: Tensor
    spread: Tensor

    def __init__(self, config: FrameAutoencoderConfig | None = None) -> None:
        super().__init__()
        self.config = config or FrameAutoencoderConfig()
        colours, width = 3 * self.config.together * _FIRST**2, self.config.width
        self.reading = nn.Sequential(
            nn.Conv2d(colours, width, 3, padding=1), *self._blocks(width),
            nn.Conv2d(width, 2 * width, 2, stride=2), *self._blocks(2 * width),
            nn.Conv2d(2 * width, 2 * width, 2, stride=2), *self._blocks(2 * width),
            nn.Conv2d(2 * width, self.config.channels, 1),
        )  # fmt: skip
        self.writing = nn.Sequential(
            nn.Conv2d(self.config.channels, 2 * width, 3, padding=1), *self._blocks(2 * width),
            nn.ConvTranspose2d(2 * width, 2 * width, 2, stride=2), *self._blocks(2 * width),
            nn.ConvTranspose2d(2 * width, width, 2, stride=2), *self._blocks(width),
            nn.Conv2d(width, colours, 3, padding=1),
        )  # fmt: skip
        self.register_buffer("mean", torch.zeros(self.config.channels))  # of codes, so that what is made of noise
        self.register_buffer("spread", torch.ones(self.config.channels))  # has their scale

    def _blocks(self, width: int) -> list[nn.Module]:
        return [_Block(width) for _ in range(self.config.blocks)]

    def encode(self, clips: Tensor) -> Tensor:
        """[b f 3 h w] -> [b g c h/16 w/16], of mean 0 and strength 1 once `mean` and `spread` are set.

        Raises ValueError for frames that don't make whole groups and for sizes that aren't multiples of `PATCH`.
        """
        b, f, _, height, width = clips.shape
        if f % self.config.together or height % PATCH or width % PATCH:
            needed = f"frames in multiples of {self.config.together}, sizes in multiples of {PATCH}"
            raise ValueError(f"needs {needed}, got {list(clips.shape)}")
        groups = clips.reshape(b * f // self.config.together, -1, height, width)
        code = self.reading(F.pixel_unshuffle(groups, _FIRST))
        code = F.layer_norm(code.permute(0, 2, 3, 1), (self.config.channels,))
        scaled = ((code - self.mean) / self.spread).permute(0, 3, 1, 2)
        return torch.unflatten(scaled, 0, (b, -1))

    def decode(self, code: Tensor) -> Tensor:
        """[b g c h w] -> [b f 3 16h 16w], about in [-1, 1]."""
        whole = code * self.spread[:, None, None] + self.mean[:, None, None]
        groups = torch.unflatten(F.pixel_shuffle(self.writing(whole.flatten(0, 1)), _FIRST), 0, (len(code), -1))
        return torch.unflatten(groups, 2, (self.config.together, 3)).flatten(1, 2)

    def forward(self, clips: Tensor) -> Tensor:
        """There and back: [b f 3 h w] -> the same shape."""
        code = self.encode(clips)
        return self.decode(code + _NOISE * torch.randn_like(code) if self.training else code)
