"""Sequences and vectors brought to one length and one space: NetVLAD and the gated embedding unit.

Axes: b items, t tokens, d their width, k clusters.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class NetVlad(nn.Module):
    """Sums of how tokens differ from the centres of their clusters (Arandjelovic et al. 2016, "NetVLAD", eq. 4).

    Ghost clusters (Zhong et al. 2018, "GhostVLAD") take tokens in that say nothing and are left out of the result.
    Each cluster's sum is brought to length 1, then the whole. Public code of Collaborative Experts puts a batch norm
    on the assignments; here there is none, for with it an item would depend on the others of its batch.
    """

    def __init__(self, width: int, clusters: int, ghosts: int = 0) -> None:
        super().__init__()
        if min(width, clusters) < 1 or ghosts < 0:
            raise ValueError(f"needs width and clusters >= 1 and ghosts >= 0, got {width}, {clusters}, {ghosts}")
        self.assign = nn.Linear(width, clusters + ghosts)
        self.centres = nn.Parameter(width**-0.5 * torch.randn(clusters, width))
        self.out_width = clusters * width

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """[b t d], bool [b t] (True: real; None: all are) -> [b k·d], length 1; zeros for an item without tokens."""
        if mask is not None:
            tokens = tokens.masked_fill(~mask[..., None], 0.0)
        shares = self.assign(tokens).softmax(dim=-1)[..., : len(self.centres)]
        if mask is not None:
            shares = shares * mask[..., None]
        sums = shares.transpose(1, 2) @ tokens - shares.sum(dim=1)[..., None] * self.centres
        return F.normalize(F.normalize(sums, dim=-1).flatten(1), dim=-1)


class GatedEmbedding(nn.Module):
    """Linear, context gating, L2 (Miech et al. 2018, "Mixture of Embedding Experts", eq. 1-3): [.. d] -> [.. e]."""

    def __init__(self, width: int, out_width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, out_width)
        self.gate = nn.Linear(out_width, out_width)

    def forward(self, x: Tensor) -> Tensor:
        """Vectors of length 1."""
        y = self.linear(x)
        return F.normalize(y * self.gate(y).sigmoid(), dim=-1)
