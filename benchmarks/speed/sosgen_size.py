"""What a step of the paper's SoSgen takes at its own size: parameters, memory a GPU, operations; nothing is computed.

Networks and tensors of the sizes of Stable Diffusion 1.5 (its published configuration) and CLIP ViT-B/32 stand on
torch's meta device, which knows shapes alone: a batch of one slice of 512 x 1536 pixels goes through both losses
(Eq. 12 and 13) as training sends it, and what autograd would keep is counted. Weights, gradients, AdamW's two moments
and averaged weights are 4 bytes a number each, copies of the weights for autocast and activations 2 (bf16). Attention
keeps its inputs, its output and a number a row, as fused kernels do. Not counted: buffers of kernels, fragments, the
CUDA context (1 to 2 GB as a rule). Each GPU of several holds all of it (DDP), and buckets as large as the gradients.

Run: python -m benchmarks.speed.sosgen_size
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from transformers import CLIPTextConfig, CLIPTextModel, CLIPVisionConfig, CLIPVisionModelWithProjection

from storysound.generate.diffusion_folder import DiffusionParts, SpectrogramAbout
from storysound.generate.pretrained import quiet
from storysound.generate.variants import Variant
from storysound.nn.latent_diffusion import encoded, frames_loss, text_loss
from storysound.research.sos.generator.settings import STEPS
from storysound.research.sos.generator.train import network_of

WIDTH, HEIGHT, BYTES = 1536, 512, 4
TWO_DAYS_S = 2 * 86_400
PEAK_3090 = 71e12  # dense operations a second in half precision, summed in single


@dataclass
class SavedBytes:
    """Of activations that wait for the backward pass, each storage once; weights aren't counted."""

    weights: set[int]
    seen: dict[int, int] = field(default_factory=dict)
    kept: list[Tensor] = field(default_factory=list)  # so that no storage's number is given to another

    def add(self, tensor: Tensor) -> Tensor:
        """Counts a tensor [...]."""
        storage = tensor.untyped_storage()
        if storage._cdata not in self.weights and storage._cdata not in self.seen:
            self.seen[storage._cdata] = storage.nbytes()
            self.kept.append(tensor)
        return tensor

    @property
    def total(self) -> int:
        """Bytes."""
        return sum(self.seen.values())


class _Attention(torch.autograd.Function):
    """Attention [b h n d] that keeps what fused kernels keep."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        out = torch.empty_like(query)
        rows = query.new_empty(query.shape[:-1], dtype=torch.float32)
        ctx.save_for_backward(query, key, value, out, rows)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, ...]:
        return tuple(torch.empty_like(one) for one in ctx.saved_tensors[:3])


@contextmanager
def fused_attention(operations: list[int]) -> Iterator[None]:
    """Attention as fused kernels do it; its operations are appended."""

    def attend(query: Tensor, key: Tensor, value: Tensor, *_: Any, **__: Any) -> Tensor:
        operations.append(4 * query.numel() * key.shape[-2])
        out: Tensor = _Attention.apply(query, key, value)
        return out

    with patch("torch.nn.functional.scaled_dot_product_attention", attend):
        yield


def paper_parts(variant: Variant) -> DiffusionParts:
    """Networks of the paper's size without weights, on the meta device, in bf16."""
    with torch.device("meta"):
        unet = UNet2DConditionModel(cross_attention_dim=768, attention_head_dim=8)
        vae = AutoencoderKL(
            block_out_channels=(128, 256, 512, 512), down_block_types=("DownEncoderBlock2D",) * 4, latent_channels=4,
            up_block_types=("UpDecoderBlock2D",) * 4, layers_per_block=2,
        )  # fmt: skip
        text = CLIPTextConfig(
            hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12, vocab_size=49408,
            attn_implementation="sdpa",
        )  # fmt: skip
        text_encoder = CLIPTextModel(text)
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


@dataclass(frozen=True)
class StepSize:
    """Weights that learn, and those that don't; bytes of activations; operations of one pass through all."""

    taught: int
    frozen: int
    copied: int  # of them all, those that autocast copies
    activations: int
    checkpointed: int  # bytes, where blocks are computed again
    encoding: int  # operations of the VAE, which is passed through once and never back
    forward: int  # operations of the others

    @property
    def state(self) -> int:
        """Bytes of weights, gradients, AdamW's moments, averaged weights, and copies in bf16."""
        return BYTES * (5 * self.taught + self.frozen) + 2 * self.copied

    @property
    def operations(self) -> int:
        """Of a slice, back as twice forward."""
        return self.encoding + 3 * self.forward


def counted(variant: Variant) -> StepSize:
    """A step of a variant, of one slice."""
    parts = paper_parts(variant)
    network = network_of(parts)
    taught = sum(weight.numel() for weight in network.parameters())
    networks = [parts.vae, parts.unet, parts.text_encoder, parts.control, parts.track, parts.eyes]
    every = [weight for part in networks if part is not None for weight in part.parameters()]
    weights = {weight.untyped_storage()._cdata for weight in every}
    plain, outside = SavedBytes(weights), SavedBytes(weights)
    with fused_attention([]), _hooks(plain):
        step(network, parts).backward()  # type: ignore[no-untyped-call]
    encoding = operations(lambda: encoded(parts.vae, picture(), torch.Generator()))
    whole = operations(lambda: step(network, parts))
    with fused_attention([]), _hooks(outside):
        lasting, largest = _checkpointed(network, parts, weights)
    copied = [weight for part in networks[1:4] if part is not None for weight in part.parameters()]
    return StepSize(
        taught, sum(weight.numel() for weight in every) - taught, sum(weight.numel() for weight in copied),
        plain.total, outside.total + lasting + largest, encoding, whole - encoding,
    )  # fmt: skip


def operations(run: Callable[[], object]) -> int:
    """Of what runs, with those of attention."""
    with fused_attention(attention := []), FlopCounterMode(display=False) as counter, torch.no_grad():
        run()
    return int(counter.get_total_flops() + sum(attention))


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


@contextmanager
def _hooks(saved: SavedBytes) -> Iterator[None]:
    with torch.autograd.graph.saved_tensors_hooks(saved.add, lambda tensor: tensor):
        yield


def _checkpointed(network: nn.Module, parts: DiffusionParts, weights: set[int]) -> tuple[int, int]:
    """Bytes of the blocks' inputs, which stay, and of the largest block's activations, which come and go."""
    inputs, blocks = SavedBytes(weights), [0]

    def block(module: Callable[..., Any], *given: Any) -> Any:
        for one in given:
            if isinstance(one, Tensor):
                inputs.add(one)
        own = SavedBytes(weights)
        with _hooks(own):
            found = module(*given)
        blocks.append(own.total)
        return found

    for part in (parts.unet, parts.control):
        if part is not None:
            part.enable_gradient_checkpointing(block)
    step(network, parts)
    return inputs.total, max(blocks)


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
