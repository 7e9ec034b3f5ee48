"""What a step of a transformer of two streams takes at TAVDiffusion's size: parameters, memory a GPU, operations.

As `benchmarks.speed.tavdiffusion_size`: its clips and its autoencoders, on torch's meta device. Latents of picture are
taken in patches of 2 x 2, those of sound a column at a time; 24 blocks of width 1024 with 16 heads stand in the place
of both UNets.

Run: python -m benchmarks.speed.two_streams_size
"""

from dataclasses import dataclass
from typing import Any

import torch
from rich.table import Table
from torch import Tensor
from transformers import CLIPTextModel

from benchmarks.speed.step_size import StepSize, autoencoder, print_size, size_of, text_config
from benchmarks.speed.tavdiffusion_size import BANDS, COLUMNS, HEIGHT, PEAK_A100, STEPS, WIDTH
from storysound.generate.pretrained import quiet
from storysound.generate.video.tavdiffusion_start import AUDIO_CHANNELS
from storysound.losses.audio_visual import audible_flow_loss
from storysound.nn.latent_diffusion import encoded
from storysound.nn.two_streams import (
    TwoStreams,
    TwoStreamsConfig,
    audio_places,
    audio_tokens,
    video_places,
    video_tokens,
)

FRAMES, SECONDS, PATCH = 20, 10.24, 2
CONFIG = TwoStreamsConfig(
    AUDIO_CHANNELS * BANDS // 4, 4 * PATCH**2, 768, width=1024, blocks=24, heads=16, alignment=True
)


@dataclass(frozen=True)
class Networks:
    """Without weights, on the meta device, in bf16."""

    network: TwoStreams
    pictures: Any  # AutoencoderKL
    spectrograms: Any  # AutoencoderKL
    text_encoder: Any

    def batch(self) -> dict[str, Tensor]:
        """Tokens of one clip [1 256 128] and [1 6400 16], and of its text [1 77 768]."""
        dice = torch.Generator().manual_seed(0)
        seen = torch.empty(FRAMES, 3, HEIGHT, WIDTH, device="meta", dtype=torch.bfloat16)
        heard = torch.empty(1, 1, COLUMNS, BANDS, device="meta", dtype=torch.bfloat16)
        with torch.no_grad():
            text = self.text_encoder(torch.zeros(1, 77, dtype=torch.long, device="meta"))[0]
        audio, video = encoded(self.spectrograms, heard, dice), encoded(self.pictures, seen, dice)[None]
        places = torch.cat([
            audio_places(audio.shape[2], SECONDS),
            video_places(FRAMES, video.shape[3] // PATCH, video.shape[4] // PATCH, SECONDS),
        ]).to("meta")  # fmt: skip
        mask = torch.ones(1, 77, dtype=torch.bool, device="meta")
        tokens = {"audio": audio_tokens(audio), "video": video_tokens(video, PATCH)}
        return {**tokens, "text": text, "mask": mask, "places": places}

    def step(self) -> Tensor:
        """The loss of one clip, a scalar."""
        return audible_flow_loss(self.network, **self.batch(), dice=torch.Generator().manual_seed(0)).total


def networks(config: TwoStreamsConfig = CONFIG) -> Networks:
    """The transformer beside what is frozen, of the sizes of Stable Diffusion 1.5 and AudioLDM."""
    with torch.device("meta"), quiet():
        parts = (
            TwoStreams(config),
            autoencoder(),
            autoencoder(1, (128, 256, 512), AUDIO_CHANNELS),
            CLIPTextModel(text_config()),
        )
        return Networks(*(part.to(torch.bfloat16) for part in parts))


def counted(config: TwoStreamsConfig = CONFIG) -> StepSize:
    """A step of one clip."""
    made = networks(config)
    taught = list(made.network.parameters())
    frozen = [w for part in (made.pictures, made.spectrograms, made.text_encoder) for w in part.parameters()]
    copied = sum(weight.numel() for weight in (*taught, *frozen))
    return size_of(made.step, made.batch, taught, frozen, copied, (made.network,))


def main() -> None:
    """Prints the table."""
    size = counted()
    table = Table("what", f"two streams, {CONFIG.blocks} blocks of {CONFIG.width}")
    print_size(table, size, STEPS, PEAK_A100)


if __name__ == "__main__":
    main()
