"""CLAP's ears: sounds as points of the space in which CLAP's sentences lie (`clap_text`).

HTSAT without fusion (Wu et al. 2023, arXiv:2211.06687), through transformers.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from storysound.encode import hub
from storysound.encode.encoder import Encoding, Modality, Traits
from storysound.encode.waves import blocks, each_alone
from storysound.media.arrays import Samples
from storysound.media.audio import Waveform
from storysound.media.spectrogram import LogMel, Stft, log_mel
from storysound.progress import unless_stopped
from storysound.weights.resolver import Resolver

RATE_HZ, STRETCH_S = 48_000, 10
BANDS = LogMel(
    RATE_HZ, Stft(1024, 480), 64, f_min=50.0, f_max=14_000.0, scale="slaney", norm="slaney", log="10", gain=10.0
)
_VERSION = "1"  # of this file: raised whenever the same sound would give other numbers
TRAITS = Traits(space="clap_text")


def stretches(samples: Samples) -> Samples:
    """Samples [n] in stretches of 10 s [t 480000]; shorter ones are repeated as a whole, then padded with zeros.

    CLAP takes 10 s at random out of a longer sound; here all of it is heard, and always alike (a deviation).
    """
    length = STRETCH_S * RATE_HZ
    if len(samples) < length:
        whole = np.tile(samples, length // len(samples))
        return np.pad(whole, (0, length - len(whole)))[None]
    return blocks(samples[:, None], length, length)[..., 0]


class Clap:
    """Audio encoder: `embedding` [t d], a vector of length 1 for every 10 s; d = 512."""

    name = "clap"
    modality: Modality = "audio"
    traits = TRAITS
    labels: Mapping[str, tuple[str, ...]] = {}

    def __init__(self, network: Any, revision: str) -> None:
        """`network`: transformers' ClapAudioModelWithProjection."""
        self.revision = revision
        self.dim: int = network.config.projection_dim
        self._network = network

    def encode(self, items: Sequence[Waveform]) -> list[Encoding]:
        """One encoding a sound. Raises ValueError for anything but finite samples of one channel, one at least."""
        return each_alone(items, RATE_HZ, self._heard)

    def _heard(self, samples: Samples) -> Encoding:
        """Of samples [n] at `RATE_HZ`."""
        rows = []
        for stretch in unless_stopped(stretches(samples)):  # one by one: a stretch's numbers don't depend on the others
            bands = torch.from_numpy(log_mel(stretch, BANDS))[None, None]
            rows.append(F.normalize(self._network(input_features=bands).audio_embeds, dim=-1))
        return Encoding(torch.cat(rows).numpy(), step_s=float(STRETCH_S))


def load(weights: Resolver) -> Clap:
    """The encoder. Raises MissingModelError where its weights can't be had, InputError where they are damaged."""
    network = hub.network(weights, "clap", "ClapAudioModelWithProjection")
    return Clap(network, f"{hub.revision(weights, 'clap')}-{_VERSION}")
