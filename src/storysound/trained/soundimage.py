"""Maps from sound to pictures: weights, and a card beside them that says whose ears and eyes they join."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from storysound.generate.soundimage import Config, SoundMap, loudness_of
from storysound.media.audio import Waveform
from storysound.research.stories.features import Senses
from storysound.trained.cards import load_model
from storysound.weights.resolver import Resolver


@dataclass(frozen=True)
class Card:
    """What a map was made with."""

    model: Config
    profile: str  # whose ears it listens with
    encoders: str  # their revisions
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
    """The map of `best.safetensors`, ready to be used. Raises InputError as `cards.load_model`."""
    return Trained(
        *load_model(weights_file, "soundimage", Card, Config, SoundMap, lambda known: Senses(known, weights))
    )
