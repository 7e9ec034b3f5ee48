"""AnimateDiff (Guo et al. 2023, arXiv:2307.04725) through diffusers: Stable Diffusion 1.5 with layers for motion."""

import math
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch

from storysound.encode.pool import Models
from storysound.generate.diffusion_folder import read_network, read_tokenizer
from storysound.generate.pretrained import checked, loading, quiet
from storysound.generate.video.maker import SilentClip

FRAMES_PER_S = 8.0  # at which the authors show what it makes
USUAL_FRAMES = 16  # that it learned from at once
GUIDANCE, STEPS = 7.5, 25  # the authors'
SIDE_PX = 512  # of the pictures Stable Diffusion learned from
# What the motion layers learned with differs from Stable Diffusion's own schedule.
_SCHEDULE = {
    "beta_schedule": "linear", "beta_start": 0.00085, "beta_end": 0.012, "clip_sample": False, "steps_offset": 1,
    "timestep_spacing": "linspace",
}  # fmt: skip


class AnimateDiff:
    """A maker of pictures in time; silent."""

    def __init__(self, pipeline: Any, *, steps: int = STEPS, side_px: int = SIDE_PX) -> None:
        """`pipeline`: AnimateDiffPipeline."""
        self._pipeline, self._steps, self._side = pipeline, steps, side_px
        most = int(pipeline.motion_adapter.config.motion_max_seq_length)
        self.longest_s = most / FRAMES_PER_S
        self.usual_s = min(USUAL_FRAMES / FRAMES_PER_S, self.longest_s)

    def pictures(self, text: str, seed: int, seconds: float) -> SilentClip:
        """See `maker.PictureMaker`."""
        with quiet():
            frames = self._pipeline(
                text, num_frames=max(1, math.ceil(seconds * FRAMES_PER_S - 1e-6)), height=self._side, width=self._side,
                num_inference_steps=self._steps, guidance_scale=GUIDANCE, output_type="np",
                generator=torch.Generator("cpu").manual_seed(seed), callback_on_step_end=checked,
            ).frames[0]  # fmt: skip
        return SilentClip(np.asarray(np.round(frames * 255), np.uint8), FRAMES_PER_S)


def load(folder: Path, device: torch.device, _models: Models) -> AnimateDiff:
    """From a folder of Stable Diffusion 1.5 in the layout of diffusers with a folder `motion_adapter` in it.

    Raises MissingModelError.
    """
    with loading(folder, "Stable Diffusion 1.5 with a motion_adapter of AnimateDiff"):
        diffusers = import_module("diffusers")
        parts = diffusers.AnimateDiffPipeline(
            read_network(folder, "vae", "AutoencoderKL"), read_network(folder, "text_encoder", "CLIPTextModel"),
            read_tokenizer(folder), read_network(folder, "unet", "UNet2DConditionModel"),
            read_network(folder, "motion_adapter", "MotionAdapter"), diffusers.DDIMScheduler(**_SCHEDULE),
        )  # fmt: skip
        parts.set_progress_bar_config(disable=True)
        return AnimateDiff(parts.to(device, torch.float16 if device.type == "cuda" else torch.float32))
