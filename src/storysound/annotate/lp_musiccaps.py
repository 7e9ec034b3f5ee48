"""LP-MusicCaps: ten seconds of music put into a sentence (Doh et al. 2023, arXiv:2307.16372), MMVA's captioner.

Convolutions over a mel spectrogram stand where BART has word embeddings; the rest is BART, through transformers.
Written after the public code; never run on the published weights here, only on random ones in miniature. A folder of
one's own holds what the hub publishes: `transfer.pth` of seungheondoh/lp-music-caps, or `model.safetensors` of the
same names, and `config.json` and `tokenizer.json` of facebook/bart-base.
"""

import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F

from storysound.encode.hub import transformers
from storysound.encode.waves import samples_at
from storysound.errors import InputError, MissingModelError
from storysound.media.arrays import Samples
from storysound.media.audio import Waveform
from storysound.media.spectrogram import Stft, mel_filterbank, stft

RATE_HZ, STRETCH_S = 16_000, 10  # of music that is described at once; shorter music is followed by silence
_STFT = Stft(1024, RATE_HZ // 100)
WEIGHTS = ("model.safetensors", "transfer.pth")
_FILES = f"config.json, tokenizer.json and {' or '.join(WEIGHTS)}"
_VERSION = "1"  # of this file: raised whenever the same music would get other words


@dataclass(frozen=True)
class Config:
    """Sizes of the convolutions, and how words are searched for; those of the public code."""

    bands: int = 128
    halvings: int = 5  # convolutions that halve the length
    beams: int = 5
    longest: int = 128  # tokens of a caption

    @classmethod
    def tiny(cls) -> "Config":
        """Small enough for a test."""
        return cls(bands=8, halvings=7, beams=2, longest=6)

    @property
    def steps(self) -> int:
        """Steps in time that BART is given for ten seconds: 32."""
        return -(-_STFT.frames(RATE_HZ * STRETCH_S) // (1 << self.halvings))


class MelEncoder(nn.Module):
    """A mel spectrogram [b bands t] -> [b steps d]: convolutions and the sinusoids of the steps."""

    def __init__(self, config: Config, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(config.bands, width, 3, padding=1)
        self.conv_stack = nn.ModuleList(nn.Conv1d(width, width, 3, stride=2, padding=1) for _ in range(config.halvings))
        self.register_buffer("positional_embedding", torch.zeros(config.steps, width))  # comes with the weights

    def forward(self, mels: Tensor) -> Tensor:
        """[b bands t] -> [b steps d]."""
        x = F.gelu(self.conv1(mels))
        for convolution in self.conv_stack:
            x = F.gelu(convolution(x))
        return x.transpose(1, 2) + self.get_buffer("positional_embedding")


class Network(nn.Module):
    """The ears and BART, by the names of the published weights."""

    def __init__(self, config: Config, bart: Any) -> None:
        super().__init__()
        self.audio_encoder = MelEncoder(config, bart.config.d_model)
        self.bart = bart


class LpMusicCaps:
    """A captioner: see `music_captions.Captioner`."""

    def __init__(self, network: Network, tokenizer: Tokenizer, revision: str, config: Config) -> None:
        """`network` with its weights."""
        self.revision = f"lp-musiccaps-{revision}-{_VERSION}"
        self._network, self._tokenizer, self._config = network.eval(), tokenizer, config
        self._lock = threading.Lock()  # writing keeps its state in the network

    @torch.inference_mode()
    def caption(self, music: Waveform) -> str:
        """What every ten seconds are like, in words. Raises ValueError for music of no length or several channels."""
        samples, whole = samples_at(music, RATE_HZ), RATE_HZ * STRETCH_S
        count = max(1, round(len(samples) / whole))
        stretches = np.pad(samples, (0, max(0, count * whole - len(samples))))[: count * whole].reshape(count, whole)
        bart = self._network.bart
        heard = self._network.audio_encoder(torch.from_numpy(mels(stretches, self._config.bands)).transpose(1, 2))
        read = bart.get_encoder()(inputs_embeds=heard)
        start = torch.full((count, 1), bart.config.decoder_start_token_id)
        with self._lock:
            found = bart.generate(
                encoder_outputs=read, decoder_input_ids=start, num_beams=self._config.beams, do_sample=False,
                max_length=self._config.longest, min_length=2, no_repeat_ngram_size=3, early_stopping=True,
                forced_bos_token_id=bart.config.bos_token_id, eos_token_id=bart.config.eos_token_id,
                forced_eos_token_id=bart.config.eos_token_id, pad_token_id=bart.config.pad_token_id,
            )  # fmt: skip
        said = (" ".join(self._tokenizer.decode(ids.tolist()).split()) for ids in found)
        return " ".join(dict.fromkeys(text for text in said if text))


def mels(stretches: Samples, bands: int) -> Samples:
    """Decibels [n t bands] of samples [n s]. As the public code, of the real part of the spectrum alone."""
    power = np.square(stft(stretches, _STFT).real)
    energies = power @ mel_filterbank(RATE_HZ, _STFT.n_fft, bands).T
    decibels: Samples = (10 * np.log10(np.maximum(energies, 1e-10))).astype(np.float32)
    return decibels


def load(folder: Path, config: Config | None = None) -> LpMusicCaps:
    """The captioner of a folder. Raises MissingModelError where files are missing, InputError where they don't fit."""
    config, library = config or Config(), transformers()
    weights = next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)
    if weights is None or not all((folder / name).is_file() for name in ("config.json", "tokenizer.json")):
        raise MissingModelError(
            f"{folder}: holds no LP-MusicCaps: wanted {_FILES} (captioner=heard needs none of them)"
        )
    try:
        settings = library.BartConfig.from_pretrained(folder / "config.json")
        network = Network(config, library.BartForConditionalGeneration(settings))
        missing, _ = network.load_state_dict(_state(weights), strict=False)
        if lost := [name for name in missing if not name.endswith(_TIED)]:
            raise ValueError(f"lacks {len(lost)} weights, {lost[0]} among them")
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # the libraries raise many kinds for files that are damaged or of another model
        first = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(weights, f"is no LP-MusicCaps: {first}", f"the folder needs {_FILES}") from error
    with weights.open("rb") as stream:
        revision = hashlib.file_digest(stream, "sha256").hexdigest()[:12]
    return LpMusicCaps(network, tokenizer, revision, config)


_TIED = ("embed_tokens.weight", "lm_head.weight")  # BART keeps its words once, under one of these names


def _state(file: Path) -> Mapping[str, Tensor]:
    """Named tensors; of a checkpoint those under "state_dict", read without executing anything in it."""
    if file.suffix == ".safetensors":
        return load_file(file)
    loaded = torch.load(file, map_location="cpu", weights_only=True)
    return loaded.get("state_dict", loaded)  # type: ignore[no-any-return]
