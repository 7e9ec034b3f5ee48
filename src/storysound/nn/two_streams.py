"""A rectified-flow transformer of sound and picture with joint attention: what came after TAVDiffusion's two UNets.

In each block sound, picture and text, each with weights of its own, attend to all of each other at once (MM-DiT: Esser
et al. 2024, arXiv:2403.03206, fig. 2), modulated by time and text so that an untaught block changes nothing
(adaLN-zero: Peebles and Xie 2022, arXiv:2212.09748). Queries and keys of sound and picture are turned by when they are,
in seconds, by one set of rates, so that what is at one time knows it (rotary positions: Su et al. 2021; over time for
both streams as in MMAudio, Ovi and LTX-2), those of picture by where they are as well; text's are not turned. Flow,
times and sampler are those of `nn.flow`: at t = 0 is noise, at 1 data, and the network says which data it sees.
Axes: b clips, n tokens of sound, m of picture, k of text, c e w numbers of a token of each, d width, h heads, p pairs.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.utils.checkpoint
from torch import Tensor, nn
from torch.nn import functional as F

from storysound.nn.flow import between, sample, waves
from storysound.nn.tavdiffusion import MiddleTokens

_TIME_WAVES = 256
_SHORTEST, _LONGEST = 0.05, 40.0  # periods of rotary positions in time, seconds
_NEAREST, _WIDEST = 0.05, 4.0  # and across a picture, whose sides are 1


@dataclass(frozen=True)
class TwoStreamsConfig:
    """Shape of the network."""

    audio: int  # numbers of a token of sound
    video: int  # of picture
    text: int  # of text
    width: int = 512
    blocks: int = 12
    heads: int = 8
    joint: bool = True  # False: sound and picture see themselves and the text alone (an ablation)
    alignment: bool = False  # weights for Eq. 14 of TAVGBench, on the tokens in the middle

    def __post_init__(self) -> None:
        if min(self.audio, self.video, self.text, self.width, self.blocks, self.heads) < 1:
            raise ValueError(f"needs sizes of at least 1, got {self}")
        if self.width % (8 * self.heads):
            raise ValueError(f"needs a width of which each head has a multiple of 8, got {self}")


class SeenData(NamedTuple):
    """What data the network sees."""

    audio: Tensor  # [b n c]
    video: Tensor  # [b m e]
    middle: MiddleTokens | None  # None without alignment


class _Stream(nn.Module):
    """What of a block is one stream's: everything but the attention itself."""

    def __init__(self, config: TwoStreamsConfig, is_read_only: bool = False) -> None:
        """`is_read_only`: its tokens are seen and go no further, as those of text in the last block."""
        super().__init__()
        width, self.heads, self.is_read_only = config.width, config.heads, is_read_only
        self.modulation = nn.Linear(width, (2 if is_read_only else 6) * width)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.qkv = nn.Linear(width, 3 * width)
        self.query_norm, self.key_norm = (nn.RMSNorm(width // config.heads, eps=1e-6) for _ in range(2))
        if not is_read_only:
            self.joined = nn.Linear(width, width)
            self.second = nn.LayerNorm(width, elementwise_affine=False)
            self.inner, self.outer = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def asked(self, x: Tensor, told: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Tokens [b n d], told [b d] -> queries, keys and values [3 b h n d/h], and the modulation of the rest."""
        shift, scale, *rest = self.modulation(F.silu(told))[:, None].chunk(2 if self.is_read_only else 6, dim=2)
        parts = self.qkv(self.norm(x) * (1 + scale) + shift)
        query, key, value = parts.unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return torch.stack([_normed(self.query_norm, query), _normed(self.key_norm, key), value]), tuple(rest)

    def added(self, x: Tensor, seen: Tensor, rest: tuple[Tensor, ...]) -> Tensor:
        """Tokens [b n d] with what they saw, [b h n d/h], and what is made of it [b n d]."""
        if self.is_read_only:
            return x
        gate, shift, scale, second_gate = rest
        x = x + gate * self.joined(seen.transpose(1, 2).flatten(2))
        y = self.second(x) * (1 + scale) + shift
        out: Tensor = x + second_gate * self.outer(F.gelu(self.inner(y), approximate="tanh"))
        return out


def _normed(norm: nn.RMSNorm, x: Tensor) -> Tensor:
    """Normalised [b h n e]. Weights take its precision: autocast leaves them in theirs, which no fused kernel takes."""
    return F.rms_norm(x, norm.normalized_shape, norm.weight.to(x.dtype), norm.eps)


class JointBlock(nn.Module):
    """A transformer's block of three streams that see each other."""

    def __init__(self, config: TwoStreamsConfig, is_last: bool) -> None:
        super().__init__()
        self.audio, self.video = _Stream(config), _Stream(config)
        self.text = _Stream(config, is_read_only=is_last)

    def forward(
        self, audio: Tensor, video: Tensor, text: Tensor, told: Tensor, turns: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Tokens [b n d], [b m d], [b k d] and the same; `told` [b d]; `turns` [n+m p] angles; `mask`, bool,
        [b 1 1 n+m+k] or [b 1 n+m+k n+m+k]: who sees whom.
        """
        streams = ((self.audio, audio), (self.video, video), (self.text, text))
        asked = [stream.asked(x, told) for stream, x in streams]
        query, key, value = torch.cat([parts for parts, _ in asked], dim=3)
        count = len(turns)
        query, key = (torch.cat([turned(x[:, :, :count], turns), x[:, :, count:]], dim=2) for x in (query, key))
        seen = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        own = torch.split(seen, [x.shape[1] for _, x in streams], dim=2)
        audio, video, text = (
            stream.added(x, found, rest)
            for (stream, x), found, (_, rest) in zip(streams, own, asked, strict=True)
        )  # fmt: skip
        return audio, video, text


class TwoStreams(nn.Module):
    """Which data is seen in noisy tokens of sound and of picture, told by tokens of a text."""

    def __init__(self, config: TwoStreamsConfig) -> None:
        """New weights are drawn from torch's generator."""
        super().__init__()
        self.config, width = config, config.width
        sizes = {"audio": config.audio, "video": config.video, "text": config.text}
        self.into = nn.ModuleDict({name: nn.Linear(size, width) for name, size in sizes.items()})
        self.time = nn.Sequential(nn.Linear(_TIME_WAVES, width), nn.SiLU(), nn.Linear(width, width))
        self.words = nn.Sequential(nn.Linear(config.text, width), nn.SiLU(), nn.Linear(width, width))
        self.blocks = nn.ModuleList(JointBlock(config, n == config.blocks - 1) for n in range(config.blocks))
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.last = nn.ModuleDict({name: nn.Linear(width, 2 * width) for name in ("audio", "video")})
        self.out = nn.ModuleDict({name: nn.Linear(width, sizes[name]) for name in ("audio", "video")})
        for zero in (*self.last.values(), *self.out.values()):
            nn.init.zeros_(zero.weight)  # type: ignore[arg-type]
            nn.init.zeros_(zero.bias)  # type: ignore[arg-type]
        if config.alignment:
            self.weights = nn.ModuleDict({name: nn.Linear(width, 1, bias=False) for name in ("audio", "video")})
        self._checkpoint: Callable[..., Any] | None = None

    def enable_gradient_checkpointing(self, run: Callable[..., Any] | None = None) -> None:
        """Blocks are computed again going back, by `run(block, ...)` where one is given."""

        def again(block: nn.Module, *given: Tensor) -> Any:
            return torch.utils.checkpoint.checkpoint(block, *given, use_reentrant=False)

        self._checkpoint = run or again

    def forward(
        self, audio: Tensor, video: Tensor, t: Tensor, text: Tensor, mask: Tensor, places: Tensor, *,
        linked: bool = True,
    ) -> SeenData:  # fmt: skip
        """Noisy tokens [b n c] and [b m e] at times t [b], a text [b k w] whose real tokens `mask` [b k] names.

        `places` [n+m 3]: when each token is, in seconds, and where, as `audio_places` and `video_places` have them. A
        text of no real token is none at all. Not `linked`: sound and picture don't see each other, as where the config
        isn't joint. Raises ValueError for places of another number of tokens.
        """
        if len(places) != audio.shape[1] + video.shape[1]:
            raise ValueError(f"needs a place for each of {audio.shape[1]} + {video.shape[1]} tokens, got {len(places)}")
        real = mask[..., None].to(text.dtype)
        pooled = (text * real).sum(1) / real.sum(1).clamp_min(1)
        told = self.time(waves(t, _TIME_WAVES).to(text.dtype)) + self.words(pooled)
        streams = tuple(self.into[name](x) for name, x in (("audio", audio), ("video", video), ("text", text * real)))
        angles = rotations(places, self.config.width // self.config.heads)
        who = _who(audio.shape[1], video.shape[1], mask, joint=linked and self.config.joint)
        middle = None
        for number, block in enumerate(self.blocks, 1):
            given = (*streams, told, angles, who)
            is_again = self._checkpoint is not None and torch.is_grad_enabled()
            streams = self._checkpoint(block, *given) if is_again and self._checkpoint else block(*given)
            if self.config.alignment and number == (len(self.blocks) + 1) // 2:
                middle = self._middle(*streams[:2])
        heard, shown = (self._data(name, x, told) for name, x in zip(("audio", "video"), streams, strict=False))
        return SeenData(heard, shown, middle)

    def _data(self, name: str, x: Tensor, told: Tensor) -> Tensor:
        """Data [b n c] of a stream's last tokens [b n d]."""
        shift, scale = self.last[name](F.silu(told))[:, None].chunk(2, dim=2)
        data: Tensor = self.out[name](self.norm(x) * (1 + scale) + shift)
        return data

    def _middle(self, audio: Tensor, video: Tensor) -> MiddleTokens:
        """What Eq. 14 of TAVGBench takes of tokens [b n d] and [b m d]."""
        found = [self.weights[name](x)[..., 0].softmax(1) for name, x in (("audio", audio), ("video", video))]
        return MiddleTokens(audio, video, *found)


def _who(n: int, m: int, mask: Tensor, *, joint: bool) -> Tensor:
    """Who sees whom, [b 1 1 n+m+k] where everyone sees all that is no padding, else [b 1 n+m+k n+m+k].

    Sound and picture that shall not see each other don't by way of the text either: it sees itself alone.
    """
    real = F.pad(mask.bool(), (n + m, 0), value=True)[:, None, None]
    if joint:
        return real
    kinds = torch.tensor([0] * n + [1] * m + [2] * mask.shape[1], device=mask.device)
    sees = torch.tensor([[1, 0, 1], [0, 1, 1], [0, 0, 1]], dtype=torch.bool, device=mask.device)
    himself = torch.eye(len(kinds), dtype=torch.bool, device=mask.device)  # padding too, lest it see nothing
    return (sees[kinds][:, kinds] & real) | himself


def audio_places(count: int, seconds: float) -> Tensor:
    """Places [n 3] of equal parts of a sound: their middles in seconds, and nowhere in the picture."""
    at = (torch.arange(count) + 0.5) * (seconds / count)
    return torch.stack([at, torch.zeros(count), torch.zeros(count)], dim=1)


def video_places(frames: int, height: int, width: int, seconds: float) -> Tensor:
    """Places [(f h w) 3] of patches: the middle of their frame's time in seconds, and their own, of sides of 1.

    >>> video_places(2, 1, 2, 3.0).tolist()[2]
    [2.25, 0.5, 0.25]
    """
    axes = [(torch.arange(frames) + 0.5) * (seconds / frames)]
    axes += [(torch.arange(size) + 0.5) / size for size in (height, width)]
    return torch.cartesian_prod(*axes)


def rotations(places: Tensor, width: int) -> Tensor:
    """Angles [n p] of the width/2 pairs of a head by places [n 3]: half by time, a quarter each by height and width.

    Periods are equal steps apart on a logarithmic scale.
    """
    counts = (width // 4, width // 8, width // 8)
    spans = ((_SHORTEST, _LONGEST), (_NEAREST, _WIDEST), (_NEAREST, _WIDEST))
    angles = []
    for axis, count, (least, most) in zip(places.float().unbind(1), counts, spans, strict=True):
        periods = torch.logspace(math.log10(least), math.log10(most), count, device=places.device)
        angles.append(2 * math.pi * axis[:, None] / periods)
    return torch.cat(angles, dim=1)


def turned(x: Tensor, angles: Tensor) -> Tensor:
    """Pairs of numbers, neighbours, turned by their angles: [b h n 2p], [n p] -> [b h n 2p]."""
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    one, other = x[..., ::2], x[..., 1::2]
    return torch.stack([one * cos - other * sin, one * sin + other * cos], dim=-1).flatten(-2)


def audio_tokens(latents: Tensor) -> Tensor:
    """Latents of a spectrogram [b c t m], whose height is the time, as tokens [b t (c m)]."""
    return latents.transpose(1, 2).flatten(2)


def audio_latents(tokens: Tensor, channels: int) -> Tensor:
    """The inverse of `audio_tokens`: [b t (c m)] -> [b c t m]."""
    return torch.unflatten(tokens, 2, (channels, -1)).transpose(1, 2)


def video_tokens(latents: Tensor, patch: int = 1) -> Tensor:
    """Latents of a clip [b f c h w] as tokens of patches [b (f h/p w/p) (c p p)]. Raises ValueError for odd sizes."""
    if any(size % patch for size in latents.shape[3:]):
        raise ValueError(f"needs heights and widths in multiples of {patch}, got {list(latents.shape)}")
    x = torch.unflatten(torch.unflatten(latents, 4, (-1, patch)), 3, (-1, patch))  # b f c h p w p
    return x.permute(0, 1, 3, 5, 2, 4, 6).flatten(4).flatten(1, 3)


def video_latents(tokens: Tensor, frames: int, height: int, width: int, patch: int = 1) -> Tensor:
    """The inverse of `video_tokens`, for latents of that height and width: -> [b f c h w]."""
    x = torch.unflatten(torch.unflatten(tokens, 1, (frames, height // patch, width // patch)), 4, (-1, patch, patch))
    return x.permute(0, 1, 4, 2, 5, 3, 6).flatten(5).flatten(3, 4)


def generated(
    network: TwoStreams, noise: tuple[Tensor, Tensor], text: Tensor, mask: Tensor, places: Tensor, guidance: float,
    steps: int, check: Callable[[], None] = lambda: None, known: tuple[Tensor | None, Tensor | None] = (None, None),
    mutual: float = 1.0,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Tokens of sound [b n c] and of picture [b m e] from noise of these shapes, both at once, by Heun's method.

    A text [b k w], of real tokens `mask` [b k], is weighed against none as in `nn.flow.guided`; `check` is called
    before each step and may raise. Nothing is drawn. `known`, tokens of either side, and `mutual`: as
    `tavdiffusion.generated`.
    """
    shapes = [one.shape[1:] for one in noise]
    nothing = torch.zeros_like(mask)

    def parted(x: Tensor) -> tuple[Tensor, Tensor]:
        audio, video = torch.split(x[:, 0], [shape.numel() for shape in shapes], dim=1)
        return torch.unflatten(audio, 1, shapes[0]), torch.unflatten(video, 1, shapes[1])

    def joined(found: SeenData) -> Tensor:
        return torch.cat([found.audio.flatten(1), found.video.flatten(1)], dim=1)[:, None]

    def seen(x: Tensor, t: float) -> Tensor:
        times = torch.full((2 * len(x),), t, device=x.device)
        half = times[: len(x)]
        sides = [
            side if given is None else between(own, given, half)
            for side, given, own in zip(parted(x), known, noise, strict=True)
        ]
        both = (torch.cat([side, side]) for side in sides)
        found = network(*both, times, torch.cat([text, text]), torch.cat([mask, nothing]), places)
        with_it, without = joined(found).chunk(2)
        weighed = without + guidance * (with_it - without)
        if mutual == 1 or not network.config.joint:
            return weighed
        return weighed + (mutual - 1) * (with_it - joined(network(*sides, half, text, mask, places, linked=False)))

    with torch.no_grad():
        start = torch.cat([one.flatten(1) for one in noise], dim=1)[:, None]
        made = parted(sample(seen, start, steps, check))
    audio, video = (side if given is None else given for side, given in zip(made, known, strict=True))
    return audio, video
