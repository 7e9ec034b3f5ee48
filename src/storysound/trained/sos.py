"""Trained models of Sound of Story: weights, and a card beside them that says what they were made with."""

from dataclasses import dataclass
from pathlib import Path

from storysound.match.sos_model import Config, SoundOfStory
from storysound.research.stories.features import Senses
from storysound.trained.cards import StoryCard, load_model
from storysound.weights.resolver import Resolver


class Card(StoryCard[Config]):
    """What a network was made with."""


@dataclass(frozen=True)
class Trained:
    """A network with the encoders whose features it knows."""

    network: SoundOfStory
    card: Card
    senses: Senses


def load_trained(weights_file: Path, weights: Resolver) -> Trained:
    """The model of `best.safetensors`, ready to judge. Raises InputError as `cards.load_model`."""
    return Trained(*load_model(weights_file, "sos", Card, Config, SoundOfStory, lambda known: Senses(known, weights)))
