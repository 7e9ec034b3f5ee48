"""Stable Audio Open (Evans et al. 2024, arXiv:2407.14358) through diffusers: latent diffusion of 44.1 kHz stereo."""

from collections.abc import Set
from pathlib import Path
from typing import Any

import numpy as np
import torch

from storysound.encode.pool import Models
from storysound.generate.maker import Condition, Conditions, check_conditions
from storysound.generate.pretrained import loading, pipeline, quiet
from storysound.media.audio import Waveform
from storysound.progress import check

GUIDANCE = 7.0  # diffusers' weight of the words against no words
STEPS = 100


class StableAudio:
    """A maker of music and sound from words. `longest_s` is what the folder says of its model; 47.6 s in public."""

    takes: Set[Condition] = frozenset({"text"})

    def __init__(self, pipeline: Any, steps: int = STEPS) -> None:
        """`pipeline`: StableAudioPipeline; `steps` of denoising."""
        self._pipeline, self._steps = pipeline, steps
        self._rate_hz = int(pipeline.vae.config.sampling_rate)
        self.longest_s = pipeline.transformer.config.sample_size * pipeline.vae.hop_length / self._rate_hz

    def make(self, conditions: Conditions) -> Waveform:
        """See `maker.Maker`."""
        check_conditions(conditions, self)
        seconds = conditions.seconds
        with quiet():
            sound = self._pipeline(
                conditions.text, audio_end_in_s=seconds, num_inference_steps=self._steps, guidance_scale=GUIDANCE,
                generator=torch.Generator("cpu").manual_seed(conditions.seed), callback=lambda *_: check(),
            ).audios[0]  # fmt: skip
        wave = Waveform(np.ascontiguousarray(sound.float().cpu().numpy(), np.float32), self._rate_hz)
        return wave.cut(0.0, seconds)


def load(folder: Path, device: torch.device, _models: Models) -> StableAudio:
    """From a folder in the layout of diffusers. Raises MissingModelError."""
    with loading(folder, "a Stable Audio pipeline of diffusers"):
        return StableAudio(pipeline("StableAudioPipeline", folder, device))
