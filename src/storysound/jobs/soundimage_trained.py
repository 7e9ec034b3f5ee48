"""Maps from sound to pictures: weights, and a card beside them that says whose ears and eyes they join."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from storysound.config import load_profile
from storysound.errors import InputError
from storysound.generate.soundimage import Config, SoundMap, loudness_of
from storysound.jobs.cards import read_card, with_weights
from storysound.jobs.sos_features import Senses
from storysound.media.audio import Waveform
from storysound.weights import Resolver

_AGAIN = "train it again with: storysound train soundimage data=… out=…"


@dataclass(frozen=True)
class Card:
    """What a map was made with."""

    model: Config
    profile: str  # whose ears it listens with
    ears: str  # their revisions
    eyes: str  # revision of the picture encoder whose embeddings it learned
    data: str  # name of the pairs it learned from
    pairs: int
    r2: float  # on groups left out in the choice of the penalty


@dataclass(frozen=True)
class Trained:
    """A map with the ears it listens with."""

    network: SoundMap
    card: Card
    senses: Senses

    @torch.inference_mode()
    def condition(self, wave: Waveform, gain_db: float = 0.0) -> Tensor:
        """The embedding [seen] of the picture that a sound of any rate would have, were it `gain_db` louder."""
        heard = heard_by(self.senses, wave)[None]
        result: Tensor = self.network(heard, torch.tensor([loudness_of(wave) + gain_db]))[0]
        return result


def heard_by(senses: Senses, wave: Waveform) -> Tensor:
    """What ears say of a sound in the mean over its time: [heard]. Loudness is no part of it."""
    return torch.from_numpy(senses.audio(wave).mean(axis=0, dtype=np.float32))


def load_trained(weights_file: Path, weights: Resolver) -> Trained:
    """The map of `best.safetensors`.

    Raises InputError where weights or card are missing, damaged, or of ears that hear differently now.
    """
    card = read_card(weights_file, Card, Config, _AGAIN)
    network = with_weights(SoundMap(card.model), weights_file, "soundimage", _AGAIN)
    senses = Senses(load_profile(card.profile), weights)
    if senses.revision() != card.ears:
        raise InputError(weights_file, "learned with other encoders than there are now", _AGAIN)
    return Trained(network, card, senses)
