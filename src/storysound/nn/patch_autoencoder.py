"""A small autoencoder of spectrograms: patches of 8 x 8 (time x band) to a few numbers and back.

Straight ways through both halves begin as the principal components of patches (`fit_straight`), so that learning starts
from the best linear code; ConvNeXt blocks (Liu et al. 2022) add what neighbours tell. Axes: b items, t frames, m bands,
c channels of the code; t and m are multiples of `PATCH`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PATCH = 8


@dataclass(frozen=True)
class AutoencoderConfig:
    """Shape of the network."""

    channels: int = 8
    width: int = 64
    blocks: int = 2  # of each half

    def __post_init__(self) -> None:
        if min(self.channels, self.width, self.blocks) < 1 or self.channels > PATCH * PATCH:
            raise ValueError(f"needs sizes of at least 1 and at most {PATCH * PATCH} channels, got {self}")


class _ConvNeXtBlock(nn.Module):
    """Depthwise 5 x 5, then a layer of four times the width at each place; adds nothing at first."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.around = nn.Conv2d(width, width, 5, padding=2, groups=width)
        self.norm = nn.LayerNorm(width)
        self.inner, self.outer = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        nn.init.zeros_(self.outer.weight)
        nn.init.zeros_(self.outer.bias)

    def forward(self, x: Tensor) -> Tensor:
        """[b d t m] -> [b d t m]."""
        y = self.norm(self.around(x).permute(0, 2, 3, 1))
        out: Tensor = x + self.outer(F.gelu(self.inner(y))).permute(0, 3, 1, 2)
        return out


class PatchAutoencoder(nn.Module):
    """Log-mel spectrograms [b t m], about of mean 0 and strength 1, to codes [b t/8 m/8 c] and back."""

    mean: Tensor
    spread: Tensor

    def __init__(self, config: AutoencoderConfig | None = None) -> None:
        super().__init__()
        self.config = config or AutoencoderConfig()
        channels, width, size = self.config.channels, self.config.width, PATCH * PATCH
        self.straight_in, self.straight_out = nn.Linear(size, channels), nn.Linear(channels, size)
        self.first, self.last = nn.Conv2d(size, width, 1), nn.Conv2d(width, channels, 1)
        self.reading = nn.Sequential(*(_ConvNeXtBlock(width) for _ in range(self.config.blocks)))
        self.begin, self.end = nn.Conv2d(channels, width, 3, padding=1), nn.Conv2d(width, size, 1)
        self.writing = nn.Sequential(*(_ConvNeXtBlock(width) for _ in range(self.config.blocks)))
        self.smooth = nn.Sequential(nn.Conv2d(1, 12, 5, padding=2), nn.GELU(), nn.Conv2d(12, 1, 3, padding=1))
        self.register_buffer("mean", torch.zeros(channels))  # of codes, so that what is made of noise has their scale
        self.register_buffer("spread", torch.ones(channels))
        for zero in (self.last, self.end, self.smooth[-1]):
            nn.init.zeros_(zero.weight)  # type: ignore[arg-type]
            nn.init.zeros_(zero.bias)  # type: ignore[arg-type]

    @torch.no_grad()
    def fit_straight(self, log_mel: Tensor) -> None:
        """Sets the straight ways to the principal components, whitened, of the patches of [b t m]."""
        patches = F.pixel_unshuffle(log_mel[:, None], PATCH).flatten(2).transpose(1, 2).reshape(-1, PATCH * PATCH)
        centre = patches.mean(0)
        _, values, rows = torch.linalg.svd(patches - centre, full_matrices=False)
        size = self.config.channels
        strength = values[:size] / len(patches) ** 0.5
        self.straight_in.weight.copy_(rows[:size] / strength[:, None])
        self.straight_in.bias.copy_(-(rows[:size] @ centre) / strength)
        self.straight_out.weight.copy_(rows[:size].T * strength)
        self.straight_out.bias.copy_(centre)

    def encode(self, log_mel: Tensor) -> Tensor:
        """[b t m] -> [b t/8 m/8 c], of mean 0 and strength 1 once `mean` and `spread` are set."""
        patches = F.pixel_unshuffle(log_mel[:, None], PATCH)
        straight = self.straight_in(patches.permute(0, 2, 3, 1))
        code: Tensor = straight + self.last(self.reading(self.first(patches))).permute(0, 2, 3, 1)
        return (code - self.mean) / self.spread

    def decode(self, code: Tensor) -> Tensor:
        """[b t/8 m/8 c] -> [b t m]."""
        code = code * self.spread + self.mean
        patches = self.straight_out(code).permute(0, 3, 1, 2)
        patches = patches + self.end(self.writing(self.begin(code.permute(0, 3, 1, 2))))
        whole = F.pixel_shuffle(patches, PATCH)
        out: Tensor = whole + self.smooth(whole)
        return out[:, 0]

    def forward(self, log_mel: Tensor) -> Tensor:
        """There and back: [b t m] -> [b t m]. A little noise on the code while learning keeps it smooth."""
        code = self.encode(log_mel)
        return self.decode(code + 0.05 * torch.randn_like(code) if self.training else code)
