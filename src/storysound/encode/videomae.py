"""VideoMAE (Tong et al. 2022, arXiv:2203.12602) through transformers: videos as what it tells Kinetics' classes from.

It stands for I3D in a Fréchet distance of videos, where it tells apart how things move more than how frames look (Ge et
al. 2024, "On the Content Bias in Fréchet Video Distance").
"""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from storysound.encode import hub
from storysound.encode.encoder import Encoding, Modality, Traits
from storysound.encode.pictures import each_video_alone, mean_of, prepared
from storysound.media.arrays import Pixels
from storysound.weights.resolver import Resolver

_VERSION = "1"  # of this file: raised whenever the same video would give other numbers
TRAITS = Traits()


class VideoMae:
    """Video encoder: `embedding` [1 d], the mean over stretches of 16 frames; d = 768 for its base."""

    name = "videomae"
    modality: Modality = "video"
    traits = TRAITS
    labels: Mapping[str, tuple[str, ...]] = {}

    def __init__(self, network: Any, revision: str) -> None:
        """`network`: transformers' VideoMAEForVideoClassification."""
        self.revision = revision
        self.frames: int = network.config.num_frames  # that it looks at at once
        self.dim: int = network.config.hidden_size
        self._network = network

    def encode(self, items: Sequence[Pixels]) -> list[Encoding]:
        """One vector a video. Raises ValueError for anything but non-empty uint8 [f h w 3]."""
        return each_video_alone(items, lambda video: mean_of(video, self.frames, self._seen))

    def _seen(self, frames: Pixels) -> Tensor:
        """The vector [d] before the classes, of as many frames [f h w 3] as it takes."""
        pixels = prepared(frames, self._network.config.image_size)
        tokens = self._network.videomae(pixels[None]).last_hidden_state
        norm = self._network.fc_norm
        vector: Tensor = (tokens[:, 0] if norm is None else norm(tokens.mean(1)))[0]
        return vector


def load(weights: Resolver) -> VideoMae:
    """The encoder. Raises MissingModelError where its weights can't be had, InputError where they are damaged."""
    network = hub.network(weights, "videomae", "VideoMAEForVideoClassification")
    return VideoMae(network, f"{hub.revision(weights, 'videomae')}-{_VERSION}")
