"""V-JEPA 2 (Assran et al. 2025, arXiv:2506.09985) through transformers: videos as what comes of them can be told from.

Distances of its kind of features agree with people from fewer videos than FVD does (Luo et al. 2024, arXiv:2410.05203,
"Beyond FVD", who take V-JEPA's and a kernel).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from storysound.encode import hub
from storysound.encode.encoder import Encoding, Modality, Traits
from storysound.encode.pictures import each_video_alone, mean_of, prepared
from storysound.media.arrays import Pixels
from storysound.weights.resolver import Resolver

AT_ONCE = 16  # frames, of the up to 64 that it learned from: as many as VideoMAE and I3D are given
_ROOM = 256 / 224  # of a picture to the square that is looked at
_VERSION = "1"  # of this file: raised whenever the same video would give other numbers
TRAITS = Traits()


class VJepa2:
    """Video encoder: `embedding` [1 d], the mean over places and stretches of 16 frames; d = 1408 for its giant."""

    name = "vjepa2"
    modality: Modality = "video"
    traits = TRAITS
    labels: Mapping[str, tuple[str, ...]] = {}
    frames = AT_ONCE

    def __init__(self, network: Any, revision: str) -> None:
        """`network`: transformers' VJEPA2Model."""
        self.revision = revision
        self.dim: int = network.config.hidden_size
        self._network = network

    def encode(self, items: Sequence[Pixels]) -> list[Encoding]:
        """One vector a video. Raises ValueError for anything but non-empty uint8 [f h w 3]."""
        return each_video_alone(items, lambda video: mean_of(video, self.frames, self._seen))

    def _seen(self, frames: Pixels) -> Tensor:
        """The mean [d] over places of frames [f h w 3]."""
        side = self._network.config.crop_size
        tokens: Tensor = self._network.get_vision_features(prepared(frames, side, int(side * _ROOM))[None])
        return tokens[0].mean(0)


def load(weights: Resolver) -> VJepa2:
    """The encoder. Raises MissingModelError where its weights can't be had, InputError where they are damaged."""
    network = hub.network(weights, "vjepa2", "VJEPA2Model")
    return VJepa2(network, f"{hub.revision(weights, 'vjepa2')}-{_VERSION}")
