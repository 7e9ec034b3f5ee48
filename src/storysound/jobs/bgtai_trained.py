"""Trained models of BGTAI: weights, and a card beside them that says what they were made with."""

from dataclasses import dataclass
from pathlib import Path

from storysound.config import load_profile
from storysound.errors import InputError
from storysound.jobs.cards import read_card, with_weights
from storysound.jobs.sos_features import Senses
from storysound.match.bgtai import BGTAI, Config
from storysound.weights import Resolver

_AGAIN = "train it again with: storysound train bgtai data=… out=…"


@dataclass(frozen=True)
class Card:
    """What a network was made with."""

    model: Config
    profile: str  # whose encoders' features it learned from
    encoders: str  # their revisions
    crop_s: float  # of sound
    held_out: float  # share of the groups it did not learn from
    data: str  # name of the data it did learn from


@dataclass(frozen=True)
class Trained:
    """A network with the encoders whose features it knows."""

    network: BGTAI
    card: Card
    senses: Senses


def load_trained(weights_file: Path, weights: Resolver) -> Trained:
    """The model of `best.safetensors`, ready to judge.

    Raises InputError where weights or card are missing, damaged, or of features that the encoders give no more.
    """
    card = read_card(weights_file, Card, Config, _AGAIN)
    network = with_weights(BGTAI(card.model), weights_file, "bgtai", _AGAIN)
    senses = Senses(load_profile(card.profile), weights)
    if senses.revision() != card.encoders:
        raise InputError(weights_file, "learned from features of other encoders than there are now", _AGAIN)
    return Trained(network, card, senses)
