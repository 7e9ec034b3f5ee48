"""LTX-2 (HaCohen et al. 2026, arXiv:2601.03233) through diffusers: one transformer of two streams, picture and sound.

Guided by the text alone: what its authors add, which has the network look twice more at every step, is left out.
"""

import math
from collections.abc import Set
from pathlib import Path
from typing import Any

import numpy as np
import torch

from storysound.encode.pool import Models
from storysound.generate.pretrained import checked, loading, pipeline, quiet
from storysound.generate.video.maker import AudibleClip, SilentClip, Stages
from storysound.media.audio import Waveform

FRAMES_PER_S = 24.0
USUAL_S, LONGEST_S = 5.0, 20.0  # the authors'
GUIDANCE, SOUND_GUIDANCE, STEPS = 3.0, 7.0, 30
WIDTH, HEIGHT = 768, 512


class Ltx2:
    """A maker of pictures with sound."""

    usual_s, longest_s = USUAL_S, LONGEST_S
    alone: Set[Stages] = frozenset({"together"})

    def __init__(self, pipeline: Any, *, steps: int = STEPS, width: int = WIDTH, height: int = HEIGHT) -> None:
        """`pipeline`: LTX2Pipeline; `width` and `height` are multiples of 32."""
        self._pipeline, self._steps, self._width, self._height = pipeline, steps, width, height

    def pictures(self, text: str, seed: int, seconds: float) -> SilentClip:
        """See `maker.PictureMaker`: what it makes without its sound."""
        return self.make(text, seed, seconds, "together").silent

    def make(self, text: str, seed: int, seconds: float, stages: Stages) -> AudibleClip:
        """See `maker.AudibleMaker`."""
        parts = self._pipeline
        group = int(parts.vae_temporal_compression_ratio)
        frames = group * math.ceil(max(0.0, seconds * FRAMES_PER_S - 1) / group - 1e-6) + 1
        with quiet():
            found = parts(
                text, negative_prompt="", height=self._height, width=self._width, num_frames=frames,
                frame_rate=FRAMES_PER_S, num_inference_steps=self._steps, guidance_scale=GUIDANCE,
                audio_guidance_scale=SOUND_GUIDANCE, stg_scale=0.0, audio_stg_scale=0.0, modality_scale=1.0,
                audio_modality_scale=1.0, spatio_temporal_guidance_blocks=None,
                use_cross_timestep=bool(parts.transformer.config.get("cross_attn_mod")),  # not of the first LTX-2
                max_sequence_length=min(1024, parts.tokenizer.model_max_length), output_type="np",
                generator=torch.Generator("cpu").manual_seed(seed), callback_on_step_end=checked,
            )  # fmt: skip
        pixels = np.asarray(np.round(found.frames[0] * 255), np.uint8)
        samples = np.ascontiguousarray(found.audio[0].float().cpu().numpy(), np.float32)
        sound = Waveform(samples, int(parts.vocoder.config.output_sampling_rate))
        return AudibleClip(pixels, FRAMES_PER_S, sound).cut(seconds)


def load(folder: Path, device: torch.device, _models: Models) -> Ltx2:
    """From a folder in the layout of diffusers. Raises MissingModelError."""
    with loading(folder, "an LTX-2 pipeline of diffusers"):
        return Ltx2(pipeline("LTX2Pipeline", folder, device, torch.bfloat16))
