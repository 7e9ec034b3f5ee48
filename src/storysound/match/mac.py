"""MAC's co-attention: how well a video and a sound (or what is said of the video) fit, each seen in the other's light.

Hao et al. 2022, "Listen and Look", section 3.3. Both sides of a pair are N embeddings, one per expert. Each side
attends over the other's, adds what it finds (Eq. 1 and 2), and the pair's score is the weighted mean of the experts'
cosines.
The paper doesn't print its similarity; this is that of Collaborative Experts, from which it descends.

An embedding thus depends on its partner. To attend only within matched pairs would tell who belongs together, so all
pairs of both sides are formed, in training too (erratum 3), and a score depends on its own pair alone.

Axes: q videos, c sounds, n and m experts, d their width, h heads, e = d / h.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

CPU_BLOCK, GPU_BLOCK = 1 << 21, 1 << 27  # numbers in the embeddings of all pairs at work at once


@dataclass(frozen=True)
class Config:
    """Sizes, those of the paper (section 4.2)."""

    dim: int = 768
    heads: int = 4
    layers: int = 1
    experts: int = 4  # embeddings of each side
    co_attention: bool = True  # False: embeddings are compared as they are, for comparison (figure 3)

    def __post_init__(self) -> None:
        if min(self.dim, self.heads, self.layers, self.experts) < 1 or self.dim % self.heads:
            raise ValueError(f"needs positive sizes and a dim that {self.heads} heads can share, got {self}")

    @classmethod
    def tiny(cls) -> "Config":
        """Small enough for a test to train."""
        return cls(dim=16, heads=2, experts=3)


class CoAttentionMatcher(nn.Module):
    """Scores of all pairs of videos and sounds."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.layers = nn.ModuleList(_Layer(config) for _ in range(config.layers if config.co_attention else 0))

    def begin_as_none(self) -> None:
        """Output maps of zeros: at first the scores are those without co-attention, and it is learned on top."""
        for layer in self._layers():
            for stream in (layer.video, layer.audio):
                nn.init.zeros_(stream.out.weight)

    def pair_scores(
        self,
        video: Tensor,
        audio: Tensor,
        *,
        present: Tensor | None = None,
        weights: Tensor | None = None,
        block: int | None = None,
    ) -> Tensor:
        """Score [q c] in [-1, 1] of every video [q n d] with every sound [c n d].

        `present` bool [q n]: which experts a video has (None: all); the others count for nothing. `weights` [q n]: how
        much each expert counts, 1 in sum (None: all that are present alike). `block`: at most so many items of either
        side at once (None: what the cache holds); it changes memory and time only. Differentiable; where there is more
        than one block they are computed again in the backward pass instead of being kept. Raises ValueError for shapes
        that don't fit.

        >>> matcher = CoAttentionMatcher(Config(dim=2, heads=1, experts=1, co_attention=False))
        >>> matcher.pair_scores(torch.tensor([[[3.0, 0.0]]]), torch.tensor([[[1.0, 0.0]], [[0.0, 2.0]]])).tolist()
        [[1.0, 0.0]]
        """
        self._check(video, audio, present, weights)
        if present is None:
            present = torch.ones(video.shape[:2], dtype=torch.bool, device=video.device)
        video = video.masked_fill(~present[..., None], 0.0)
        if weights is None:
            weights = present / present.sum(dim=1, keepdim=True).clamp(min=1)
        if not self.layers:
            weighed = F.normalize(video, dim=-1) * weights[..., None]
            return weighed.flatten(1) @ F.normalize(audio, dim=-1).flatten(1).T
        first = self._layers()[0]
        # What the first layer makes of an item doesn't depend on its partner: it is made once.
        seen, heard = first.prepared(video), first.prepared(audio, turned=True)
        rows, columns = self._block_shape(len(video), len(audio), video.device, block)
        learns = torch.is_grad_enabled()
        again = learns and not (rows >= len(video) and columns >= len(audio))  # a single block is kept
        result = None if learns else video.new_empty(len(video), len(audio))  # small pieces would litter memory
        strips = []
        heard_blocks = list(zip(*(torch.split(part, columns) for part in heard), strict=True))
        seen_blocks = zip(*(torch.split(part, rows) for part in seen), strict=True)
        sides = zip(seen_blocks, torch.split(present, rows), torch.split(weights, rows), strict=True)
        for i, (own, keep, weight) in enumerate(sides):
            calls = [(_Side(*own), _Side(*others), keep, weight) for others in heard_blocks]
            if result is None:
                strip = [checkpoint(self._pairs, *c, use_reentrant=False) if again else self._pairs(*c) for c in calls]
                strips.append(torch.cat(strip, dim=1))
                continue
            for k, call in enumerate(calls):
                result[i * rows : (i + 1) * rows, k * columns : (k + 1) * columns] = self._pairs(*call)
        return torch.cat(strips) if result is None else result

    def _pairs(self, seen: "_Side", heard: "_Side", present: Tensor, weights: Tensor) -> Tensor:
        """Scores [q c] of one block of pairs; `present` and `weights` [q n]."""
        keep = present[:, None]  # [q 1 n]
        first, *rest = self._layers()
        video, audio = first.joined(seen.of_rows(), heard.of_columns(), keep)
        for layer in rest:
            video, audio = layer(video, audio, keep)
        scores: Tensor = (F.cosine_similarity(video, audio, dim=-1) * weights[:, None]).sum(dim=-1)
        return scores

    def _layers(self) -> "list[_Layer]":
        return list(self.layers)  # type: ignore[arg-type]

    def _block_shape(self, q: int, c: int, device: torch.device, block: int | None) -> tuple[int, int]:
        """Videos and sounds per block."""
        if block is not None:
            if block < 1:
                raise ValueError(f"a block holds at least one item, got {block}")
            return block, block
        budget = CPU_BLOCK if device.type == "cpu" else GPU_BLOCK
        pairs = max(1, budget // (self.config.experts * self.config.dim))
        columns = max(1, min(c, pairs))
        return max(1, min(q, pairs // columns)), columns

    def _check(self, video: Tensor, audio: Tensor, present: Tensor | None, weights: Tensor | None) -> None:
        """Raises ValueError unless sides are [q n d] and [c n d], `present` and `weights` [q n].

        Other shapes would give a wrong number without a word.
        """
        wanted = (self.config.experts, self.config.dim)
        for side in (video, audio):
            if side.ndim != 3 or side.shape[1:] != wanted or not len(side):
                raise ValueError(f"needs videos and sounds [.. {wanted[0]} {wanted[1]}], got {list(side.shape)}")
        for name, given in (("present", present), ("weights", weights)):
            if given is not None and given.shape != video.shape[:2]:
                raise ValueError(f"{name} is {list(video.shape[:2])}, got {list(given.shape)}")


class _Side(NamedTuple):
    """Embeddings [b n d] of one side, and what they ask [b n h e] and offer [b n h e], [b n h d] in the first layer."""

    embeddings: Tensor
    queries: Tensor
    keys: Tensor
    values: Tensor

    def of_rows(self) -> "_Side":
        """With an axis of 1 for the other side's items: [b 1 ..]."""
        return _Side(*(part[:, None] for part in self))

    def of_columns(self) -> "_Side":
        """The same: [1 b ..]."""
        return _Side(*(part[None] for part in self))


class _Layer(nn.Module):
    """Both streams of one layer."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.video = _Attention(config.dim, config.heads)  # video asks, sound answers: Eq. 1
        self.audio = _Attention(config.dim, config.heads)  # and the other way round: Eq. 2

    def prepared(self, items: Tensor, *, turned: bool = False) -> _Side:
        """What one side [.. n d] asks in its own stream and offers in the other; `turned`: the side of sound."""
        own, other = (self.audio, self.video) if turned else (self.video, self.audio)
        return _Side(items, own.asked(items), *other.offered(items))

    def joined(self, video: _Side, audio: _Side, keep: Tensor) -> tuple[Tensor, Tensor]:
        """Both sides of all pairs [q c n d]. `keep` [q 1 n]: experts the sound may attend to."""
        seen = self.video.attended(video.queries, audio.keys, audio.values)
        heard = self.audio.attended(audio.queries, video.keys, video.values, keep)
        return video.embeddings + seen, audio.embeddings + heard  # the residual sums

    def forward(self, video: Tensor, audio: Tensor, keep: Tensor) -> tuple[Tensor, Tensor]:
        """A later layer: sides [q c n d] that depend on their partner already; `keep` [q 1 n] as `joined`."""
        return self.joined(self.prepared(video), self.prepared(audio, turned=True), keep)


class _Attention(nn.Module):
    """Multi-headed scaled dot-product attention (Vaswani et al. 2017, section 3.2) over sides of all pairs."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(dim, dim) for _ in range(4))
        for part in (self.query, self.key, self.value, self.out):
            nn.init.xavier_uniform_(part.weight)
            nn.init.zeros_(part.bias)

    def asked(self, x: Tensor) -> Tensor:
        """[.. n d] -> [.. n h e], over the root of e."""
        split: Tensor = self._by_head(self.query(x))
        return split / math.sqrt(split.shape[-1])

    def offered(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Of [.. n d], keys [.. n h e] and values [.. n h d].

        Values have passed the output map, head by head: it is linear, and so it is applied once an item and not once
        a pair.
        """
        keys, values = self._by_head(self.key(x)), self._by_head(self.value(x))
        return keys, torch.einsum("...he,dhe->...hd", values, self._by_head(self.out.weight))

    def _by_head(self, x: Tensor) -> Tensor:
        """[.. d] -> [.. h e]."""
        return x.view(*x.shape[:-1], self.heads, -1)

    def attended(self, queries: Tensor, keys: Tensor, values: Tensor, keep: Tensor | None = None) -> Tensor:
        """Queries [q c n h e], keys [q c m h e], values [q c m h d] -> [q c n d].

        Each side's axis of the other's items may be 1. `keep` [q c m]: what can be attended to.
        """
        logits = torch.einsum("qcnhe,qcmhe->qcnhm", queries, keys)
        if keep is not None:
            logits = logits.masked_fill(~keep[:, :, None, None], torch.finfo(logits.dtype).min)
        return torch.einsum("qcnhm,qcmhd->qcnd", logits.softmax(dim=-1), values) + self.out.bias
