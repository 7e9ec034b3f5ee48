"""MusicGen (Copet et al. 2023, arXiv:2306.05284) through transformers: tokens of EnCodec, one frame after another."""

import math
from collections.abc import Set
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer

from storysound.encode.pool import Models
from storysound.generate.maker import Condition, Conditions, check_conditions
from storysound.generate.pretrained import FROM_DISK, loading, quiet
from storysound.media.audio import Waveform
from storysound.progress import check

GUIDANCE = 3.0  # the authors' weight of the words against no words


class MusicGen:
    """A maker of music from words; mono or stereo, as the folder's model is."""

    takes: Set[Condition] = frozenset({"text"})
    longest_s = 30.0  # what it was trained on; beyond that it loses the thread

    def __init__(self, model: Any, tokenizer: Tokenizer) -> None:
        """`model`: MusicgenForConditionalGeneration."""
        self._model, self._tokenizer = model.eval(), tokenizer

    @torch.inference_mode()
    def make(self, conditions: Conditions) -> Waveform:
        """See `maker.Maker`."""
        check_conditions(conditions, self)
        seconds = conditions.seconds
        codec, device = self._model.config.audio_encoder, self._model.device
        ids = torch.tensor([self._tokenizer.encode(conditions.text).ids], device=device)
        # Each codebook is one step behind the one before it, so that the last frame is whole only so much later.
        steps = math.ceil(seconds * codec.frame_rate) + self._model.config.decoder.num_codebooks - 1
        devices = [device] if device.type == "cuda" else []
        with quiet(), torch.random.fork_rng(devices):  # transformers takes no generator
            torch.manual_seed(conditions.seed)
            sound = self._model.generate(
                input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=steps, do_sample=True,
                guidance_scale=GUIDANCE, stopping_criteria=[never],
            )  # fmt: skip
        samples = sound[0].float().cpu().numpy()
        wave = Waveform(np.ascontiguousarray(samples, np.float32), codec.sampling_rate)
        return wave.cut(0.0, seconds)


def never(tokens: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
    """Asked by transformers before each step whether each of the sequences [b n] is over: false [b].

    Raises Cancelled where the job was told to stop.
    """
    check()
    return torch.zeros(len(tokens), dtype=torch.bool, device=tokens.device)


def load(folder: Path, device: torch.device, _models: Models) -> MusicGen:
    """From config.json, generation_config.json, model.safetensors and tokenizer.json. Raises MissingModelError."""
    with loading(folder, "a MusicGen model of transformers"):
        made = import_module("transformers").MusicgenForConditionalGeneration
        model = made.from_pretrained(folder, **FROM_DISK).to(device)
        return MusicGen(model, Tokenizer.from_file(str(folder / "tokenizer.json")))
