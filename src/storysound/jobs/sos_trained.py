"""Trained models of Sound of Story: weights, and a card beside them that says what they were made with."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file

from storysound.config import load_profile
from storysound.errors import InputError
from storysound.jobs.sos_features import Senses
from storysound.match.sos_model import Config, SoundOfStory
from storysound.media.files import atomic
from storysound.weights import Resolver

CARD = "model.json"
_AGAIN = "train it again with: storysound train sos data=… out=…"
_FIELDS = {"model", "profile", "encoders", "crop_s", "held_out", "data"}


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

    network: SoundOfStory
    card: Card
    senses: Senses


def write_card(folder: Path, card: Card) -> None:
    """Beside the weights. Raises OutputError."""
    folder.mkdir(parents=True, exist_ok=True)
    with atomic(folder / CARD) as partial:
        partial.write_text(json.dumps(asdict(card), indent=1), "utf-8")


def load_trained(weights_file: Path, weights: Resolver) -> Trained:
    """The model of `best.safetensors`, ready to judge.

    Raises InputError where weights or card are missing, damaged, or of features that the encoders give no more.
    """
    card = _card(weights_file)
    network = SoundOfStory(card.model)
    try:
        network.load_state_dict(load_file(weights_file))
    except FileNotFoundError:
        raise InputError(
            weights_file, "isn't there", "give the best.safetensors of a run of: storysound train sos"
        ) from None
    except (OSError, SafetensorError, RuntimeError) as error:
        first = str(error).splitlines()[0]
        raise InputError(weights_file, f"holds no weights of this model: {first}", _AGAIN) from error
    senses = Senses(load_profile(card.profile), weights)
    if senses.revision() != card.encoders:
        raise InputError(weights_file, "learned from features of other encoders than there are now", _AGAIN)
    return Trained(network.eval().requires_grad_(False), card, senses)


def _card(weights_file: Path) -> Card:
    file = weights_file.parent / CARD
    try:
        table: dict[str, Any] = json.loads(file.read_text("utf-8"))
        if not isinstance(table, dict) or table.keys() != _FIELDS:
            raise ValueError(f"a card has {', '.join(sorted(_FIELDS))}")
        model = table["model"]
        return Card(**{**table, "model": Config(**{**model, "mapped": tuple(model["mapped"])})})
    except (OSError, ValueError, TypeError, KeyError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise InputError(file, f"can't be read as the card of a model: {why}", _AGAIN) from error
