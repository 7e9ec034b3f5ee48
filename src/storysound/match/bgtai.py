"""BGTAI: text, sound and pictures in one space, text and sound by way of their gloss (Fang et al. 2024).

As in UniBriVL, which it grew from, there are two towers: one for language, shared by what is said and what is heard,
and one for images. A gloss is laid beside the sequence it summarises: each of its words is joined by the steps of the
sequence that an alignment selects (Eq. 4), and the tower reads the joined words. Which alignment depends on two parts
that are on or off (figure 2):

- neither ("Base"): every word gets the mean of all steps;
- DS-Net: a learned one (Eq. 3);
- Result Filter: the path of dynamic time warping between gloss and sequence;
- both: DS-Net's, which learns to follow that path (Eq. 5 and 6; `losses.alignment`).

The paper's path runs between a gloss and images in sequence, and is computed before training; where most stories have
one picture or none there is no such path, so here it runs between a gloss and the sequence it came of, for text and
sound alike, as they lie in the common space by then. No gradient flows through it.

Axes: b items, Q words of a gloss, T steps, m pictures, d the width of the common space.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from storysound.losses.alignment import matrix
from storysound.losses.contrastive import LARGEST_SCALE
from storysound.match import dsnet
from storysound.match.dtw import dtw_paths
from storysound.nn.tokens import AddedMap, TemporalEncoder, straight_map, without_padding

Kind = Literal["text", "audio"]
KINDS: tuple[Kind, Kind] = ("text", "audio")


@dataclass(frozen=True)
class Config:
    """Sizes and settings; the paper prints no sizes."""

    text_width: int = 384
    audio_width: int = 905
    frame_width: int = 1792
    gloss_width: int = 384  # of its words, in the space of the text
    width: int = 384  # of the common space
    steps: int = 64  # most steps of a sequence, and words of a gloss
    frames: int = 40  # most pictures
    layers: int = 1  # of each tower
    heads: int = 6
    dropout: float = 0.0  # of features and within the towers
    scale: float = 20.0  # of similarities in the loss, at first
    aligned: bool = False  # features begin with `width` numbers that lie in the common space already; maps add to them
    gloss: bool = True  # False: the language tower reads the sequences themselves
    ds_net: bool = True
    result_filter: bool = True

    def __post_init__(self) -> None:
        widths = (self.text_width, self.audio_width, self.frame_width, self.gloss_width)
        if min(*widths, self.steps, self.frames, self.layers) < 1 or self.width % self.heads:
            raise ValueError(f"needs sizes >= 1 and a width that {self.heads} heads can share, got {self}")
        if self.aligned and min(widths) < self.width:
            raise ValueError(f"features that begin in the common space are as wide as it at least, got {self}")
        if (self.ds_net or self.result_filter) and not self.gloss:
            raise ValueError("DS-Net and Result Filter align a gloss: gloss=false needs both of them off")
        if not (0 <= self.dropout < 1 and 0 < self.scale <= LARGEST_SCALE):
            raise ValueError(f"needs 0 <= dropout < 1 and 0 < scale <= {LARGEST_SCALE:g}, got {self}")

    @classmethod
    def tiny(cls) -> "Config":
        """Small enough for a test to train."""
        return cls(8, 12, 10, 8, width=8, steps=9, frames=4, heads=2)


class GlossedSequences(NamedTuple):
    """Sequences [b T w] and glosses [b Q g] with what is real of them, bool; padding is last, no item is empty."""

    steps: Tensor
    mask: Tensor
    gloss: Tensor
    gloss_mask: Tensor

    def to(self, device: torch.device) -> "GlossedSequences":
        """On another device."""
        return GlossedSequences(*(part.to(device) for part in self))


class TowerOutput(NamedTuple):
    """Unit vectors [b d]; and while DS-Net learns from paths, its alignments [b Q T] and those paths int64 [b L 2]."""

    whole: Tensor
    alignment: Tensor | None = None
    path: Tensor | None = None


class BGTAI(nn.Module):
    """Two towers into one space."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        widths = {
            "text": config.text_width,
            "audio": config.audio_width,
            "frames": config.frame_width,
        } | ({"gloss": config.gloss_width} if config.gloss else {})
        make = AddedMap if config.aligned else straight_map
        self.maps = nn.ModuleDict({name: make(width, config.width) for name, width in widths.items()})
        for name, width in widths.items():
            self.register_buffer(f"{name}_centre", torch.zeros(width))
        self.language_tower, self.image_tower = (
            TemporalEncoder(config.width, room, layers=config.layers, heads=config.heads, dropout=config.dropout)
            for room in (config.steps, config.frames)
        )
        self.ds_net = dsnet.DSNet(dsnet.Config(config.width)) if config.ds_net else None
        self.dropout = nn.Dropout(config.dropout)
        self.log_scale = nn.Parameter(torch.tensor(config.scale).log())

    @property
    def temperature(self) -> Tensor:
        """Of the contrastive loss: 1 / scale, never below 1 / `LARGEST_SCALE`."""
        return 1 / self.log_scale.exp().clamp(max=LARGEST_SCALE)

    def centre(self, **means: Tensor) -> None:
        """Sets the means [width] that `text`, `audio`, `frames` and `gloss` lose: what features of all items share."""
        for name, mean in means.items():
            self.get_buffer(f"{name}_centre").copy_(mean)

    def language(self, kind: Kind, said: GlossedSequences) -> TowerOutput:
        """What is said or heard, in the common space."""
        steps = self._placed(kind, said.steps, said.mask)
        if not self.config.gloss:
            return TowerOutput(self.language_tower(steps, said.mask))
        words = self._placed("gloss", said.gloss, said.gloss_mask)
        learns = self.training and self.ds_net is not None
        path = None
        if self.config.result_filter and (learns or self.ds_net is None):
            path = self._path(words, steps, said)
        alignment = self._alignment(words, steps, said, path)
        # Unit vectors of equal weight: a word and what it stands for.
        joined = F.normalize(words + F.normalize(dsnet.select(steps, alignment), dim=-1), dim=-1)
        whole = self.language_tower(joined, said.gloss_mask)
        return TowerOutput(whole, alignment, path) if learns and path is not None else TowerOutput(whole)

    def images(self, frames: Tensor, mask: Tensor) -> Tensor:
        """Pictures [b m w], bool [b m], of which there is one at least -> unit vectors [b d]."""
        whole: Tensor = self.image_tower(self._placed("frames", frames, mask), mask)
        return whole

    def forward(
        self, said: Mapping[Kind, GlossedSequences], frames: tuple[Tensor, Tensor] | None = None
    ) -> tuple[dict[str, Tensor], dict[Kind, tuple[Tensor, Tensor]]]:
        """Unit vectors [b d] of "text", "audio" and "frames"; DS-Net's alignments of each, with the paths to follow.

        `frames`: pictures [b m w] and which are real, bool [b m].
        """
        spoken = {kind: self.language(kind, each) for kind, each in said.items()}
        found: dict[str, Tensor] = {kind: each.whole for kind, each in spoken.items()}
        if frames is not None:
            found["frames"] = self.images(*frames)
        return found, {
            kind: (each.alignment, each.path)
            for kind, each in spoken.items()
            if each.alignment is not None and each.path is not None
        }

    def _placed(self, name: str, features: Tensor, mask: Tensor) -> Tensor:
        """Features [b n w], bool [b n] -> unit vectors [b n d] of the common space, zeros for padding."""
        features = without_padding(features - self.get_buffer(f"{name}_centre"), mask)
        return F.normalize(self.maps[name](self.dropout(features)), dim=-1)

    def _alignment(self, words: Tensor, steps: Tensor, said: GlossedSequences, path: Tensor | None) -> Tensor:
        """How much of each step [b T d] joins each word [b Q d]: [b Q T], rows of real words sum to 1.

        `path` [b L 2] is followed where there is no DS-Net.
        """
        if self.ds_net is not None:
            found: Tensor = self.ds_net(words, steps, said.gloss_mask, said.mask)
            return found
        if path is None:
            chosen = (said.gloss_mask[..., None] & said.mask[:, None]).to(steps)
        else:
            chosen = matrix(path, words.shape[1], steps.shape[1]).to(steps)
        return F.normalize(chosen, p=1, dim=-1)

    @staticmethod
    def _path(words: Tensor, steps: Tensor, said: GlossedSequences) -> Tensor:
        """The Result Filter: the way int64 [b L 2] through words [b Q d] and steps [b T d] at the highest cosines."""
        cost = 1 - words.detach().float() @ steps.detach().float().transpose(1, 2)
        return dtw_paths(cost, said.gloss_mask.sum(dim=1), said.mask.sum(dim=1)).steps.to(words.device)
