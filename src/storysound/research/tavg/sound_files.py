"""VGGish and PANNs from a file of the user's: by whose numbers published Fréchet distances of sounds were made.

VGGish's are those of FAD as it was proposed (Kilgour et al. 2019, arXiv:1812.08466); PANNs' CNN14 came after it. Their
weights are in no catalogue: VGGish's are Google's (Apache-2.0) and turned into PyTorch's by others, those of PANNs lie
with their paper (CC BY 4.0).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from storysound.encode import ears
from storysound.encode.encoder import Encoder, Encoding, Modality, Traits
from storysound.encode.waves import each_alone
from storysound.media.arrays import Floats, Samples
from storysound.media.audio import Waveform
from storysound.media.spectrogram import Stft, log_mel, power
from storysound.nn.panns import LEAST_FRAMES, Panns, panns_of
from storysound.nn.vggish import FRAMES, Vggish, vggish_of
from storysound.progress import unless_stopped
from storysound.research.tavg.weight_files import read_weights

VGGISH_MELS = replace(ears.MELS, offset=0.01)
VGGISH_STEP_S = FRAMES * VGGISH_MELS.stft.hop_length / VGGISH_MELS.rate_hz
STRETCH_S = 10.0  # that PANNs learned from, all of AudioSet's
FLOOR = 1e-10  # of energies: -100 dB
_STFTS = {513: (32_000, Stft(1024, 320)), 257: (16_000, Stft(512, 160)), 129: (8_000, Stft(256, 80))}
_AT_ONCE = 16  # patches
_VERSION = "1"  # of this file: raised whenever the same sound would give other numbers


class VggishEars:
    """Audio encoder: `embedding` [t 128], one for each .96 s; the rest is left out, as its authors do.

    Before the whitening that AudioSet's published numbers have, and after the last ReLU. A sound shorter than .96 s is
    filled up with silence.
    """

    name = "vggish"
    modality: Modality = "audio"
    traits = Traits()
    labels: Mapping[str, tuple[str, ...]] = {}

    def __init__(self, network: Vggish, revision: str) -> None:
        self.revision = revision
        self.dim = int(network.get_parameter("embeddings.4.bias").numel())
        self._network = network

    def encode(self, items: Sequence[Waveform]) -> list[Encoding]:
        """One encoding a sound; raises as `each_alone`."""
        return each_alone(items, VGGISH_MELS.rate_hz, self._heard)

    def _heard(self, samples: Samples) -> Encoding:
        """Of samples [n] at 16 kHz."""
        cut = torch.from_numpy(vggish_patches(samples))
        parts = [self._network(cut[at : at + _AT_ONCE]) for at in unless_stopped(range(0, len(cut), _AT_ONCE))]
        return Encoding(torch.cat(parts).numpy(), step_s=VGGISH_STEP_S)


def vggish_patches(samples: Samples) -> Floats:
    """Log-mel patches [t 96 64] of samples [n] at 16 kHz, one after another."""
    lead = (VGGISH_MELS.stft.n_fft - VGGISH_MELS.stft.win_length) // 2  # its windows begin with the first sample
    least = VGGISH_MELS.stft.win_length + (FRAMES - 1) * VGGISH_MELS.stft.hop_length
    padded = np.pad(samples, (lead, lead + max(0, least - len(samples))))
    frames = log_mel(padded, VGGISH_MELS)
    count = len(frames) // FRAMES
    return frames[: count * FRAMES].reshape(count, FRAMES, -1)


class PannsEars:
    """Audio encoder: `embedding` [t 2048], one for each stretch of 10 s; a rest below 5 s goes with the last."""

    name = "panns"
    modality: Modality = "audio"
    traits = Traits()
    labels: Mapping[str, tuple[str, ...]] = {}

    def __init__(self, panns: Panns, revision: str) -> None:
        """Raises ValueError for filters of a transform that isn't the authors'."""
        if len(panns.filters) not in _STFTS:
            raise ValueError(f"its filters are of {len(panns.filters)} frequencies, not {sorted(_STFTS)}")
        self.revision, self.dim = revision, int(panns.network.fc1.out_features)
        self._network, self._filters = panns.network, panns.filters.numpy()
        self.rate_hz, self._stft = _STFTS[len(panns.filters)]

    def encode(self, items: Sequence[Waveform]) -> list[Encoding]:
        """One encoding a sound; raises as `each_alone`."""
        return each_alone(items, self.rate_hz, self._heard)

    def _heard(self, samples: Samples) -> Encoding:
        """Of samples [n] at `rate_hz`."""
        long = round(STRETCH_S * self.rate_hz)
        count = max(1, (len(samples) + long // 2) // long)
        edges = [*range(0, count * long, long), max(len(samples), 1)]
        cuts = [samples[a:b] for a, b in pairwise(edges)]
        rows = [self._network(torch.from_numpy(self.decibels(cut))[None])[0] for cut in unless_stopped(cuts)]
        return Encoding(torch.stack(rows).numpy(), step_s=STRETCH_S)

    def decibels(self, samples: Samples) -> Floats:
        """Mel energies in decibels [t m] of samples [n], with silence behind those that are too short."""
        least = (LEAST_FRAMES - 1) * self._stft.hop_length
        energies = power(np.pad(samples, (0, max(0, least - len(samples)))), self._stft) @ self._filters
        return np.asarray(10 * np.log10(np.maximum(energies, FLOOR)), np.float32)


def read_vggish(file: Path) -> VggishEars:
    """The encoder of a file of weights. Raises MediaError for one that can't be read, InputError for others."""
    wanted = "give VGGish's weights by the names of vggish-10086976.pth, as .safetensors or a state dict of PyTorch's"
    network, sha = read_weights(file, vggish_of, "VGGish", wanted)
    return VggishEars(network, f"{sha}-{_VERSION}")


def read_panns(file: Path) -> PannsEars:
    """The encoder of a file of weights. Raises MediaError for one that can't be read, InputError for others."""

    def made(weights: Mapping[str, Any]) -> PannsEars:
        own: Mapping[str, Tensor] = weights.get("model", weights)  # as a checkpoint of the authors' holds them
        return PannsEars(panns_of(own), "")

    wanted = "give Cnn14_mAP=0.431.pth of PANNs, or the tensors of its `model` as .safetensors"
    encoder, sha = read_weights(file, made, "PANNs", wanted)
    encoder.revision = f"{sha}-{_VERSION}"
    return encoder


READERS: Mapping[str, Callable[[Path], Encoder[Waveform]]] = {"vggish": read_vggish, "panns": read_panns}
