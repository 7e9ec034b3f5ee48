"""Trained models of MMVA: weights, and a card beside them that says what they were made with."""

from dataclasses import dataclass
from pathlib import Path

from storysound.match.mmva_model import MMVA, Config
from storysound.research.mmva.features import Towers
from storysound.trained.cards import load_model
from storysound.weights.resolver import Resolver


@dataclass(frozen=True)
class Card:
    """What a network was made with."""

    model: Config
    profile: str  # whose encoders' features it learned from
    encoders: str  # their revisions
    matching: str  # how pictures met music: random, or fixed pairs
    sigma: float  # of Eq. 1
    data: str  # name of the set it learned from
    parts: str  # which of its files were learned from: `mmva_set.parts_sha`
    usual: dict[str, float]  # means of the labels it learned from, by task of the evaluation


@dataclass(frozen=True)
class Trained:
    """A network with the encoders whose features it knows."""

    network: MMVA
    card: Card
    towers: Towers


def load_trained(weights_file: Path, weights: Resolver) -> Trained:
    """The model of `best.safetensors`, ready to judge. Raises InputError as `cards.load_model`."""
    return Trained(*load_model(weights_file, "mmva", Card, Config, MMVA, lambda known: Towers(known, weights)))
