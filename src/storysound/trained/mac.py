"""Trained models of MAC: weights, and a card beside them that says what they were made with."""

from dataclasses import dataclass
from pathlib import Path

from storysound.match.mac_model import Config, Mac
from storysound.research.mac.features import Experts, Heard, Seen, Sides
from storysound.research.stories.features import Senses
from storysound.trained.cards import StoryCard, load_model
from storysound.weights.resolver import Resolver


@dataclass(frozen=True)
class Card(StoryCard[Config]):
    """What a network was made with."""

    seen: Seen  # what its experts judge
    heard: Heard  # what it matches to that

    @property
    def sides(self) -> Sides:
        """What is matched to what."""
        return Sides(self.seen, self.heard, self.model.experts)


@dataclass(frozen=True)
class Trained:
    """A network with the encoders whose features it knows."""

    network: Mac
    card: Card
    senses: Senses
    experts: Experts


def load_trained(weights_file: Path, weights: Resolver) -> Trained:
    """The model of `best.safetensors`, ready to judge. Raises InputError as `cards.load_model`."""
    network, card, senses = load_model(weights_file, "mac", Card, Config, Mac, lambda known: Senses(known, weights))
    return Trained(network, card, senses, Experts(card.sides, senses))
