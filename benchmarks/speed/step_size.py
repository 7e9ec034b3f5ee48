"""What a training step takes, counted on torch's meta device, which knows shapes alone: nothing is computed.

Weights, gradients, AdamW's two moments and averaged weights are 4 bytes a number each, copies of the weights for
autocast and activations 2 (bf16). Attention keeps its inputs, its output and a number a row, as fused kernels do. Not
counted: buffers of kernels, fragments, the CUDA context (1 to 2 GB as a rule). Each GPU of several holds all of it
(DDP), and buckets as large as the gradients.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import torch
from diffusers import AutoencoderKL
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode
from transformers import CLIPTextConfig

BYTES = 4


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

    def hooks(self) -> saved_tensors_hooks:
        """Within them what autograd keeps is counted."""
        return saved_tensors_hooks(self.add, lambda tensor: tensor)

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


def operations(run: Callable[[], object]) -> int:
    """Of what runs, with those of attention."""
    with fused_attention(attention := []), FlopCounterMode(display=False) as counter, torch.no_grad():
        run()
    return int(counter.get_total_flops() + sum(attention))


def size_of(
    step: Callable[[], Tensor],
    encode: Callable[[], object],
    taught: Sequence[nn.Parameter],
    frozen: Sequence[nn.Parameter],
    copied: int,
    checkpointing: Sequence[Any],
) -> StepSize:
    """Of a step, which gives its loss; `encode` is what of it is never gone back through.

    `copied`: of all numbers those that autocast copies; `checkpointing`: networks of diffusers whose blocks can be
    computed again.
    """
    weights = {weight.untyped_storage()._cdata for weight in (*taught, *frozen)}
    plain, outside = SavedBytes(weights), SavedBytes(weights)
    with fused_attention([]), plain.hooks():
        step().backward()  # type: ignore[no-untyped-call]
    encoding = operations(encode)
    whole = operations(step)
    with fused_attention([]), outside.hooks():
        lasting, largest = _checkpointed(step, checkpointing, weights)
    return StepSize(
        sum(weight.numel() for weight in taught), sum(weight.numel() for weight in frozen), copied,
        plain.total, outside.total + lasting + largest, encoding, whole - encoding,
    )  # fmt: skip


def _checkpointed(step: Callable[[], Tensor], networks: Sequence[Any], weights: set[int]) -> tuple[int, int]:
    """Bytes of the blocks' inputs, which stay, and of the largest block's activations, which come and go."""
    inputs, blocks = SavedBytes(weights), [0]

    def block(module: Callable[..., Any], *given: Any) -> Any:
        for one in given:
            if isinstance(one, Tensor):
                inputs.add(one)
        own = SavedBytes(weights)
        with own.hooks():
            found = module(*given)
        blocks.append(own.total)
        return found

    for network in networks:
        network.enable_gradient_checkpointing(block)
    step()
    return inputs.total, max(blocks)


def print_size(table: Table, size: StepSize, steps: int, peak: float) -> None:
    """Prints a table with the rows of a step of one clip, and how long so many take at an A100's `peak`."""
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
    hours = steps * size.operations / peak / 3600
    print(f"{steps:,} steps of a clip a GPU at an A100's peak: {hours:.1f} hours")


def autoencoder(channels: int = 3, widths: tuple[int, ...] = (128, 256, 512, 512), latents: int = 4) -> Any:
    """Of the published size of Stable Diffusion's, or as it is made with other numbers."""
    return AutoencoderKL(
        in_channels=channels, out_channels=channels, block_out_channels=widths, latent_channels=latents,
        down_block_types=("DownEncoderBlock2D",) * len(widths), up_block_types=("UpDecoderBlock2D",) * len(widths),
        layers_per_block=2,
    )  # fmt: skip


def text_config() -> Any:
    """Of CLIP ViT-L/14's text encoder, which Stable Diffusion 1.5 has."""
    return CLIPTextConfig(
        hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12, vocab_size=49408,
        attn_implementation="sdpa",
    )  # fmt: skip
