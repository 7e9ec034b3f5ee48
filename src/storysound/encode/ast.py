"""AST: what is heard in a sound, as a transformer sees its spectrogram patch by patch.

The Audio Spectrogram Transformer of Gong et al. 2021 (arXiv:2104.01778), through transformers. Its own front end asks
for torchaudio; ours is `media.spectrogram.kaldi_fbank`, the same to 5e-4.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from storysound.encode import hub
from storysound.encode.encoder import Encoding, Head, Modality, Traits
from storysound.encode.waves import blocks, each_alone
from storysound.encode.wording import synonyms
from storysound.media.arrays import Samples
from storysound.media.audio import Waveform
from storysound.media.spectrogram import kaldi_fbank
from storysound.progress import unless_stopped
from storysound.weights.resolver import Resolver

RATE_HZ, HOP_S = 16_000, 0.010
MEAN, SPREAD = -4.2677393, 4.5689974  # of log-mel energies over AudioSet, as the model was trained with
_VERSION = "1"  # of this file: raised whenever the same sound would give other numbers
TRAITS = Traits(heads={"audioset527": Head(synonyms, moments=False)})  # 10 s tell no moments


class Ast:
    """Audio encoder: a row per stretch of 10.24 s: its first token (`embedding`), all others (`tokens`), its classes.

    `tokens` [t 1213 768]: the token of distillation, then 12 x 101 patches, frequency by frequency.
    `scores["audioset527"]` [t 527]: probabilities of AudioSet's classes, six more than `ears` knows. A sound shorter
    than a stretch is padded with zeros, as in AST's training; a rest of half a stretch or more gets one that ends where
    the sound ends.
    """

    name = "ast"
    modality: Modality = "audio"

    def __init__(self, network: Any, revision: str) -> None:
        """`network`: transformers' ASTForAudioClassification."""
        self.revision = revision
        self._network, self._config = network, network.config
        self.dim: int = self._config.hidden_size
        self.traits = replace(TRAITS, stretch_s=HOP_S * self._config.max_length)
        names = self._config.id2label
        self.labels: Mapping[str, tuple[str, ...]] = {"audioset527": tuple(names[i] for i in range(len(names)))}

    def encode(self, items: Sequence[Waveform]) -> list[Encoding]:
        """One encoding a sound. Raises ValueError for anything but finite samples of one channel, one at least."""
        return each_alone(items, RATE_HZ, self._heard)

    def _heard(self, samples: Samples) -> Encoding:
        """Of samples [n] at `RATE_HZ`."""
        length = self._config.max_length
        frames = kaldi_fbank(samples, RATE_HZ, self._config.num_mel_bins)
        frames = np.pad(frames, ((0, max(0, length - len(frames))), (0, 0)))
        stretches = (blocks(frames, length, length) - MEAN) / (2 * SPREAD)
        rows = []
        for stretch in unless_stopped(
            torch.from_numpy(stretches)
        ):  # one by one: a stretch's numbers don't depend on the others
            out = self._network.audio_spectrogram_transformer(input_values=stretch[None])
            rows.append((out.last_hidden_state[0], self._network.classifier(out.pooler_output)[0].sigmoid()))
        states, scores = (torch.stack(part).numpy() for part in zip(*rows, strict=True))
        return Encoding(states[:, 0], {"audioset527": scores}, self.traits.stretch_s, states[:, 1:])


def load(weights: Resolver) -> Ast:
    """The encoder. Raises MissingModelError where its weights can't be had, InputError where they are damaged."""
    return Ast(hub.network(weights, "ast", "ASTForAudioClassification"), f"{hub.revision(weights, 'ast')}-{_VERSION}")
