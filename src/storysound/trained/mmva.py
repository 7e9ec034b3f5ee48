"""Trained models of MMVA: weights, and a card beside them that says what they were made with."""

from dataclasses import dataclass
from pathlib import Path

from storysound.encode.pool import Models
from storysound.match.mmva_model import MMVA, Config
from storysound.match.mmva_towers import TowerEncoder
from storysound.trained.cards import load_model


@dataclass(frozen=True)
class MmvaCard:
    """What a network was made with."""

    model: Config
    profile: str  # whose encoders' features it learned from
    encoders: str  # their revisions
    matching: str  # how pictures met music: random, or fixed pairs
    sigma: float  # of Eq. 1
    data: str  # name of the set it learned from
    parts: str  # which of its files were learned from: `emotion_set.parts_sha`
    usual: dict[str, float]  # means of the labels it learned from, by task of the evaluation


@dataclass(frozen=True)
class MmvaModel:
    """A network with the encoders whose features it knows."""

    network: MMVA
    card: MmvaCard
    towers: TowerEncoder


def load_trained(weights_file: Path, models: Models) -> MmvaModel:
    """The model of `best.safetensors`, ready to judge. Raises InputError as `cards.load_model`."""
    return MmvaModel(
        *load_model(weights_file, "mmva", MmvaCard, Config, MMVA, lambda known: TowerEncoder(models, known))
    )
