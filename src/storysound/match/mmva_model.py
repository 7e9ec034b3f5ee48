"""MMVA's network (Choi et al. 2025, "Architectures", figure 2): features of three modalities in, moods and a match out.

Seven modules: an encoder and a predictor of valence and arousal for each modality, and a predictor of the matching
score of a picture, a piece of music and its caption. The large encoders stand outside, so that it trains on cached
features; what it learns of them is how their layers add up and a map into the common width.

Known deviations. The convolution over layers has one weight a layer (kernel 1; the paper does not say) and starts as
their mean. Pictures whose features are not of the common width get a map too: CLIP's, the paper's, need none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

Modality = Literal["image", "music", "text"]
MODALITIES: tuple[Modality, Modality, Modality] = ("image", "music", "text")
BERT_LAYERS = 13  # hidden states of a base model: 12 blocks, and the embeddings before them


@dataclass(frozen=True)
class Config:
    """Sizes and settings; by default the paper's."""

    image_width: int = 512  # CLIP ViT-B/32's class token, projected
    music_width: int = 768  # MERT-95M
    text_width: int = 768  # RoBERTa-base
    music_layers: int = BERT_LAYERS  # hidden states that are offered; 1 for encoders with none but their last
    text_layers: int = BERT_LAYERS
    width: int = 512  # of each modality's embedding
    hidden: int = 512  # of the predictors
    dropout: float = 0.5  # in the predictors
    similarity: bool = True  # the predictor of the matching score; False: the paper's second ablation

    def __post_init__(self) -> None:
        sizes = (*self.widths.values(), self.music_layers, self.text_layers, self.width, self.hidden)
        if min(sizes) < 1 or not 0 <= self.dropout < 1:
            raise ValueError(f"needs sizes of 1 at least and 0 <= dropout < 1, got {self}")

    @property
    def widths(self) -> Mapping[Modality, int]:
        """Of the features, by modality."""
        return {"image": self.image_width, "music": self.music_width, "text": self.text_width}

    @property
    def layers(self) -> Mapping[Modality, int]:
        """Of the features, by modality."""
        return {"image": 1, "music": self.music_layers, "text": self.text_layers}

    @classmethod
    def tiny(cls, *, similarity: bool = True) -> "Config":
        """Small enough for a test to train."""
        return cls(9, 10, 8, 3, 2, width=8, hidden=12, dropout=0.1, similarity=similarity)


class Predictions(NamedTuple):
    """Valence and arousal [b 2] of each modality, and the matching score [b] of picture, music and caption.

    All in [0, 1]. `matching` is None in a network without a similarity predictor.
    """

    image: Tensor
    music: Tensor
    text: Tensor
    matching: Tensor | None


class MMVA(nn.Module):
    """Moods of pictures, music and captions, and how well they match."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.encoders = nn.ModuleDict({name: _encoder(config, name) for name in MODALITIES})
        self.moods = nn.ModuleDict({name: predictor(config.width, 2, config) for name in MODALITIES})
        self.match = predictor(len(MODALITIES) * config.width, 1, config) if config.similarity else None

    def embed(self, modality: Modality, features: Tensor) -> Tensor:
        """Features of hidden layers [b l d] -> z [b width] (pictures have one layer)."""
        z: Tensor = self.encoders[modality](features)
        return z

    def mood(self, modality: Modality, features: Tensor) -> Tensor:
        """Valence and arousal of features [b l d]: [b 2] in [0, 1]."""
        return self._mood(modality, self.embed(modality, features))

    def matching(self, image: Tensor, music: Tensor, text: Tensor) -> Tensor:
        """Matching scores of embeddings [b width]: [b] in [0, 1]. Raises ValueError without similarity predictor."""
        if self.match is None:
            raise ValueError("this network was made without a similarity predictor")
        score: Tensor = self.match(torch.cat([image, music, text], dim=-1))
        return score[:, 0]

    def forward(self, image: Tensor, music: Tensor, text: Tensor) -> Predictions:
        """Features [b l d] of triples, one of each modality."""
        z = (self.embed("image", image), self.embed("music", music), self.embed("text", text))
        seen, heard, said = (self._mood(name, part) for name, part in zip(MODALITIES, z, strict=True))
        return Predictions(seen, heard, said, None if self.match is None else self.matching(*z))

    def _mood(self, modality: Modality, z: Tensor) -> Tensor:
        """An embedding [b width] -> [b 2]."""
        mood: Tensor = self.moods[modality](z)
        return mood


class Layers(nn.Module):
    """Hidden layers [b l d] -> [b width]: a convolution over the layers, then a linear map."""

    def __init__(self, layers: int, width: int, common: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(layers, 1, 1)
        nn.init.constant_(self.convolution.weight, 1 / layers)
        nn.init.zeros_(self.convolution.bias)  # type: ignore[arg-type]
        self.linear = nn.Linear(width, common)

    def forward(self, features: Tensor) -> Tensor:
        """[b l d] -> [b common]."""
        z: Tensor = self.linear(self.convolution(features)[:, 0])
        return z


def predictor(width: int, outputs: int, config: Config) -> nn.Sequential:
    """The head that all predictors share, as printed."""
    return nn.Sequential(
        nn.Linear(width, config.hidden), nn.ReLU(), nn.LayerNorm(config.hidden), nn.Dropout(config.dropout),
        nn.Linear(config.hidden, config.hidden), nn.ReLU(), nn.LayerNorm(config.hidden), nn.Dropout(config.dropout),
        nn.Linear(config.hidden, outputs), nn.Sigmoid(),
    )  # fmt: skip


def _encoder(config: Config, modality: Modality) -> nn.Module:
    """Of pictures: nothing where their features are the embedding already, as CLIP's class token is."""
    if modality == "image":
        same = config.image_width == config.width
        return nn.Sequential(nn.Flatten(), nn.Identity() if same else nn.Linear(config.image_width, config.width))
    return Layers(config.layers[modality], config.widths[modality], config.width)
