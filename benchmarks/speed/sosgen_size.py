"""What a step of the paper's SoSgen takes at its own size: parameters, memory a GPU, operations; nothing is computed.

Networks and tensors of the sizes of Stable Diffusion 1.5 (its published configuration) and CLIP ViT-B/32 stand on
torch's meta device: a batch of one slice of 512 x 1536 pixels goes through both losses (Eq. 12 and 13) as training
sends it, and is counted as `benchmarks.speed.step_size` does.

Run: python -m benchmarks.speed.sosgen_size
"""

import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPVisionConfig, CLIPVisionModelWithProjection

from benchmarks.speed.step_size import StepSize, autoencoder, size_of, text_config
from storysound.generate.diffusion_folder import DiffusionParts, SpectrogramAbout
from storysound.generate.pretrained import quiet
from storysound.generate.variants import Variant
from storysound.nn.latent_diffusion import encoded, frames_loss, text_loss
from storysound.research.sos.generator.settings import STEPS
from storysound.research.sos.generator.train import network_of

WIDTH, HEIGHT = 1536, 512
TWO_DAYS_S = 2 * 86_400
PEAK_3090 = 71e12  # dense operations a second in half precision, summed in single


def paper_parts(variant: Variant) -> DiffusionParts:
    """Networks of the paper's size without weights, on the meta device, in bf16."""
    with torch.device("meta"):
        unet = UNet2DConditionModel(cross_attention_dim=768, attention_head_dim=8)
        vae = autoencoder()
        text_encoder = CLIPTextModel(text_config())
        eyes = CLIPVisionModelWithProjection(CLIPVisionConfig(projection_dim=512))
        schedule = DDPMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
        parts = DiffusionParts(SpectrogramAbout(), vae, unet, text_encoder, None, schedule)
        parts = parts if variant == "text" else parts.with_branch(variant, eyes, 0)
    parts.check()
    with quiet():
        for part in (parts.vae, parts.unet, parts.text_encoder, parts.control, parts.track, parts.eyes):
            if part is not None:
                part.to(torch.bfloat16)
    return parts


def counted(variant: Variant) -> StepSize:
    """A step of a variant, of one slice."""
    parts = paper_parts(variant)
    network = network_of(parts)
    taught = list(network.parameters())
    networks = [parts.vae, parts.unet, parts.text_encoder, parts.control, parts.track, parts.eyes]
    learns = {id(weight) for weight in taught}
    every = [weight for part in networks if part is not None for weight in part.parameters()]
    copied = sum(weight.numel() for part in networks[1:4] if part is not None for weight in part.parameters())
    return size_of(
        lambda: step(network, parts),
        lambda: encoded(parts.vae, picture(), torch.Generator()),
        taught,
        [weight for weight in every if id(weight) not in learns],
        copied,
        [part for part in (parts.unet, parts.control) if part is not None],
    )


def picture() -> Tensor:
    """A slice of the paper's size [1 3 h w]."""
    return torch.empty(1, 3, HEIGHT, WIDTH, device="meta", dtype=torch.bfloat16)


def step(network: nn.Module, parts: DiffusionParts) -> Tensor:
    """The loss of a slice at the paper's size, as training takes it."""
    dice = torch.Generator().manual_seed(0)
    ids = torch.zeros(1, 77, dtype=torch.long, device="meta")
    latents = encoded(parts.vae, picture(), dice)
    if parts.track is None:
        return text_loss(network, latents, ids, parts.schedule, dice)
    frames = torch.empty(1, parts.cells, parts.track.config.frame, device="meta", dtype=torch.bfloat16)
    return frames_loss(network, latents, ids, frames, parts.schedule, dice)


def main() -> None:
    """Prints the table."""
    table = Table("what", "text (Eq. 12)", "image, text+image (Eq. 13)")
    sizes = [counted("text"), counted("text+image")]
    rows = [
        ("weights that learn, millions", [f"{size.taught / 1e6:.1f}" for size in sizes]),
        ("frozen weights, millions", [f"{size.frozen / 1e6:.1f}" for size in sizes]),
        ("weights, gradients, AdamW, average, copies in bf16, GiB", [f"{size.state / 2**30:.1f}" for size in sizes]),
        ("activations of a slice, GiB", [f"{size.activations / 2**30:.1f}" for size in sizes]),
        ("the same with checkpointing=true, GiB", [f"{size.checkpointed / 2**30:.1f}" for size in sizes]),
        ("a GPU in all, GiB", [f"{(size.state + size.activations) / 2**30:.1f}" for size in sizes]),
        (
            "the same with checkpointing=true, GiB",
            [f"{(size.state + size.checkpointed) / 2**30:.1f}" for size in sizes],
        ),
        ("operations of a slice, there and back, 10^12", [f"{size.operations / 1e12:.1f}" for size in sizes]),
    ]
    for name, cells in rows:
        table.add_row(name, *cells)
    Console(width=140).print(table)
    for batches, what in ((1, "batches of 1"), (16, "steps of 16")):
        wanted = batches * STEPS["text"] / TWO_DAYS_S
        share = wanted * sizes[0].operations / PEAK_3090
        print(f"{STEPS['text']:,} {what} in two days: {wanted:.1f} slices a second, {share:.0%} of an RTX 3090's peak")


if __name__ == "__main__":
    main()
