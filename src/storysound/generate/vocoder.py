"""Vocoders: sound out of spectrogram pictures, which have lost its phases, behind one small protocol."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from storysound.media.arrays import Floats, Samples
from storysound.media.audio import Waveform
from storysound.media.spectrograms.form import SpectrogramForm
from storysound.media.spectrograms.griffin_lim import ITERATIONS, sound_of
from storysound.weights.resolver import Resolver

VocoderName = Literal["griffin-lim", "hifigan"]


class Vocoder(Protocol):
    """What makes sound of amplitudes."""

    def blocks(self, levels: Floats, form: SpectrogramForm, length: int, seed: int = 0) -> Iterator[Samples]:
        """Blocks [c n] of sound at the rate of the form, `length` samples in all, with these amplitudes [c t b].

        The same on one machine for the same seed.
        """
        ...


@dataclass(frozen=True)
class GriffinLim:
    """The algorithm: no model, and true to the bands."""

    iterations: int = ITERATIONS

    def blocks(self, levels: Floats, form: SpectrogramForm, length: int, seed: int = 0) -> Iterator[Samples]:
        """See `Vocoder`; of amplitudes [c t b]."""
        return sound_of(levels, form.analysis, length, iterations=self.iterations, seed=seed)


def load(name: VocoderName, weights: Resolver) -> Vocoder:
    """A vocoder by name. Raises MissingModelError where its weights can't be had, InputError where they are damaged."""
    if name == "griffin-lim":
        return GriffinLim()
    from storysound.generate import hifigan  # the algorithm needs no torch

    return hifigan.load(weights)


def spoken(vocoder: Vocoder, levels: Floats, form: SpectrogramForm, length: int, seed: int = 0) -> Waveform:
    """All of what a vocoder makes of amplitudes [c t b]."""
    return Waveform(np.concatenate(list(vocoder.blocks(levels, form, length, seed)), axis=1), form.rate_hz)
