"""Sounds by latent diffusion of spectrogram pictures: Riffusion's models, and the paper's SoSgen, which grows on them.

Sound of Story, section 4.2 (Eq. 12, 13), from words, from pictures in time, or from both, whatever the folder's model
was taught (`storysound train sosgen`). Longer than a slice: windows denoised together.
"""

import logging
import math
import re
from collections.abc import Callable, Sequence, Set
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from storysound.encode.clip import prepare
from storysound.encode.pool import Models
from storysound.errors import UsageError
from storysound.generate.diffusion_folder import DiffusionParts, read_parts
from storysound.generate.maker import Condition, Conditions, TimedPicture, check_conditions
from storysound.generate.variants import FIXED_TEXT, SamplerName
from storysound.generate.vocoder import GriffinLim, Vocoder, spoken
from storysound.media.arrays import Floats, Pixels
from storysound.media.audio import Waveform
from storysound.media.spectrograms.form import from_pixels
from storysound.nn.frame_track import spread
from storysound.nn.latent_diffusion import added_by, decoded, denoised, noise_in, sampler
from storysound.nn.windows import together
from storysound.progress import check

log = logging.getLogger(__name__)

LONGEST_S = 600.0
STEPS, GUIDANCE = 25, 7.0  # what Stable Diffusion is used with: with DPM-Solver++ more steps change little
PEAK = 10 ** (-1 / 20)  # pictures don't say how loud they are
_TAKES: dict[str, frozenset[Condition]] = {
    "text": frozenset({"text"}), "image": frozenset({"pictures"}), "text+image": frozenset({"text", "pictures"}),
}  # fmt: skip


class SpectrogramDiffusion:
    """A maker of mono sound at the rate of its spectrograms. Of a model that takes both, either is enough."""

    longest_s = LONGEST_S

    def __init__(
        self, parts: DiffusionParts, device: torch.device, *, steps: int = STEPS, guidance: float = GUIDANCE,
        sampler: SamplerName = "dpm-solver", vocoder: Vocoder | None = None,
    ) -> None:  # fmt: skip
        """`guidance`: weight of the conditions against none, which is no text and no control branch."""
        self.parts, self._device = parts.to(device), device
        self.takes: Set[Condition] = _TAKES[parts.about.variant]
        self.steps, self.guidance, self.sampler = steps, guidance, sampler
        self._vocoder = vocoder or GriffinLim()

    def make(self, conditions: Conditions) -> Waveform:
        """See `maker.Maker`. What of a text isn't read is told in the log. Raises UsageError for empty pictures too."""
        check_conditions(conditions, self)
        form = self.parts.about.form
        levels = self.amplitudes(conditions)
        wave = spoken(self._vocoder, levels, form, round(conditions.seconds * form.rate_hz), conditions.seed)
        loudest = float(np.abs(wave.samples).max(initial=0.0))
        return Waveform(wave.samples * np.float32(PEAK / loudest if loudest > 0 else 1.0), wave.rate_hz)

    @torch.no_grad()
    def amplitudes(self, conditions: Conditions) -> Floats:
        """Amplitudes [1 t b] of bands, the loudest about 1, of a sound of that length at least."""
        parts = self.parts
        columns = parts.about.form.columns(conditions.seconds)
        width = math.ceil(columns / parts.multiple) * parts.multiple
        shape = (1, parts.unet.config.in_channels, parts.about.form.bands // parts.factor, width // parts.factor)
        noise = torch.randn(shape, generator=torch.Generator().manual_seed(conditions.seed)).to(self._device)
        window = parts.about.width // parts.factor
        cell = parts.multiple // parts.factor
        hop = max(cell, window // 2 // cell * cell)
        seen = self._seen(conditions, width // parts.multiple)

        def noise_of(latents: Tensor, t: Tensor) -> Tensor:
            return together(lambda part, start: seen(part, t, start // cell), latents, window, hop, axis=3)

        latents = denoised(noise_of, noise, sampler(self.sampler, parts.schedule), self.steps, check)
        picture = together(lambda part, _: decoded(parts.vae, part), latents, window, hop, axis=3, scale=parts.factor)
        return from_pixels(_pixels(picture)[:, :columns], parts.about.form, 1.0)

    def _seen(self, conditions: Conditions, cells: int) -> Callable[[Tensor, Tensor, int], Tensor]:
        """What noise is seen in a window of latents [1 c h w], at a time, whose track begins at a cell."""
        parts, device = self.parts, self._device
        pictures = conditions.pictures
        context = self._context(["", conditions.text.strip() or FIXED_TEXT])
        frames = None if not pictures else spread(
            self._embedded(pictures), [picture.at_s for picture in pictures], cells, parts.cell_s
        ).to(device)  # fmt: skip

        def seen(noisy: Tensor, t: Tensor, first: int) -> Tensor:
            """Of a window [1 c h w]."""
            times = t.to(device).expand(1)
            added = None
            if frames is not None and parts.track is not None:
                own = frames[None, first : first + noisy.shape[3] * parts.factor // parts.multiple]
                added = added_by(parts.control, parts.track, noisy, times, context[1:], own, parts.factor)
            told = noise_in(parts.unet, noisy, times, context[1:], added)
            untold = noise_in(parts.unet, noisy, times, context[:1])
            return untold + self.guidance * (told - untold)

        return seen

    def _context(self, texts: list[str]) -> Tensor:
        """[b n a] of texts; what can't be read of them is told in the log."""
        for text in filter(None, texts):
            most = self.parts.text_encoder.config.max_position_embeddings
            if len(self.parts.tokenizer(text, truncation=False, verbose=False).input_ids) > most:
                log.warning("of %d words only the first %d tokens are read", len(text.split()), most)
            if not re.search("[A-Za-z]", text):
                log.warning("%r has no word in Latin letters: such models know English", text[:40])
        found: Tensor = self.parts.text_encoder(self.parts.tokens(texts).to(self._device))[0]
        return found

    def _embedded(self, pictures: Sequence[TimedPicture]) -> Tensor:
        times_s = [picture.at_s for picture in pictures]
        if times_s != sorted(times_s):
            raise UsageError("pictures must be in the order of their times")
        return embedded(self.parts.eyes, [picture.rgb for picture in pictures])


@torch.no_grad()
def embedded(eyes: Any, pictures: Sequence[Pixels]) -> Tensor:
    """CLIP's unit vectors [m d] of pictures uint8 [h w 3] of any size, one at a time. Raises UsageError for others.

    `eyes`: transformers' CLIPVisionModelWithProjection.
    """
    rows = []
    for picture in pictures:
        if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or not picture.size:
            raise UsageError(f"pictures must be uint8 [h w 3] and not empty, got {picture.dtype} {picture.shape}")
        pixels = prepare(picture, int(eyes.config.image_size))[None].to(eyes.device)
        seen = eyes(pixel_values=pixels).image_embeds
        rows.append(F.normalize(seen.float(), dim=-1).cpu())
    return torch.cat(rows)


def _pixels(picture: Tensor) -> Pixels:
    """A picture [1 3 height width] about in [-1, 1] as uint8 [height width 3], in grey."""
    grey = (picture[0].float().mean(0) + 1).mul(127.5).round().clamp(0, 255).to(torch.uint8).cpu().numpy()
    return np.repeat(grey[..., None], 3, axis=2)


def load(folder: Path, device: torch.device, _models: Models) -> SpectrogramDiffusion:
    """From a folder in the layout of diffusers. Raises MissingModelError as `diffusion_folder.read_parts`."""
    return SpectrogramDiffusion(read_parts(folder), device)
