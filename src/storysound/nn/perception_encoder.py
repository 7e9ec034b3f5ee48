"""The Perception Encoder's eyes (Bolya et al. 2025, arXiv:2504.13181): a vision transformer with rotary positions.

Parts are named as in the published weights (timm's `vit_pe_core_*`), so that PE-Video's and PE-AV's can be read without
timm, which would bring torchvision. Axes: b pictures, n patches, t tokens (the class and the patches), d numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EPSILON, LONGEST_WAVE = 1e-5, 10_000.0


@dataclass(frozen=True)
class EyesConfig:
    """Sizes; those of the large one by default, 0.32 G parameters."""

    side: int = 336  # pixels of a picture
    patch: int = 14  # pixels of a patch
    width: int = 1024
    depth: int = 24
    heads: int = 16
    hidden: int = 4096  # of the two layers of each block
    pool_heads: int = 8  # of the attention that sums up
    out: int = 1024

    def __post_init__(self) -> None:
        if self.side % self.patch or self.width % (4 * self.heads) or self.width % self.pool_heads:
            raise ValueError(f"needs patches that fill the side, and widths that heads divide in fours, got {self}")

    @property
    def grid(self) -> int:
        """Patches of a side."""
        return self.side // self.patch


LARGE = EyesConfig()
PUBLISHED: Mapping[str, EyesConfig] = {
    "vit_pe_core_small_patch16_384": EyesConfig(384, 16, 384, 12, 6, 1536),
    "vit_pe_core_base_patch16_224": EyesConfig(224, 16, 768, 12, 12, 3072),
    "vit_pe_core_large_patch14_336": LARGE,
}


def positions(grid: int, size: int) -> tuple[Tensor, Tensor]:
    """Sine and cosine [n size] that turn numbers of patches: half of them by the column, half by the row, from 1 on."""
    waves = LONGEST_WAVE ** -(torch.arange(size // 4) / (size // 4))
    row, column = torch.meshgrid(torch.arange(grid) + 1.0, torch.arange(grid) + 1.0, indexing="ij")
    angles = torch.stack([column, row], -1).reshape(-1, 2, 1) * waves
    each = angles.flatten(1).repeat_interleave(2, 1)
    return each.sin(), each.cos()


def turned(x: Tensor, sine: Tensor, cosine: Tensor) -> Tensor:
    """Pairs of numbers of patches [... n size], each turned by its angle [n size]; the class is not among them."""
    other = torch.stack([-x[..., 1::2], x[..., ::2]], -1).reshape(x.shape)
    return x * cosine + other * sine


class _Attention(nn.Module):
    """Of all tokens to all; patches know where they are."""

    def __init__(self, config: EyesConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.qkv, self.proj = nn.Linear(config.width, 3 * config.width), nn.Linear(config.width, config.width)

    def forward(self, x: Tensor, sine: Tensor, cosine: Tensor) -> Tensor:
        """[b t d] -> [b t d]."""
        b, t, d = x.shape
        q, k, v = self.qkv(x).reshape(b, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        q, k = (torch.cat([one[:, :, :1], turned(one[:, :, 1:], sine, cosine)], 2) for one in (q, k))
        found: Tensor = self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, t, d))
        return found


class _Layers(nn.Module):
    """Two layers with a GELU between them."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """[... d] -> [... d]."""
        found: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return found


class _Block(nn.Module):
    """Attention and two layers, each added to what it is of."""

    def __init__(self, config: EyesConfig) -> None:
        super().__init__()
        self.norm1, self.norm2 = (nn.LayerNorm(config.width, EPSILON) for _ in range(2))
        self.attn, self.mlp = _Attention(config), _Layers(config.width, config.hidden)

    def forward(self, x: Tensor, sine: Tensor, cosine: Tensor) -> Tensor:
        """[b t d] -> [b t d]."""
        x = x + self.attn(self.norm1(x), sine, cosine)
        return x + self.mlp(self.norm2(x))  # type: ignore[no-any-return]


class _Pool(nn.Module):
    """All tokens summed up by attention from one learned vector."""

    def __init__(self, config: EyesConfig) -> None:
        super().__init__()
        self.heads, width = config.pool_heads, config.width
        self.latent = nn.Parameter(torch.zeros(1, 1, width))
        self.q, self.kv, self.proj = nn.Linear(width, width), nn.Linear(width, 2 * width), nn.Linear(width, width)
        self.norm, self.mlp = nn.LayerNorm(width, EPSILON), _Layers(width, 4 * width)

    def forward(self, x: Tensor) -> Tensor:
        """[b t d] -> [b d]."""
        b, t, d = x.shape
        q = self.q(self.latent.expand(b, -1, -1)).reshape(b, 1, self.heads, -1).transpose(1, 2)
        k, v = self.kv(x).reshape(b, t, 2, self.heads, -1).permute(2, 0, 3, 1, 4)
        y = self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, d))
        return y + self.mlp(self.norm(y))  # type: ignore[no-any-return]


class _Patches(nn.Module):
    """Each patch on its own to a vector."""

    def __init__(self, config: EyesConfig) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, config.width, config.patch, config.patch, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[b 3 h w] -> [b n d]."""
        found: Tensor = self.proj(x).flatten(2).transpose(1, 2)
        return found


class PerceptionEyes(nn.Module):
    """Pictures [b 3 side side], colours in [-1, 1] -> [b out]."""

    def __init__(self, config: EyesConfig = LARGE) -> None:
        super().__init__()
        self.config, width = config, config.width
        self.patch_embed = _Patches(config)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + config.grid**2, width))
        self.norm_pre, self.norm = nn.LayerNorm(width, EPSILON), nn.LayerNorm(width, EPSILON)
        self.blocks = nn.ModuleList(_Block(config) for _ in range(config.depth))
        self.attn_pool = _Pool(config)
        self.head = nn.Linear(width, config.out)

    def forward(self, pictures: Tensor) -> Tensor:
        """[b 3 side side] -> [b out]. Raises ValueError for another size."""
        if pictures.shape[1:] != (3, self.config.side, self.config.side):
            raise ValueError(f"needs pictures [b 3 {self.config.side} {self.config.side}], got {list(pictures.shape)}")
        x = self.patch_embed(pictures)
        x = self.norm_pre(torch.cat([self.cls_token.expand(len(x), -1, -1), x], 1) + self.pos_embed)
        places = positions(self.config.grid, self.config.width // self.config.heads)
        sine, cosine = (each.to(x.device, x.dtype) for each in places)
        for block in self.blocks:
            x = block(x, sine, cosine)
        found: Tensor = self.head(self.attn_pool(self.norm(x)))
        return found
