"""Audible video made of words by TAVDiffusion (TAVGBench, section 4): its folder, and how a clip comes out of it.

A folder has the parts of Stable Diffusion that see and read (`vae`, `text_encoder`, `tokenizer`, `scheduler`), those of
AudioLDM that hear and sound (`audio_vae`, `vocoder`), each as diffusers and transformers write them, the shapes of both
UNets (`unet`, `audio_unet`: the 2D parents' configurations), `network.safetensors`, and `tavdiffusion.json`. No weights
are shipped.
"""

import json
import math
import shutil
from collections.abc import Callable, Set
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from storysound.encode.pool import Models
from storysound.generate.diffusion_folder import read_network, read_schedule, read_tokenizer, tokens_of
from storysound.generate.pretrained import loading, quiet
from storysound.generate.video.halves import Known, Latents, in_stages, other_seed
from storysound.generate.video.maker import STAGES, AudibleClip, SilentClip, Stages
from storysound.media.arrays import Pixels
from storysound.media.audio import Waveform
from storysound.media.files import write_whole, writing
from storysound.nn.latent_diffusion import decoded, sampler
from storysound.nn.tavdiffusion import TavConfig, TavDiffusion, generated
from storysound.progress import check

ABOUT = "tavdiffusion.json"
STEPS = 50  # section 5.1
GUIDANCE = 7.5  # Stable Diffusion's: the paper prints none
_NETWORK = "network.safetensors"
_WANTED = "TAVDiffusion in the layout of diffusers"


@dataclass(frozen=True)
class ClipForm:
    """Sizes of a clip as the network was taught it."""

    height: int = 256
    width: int = 320
    seconds: float = 10.0
    columns: int = 1024  # of the spectrogram, those of AudioLDM's 10.24 s
    bands: int = 64

    def __post_init__(self) -> None:
        if min(self.height, self.width, self.columns, self.bands) < 1 or self.seconds <= 0:
            raise ValueError(f"needs sizes of at least 1 and a length above 0, got {self}")


@dataclass(frozen=True)
class TavParts:
    """All that makes audible video; what is of diffusers and transformers is of these libraries' classes."""

    network: TavDiffusion
    vae: Any  # AutoencoderKL of pictures [b 3 h w]
    audio_vae: Any  # AutoencoderKL of log-mel spectrograms [b 1 t m]
    vocoder: Any  # SpeechT5HifiGan
    text_encoder: Any  # CLIPTextModel
    tokenizer: Any
    schedule: Any
    form: ClipForm = field(default_factory=ClipForm)

    def check(self) -> None:
        """Raises ValueError where parts don't fit together."""
        audio, video, bands = self.network.audio.config, self.network.video.config, self.vocoder.config.model_in_dim
        needed = {
            "channels of a picture's latents": (video.in_channels, self.vae.config.latent_channels),
            "channels of a sound's latents": (audio.in_channels, self.audio_vae.config.latent_channels),
            "numbers of a text's token": (audio.cross_attention_dim, self.text_encoder.config.hidden_size),
            "bands": (self.form.bands, bands),
        }
        for what, (wanted, there) in needed.items():
            if wanted != there:
                raise ValueError(f"{what}: {wanted} wanted, {there} there")
        own = self.vocoder.config
        sounding_s = self.form.columns * math.prod(own.upsample_rates) / own.sampling_rate
        if sounding_s < self.form.seconds:
            raise ValueError(f"{self.form.columns} columns are {sounding_s:g} s of sound, wanted {self.form.seconds:g}")

    def to(self, device: torch.device) -> "TavParts":
        """All networks there."""
        for part in (self.network, self.vae, self.audio_vae, self.vocoder, self.text_encoder):
            part.to(device)
        return self

    def noise(self, seed: int) -> tuple[Tensor, Tensor]:
        """What a clip starts from, [1 c h w] of sound and [1 f c h w] of pictures, drawn on the processor."""
        form, dice = self.form, torch.Generator().manual_seed(seed)
        audio = _latents(self.audio_vae, form.columns, form.bands)
        video = (self.network.config.frames, *_latents(self.vae, form.height, form.width))
        return torch.randn(1, *audio, generator=dice), torch.randn(1, *video, generator=dice)

    @torch.no_grad()
    def make(
        self,
        text: str,
        seed: int,
        check: Callable[[], None],
        steps: int = STEPS,
        guidance: float = GUIDANCE,
        stages: Stages = "together",
    ) -> AudibleClip:
        """A clip of a text, the same on one machine for the same seed. `check` is called often and may raise.

        `stages`: as `halves.in_stages`.
        """
        device = next(self.network.parameters()).device
        ids = tokens_of(self.tokenizer, self.text_encoder, ["", text]).to(device)
        nothing, context = self.text_encoder(ids)[0].split(1)

        def sampled(known: Known, *, is_told: bool, afresh: bool) -> Latents:
            audio, video = self.noise(other_seed(seed) if afresh else seed)
            return generated(
                self.network, (audio.to(device), video.to(device)), context if is_told else nothing, nothing,
                guidance, sampler("ddim", self.schedule), steps, check, known,
            )  # fmt: skip

        audio, video = in_stages(sampled, stages)
        return self._decoded(audio, video, check)

    def _decoded(self, audio: Tensor, video: Tensor, check: Callable[[], None]) -> AudibleClip:
        """What latents [1 c h w] and [1 f c h w] sound and look like."""
        frames = []
        for latents in video[0]:
            check()
            frames.append(_pixels(decoded(self.vae, latents[None])[0]))
        rate_hz = int(self.vocoder.config.sampling_rate)
        samples = self.vocoder(decoded(self.audio_vae, audio)[0, 0])[: round(self.form.seconds * rate_hz)]
        sound = Waveform(samples.float().cpu().numpy()[None], rate_hz)
        return AudibleClip(np.stack(frames), len(frames) / self.form.seconds, sound)


class TavMaker:
    """A maker of clips (`maker.AudibleMaker`), of the length that its network was taught or shorter."""

    alone: Set[Stages] = frozenset(STAGES)

    def __init__(self, parts: TavParts, steps: int = STEPS) -> None:
        self._parts, self._steps = parts, steps
        self.usual_s = self.longest_s = parts.form.seconds

    def pictures(self, text: str, seed: int, seconds: float) -> SilentClip:
        """See `maker.PictureMaker`: the picture's half of what it makes."""
        return self.make(text, seed, seconds, "together").silent

    def make(self, text: str, seed: int, seconds: float, stages: Stages) -> AudibleClip:
        """See `maker.AudibleMaker`."""
        return self._parts.make(text, seed, check, self._steps, stages=stages).cut(seconds)


def load(folder: Path, device: torch.device, _models: Models) -> TavMaker:
    """From a folder as `read_tav`. Raises MissingModelError."""
    return TavMaker(read_tav(folder).to(device))


def assembled(network: TavDiffusion, seeing: Path, hearing: Path, form: ClipForm) -> TavParts:
    """A network with what is frozen beside it, of a folder of Stable Diffusion and of one of AudioLDM.

    Raises MissingModelError where parts are missing, damaged, or don't fit together.
    """
    with loading(hearing, "AudioLDM in the layout of diffusers"):
        sound = read_network(hearing, "vae", "AutoencoderKL"), read_network(hearing, "vocoder", "SpeechT5HifiGan")
    with loading(seeing, "Stable Diffusion 1.5 in the layout of diffusers"):
        return _joined(network, seeing, sound, form)


def write_tav(parts: TavParts, folder: Path) -> None:
    """Writes a folder, in place of what was there, or nothing at all. Raises OutputError."""
    partial = folder.with_name(f"{folder.name}.part")
    network = parts.network
    with writing(folder):
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        with quiet():
            for name, part in {
                "vae": parts.vae, "audio_vae": parts.audio_vae, "vocoder": parts.vocoder,
                "text_encoder": parts.text_encoder, "tokenizer": parts.tokenizer, "scheduler": parts.schedule,
            }.items():  # fmt: skip
                part.save_pretrained(partial / name)
            for name, unet in (("unet", network.video), ("audio_unet", network.audio)):
                unet.save_config(partial / name)
        save_file({name: value.contiguous() for name, value in network.state_dict().items()}, partial / _NETWORK)
        about = {"network": asdict(network.config), "form": asdict(parts.form)}
        write_whole(partial / ABOUT, json.dumps(about, indent=1))
        shutil.rmtree(folder, ignore_errors=True)
        partial.replace(folder)


def read_tav(folder: Path) -> TavParts:
    """All parts of a folder. Raises MissingModelError where some are missing, damaged, or don't fit together."""
    with loading(folder, _WANTED):
        about = json.loads((folder / ABOUT).read_text("utf-8"))
        made = import_module("diffusers").UNet2DConditionModel
        video, audio = (made.from_config(made.load_config(folder / name)) for name in ("unet", "audio_unet"))
        network = TavDiffusion(audio, video, TavConfig(**about["network"]))
        network.load_state_dict(load_file(folder / _NETWORK))
        sound = read_network(folder, "audio_vae", "AutoencoderKL"), read_network(folder, "vocoder", "SpeechT5HifiGan")
        return _joined(network.eval(), folder, sound, ClipForm(**about["form"]))


def _joined(network: TavDiffusion, folder: Path, sound: tuple[Any, Any], form: ClipForm) -> TavParts:
    """A network, an autoencoder and a vocoder of sound, and the rest out of a folder as Stable Diffusion's."""
    parts = TavParts(
        network, read_network(folder, "vae", "AutoencoderKL"), *sound,
        read_network(folder, "text_encoder", "CLIPTextModel"), read_tokenizer(folder), read_schedule(folder), form,
    )  # fmt: skip
    parts.check()
    return parts


def _latents(vae: Any, height: int, width: int) -> tuple[int, int, int]:
    """Channels, height and width of latents, by what the autoencoder says (erratum 4)."""
    factor = 2 ** (len(vae.config.block_out_channels) - 1)
    return vae.config.latent_channels, height // factor, width // factor


def _pixels(picture: Tensor) -> Pixels:
    """RGB [h w 3] of a picture [3 h w], about in [-1, 1]."""
    scaled = ((picture.float() + 1) * 127.5).round().clamp(0, 255)
    return np.ascontiguousarray(scaled.permute(1, 2, 0).cpu().numpy().astype(np.uint8))
