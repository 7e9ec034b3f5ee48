"""Trained models of MAC: weights, and a card beside them that says what they were made with."""

from dataclasses import dataclass
from pathlib import Path

from storysound.encode.features import StoryEncoder
from storysound.encode.pool import Models
from storysound.match.mac_experts import Experts, HeardSide, SeenSide, Sides
from storysound.match.mac_model import Config, Mac
from storysound.trained.cards import StoryCard, load_model


@dataclass(frozen=True)
class MacCard(StoryCard[Config]):
    """What a network was made with."""

    seen: SeenSide  # what its experts judge
    heard: HeardSide  # what it matches to that

    @property
    def sides(self) -> Sides:
        """What is matched to what."""
        return Sides(self.seen, self.heard, self.model.experts)


@dataclass(frozen=True)
class MacModel:
    """A network with the encoders whose features it knows."""

    network: Mac
    card: MacCard
    encoder: StoryEncoder
    experts: Experts


def load_trained(weights_file: Path, models: Models) -> MacModel:
    """The model of `best.safetensors`, ready to judge. Raises InputError as `cards.load_model`."""
    network, card, encoder = load_model(
        weights_file, "mac", MacCard, Config, Mac, lambda known: StoryEncoder(models, known)
    )
    return MacModel(network, card, encoder, Experts(card.sides, encoder))
