"""Whisper: the words of a recording, for descriptions of videos that are spoken (audio description).

Radford et al. 2022, arXiv:2212.04356, through transformers. Needs weights of the model hub.
"""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from storysound.encode import hub
from storysound.encode.pool import Models
from storysound.errors import InputError, MissingModelError
from storysound.media.audio import Waveform, read_audio, resample
from storysound.progress import unless_stopped
from storysound.weights.resolver import Resolver

RATE_HZ, STRETCH_S = 16_000, 30.0  # what the network hears at once
MOST_TOKENS = 440  # written for a stretch; it knows 448 places


class Whisper:
    """Writes speech down."""

    def __init__(self, network: Any, tokenizer: Tokenizer, bands: Any) -> None:
        """`network`: transformers' WhisperForConditionalGeneration; `bands`: its feature extractor."""
        self._network, self._tokenizer, self._bands = network, tokenizer, bands
        self._lock = threading.Lock()  # writing keeps its state in the network

    @torch.inference_mode()
    def transcribe(self, wave: Waveform) -> str:
        """The words of a recording, in stretches of 30 s; "" where nothing is said."""
        mono, said = resample(wave.mono(), RATE_HZ), []
        length = round(STRETCH_S * RATE_HZ)
        for start in unless_stopped(range(0, mono.samples.shape[1], length)):
            part = mono.samples[0, start : start + length]
            heard = self._bands(part, sampling_rate=RATE_HZ, return_tensors="pt").input_features
            with self._lock:
                (ids,) = self._network.generate(heard, max_new_tokens=min(MOST_TOKENS, self._room()), do_sample=False)
            said.append(self._tokenizer.decode(ids.tolist(), skip_special_tokens=True).strip())
        return " ".join(part for part in said if part)

    def _room(self) -> int:
        return int(self._network.config.max_target_positions) - 8


def load(weights: Resolver) -> Whisper:
    """The model. Raises MissingModelError where its weights can't be had, InputError where they are damaged."""
    network = hub.network(weights, "whisper", "WhisperForConditionalGeneration")
    file = weights.path("whisper/generation_config.json")
    library = hub.transformers()
    try:
        network.generation_config = library.GenerationConfig.from_dict(json.loads(file.read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            file, f"says not how to write: {error}", "fetch it again: storysound models pull speech"
        ) from error
    bands = library.WhisperFeatureExtractor(feature_size=network.config.num_mel_bins)
    return Whisper(network, hub.tokenizer(weights, "whisper", MOST_TOKENS), bands)


def reader_of(models: Models) -> Callable[[Path], str]:
    """A reader of spoken descriptions, whose model is asked of `models` at the first of them.

    It raises MediaError for what can't be heard, MissingModelError as `load`.
    """

    def transcribe(file: Path) -> str:
        try:
            whisper = models.get("whisper", load)
        except MissingModelError as error:
            raise MissingModelError(
                f"{file.name} is speech: give its words as .vtt, .srt or .txt, or: {error}"
            ) from error
        return whisper.transcribe(read_audio(file, channels=1))

    return transcribe
