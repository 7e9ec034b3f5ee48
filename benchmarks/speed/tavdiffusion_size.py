"""What a step of the paper's TAVDiffusion takes at its own size: parameters, memory a GPU, operations; all on paper.

As `benchmarks.speed.sosgen_size` counts, and by its rules: networks of the sizes of Stable Diffusion 1.5, AudioLDM and
CLIP ViT-L/14's text encoder stand on torch's meta device, and one clip goes through Eq. 15 as a training would send it:
20 frames of 256 x 320 pixels, and 10.24 s of sound, 64 mel bands in 1024 columns (AudioLDM's; the paper prints no size
of spectrograms). Both UNets and what stands between them learn, autoencoders and text encoder don't. More clips in a
batch add their activations alone.

Run: python -m benchmarks.speed.tavdiffusion_size
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from transformers import CLIPTextConfig, CLIPTextModel

from benchmarks.speed.sosgen_size import SavedBytes, StepSize, fused_attention, operations
from storysound.generate.pretrained import quiet
from storysound.generate.tavdiffusion_start import AUDIO_CHANNELS
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


def autoencoder(channels: int, widths: tuple[int, ...], latents: int) -> Any:
    """As Stable Diffusion's."""
    return AutoencoderKL(
        in_channels=channels, out_channels=channels, block_out_channels=widths, latent_channels=latents,
        down_block_types=("DownEncoderBlock2D",) * len(widths), up_block_types=("UpDecoderBlock2D",) * len(widths),
        layers_per_block=2,
    )  # fmt: skip


def paper_networks(config: TavConfig) -> PaperNetworks:
    """Of Stable Diffusion 1.5's and AudioLDM's published sizes."""
    text = CLIPTextConfig(
        hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12, vocab_size=49408,
        attn_implementation="sdpa",
    )  # fmt: skip
    with torch.device("meta"), quiet():
        own = {"cross_attention_dim": 768, "attention_head_dim": 8}
        audio = UNet2DConditionModel(in_channels=AUDIO_CHANNELS, out_channels=AUDIO_CHANNELS, **own)
        network = TavDiffusion(audio, UNet2DConditionModel(**own), config)
        parts = (network, autoencoder(3, (128, 256, 512, 512), 4), autoencoder(1, (128, 256, 512), AUDIO_CHANNELS),
                 CLIPTextModel(text))  # fmt: skip
        schedule = DDPMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
        return PaperNetworks(*(part.to(torch.bfloat16) for part in parts), schedule)


def counted(config: TavConfig) -> StepSize:
    """A step of one clip."""
    made = paper_networks(config)
    taught = list(made.network.parameters())
    frozen = [w for part in (made.pictures, made.spectrograms, made.text_encoder) for w in part.parameters()]
    weights = {weight.untyped_storage()._cdata for weight in (*taught, *frozen)}
    plain, outside = SavedBytes(weights), SavedBytes(weights)
    with fused_attention([]), saved_tensors_hooks(plain.add, lambda tensor: tensor):
        made.step().backward()  # type: ignore[no-untyped-call]
    encoding = operations(made.batch)
    whole = operations(made.step)
    with fused_attention([]), saved_tensors_hooks(outside.add, lambda tensor: tensor):
        lasting, largest = _checkpointed(made, weights)
    numbers = sum(weight.numel() for weight in taught)
    rest = sum(weight.numel() for weight in frozen)
    return StepSize(
        numbers, rest, numbers + rest, plain.total, outside.total + lasting + largest, encoding, whole - encoding
    )


def _checkpointed(made: PaperNetworks, weights: set[int]) -> tuple[int, int]:
    """Bytes of the blocks' inputs, which stay, and of the largest block's activations, which come and go."""
    inputs, blocks = SavedBytes(weights), [0]

    def block(module: Callable[..., Any], *given: Any) -> Any:
        for one in given:
            if isinstance(one, Tensor):
                inputs.add(one)
        own = SavedBytes(weights)
        with saved_tensors_hooks(own.add, lambda tensor: tensor):
            found = module(*given)
        blocks.append(own.total)
        return found

    for unet in (made.network.audio, made.network.video):
        unet.enable_gradient_checkpointing(block)
    made.step()
    return inputs.total, max(blocks)


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
    rows = [
        ("weights that learn, millions", size.taught / 1e6),
        ("frozen weights, millions", size.frozen / 1e6),
        ("weights, gradients, AdamW, average, copies in bf16, GiB", size.state / 2**30),
        ("activations of a clip, GiB", size.activations / 2**30),
        ("activations with gradient checkpointing, GiB", size.checkpointed / 2**30),
        ("a GPU in all, one clip, GiB", (size.state + size.activations) / 2**30),
        ("in all with gradient checkpointing, GiB", (size.state + size.checkpointed) / 2**30),
        ("operations of a clip, there and back, 10^12", size.operations / 1e12),
    ]
    for name, figure in rows:
        table.add_row(name, f"{figure:.1f}")
    Console(width=140).print(table)
    hours = STEPS * size.operations / PEAK_A100 / 3600
    print(f"{STEPS:,} steps of a clip a GPU at an A100's peak: {hours:.1f} hours")


if __name__ == "__main__":
    main()
