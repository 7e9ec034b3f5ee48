"""SoSgen's latent diffusion (Sound of Story, section 4.2.1, Fig. 5) from diffusers' and transformers' parts.

Pictures of spectrograms become latents of a VAE; a conditional UNet says which noise is in noisy latents, told by a
CLIP text encoder that learns with it (Eq. 12). For frames, all of that is frozen, and a ControlNet (Zhang and Agrawala
2023) beside it learns, fed by the CLIP embeddings of the frames (Eq. 13; `nn.frame_track`). Nothing is made or read
here: parts come in, of any size (`generate.diffusion_folder`).
Axes: b items, c channels, h w height and width of latents, n tokens of a text, a width of the cross-attention, k cells
of a track, d numbers of a frame's embedding.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from storysound.nn.frame_track import FrameTrack

SAMPLERS: Mapping[str, str] = {"ddim": "DDIMScheduler", "dpm-solver": "DPMSolverMultistepScheduler"}
Residuals = tuple[tuple[Tensor, ...], Tensor]  # what a branch adds to the UNet's skips, and to its middle


class FrozenParts:
    """Networks that a training uses and doesn't teach: no weights of the module that holds them, and never copied."""

    def __init__(self, unet: nn.Module, text_encoder: nn.Module) -> None:
        self.unet, self.text_encoder = (part.eval().requires_grad_(False) for part in (unet, text_encoder))

    def __deepcopy__(self, memo: dict[int, Any]) -> "FrozenParts":
        return self


def noise_in(unet: nn.Module, noisy: Tensor, t: Tensor, context: Tensor, added: Residuals | None = None) -> Tensor:
    """The noise [b c h w] that the UNet sees in noisy latents [b c h w] at times t [b], told by context [b n a]."""
    skips, middle = added or (None, None)
    seen: Tensor = unet(
        noisy, t, context, down_block_additional_residuals=skips, mid_block_additional_residual=middle,
        return_dict=False,
    )[0]  # fmt: skip
    return seen


def added_by(
    control: nn.Module, track: FrameTrack, noisy: Tensor, t: Tensor, context: Tensor, frames: Tensor, factor: int
) -> Residuals:
    """What the control branch adds, of noisy latents [b c h w], t [b], context [b n a] and tracks [b k d].

    It attends to the text's tokens and, after them, to those of the frames. `factor`: of a picture to its latents.
    """
    tokens, hint = track(frames, factor * noisy.shape[2], factor * noisy.shape[3])
    both = torch.cat([context, tokens.to(context.dtype)], dim=1)
    down, middle = control(noisy, t, both, hint, return_dict=False)
    return tuple(down), middle


class TextNoise(nn.Module):
    """ε_θ(z̃_t, t, c(d)) of Eq. 12: UNet and text encoder c, both of which learn."""

    def __init__(self, unet: nn.Module, text_encoder: nn.Module) -> None:
        super().__init__()
        self.unet, self.text_encoder = unet, text_encoder

    def forward(self, noisy: Tensor, t: Tensor, ids: Tensor) -> Tensor:
        """Noisy latents [b c h w], times [b] and tokens of texts [b n] -> noise [b c h w]."""
        return noise_in(self.unet, noisy, t, self.text_encoder(ids)[0])


class FramesNoise(nn.Module):
    """ε_θ(z̃_t, t, c(d), c_img(f)) of Eq. 13: a control branch and what leads frames to it learn, all else is frozen."""

    def __init__(self, control: nn.Module, track: FrameTrack, frozen: FrozenParts, factor: int) -> None:
        """`factor`: of a picture to its latents."""
        super().__init__()
        self.control, self.track, self.frozen, self.factor = control, track, frozen, factor

    def forward(self, noisy: Tensor, t: Tensor, ids: Tensor, frames: Tensor) -> Tensor:
        """Noisy latents [b c h w], times [b], tokens of texts [b n] and tracks [b k d] -> noise [b c h w]."""
        with torch.no_grad():
            context = self.frozen.text_encoder(ids)[0]
        added = added_by(self.control, self.track, noisy, t, context, frames, self.factor)
        return noise_in(self.frozen.unet, noisy, t, context, added)


def text_loss(network: nn.Module, latents: Tensor, ids: Tensor, schedule: Any, dice: torch.Generator) -> Tensor:
    """Eq. 12, of latents [b c h w] and tokens of their descriptions [b n]; `network` as `TextNoise`."""
    return _noise_loss(lambda noisy, t: network(noisy, t, ids), latents, schedule, dice)


def frames_loss(
    network: nn.Module, latents: Tensor, ids: Tensor, frames: Tensor, schedule: Any, dice: torch.Generator
) -> Tensor:
    """Eq. 13, of latents [b c h w], tokens of descriptions [b n] and tracks [b k d]; `network` as `FramesNoise`."""
    return _noise_loss(lambda noisy, t: network(noisy, t, ids, frames), latents, schedule, dice)


def _noise_loss(
    seen: Callable[[Tensor, Tensor], Tensor], latents: Tensor, schedule: Any, dice: torch.Generator
) -> Tensor:
    """E ‖ε - ε_θ‖² over latents [b c h w] at random times of a schedule of diffusers.

    The mean over all numbers, as Stable Diffusion's training takes it, where the paper prints a sum: the rate that it
    prints is for that. Noise and times are drawn by `dice`, of the processor.
    """
    t = torch.randint(0, schedule.config.num_train_timesteps, (len(latents),), generator=dice).to(latents.device)
    noise = torch.randn(latents.shape, generator=dice).to(latents)
    return (noise - seen(schedule.add_noise(latents, noise, t), t)).float().square().mean()


@torch.no_grad()
def encoded(vae: Any, pictures: Tensor, dice: torch.Generator) -> Tensor:
    """Latents [b c h w] of pictures [b 3 height width] in [-1, 1], drawn from what the VAE says, scaled as it says."""
    told = vae.encode(pictures).latent_dist
    drawn = told.mean + told.std * torch.randn(told.mean.shape, generator=dice).to(told.mean)
    latents: Tensor = drawn * vae.config.scaling_factor
    return latents


@torch.no_grad()
def decoded(vae: Any, latents: Tensor) -> Tensor:
    """Pictures [b 3 height width], about in [-1, 1], of latents [b c h w]."""
    pictures: Tensor = vae.decode(latents / vae.config.scaling_factor, return_dict=False)[0]
    return pictures


def sampler(name: str, schedule: Any) -> Any:
    """Of `SAMPLERS`, by the schedule's noise: DDIM (Song et al. 2020) or DPM-Solver++ (Lu et al. 2022)."""
    made = getattr(import_module("diffusers"), SAMPLERS[name])
    own = {"clip_sample": False} if name == "ddim" else {}  # latents go beyond 1
    return made.from_config(schedule.config, **own)


@torch.no_grad()
def denoised(
    seen: Callable[[Tensor, Tensor], Tensor], noise: Tensor, sampler: Any, steps: int, check: Callable[[], None]
) -> Tensor:
    """From noise [b c h w] to latents, in `steps`. Nothing is drawn; `check` is called before each and may raise.

    `seen` of noisy latents [b c h w] and of the time, a scalar, is the noise [b c h w].
    """
    sampler.set_timesteps(steps)
    latents = noise * sampler.init_noise_sigma
    for t in sampler.timesteps:
        check()
        found = seen(sampler.scale_model_input(latents, t), t)
        latents = sampler.step(found, t, latents, return_dict=False)[0]
    done: Tensor = latents
    return done
