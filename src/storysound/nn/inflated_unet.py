"""A 2D UNet of diffusers that takes clips: pseudo-3D convolutions and temporal transformers (TAVGBench, section 4.2).

Frames stand in the batch, as items of their own, b f -> (b f); what is new here looks along them. At first it adds
nothing, so that an inflated network sees in each frame what its 2D parent sees in it. Normalisation stays that of
single frames. Axes: b clips, f frames, c channels, h w height and width, n tokens, d numbers a token, e of those that
are attended to.
"""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from storysound.nn.flow import waves


def middles(count: int, like: Tensor) -> Tensor:
    """Middles [count] of equal parts of [0, 1], beside a tensor of any shape.

    >>> middles(2, torch.zeros(1)).tolist()
    [0.25, 0.75]
    """
    return (torch.arange(count, device=like.device) + 0.5) / count


class AddedAttention(nn.Module):
    """Tokens and, added to them, what they find in others or in themselves (pre-norm): nothing at first.

    Sines of the time of each token tell when it is (a deviation for Eq. 12, which prints no positions: convolutions
    alone would have to tell them).
    """

    def __init__(self, width: int, heads: int, other: int | None = None) -> None:
        """`other`: numbers of a token that is attended to; None for self-attention."""
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.other_norm = None if other is None else nn.LayerNorm(other)
        self.attention = nn.MultiheadAttention(width, heads, kdim=other, vdim=other, batch_first=True)
        nn.init.zeros_(self.attention.out_proj.weight)

    def forward(self, tokens: Tensor, times: Tensor, others: Tensor | None = None, at: Tensor | None = None) -> Tensor:
        """[b n d] at times [n] in [0, 1], others [b m e] at [m] -> [b n d]."""
        queries = self.norm(tokens) + waves(times, tokens.shape[2]).to(tokens.dtype)
        if others is None or at is None or self.other_norm is None:
            keys = queries
        else:
            keys = self.other_norm(others) + waves(at, others.shape[2]).to(others.dtype)
        found: Tensor = self.attention(queries, keys, keys, need_weights=False)[0]
        return tokens + found


class PseudoConv3d(nn.Conv2d):
    """A convolution along frames, then the 2D convolution that it was; the first is added to what comes in."""

    def __init__(self, parent: nn.Conv2d, frames: int) -> None:
        """Takes the weights of `parent` over."""
        super().__init__(
            parent.in_channels, parent.out_channels, parent.kernel_size, parent.stride, parent.padding,  # type: ignore[arg-type]
            parent.dilation, parent.groups, parent.bias is not None, device="meta",  # type: ignore[arg-type]
        )  # fmt: skip
        self.weight, self.bias, self.frames = parent.weight, parent.bias, frames
        self.temporal = nn.Conv2d(
            parent.in_channels, parent.in_channels, (3, 1), padding=(1, 0), bias=False,
            device=parent.weight.device, dtype=parent.weight.dtype,
        )  # fmt: skip
        nn.init.zeros_(self.temporal.weight)

    def forward(self, input: Tensor) -> Tensor:
        """[(b f) c h w] -> [(b f) c h w]."""
        columns = torch.unflatten(input, 0, (-1, self.frames)).flatten(3).transpose(1, 2)  # b c f (h w)
        added = self.temporal(columns).transpose(1, 2).flatten(0, 1).view_as(input)
        return super().forward(input + added)


class TemporalTransformer(nn.Module):
    """A transformer layer along the frames of every place (Vaswani et al. 2017; as in AnimateDiff)."""

    def __init__(self, width: int, heads: int, frames: int) -> None:
        super().__init__()
        self.frames = frames
        self.attention = AddedAttention(width, heads)
        self.norm = nn.LayerNorm(width)
        self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        nn.init.zeros_(self.narrow.weight)
        nn.init.zeros_(self.narrow.bias)

    def forward(self, hidden: Tensor) -> Tensor:
        """[(b f) c h w] -> the same shape."""
        clips = torch.unflatten(hidden, 0, (-1, self.frames)).permute(0, 3, 4, 1, 2)  # b h w f c
        tokens: Tensor = self.attention(clips.flatten(0, 2), middles(self.frames, hidden))
        tokens = tokens + self.narrow(nn.functional.gelu(self.widen(self.norm(tokens))))
        return tokens.view_as(clips).permute(0, 3, 4, 1, 2).flatten(0, 1)


class SpaceThenTime(nn.Module):
    """A transformer of diffusers over the places of a frame, then one over frames.

    The latter is computed again going back where the UNet's `enable_gradient_checkpointing` says so.
    """

    _gradient_checkpointing_func: Callable[..., Tensor]  # diffusers sets it

    def __init__(self, space: Any, heads: int, frames: int) -> None:
        super().__init__()
        self.space, self.time = space, TemporalTransformer(space.in_channels, heads, frames)
        self.gradient_checkpointing = False

    def forward(self, hidden: Tensor, **given: Any) -> tuple[Tensor]:
        """[(b f) c h w] and what else `space` takes -> a tuple of one, as diffusers' blocks want it."""
        hidden = self.space(hidden, **given)[0]
        if self.gradient_checkpointing and torch.is_grad_enabled():
            return (self._gradient_checkpointing_func(self.time, hidden),)
        return (self.time(hidden),)


def inflated(unet: Any, frames: int, heads: int) -> Any:
    """A copy of a UNet2DConditionModel that takes clips of so many frames, [(b f) c h w], by the weights it has.

    All convolutions but those of single places become pseudo-3D ones, and a temporal transformer of `heads` follows
    each spatial one. New weights are drawn from torch's generator. Raises ValueError for fewer than one frame, and for
    heads that don't fit.
    """
    if frames < 1:
        raise ValueError(f"needs one frame or more, got {frames}")
    made = copy.deepcopy(unet)
    for parent in list(made.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.Conv2d and child.kernel_size != (1, 1):
                setattr(parent, name, PseudoConv3d(child, frames))
    for block in (*made.down_blocks, made.mid_block, *made.up_blocks):
        attentions = getattr(block, "attentions", None) or []
        for number, space in enumerate(attentions):
            if space.in_channels % (2 * heads):
                raise ValueError(f"{heads} heads don't fit an even share of {space.in_channels} channels")
            attentions[number] = SpaceThenTime(space, heads, frames)
    return made
