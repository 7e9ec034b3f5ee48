"""Trained models of MAC: weights, and a card beside them that says what they were made with."""

from dataclasses import dataclass
from pathlib import Path

from storysound.config import load_profile
from storysound.errors import InputError
from storysound.jobs.cards import read_card, with_weights
from storysound.jobs.mac_features import Experts, Heard, Seen, Sides
from storysound.jobs.sos_features import Senses
from storysound.match.mac_model import Config, Mac
from storysound.weights import Resolver

_AGAIN = "train it again with: storysound train mac data=… out=…"


@dataclass(frozen=True)
class Card:
    """What a network was made with."""

    model: Config
    seen: Seen  # what its experts judge
    heard: Heard  # what it matches to that
    profile: str  # whose encoders' features it learned from
    encoders: str  # their revisions
    crop_s: float  # of sound
    held_out: float  # share of the groups it did not learn from
    data: str  # name of the data it did learn from

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
    """The model of `best.safetensors`, ready to judge.

    Raises InputError where weights or card are missing, damaged, or of features that the encoders give no more.
    """
    card = read_card(weights_file, Card, Config, _AGAIN)
    network = with_weights(Mac(card.model), weights_file, "mac", _AGAIN)
    senses = Senses(load_profile(card.profile), weights)
    if senses.revision() != card.encoders:
        raise InputError(weights_file, "learned from features of other encoders than there are now", _AGAIN)
    return Trained(network, card, senses, Experts(card.sides, senses))
