"""Sequences of features brought into a common space and to one vector, changed as little as what is learned demands.

Axes: b items, n tokens, d the width of the common space.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def without_padding(tokens: Tensor, mask: Tensor | None) -> Tensor:
    """Zeros for padding, whatever stood there, NaN included: [b n d], bool [b n] (None: all are real)."""
    return tokens if mask is None else tokens.masked_fill(~mask[..., None], 0.0)


def masked_mean(tokens: Tensor, mask: Tensor | None = None) -> Tensor:
    """L2-normalised mean of the real tokens: [b n d], [b n] -> [b d]."""
    return F.normalize(without_padding(tokens, mask).sum(1), dim=-1)


def straight_map(width: int, common: int) -> nn.Linear:
    """A learned map that changes no angle at first: the identity where it can be, else orthogonal."""
    linear = nn.Linear(width, common, bias=False)
    (nn.init.eye_ if width == common else nn.init.orthogonal_)(linear.weight)
    return linear


class AddedMap(nn.Module):
    """A learned map that is added to features which lie in the common space already: nothing at first."""

    def __init__(self, width: int, common: int) -> None:
        super().__init__()
        self.common = common
        self.weight = nn.Parameter(torch.zeros(common, width))

    def forward(self, features: Tensor) -> Tensor:
        """[.. width] -> [.. common]. Weight decay pulls towards the features as they came."""
        return features[..., : self.common] + F.linear(features, self.weight)


class TemporalEncoder(nn.Module):
    """One vector for a sequence (X-CLIP's "seqTransf"): residual, then the masked mean of unit vectors.

    Each layer ends in zeros at first, so that an untrained one takes the mean (a deviation from X-CLIP, which starts at
    random).
    """

    def __init__(self, width: int, room: int, *, layers: int, heads: int, dropout: float = 0.0) -> None:
        """`room`: tokens at most."""
        super().__init__()
        self.position = nn.Parameter(0.02 * torch.randn(room, width))
        layer = nn.TransformerEncoderLayer(width, heads, 4 * width, dropout, "gelu", batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        for name, weight in self.layers.named_parameters():
            if name.rsplit(".", 2)[-2] in ("out_proj", "linear2"):
                nn.init.zeros_(weight)

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """Unit vectors [b n d], bool [b n] -> unit vectors [b d]."""
        loud = tokens * tokens.shape[-1] ** 0.5  # about 1 in each axis, as in CLIP: positions shall not drown them
        hidden = self.layers(
            loud + self.position[: tokens.shape[1]], src_key_padding_mask=None if mask is None else ~mask
        )
        return masked_mean(F.normalize(loud + hidden, dim=-1), mask)
