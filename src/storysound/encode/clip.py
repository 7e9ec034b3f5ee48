"""CLIP's eyes: pictures as points of the space in which CLIP's sentences lie (`clip_text`).

ViT-B/32 of Radford et al. 2021 (arXiv:2103.00020), through transformers.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from storysound.encode import hub
from storysound.encode.encoder import Encoding, Modality, Traits
from storysound.encode.pictures import each_alone, square
from storysound.media.arrays import Pixels
from storysound.weights.resolver import Resolver

MEAN, SPREAD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)  # of CLIP's training pictures
_VERSION = "1"  # of this file: raised whenever the same picture would give other numbers
TRAITS = Traits(space="clip_text", temperature=0.01)  # the temperature that CLIP was trained to


def prepare(picture: Pixels, side: int) -> Tensor:
    """[h w 3] uint8 -> [3 side side]: the shorter side scaled to `side` (bicubic), the middle square, normalised."""
    colours = square(picture, side, Image.Resampling.BICUBIC)
    return torch.from_numpy((colours - np.array(MEAN, np.float32)) / np.array(SPREAD, np.float32)).permute(2, 0, 1)


class Clip:
    """Picture encoder: `embedding` [1 d], length 1; d = 512 for ViT-B/32."""

    name = "clip"
    modality: Modality = "image"
    traits = TRAITS
    labels: Mapping[str, tuple[str, ...]] = {}

    def __init__(self, network: Any, revision: str) -> None:
        """`network`: transformers' CLIPVisionModelWithProjection."""
        self.revision = revision
        self.dim: int = network.config.projection_dim
        self._network = network

    def encode(self, items: Sequence[Pixels]) -> list[Encoding]:
        """One unit vector a picture. Raises ValueError for anything but non-empty uint8 [h w 3]."""
        return each_alone(items, self._seen)

    def _seen(self, picture: Pixels) -> Encoding:
        """Of a picture uint8 [h w 3]."""
        pixels = prepare(picture, self._network.config.image_size)
        return Encoding(F.normalize(self._network(pixel_values=pixels[None]).image_embeds, dim=-1).numpy())


def load(weights: Resolver) -> Clip:
    """The encoder. Raises MissingModelError where its weights can't be had, InputError where they are damaged."""
    network = hub.network(weights, "clip", "CLIPVisionModelWithProjection")
    return Clip(network, f"{hub.revision(weights, 'clip')}-{_VERSION}")
