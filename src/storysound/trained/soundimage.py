"""Maps from sound to pictures: weights, and a card beside them that says whose ears and eyes they join."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from storysound.encode.features import StoryEncoder
from storysound.encode.pool import Models
from storysound.generate.soundimage import Config, SoundMap, loudness_of
from storysound.media.audio import Waveform
from storysound.trained.cards import load_model


@dataclass(frozen=True)
class SoundImageCard:
    """What a map was made with."""

    model: Config
    profile: str  # whose ears it listens with
    encoders: str  # their revisions
    eyes: str  # revision of the picture encoder whose embeddings it learned
    data: str  # name of the pairs it learned from
    pairs: int
    r2: float  # on groups left out in the choice of the penalty


@dataclass(frozen=True)
class SoundImageModel:
    """A map with the ears it listens with."""

    network: SoundMap
    card: SoundImageCard
    encoder: StoryEncoder

    @torch.inference_mode()
    def condition(self, wave: Waveform, gain_db: float = 0.0) -> Tensor:
        """The embedding [seen] of the picture that a sound of any rate would have, were it `gain_db` louder."""
        heard = heard_by(self.encoder, wave)[None]
        result: Tensor = self.network(heard, torch.tensor([loudness_of(wave) + gain_db]))[0]
        return result


def heard_by(encoder: StoryEncoder, wave: Waveform) -> Tensor:
    """What ears say of a sound in the mean over its time: [heard]. Loudness is no part of it."""
    return torch.from_numpy(encoder.audio(wave).mean(axis=0, dtype=np.float32))


def load_trained(weights_file: Path, models: Models) -> SoundImageModel:
    """The map of `best.safetensors`, ready to be used. Raises InputError as `cards.load_model`."""
    return SoundImageModel(
        *load_model(
            weights_file, "soundimage", SoundImageCard, Config, SoundMap, lambda known: StoryEncoder(models, known)
        )
    )
