"""Trained models of BGTAI: weights, and a card beside them that says what they were made with."""

from dataclasses import dataclass
from pathlib import Path

from storysound.encode.features import StoryEncoder
from storysound.encode.pool import Models
from storysound.match.bgtai import BGTAI, Config
from storysound.trained.cards import StoryCard, load_model


class BgtaiCard(StoryCard[Config]):
    """What a network was made with."""


@dataclass(frozen=True)
class BgtaiModel:
    """A network with the encoders whose features it knows."""

    network: BGTAI
    card: BgtaiCard
    encoder: StoryEncoder


def load_trained(weights_file: Path, models: Models) -> BgtaiModel:
    """The model of `best.safetensors`, ready to judge. Raises InputError as `cards.load_model`."""
    return BgtaiModel(
        *load_model(weights_file, "bgtai", BgtaiCard, Config, BGTAI, lambda known: StoryEncoder(models, known))
    )
