"""ImageBind's sides of picture and sound (Girdhar et al. 2023, arXiv:2305.05665): transformers that end in one space.

Of any size; that of the public weights is read off them (`tower_of`). A picture is a clip of two equal frames there, so
that its stem is that of pictures with both frames' weights added. Axes: b items, c channels, h w height and width, d
numbers of the common space.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Side = Literal["vision", "audio"]
SIDES: tuple[Side, ...] = get_args(Side)
HEAD = {"vision": 80, "audio": 64}  # numbers of a head of attention, which weights don't tell
_STRIDE = {"vision": 14, "audio": 10}


@dataclass(frozen=True)
class TowerConfig:
    """Shape of a side."""

    side: Side
    width: int
    heads: int
    blocks: int
    out: int
    channels: int  # of what comes in
    patch: int
    tokens: int  # with the first, which stands for all


class _Block(nn.Module):
    """A transformer's block, pre-norm."""

    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        width, is_sound = config.width, config.side == "audio"
        self.norm_1, self.norm_2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.attn = nn.MultiheadAttention(width, config.heads, add_bias_kv=is_sound, batch_first=True)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, 4 * width), "fc2": nn.Linear(4 * width, width)})

    def forward(self, x: Tensor) -> Tensor:
        """[b n e] -> [b n e]."""
        normed = self.norm_1(x)
        x = x + self.attn(normed, normed, normed, need_weights=False)[0]
        out: Tensor = x + self.mlp["fc2"](F.gelu(self.mlp["fc1"](self.norm_2(x))))
        return out


class Tower(nn.Module):
    """A side."""

    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        self.config, width = config, config.width
        self.stem = nn.Conv2d(config.channels, width, config.patch, _STRIDE[config.side], bias=False)
        self.stem_norm = nn.LayerNorm(width) if config.side == "audio" else nn.Identity()
        self.first = nn.LayerNorm(width, eps=1e-6) if config.side == "vision" else nn.Identity()
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.place = nn.Parameter(torch.zeros(1, config.tokens, width))
        self.blocks = nn.Sequential(*(_Block(config) for _ in range(config.blocks)))
        self.last, self.out = nn.LayerNorm(width, eps=1e-6), nn.Linear(width, config.out, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Pictures [b 3 h w] or spectrograms [b 1 m t] -> unit vectors [b d]. Raises ValueError for another size."""
        tokens = self.stem_norm(self.stem(x).flatten(2).transpose(1, 2))
        if tokens.shape[1] + 1 != self.config.tokens:
            raise ValueError(f"needs {self.config.tokens - 1} patches, got {tokens.shape[1]} of {list(x.shape)}")
        tokens = torch.cat([self.token.expand(len(x), -1, -1), tokens], dim=1) + self.place
        seen = self.last(self.blocks(self.first(tokens))[:, 0])
        return F.normalize(self.out(seen), dim=-1)


def tower_of(weights: Mapping[str, Tensor], side: Side) -> Tower:
    """A side with its weights, of any shape, by the public names. Raises KeyError and RuntimeError for others."""
    own = _renamed(weights, side)
    width, channels, patch, _ = own["stem.weight"].shape
    heads = max(1, width // HEAD[side])
    blocks = 1 + max(int(name.split(".")[1]) for name in own if name.startswith("blocks."))
    config = TowerConfig(
        side, width, heads, blocks, len(own["out.weight"]), channels, patch, own["place"].shape[1]
    )  # fmt: skip
    tower = Tower(config)
    tower.load_state_dict(own)
    return tower.eval().requires_grad_(False)


def _renamed(weights: Mapping[str, Tensor], side: Side) -> dict[str, Tensor]:
    """Weights of a side, of any shape, by our names."""
    before, trunk, head = f"modality_preprocessors.{side}.", f"modality_trunks.{side}.", f"modality_heads.{side}."
    stem = weights[f"{before}rgbt_stem.proj.{'1.' if side == 'vision' else ''}weight"]
    own = {
        "stem.weight": stem.sum(2) if stem.ndim == 5 else stem,
        "token": weights[f"{before}cls_token"], "place": weights[f"{before}pos_embedding_helper.pos_embed"],
        "out.weight": weights[f"{head}2.weight"],
    }  # fmt: skip
    moved = {f"{before}rgbt_stem.norm_layer.": "stem_norm.", f"{trunk}pre_transformer_layer.0.": "first."}
    moved |= {f"{trunk}blocks.": "blocks.", f"{head}0.": "last."}
    for theirs, ours in moved.items():
        own |= {ours + name.removeprefix(theirs): one for name, one in weights.items() if name.startswith(theirs)}
    return own
