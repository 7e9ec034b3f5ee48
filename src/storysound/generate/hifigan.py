"""HiFi-GAN (Kong et al. 2020) as a vocoder of spectrogram pictures: the universal one, of 80 bands up to 8 kHz.

Its bands are of windows half as long as a picture's, which no picture tells. So a few steps of Griffin and Lim's
algorithm find a sound that has the picture's bands, and the model hears that one's and makes it clear.
"""

from collections.abc import Iterator

import numpy as np
import torch

from storysound.media.arrays import Floats, Samples
from storysound.media.layouts import resampled
from storysound.media.spectrogram import LogMel, Stft, log_mel
from storysound.media.spectrograms.form import SpectrogramForm
from storysound.media.spectrograms.griffin_lim import sound_of
from storysound.nn.hifigan import HifiGan, HifiGanConfig, without_weight_norm
from storysound.progress import check
from storysound.weights.resolver import Resolver

RATE_HZ = 22_050
MEL = LogMel(RATE_HZ, Stft(1024, 256), 80, 0.0, 8000.0, "slaney", "slaney", power=1, floor=1e-5)
_ITERATIONS = 8  # before it
_CHUNK, _AROUND = 400, 32  # frames that are heard at once, and of those before and after: the model sees about 30


class HifiGanVocoder:
    """A vocoder; see `vocoder.Vocoder`. Channels are made one by one, and everything above 8 kHz is gone."""

    def __init__(self, network: HifiGan) -> None:
        self._network = network.eval().requires_grad_(False)

    def blocks(self, levels: Floats, form: SpectrogramForm, length: int, seed: int = 0) -> Iterator[Samples]:
        """Of amplitudes [c t b]; see `vocoder.Vocoder`."""
        rough = list(resampled(_steps(levels, form, length, seed), form.rate_hz, RATE_HZ, _at_own_rate(length, form)))
        sound = np.concatenate(rough, axis=1)
        yield from resampled(self._made(sound), RATE_HZ, form.rate_hz, length)

    def _made(self, sound: Samples) -> Iterator[Samples]:
        """The same sound [c n] as the model makes it, in blocks."""
        spectra = log_mel(sound, MEL)
        hop, given = MEL.stft.hop_length, 0
        for start in range(0, spectra.shape[1], _CHUNK):
            check()
            first = max(0, start - _AROUND)
            part = torch.from_numpy(spectra[:, first : start + _CHUNK + _AROUND]).transpose(1, 2)
            with torch.inference_mode():
                made = self._network(part)[:, (start - first) * hop :][:, : _CHUNK * hop].numpy()
            yield made[:, : sound.shape[1] - given]
            given += made.shape[1]


def _steps(levels: Floats, form: SpectrogramForm, length: int, seed: int) -> Iterator[Samples]:
    return sound_of(levels, form.analysis, length, iterations=_ITERATIONS, seed=seed)


def _at_own_rate(length: int, form: SpectrogramForm) -> int:
    return max(1, round(length * RATE_HZ / form.rate_hz))


def load(weights: Resolver) -> HifiGanVocoder:
    """The vocoder. Raises MissingModelError where its weights can't be had, InputError where they are damaged."""
    state = {name.removeprefix("generator."): torch.from_numpy(a) for name, a in weights.tensors("hifigan").items()}
    network = HifiGan(HifiGanConfig())
    network.load_state_dict(without_weight_norm(state))
    return HifiGanVocoder(network)
