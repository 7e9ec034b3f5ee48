"""Trained models of Sound of Story: weights, and a card beside them that says what they were made with."""

from dataclasses import dataclass
from pathlib import Path

from storysound.encode.features import StoryEncoder
from storysound.encode.pool import Models
from storysound.match.sos_model import Config, SoundOfStory
from storysound.trained.cards import StoryCard, load_model


class SosCard(StoryCard[Config]):
    """What a network was made with."""


@dataclass(frozen=True)
class SosModel:
    """A network with the encoders whose features it knows."""

    network: SoundOfStory
    card: SosCard
    encoder: StoryEncoder


def load_trained(weights_file: Path, models: Models) -> SosModel:
    """The model of `best.safetensors`, ready to judge. Raises InputError as `cards.load_model`."""
    return SosModel(
        *load_model(weights_file, "sos", SosCard, Config, SoundOfStory, lambda known: StoryEncoder(models, known))
    )
