"""AudioLDM (Liu et al. 2023, arXiv:2301.12503) through diffusers: latent diffusion of spectrograms, told by CLAP."""

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

GUIDANCE, STEPS = 2.5, 200  # the authors'
LONGEST_S = 10.24  # that it learned from


class AudioLdm:
    """A maker of mono sound from words."""

    takes: Set[Condition] = frozenset({"text"})
    longest_s = LONGEST_S

    def __init__(self, pipeline: Any, steps: int = STEPS) -> None:
        """`pipeline`: AudioLDMPipeline; `steps` of denoising."""
        self._pipeline, self._steps = pipeline, steps

    def make(self, conditions: Conditions) -> Waveform:
        """See `maker.Maker`."""
        check_conditions(conditions, self)
        rate_hz = int(self._pipeline.vocoder.config.sampling_rate)
        with quiet():
            samples = self._pipeline(
                conditions.text, audio_length_in_s=conditions.seconds + 1 / rate_hz, num_inference_steps=self._steps,
                guidance_scale=GUIDANCE, generator=torch.Generator("cpu").manual_seed(conditions.seed),
                callback=lambda *_: check(),
            ).audios[0]  # fmt: skip
        return Waveform(np.ascontiguousarray(samples, np.float32)[None], rate_hz).cut(0.0, conditions.seconds)


def load(folder: Path, device: torch.device, _models: Models) -> AudioLdm:
    """From a folder in the layout of diffusers. Raises MissingModelError."""
    with loading(folder, "an AudioLDM pipeline of diffusers"):
        return AudioLdm(pipeline("AudioLDMPipeline", folder, device))
