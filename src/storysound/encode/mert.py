"""MERT: music as all layers of a model of music hear it (Li et al. 2023, arXiv:2306.00107), through transformers.

MERT brings code of its own, which is not executed: MERT-v1-95M is a HuBERT to the last weight, since what its code adds
(a constant-Q spectrogram beside the waves, other attention, deep normalisation) is switched off in its configuration.
A configuration that switches any of it on, as those of MERT-v1-330M and MERT-v0 may, is refused.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from storysound.encode import hub
from storysound.encode.encoder import Encoding, Modality, Traits
from storysound.encode.waves import blocks, each_alone
from storysound.errors import InputError
from storysound.media.arrays import Samples
from storysound.media.audio import Waveform
from storysound.progress import unless_stopped
from storysound.weights.resolver import Resolver

RATE_HZ, STRETCH_S = 24_000, 5  # MERT learned from stretches of 5 s
SHORTEST = 400  # samples that make one step
ITS_OWN = ("feature_extractor_cqt", "deepnorm")  # settings that only MERT's own code knows, and `attention_relax`
_VERSION = "1"  # of this file: raised whenever the same sound would give other numbers
TRAITS = Traits()


class Mert:
    """Audio encoder: `embedding` [t d], the last layer's mean over every 5 s, and `layers` [1 + blocks, d].

    d = 768 and 12 blocks for MERT-v1-95M. A sound shorter than 5 s is heard as it is.
    """

    name = "mert"
    modality: Modality = "audio"
    traits = TRAITS
    labels: Mapping[str, tuple[str, ...]] = {}

    def __init__(self, network: Any, revision: str) -> None:
        """`network`: transformers' HubertModel."""
        self.revision = revision
        self.dim: int = network.config.hidden_size
        self._network = network

    def encode(self, items: Sequence[Waveform]) -> list[Encoding]:
        """One encoding a sound. Raises ValueError for anything but finite samples of one channel, one at least."""
        return each_alone(items, RATE_HZ, self._heard)

    def _heard(self, samples: Samples) -> Encoding:
        """Of samples [n] at `RATE_HZ`."""
        samples = np.pad(samples, (0, max(0, SHORTEST - len(samples))))
        length = min(len(samples), STRETCH_S * RATE_HZ)
        rows = []
        for stretch in unless_stopped(blocks(samples[:, None], length, length)[..., 0]):
            level = (stretch - stretch.mean()) / np.sqrt(stretch.var() + 1e-7)
            states = self._network(torch.from_numpy(level)[None], output_hidden_states=True).hidden_states
            rows.append(torch.stack(states)[:, 0].mean(dim=1).numpy())
        layers = np.stack(rows)  # [t l d]
        return Encoding(layers[:, -1], step_s=length / RATE_HZ, layers=layers.mean(axis=0))


def load(weights: Resolver) -> Mert:
    """The encoder. Raises MissingModelError where its weights can't be had, InputError where they need other code."""
    file = weights.path("mert/config.json")
    try:
        given = json.loads(file.read_text("utf-8"))
        own = [name for name in ITS_OWN if given.get(name)]
        if own or given.get("attention_relax", -1.0) > 0:
            raise ValueError(f"switches on what only MERT's own code knows: {', '.join(own) or 'attention_relax'}")
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise InputError(file, f"is no configuration of a plain MERT: {error}", "take MERT-v1-95M") from error
    kind = "HubertModel"
    known = hub.transformers().HubertConfig
    settings = known(**{name: value for name, value in given.items() if name != "model_type"})
    return Mert(hub.network(weights, "mert", kind, settings), f"{hub.revision(weights, 'mert')}-{_VERSION}")
