"""BeatNet: where beats and bar lines are heard, by networks trained on real music.

Convolution and recurrence over a spectrum and its rises (Heydari, Cwitkowitz & Duan, "BeatNet: CRNN and particle
filtering for online joint beat, downbeat and meter tracking", ISMIR 2021, arXiv:2108.03576). Three networks, each
trained without another of the authors' sets, are heard together. By what they say `media.rhythm` finds rows of bars.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from storysound.errors import MissingModelError
from storysound.media import rhythm
from storysound.media.arrays import Floats
from storysound.media.spectrogram import Stft, stft
from storysound.weights.resolver import Resolver

STFT = Stft(n_fft=1411, hop_length=441, pad="constant")  # 64 ms every 20 ms, at the rate of `rhythm.Spectrogram`
FRAMES_PER_S = rhythm.RATE_HZ / STFT.hop_length
BANDS = 136
_BINS = STFT.n_fft // 2  # without the highest
_AN_OCTAVE, _LOWEST_HZ, _HIGHEST_HZ, _TUNED_HZ = 24, 30.0, 17_000.0, 440.0
_NETWORKS = ("beatnet/1", "beatnet/2", "beatnet/3")


class Network(nn.Module):
    """Spectra and their rises [t 2·BANDS] -> likelihood of a beat, a downbeat and none [t 3]."""

    def __init__(self, wide: int = 150) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(1, 2, 10)
        self.linear0 = nn.Linear(2 * ((2 * BANDS - 9) // 2), wide)
        self.lstm = nn.LSTM(wide, wide, 2, batch_first=True)
        self.linear = nn.Linear(wide, 3)

    def forward(self, spectra: Tensor) -> Tensor:
        """Of all frames of a sound, in order."""
        found = F.max_pool1d(F.relu(self.conv1(spectra[:, None])), 2).flatten(1)
        followed, _ = self.lstm(self.linear0(found)[None])
        return torch.as_tensor(self.linear(followed)[0].softmax(dim=-1))


class BeatNet:
    """Beats and bars of sounds."""

    name = "beatnet"

    def __init__(self, networks: Sequence[Network]) -> None:
        """Their likelihoods are averaged."""
        self._networks = [network.eval() for network in networks]

    def bars(self, sound: rhythm.Spectrogram) -> rhythm.Bars | None:
        """Beats and bars; None where none are heard."""
        return rhythm.bars(sound, heard=self.activations(sound.samples))

    def activations(self, samples: Floats) -> rhythm.Activations:
        """Where beats are heard in mono samples [n > 0] at `rhythm.RATE_HZ`."""
        heard = torch.from_numpy(features(samples))
        with torch.inference_mode():
            mean = torch.stack([network(heard) for network in self._networks]).mean(dim=0).double().numpy()
        return rhythm.Activations(mean[:, 0], mean[:, 1], FRAMES_PER_S)


def features(samples: Floats) -> Floats:
    """Samples [n] at `rhythm.RATE_HZ` -> what a network sees: levels of bands, and how they rise, [t 2·BANDS]."""
    levels = np.log10(np.abs(stft(samples, STFT))[:, :_BINS] @ _bands() + 1)
    rises = np.maximum(np.diff(levels, axis=0, prepend=levels[:1]), 0.0)
    return np.concatenate([levels, rises], axis=1).astype(np.float32)


@cache
def _bands() -> Floats:
    """Weights of each bin in each band, triangles that add up to 1: [705 136].

    As madmom 0.16 has them, with which the networks were trained; it takes bins for a little wider than they are.
    """
    first, last = (np.log2(hertz / _TUNED_HZ) * _AN_OCTAVE for hertz in (_LOWEST_HZ, _HIGHEST_HZ))
    hertz = _TUNED_HZ * 2 ** (np.arange(np.ceil(first), np.floor(last) + 1) / _AN_OCTAVE)
    centres = np.arange(_BINS) * rhythm.RATE_HZ / (2 * _BINS)
    after = np.clip(np.searchsorted(centres, hertz), 1, _BINS - 1)
    nearest = after - (hertz - centres[after - 1] < centres[after] - hertz)
    edges = np.unique(nearest)
    found = np.zeros((_BINS, len(edges) - 2), np.float32)
    for band, (low, top, high) in enumerate(zip(edges, edges[1:], edges[2:], strict=False)):
        if high - low < 2:
            top, high = low, low + 1
        rise, fall = np.linspace(0, 1, top - low, endpoint=False), np.linspace(1, 0, high - top, endpoint=False)
        found[low:high, band] = np.concatenate([rise, fall]) / (rise.sum() + fall.sum())
    return found


def network(arrays: Mapping[str, NDArray[Any]]) -> Network:
    """A network of the arrays of its checkpoint, by name."""
    made = Network()
    made.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    return made


def load(weights: Resolver) -> BeatNet:
    """Raises MissingModelError where its weights can't be had."""
    try:
        return BeatNet([network(weights.tensors(name)) for name in _NETWORKS])
    except MissingModelError as error:
        raise MissingModelError(f"{error}. All {len(_NETWORKS)} come by `storysound models pull beats`") from error
