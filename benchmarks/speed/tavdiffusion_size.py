"""What a step of the paper's TAVDiffusion takes at its own size: parameters, memory a GPU, operations; all on paper.

As `benchmarks.speed.step_size` counts: networks of the sizes of Stable Diffusion 1.5, AudioLDM and
CLIP ViT-L/14's text encoder stand on torch's meta device, and one clip goes through Eq. 15 as a training would send it:
20 frames of 256 x 320 pixels, and 10.24 s of sound, 64 mel bands in 1024 columns (AudioLDM's; the paper prints no size
of spectrograms). Both UNets and what stands between them learn, autoencoders and text encoder don't. More clips in a
batch add their activations alone.

Run: python -m benchmarks.speed.tavdiffusion_size
"""

from dataclasses import dataclass
from typing import Any

import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from rich.table import Table
from torch import Tensor, nn
from transformers import CLIPTextModel

from benchmarks.speed.step_size import StepSize, autoencoder, print_size, size_of, text_config
from storysound.generate.pretrained import quiet
from storysound.generate.video.tavdiffusion_start import AUDIO_CHANNELS
from storysound.losses.audio_visual import audible_video_loss
from storysound.nn.latent_diffusion import encoded
from storysound.nn.tavdiffusion import TavConfig, TavDiffusion

HEIGHT, WIDTH, COLUMNS, BANDS = 256, 320, 1024, 64
STEPS = 100_000  # the paper's, on 64 A100
PEAK_A100 = 312e12  # dense operations a second in bf16


@dataclass(frozen=True)
class PaperNetworks:
    """Networks of the paper's size without weights, on the meta device, in bf16."""

    network: TavDiffusion
    pictures: Any  # AutoencoderKL
    spectrograms: Any  # AutoencoderKL
    text_encoder: Any
    schedule: Any

    def batch(self) -> dict[str, Tensor]:
        """Latents of one clip [1 8 256 16] and [1 f 4 32 40], and tokens of its text [1 77 768]."""
        dice = torch.Generator().manual_seed(0)
        frames = self.network.config.frames
        seen = torch.empty(frames, 3, HEIGHT, WIDTH, device="meta", dtype=torch.bfloat16)
        heard = torch.empty(1, 1, COLUMNS, BANDS, device="meta", dtype=torch.bfloat16)
        with torch.no_grad():
            context = self.text_encoder(torch.zeros(1, 77, dtype=torch.long, device="meta"))[0]
        video = encoded(self.pictures, seen, dice)[None]
        return {"audio": encoded(self.spectrograms, heard, dice), "video": video, "context": context}

    def step(self) -> Tensor:
        """The loss of one clip, a scalar."""
        dice = torch.Generator().manual_seed(0)
        return audible_video_loss(self.network, **self.batch(), schedule=self.schedule, dice=dice).total


def paper_networks(config: TavConfig) -> PaperNetworks:
    """Of Stable Diffusion 1.5's and AudioLDM's published sizes."""
    with torch.device("meta"), quiet():
        own = {"cross_attention_dim": 768, "attention_head_dim": 8}
        audio = UNet2DConditionModel(in_channels=AUDIO_CHANNELS, out_channels=AUDIO_CHANNELS, **own)
        network = TavDiffusion(audio, UNet2DConditionModel(**own), config)
        parts = (network, autoencoder(), autoencoder(1, (128, 256, 512), AUDIO_CHANNELS), CLIPTextModel(text_config()))
        schedule = DDPMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
        return PaperNetworks(*(part.to(torch.bfloat16) for part in parts), schedule)


def counted(config: TavConfig) -> StepSize:
    """A step of one clip."""
    made = paper_networks(config)
    taught = list(made.network.parameters())
    frozen = [w for part in (made.pictures, made.spectrograms, made.text_encoder) for w in part.parameters()]
    copied = sum(weight.numel() for weight in (*taught, *frozen))
    return size_of(made.step, made.batch, taught, frozen, copied, (made.network.audio, made.network.video))


def weights_of(network: TavDiffusion) -> dict[str, int]:
    """Numbers of weights of the network's parts."""
    video = dict(network.video.named_parameters())
    new = [weight for name, weight in video.items() if ".temporal." in name or ".time." in name]
    rest = [part for name, part in network.named_children() if name not in ("audio", "video")]
    fresh = sum(weight.numel() for weight in new)
    return {
        "UNet of sound": _numbers(network.audio), "UNet of picture, inherited": _numbers(network.video) - fresh,
        "pseudo-3D convolutions and temporal transformers": fresh,
        "cross-attention and alignment": sum(_numbers(part) for part in rest),
    }  # fmt: skip


def _numbers(part: nn.Module) -> int:
    return sum(weight.numel() for weight in part.parameters())


def main() -> None:
    """Prints the table."""
    size = counted(TavConfig())
    table = Table("what", "TAVDiffusion (Eq. 15)")
    for name, numbers in weights_of(paper_networks(TavConfig()).network).items():
        table.add_row(f"weights of it, millions: {name}", f"{numbers / 1e6:.1f}")
    print_size(table, size, STEPS, PEAK_A100)


if __name__ == "__main__":
    main()
