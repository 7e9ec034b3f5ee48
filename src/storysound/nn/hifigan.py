"""HiFi-GAN's generator (Kong, Kim and Bae 2020, arXiv:2010.05646, section 2.2): log-mel spectra to samples."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_SLOPE = 0.1  # of leaky ReLUs, but for the last one, which has PyTorch's


@dataclass(frozen=True)
class HifiGanConfig:
    """Sizes; the defaults are those of the paper's V1."""

    bands: int = 80
    width: int = 512  # channels before the first upsampling, each of which halves them
    rates: tuple[int, ...] = (8, 8, 2, 2)  # of the upsamplings; their kernels are twice as long
    kernels: tuple[int, ...] = (3, 7, 11)  # of the residual blocks that see each stage in parallel
    dilations: tuple[int, ...] = (1, 3, 5)

    @classmethod
    def tiny(cls) -> "HifiGanConfig":
        """For tests."""
        return cls(width=32)

    def __post_init__(self) -> None:
        if self.width % 2 ** len(self.rates) or any(rate % 2 for rate in self.rates):
            raise ValueError(f"needs a width that each upsampling can halve, and even rates, got {self}")


class HifiGan(nn.Module):
    """Log-mel spectra [b m t] -> samples [b n] in [-1, 1], n the product of the rates for each of t."""

    def __init__(self, config: HifiGanConfig) -> None:
        super().__init__()
        self.config = config
        widths = [config.width >> stage for stage in range(len(config.rates) + 1)]
        self.conv_pre = nn.Conv1d(config.bands, config.width, 7, padding=3)
        self.ups = nn.ModuleList(
            nn.ConvTranspose1d(wide, narrow, 2 * rate, rate, padding=rate // 2)
            for (wide, narrow), rate in zip(pairwise(widths), config.rates, strict=True)
        )
        self.resblocks = nn.ModuleList(
            _Residual(width, kernel, config.dilations) for width in widths[1:] for kernel in config.kernels
        )
        self.conv_post = nn.Conv1d(widths[-1], 1, 7, padding=3)

    def forward(self, spectra: Tensor) -> Tensor:
        """See the class."""
        x = self.conv_pre(spectra)
        kernels = len(self.config.kernels)
        for stage, up in enumerate(self.ups):
            x = up(F.leaky_relu(x, _SLOPE))
            parallel = self.resblocks[stage * kernels : (stage + 1) * kernels]
            x = torch.stack([block(x) for block in parallel]).mean(0)
        return torch.tanh(self.conv_post(F.leaky_relu(x)))[:, 0]


class _Residual(nn.Module):
    """Three dilated convolutions, each followed by a plain one, each pair added to what it was given."""

    def __init__(self, width: int, kernel: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.convs1 = nn.ModuleList(
            nn.Conv1d(width, width, kernel, dilation=d, padding=d * (kernel - 1) // 2) for d in dilations
        )
        self.convs2 = nn.ModuleList(nn.Conv1d(width, width, kernel, padding=(kernel - 1) // 2) for _ in dilations)

    def forward(self, x: Tensor) -> Tensor:
        """[b c n] -> the same shape."""
        for first, second in zip(self.convs1, self.convs2, strict=True):
            x = x + second(F.leaky_relu(first(F.leaky_relu(x, _SLOPE)), _SLOPE))
        return x


def without_weight_norm(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state of any shape whose weights are kept as direction `weight_v` and length `weight_g` [o 1 1], as weights.

    Salimans and Kingma 2016 (arXiv:1602.07868), Eq. 2.
    """
    plain = {}
    for name, value in state.items():
        if name.endswith(".weight_v"):
            length = torch.linalg.vector_norm(value, dim=tuple(range(1, value.ndim)), keepdim=True)
            plain[name.removesuffix("_v")] = state[name.removesuffix("v") + "g"] * value / length
        elif not name.endswith(".weight_g"):
            plain[name] = value
    return plain
