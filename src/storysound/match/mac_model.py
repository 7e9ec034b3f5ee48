"""MAC's network (Hao et al. 2022, figure 1): what experts say of a video, and what is heard or told, in; scores out.

The encoders stand outside and stay as they are (section 4.2). Video: each expert's features are aggregated over time,
by their mean or by NetVLAD, and projected to one width; two layers say how much each expert counts. Sound: the vectors
of a description's words, or the features of a sound itself (erratum 1), become one vector by NetVLAD, and that an
embedding per expert by gated embedding units. `storysound.match.mac` scores the pairs.

Axes: b items, t tokens, n experts, d the common width.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from storysound.match import mac
from storysound.nn.vlad import GatedEmbedding, NetVlad

WORD_CLUSTERS, WORD_GHOSTS = 20, 1  # of NetVLAD over words: Collaborative Experts (erratum 4), as are those of sound
SOUND_CLUSTERS = 16


@dataclass(frozen=True)
class Config:
    """Sizes and settings; those of the paper where it or Collaborative Experts says them."""

    experts: tuple[str, ...] = ("scene", "object", "action", "sound")
    widths: tuple[int, ...] = (2208, 2048, 1024, 128)  # of their features
    vlad: tuple[str, ...] = ("sound",)  # experts that NetVLAD aggregates; the others' features are averaged
    heard_width: int = 768  # of the features of words or of a sound
    heard_clusters: int = WORD_CLUSTERS
    heard_ghosts: int = WORD_GHOSTS
    dim: int = 768
    heads: int = 4
    layers: int = 1
    co_attention: bool = True
    dropout: float = 0.0  # of aggregated features

    def __post_init__(self) -> None:
        if (
            not self.experts
            or "heard" in self.experts
            or len(self.experts) != len(self.widths)
            or len(set(self.experts)) != len(self.experts)
        ):
            raise ValueError(f"needs experts of different names and a width of each, got {self.experts}, {self.widths}")
        if unknown := set(self.vlad) - set(self.experts):
            raise ValueError(f"vlad names {', '.join(sorted(unknown))}, the experts are {', '.join(self.experts)}")
        if min(*self.widths, self.heard_width) < 1 or not 0 <= self.dropout < 1:
            raise ValueError(f"needs widths >= 1 and 0 <= dropout < 1, got {self}")

    @property
    def matcher(self) -> mac.Config:
        """Of the pairs."""
        return mac.Config(self.dim, self.heads, self.layers, len(self.experts), self.co_attention)

    @classmethod
    def tiny(cls) -> "Config":
        """Small enough for a test to train."""
        return cls(("scene", "action", "sound"), (8, 6, 10), ("sound",), 7, 3, 1, dim=16, heads=2)


class Tokens(NamedTuple):
    """Features of items in order of time: `values` [b t d] and what is real, bool [b t]; an item may have none."""

    values: Tensor
    mask: Tensor

    def to(self, device: torch.device) -> "Tokens":
        """On another device."""
        return Tokens(self.values.to(device), self.mask.to(device))


class VideoEmbeddings(NamedTuple):
    """Videos: `embeddings` [b n d], bool [b n] which experts are `present`, [b n] how much each counts."""

    embeddings: Tensor
    present: Tensor
    weights: Tensor


class Mac(nn.Module):
    """Scores of videos against sounds."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        parts = dict(zip(config.experts, config.widths, strict=True))
        self.aggregates = nn.ModuleDict({name: NetVlad(parts[name], SOUND_CLUSTERS) for name in config.vlad})
        self.projections = nn.ModuleDict(
            {
                name: nn.Linear(SOUND_CLUSTERS * width if name in config.vlad else width, config.dim)
                for name, width in parts.items()
            }
        )
        # "Two successive fully-connected layers": over all experts at once, so that each is weighed beside the others.
        self.weigh = nn.Sequential(
            nn.Linear(len(parts) * config.dim, config.dim), nn.ReLU(), nn.Linear(config.dim, len(parts))
        )
        self.listen = NetVlad(config.heard_width, config.heard_clusters, config.heard_ghosts)
        self.gates = nn.ModuleDict({name: GatedEmbedding(self.listen.out_width, config.dim) for name in parts})
        self.matcher = mac.CoAttentionMatcher(config.matcher)
        self.matcher.begin_as_none()  # a deviation: started at random it learns a small set by heart, docs/RESULTS.md
        self.dropout = nn.Dropout(config.dropout)
        for name, width in (*parts.items(), ("heard", config.heard_width)):
            self.register_buffer(f"{name}_centre", torch.zeros(width))

    def centre(self, **means: Tensor) -> None:
        """Sets the means [width] that the features of an expert, or those `heard`, lose.

        Encoders' features of different items mostly share one direction, which says nothing.
        """
        for name, mean in means.items():
            self.get_buffer(f"{name}_centre").copy_(mean)

    def video(self, experts: Mapping[str, Tokens]) -> VideoEmbeddings:
        """What all experts say of b videos. An expert that says nothing of a video is missing there.

        Missing experts are left out and the weights of the others sum to 1 (erratum 4); a video without any gets
        weights of 0, and with them scores of 0.
        """
        present = torch.stack([experts[name].mask.any(dim=1) for name in self.config.experts], dim=1)
        rows = [self._expert(name, experts[name]) for name in self.config.experts]
        embeddings = torch.stack(rows, dim=1) * present[..., None]
        logits = self.weigh(embeddings.flatten(1)).masked_fill(~present, torch.finfo(embeddings.dtype).min)
        return VideoEmbeddings(embeddings, present, logits.softmax(dim=1) * present)

    def audio(self, heard: Tokens) -> Tensor:
        """Words or sounds: an embedding per expert [b n d], each of length 1."""
        whole = self.dropout(self.listen(self._features("heard", heard), heard.mask))
        return torch.stack([self.gates[name](whole) for name in self.config.experts], dim=1)

    def scores(self, seen: VideoEmbeddings, heard: Tensor, *, block: int | None = None) -> Tensor:
        """[q c] in [-1, 1] of what `video` and `audio` ([c n d]) returned, all pairs."""
        return self.matcher.pair_scores(seen.embeddings, heard, present=seen.present, weights=seen.weights, block=block)

    def forward(self, experts: Mapping[str, Tokens], heard: Tokens) -> Tensor:
        """Scores [b b] of a batch, all pairs."""
        return self.scores(self.video(experts), self.audio(heard))

    def _expert(self, name: str, tokens: Tokens) -> Tensor:
        """[b t width] -> [b d], length 1: as long as what comes from the other side."""
        features = self._features(name, tokens)
        if name in self.config.vlad:
            whole = self.aggregates[name](features, tokens.mask)
        else:
            whole = features.sum(dim=1) / tokens.mask.sum(dim=1, keepdim=True).clamp(min=1)
        return F.normalize(self.projections[name](self.dropout(whole)), dim=-1)

    def _features(self, name: str, tokens: Tokens) -> Tensor:
        """Without their mean, zeros where nothing is real."""
        centred: Tensor = tokens.values - self.get_buffer(f"{name}_centre")
        return centred.masked_fill(~tokens.mask[..., None], 0.0)
