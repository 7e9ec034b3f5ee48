"""A small text encoder that learns with the network it tells: words of a closed vocabulary, in their order.

Axes: b texts, k words, d numbers of a word.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class WordEncoderConfig:
    """Shape of the network."""

    words: int  # of the vocabulary
    longest: int = 16  # words of a text
    width: int = 128
    layers: int = 2
    heads: int = 4

    def __post_init__(self) -> None:
        if min(self.words, self.longest, self.width, self.layers, self.heads) < 1 or self.width % self.heads:
            raise ValueError(f"needs sizes of at least 1 and heads that divide the width, got {self}")


class WordEncoder(nn.Module):
    """Numbers of words [b k], 0 where there is none, to tokens [b k d]; a transformer (Vaswani et al. 2017)."""

    def __init__(self, config: WordEncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.word = nn.Embedding(config.words + 1, config.width)
        self.place = nn.Parameter(0.02 * torch.randn(config.longest, config.width))
        layer = nn.TransformerEncoderLayer(
            config.width, config.heads, 4 * config.width, 0.0, "gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(
            layer, config.layers, nn.LayerNorm(config.width), enable_nested_tensor=False
        )  # fmt: skip

    def forward(self, ids: Tensor) -> Tensor:
        """[b k] -> [b k d]. Raises ValueError for more words than the longest text has."""
        if ids.shape[1] > self.config.longest:
            raise ValueError(f"texts have at most {self.config.longest} words, got {ids.shape[1]}")
        tokens: Tensor = self.layers(self.word(ids) + self.place[: ids.shape[1]])
        return tokens
