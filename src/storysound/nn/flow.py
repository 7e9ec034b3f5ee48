"""Rectified flow (Liu et al. 2022, arXiv:2209.03003; flow matching, Lipman et al. 2022, arXiv:2210.02747).

A straight way leads from noise at t = 0 to data at t = 1: x_t = t · data + (1 - t) · noise. The network says what data
it sees in x_t (Li and He 2025, arXiv:2511.13720: easier for a small network than the velocity), the loss compares
velocities, (data - x_t) / (1 - t). Axes: b items, n tokens, c channels of a token, d width.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from storysound.nn.windows import together

LEAST_LEFT = 0.05  # of the way: nearer to the data, velocities would be divided by next to nothing


@dataclass(frozen=True)
class FlowConfig:
    """Shape of the network."""

    tokens: int  # at most
    channels: int  # of a token
    condition: int  # numbers of a condition
    width: int = 256
    layers: int = 6
    heads: int = 4

    def __post_init__(self) -> None:
        if min(self.tokens, self.channels, self.condition, self.width, self.layers, self.heads) < 1:
            raise ValueError(f"needs sizes of at least 1, got {self}")
        if self.width % (2 * self.heads):
            raise ValueError(f"needs a width that each head has an even part of, got {self}")


class Control(NamedTuple):
    """What a branch adds to a network that stays as it is (Zhang et al. 2023, ControlNet, says so of a U-Net)."""

    stream: Tensor  # [s b n d], to the tokens before the first block and after each: s = layers + 1
    condition: Tensor  # [b n k], to the condition of each token


class _Block(nn.Module):
    """A transformer's block whose norms are scaled, shifted and gated by the condition (Peebles and Xie 2022, DiT)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.first, self.second = (nn.LayerNorm(width, elementwise_affine=False) for _ in range(2))
        self.qkv, self.joined = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.inner, self.outer = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.own = nn.Parameter(torch.zeros(6, width))  # what of the modulation is this block's alone

    def forward(self, x: Tensor, modulation: Tensor) -> Tensor:
        """[b n d], [b n 6 d] or for all tokens [b 1 6 d] -> [b n d]."""
        shift, scale, gate, shift2, scale2, gate2 = (modulation + self.own).unbind(2)
        b, n, d = x.shape
        parts = self.qkv(self.first(x) * (1 + scale) + shift).view(b, n, 3, self.heads, d // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)
        seen = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(b, n, d)
        x = x + gate * self.joined(seen)
        y = self.second(x) * (1 + scale2) + shift2
        out: Tensor = x + gate2 * self.outer(F.gelu(self.inner(y), approximate="tanh"))
        return out


class GaussianView(nn.Module):
    """The best guess of data that were Gaussian: tokens of one covariance about a mean linear in the condition.

    E[data | x_t] = m + t S (t² S + (1 - t)² I)^-1 (x_t - t m), in the axes in which S is diagonal. Set by `fit`, not by
    gradients; what a network adds to it is all that needs to be learned.
    """

    bias: Tensor
    weight: Tensor
    axes: Tensor
    variances: Tensor

    def __init__(self, channels: int, condition: int) -> None:
        super().__init__()
        self.register_buffer("bias", torch.zeros(channels))
        self.register_buffer("weight", torch.zeros(channels, condition))
        self.register_buffer("axes", torch.eye(channels))
        self.register_buffer("variances", torch.ones(channels))

    @torch.no_grad()
    def fit(
        self, means: Tensor, conditions: Tensor, owners: Tensor, tokens: Tensor, kinds: Tensor, ridge: float = 0.1
    ) -> None:
        """From mean tokens [g c] of groups, conditions [p k] of groups `owners` [p], tokens [m c] of `kinds` [m]."""
        self.bias.copy_(means.mean(0))
        wanted = (means - self.bias)[owners]
        gram = conditions.T @ conditions + ridge * torch.eye(conditions.shape[1])
        self.weight.copy_(torch.linalg.solve(gram, conditions.T @ wanted).T)
        left = tokens - means[kinds]
        variances, axes = torch.linalg.eigh(left.T @ left / len(left))
        self.axes.copy_(axes)
        self.variances.copy_(variances.clamp_min(1e-3))

    def forward(self, x: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        """As `FlowTransformer`; conditions may be those of each token [b n k]."""
        condition = condition if condition.ndim == 3 else condition[:, None]
        with torch.autocast(x.device.type, enabled=False):  # its axes need all their digits
            mean = self.bias + condition.float() @ self.weight.T
            at = t.float()[:, None, None]
            share = at * self.variances / (at**2 * self.variances + (1 - at) ** 2 + 1e-6)
            out: Tensor = mean + ((x.float() - at * mean) @ self.axes * share) @ self.axes.T
        return out


class FlowTransformer(nn.Module):
    """What data is seen in noisy tokens: x_t [b n c], t [b], condition [b k] -> [b n c].

    At first what `gaussian` sees; blocks add what it can't. A condition of zeros is none at all (Ho and Salimans 2022,
    classifier-free guidance). One modulation serves all blocks, each adds its own offset (Chen et al. 2023, PixArt,
    adaLN-single).
    """

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        self.config, width = config, config.width
        self.gaussian = GaussianView(config.channels, config.condition)
        self.into = nn.Linear(2 * config.channels, width)
        self.place = nn.Parameter(0.02 * torch.randn(config.tokens, width))
        self.time = nn.Sequential(nn.Linear(128, width), nn.SiLU(), nn.Linear(width, width))
        self.words = nn.Sequential(nn.Linear(config.condition, width), nn.SiLU(), nn.Linear(width, width))
        self.modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 6 * width))
        blocks = [_Block(width, config.heads) for _ in range(config.layers)]
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, config.channels)
        for zero in (self.out, *(last for block in blocks for last in (block.outer, block.joined))):
            nn.init.zeros_(zero.weight)
            nn.init.zeros_(zero.bias)
        for block in blocks:
            nn.init.ones_(block.own[2])
            nn.init.ones_(block.own[5])

    def forward(self, x: Tensor, t: Tensor, condition: Tensor, control: Control | None = None) -> Tensor:
        """As above; n may be less than `tokens`."""
        condition = condition[:, None]
        if control is not None:
            condition = condition + control.condition
        hidden = self.time(waves(t, 128))[:, None] + self.words(condition * condition.shape[2] ** 0.5)
        modulation = self.modulation(hidden).unflatten(2, (6, -1))
        guess = self.gaussian(x, t, condition)
        y = self.into(torch.cat([x, guess], dim=2)) + self.place[: x.shape[1]]
        if control is not None:
            y = y + control.stream[0]
        for number, block in enumerate(self.blocks, 1):
            y = block(y, modulation)
            if control is not None:
                y = y + control.stream[number]
        out: Tensor = guess + self.out(self.norm(y))
        return out


def waves(t: Tensor, count: int) -> Tensor:
    """Sines and cosines [b count] of times in [0, 1], a thousandth to be told apart (Vaswani et al. 2017)."""
    rates = torch.exp(torch.linspace(0, math.log(1000.0), count // 2, device=t.device))
    angles = t[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def flow_loss(
    network: Callable[[Tensor, Tensor, Tensor], Tensor], data: Tensor, condition: Tensor, dice: torch.Generator
) -> Tensor:
    """Mean squared error of velocities at random times; logit-normal, more of the middle (Esser et al. 2024, eq. 19).

    `data` [b n c], `condition` [b k].
    """
    t = random_times(len(data), dice).to(data.device)
    noise = torch.randn(data.shape, generator=dice).to(data.device)
    return velocity_error(network(between(noise, data, t), t, condition), data, t)


def random_times(count: int, dice: torch.Generator) -> Tensor:
    """Times [b] to learn at."""
    return torch.randn(count, generator=dice).sub(0.4).sigmoid()


def between(noise: Tensor, data: Tensor, t: Tensor) -> Tensor:
    """What is at t [b] of the way from noise to data, both [b n c]."""
    at = t[:, None, None].to(data.dtype)
    return at * data + (1 - at) * noise


def velocity_error(seen: Tensor, data: Tensor, t: Tensor) -> Tensor:
    """Mean squared error of velocities at t [b], a scalar, of the data that is seen and that is there [b n c]."""
    error = (seen.float() - data.float()) / (1 - t[:, None, None]).clamp_min(LEAST_LEFT)
    return error.square().mean()


Denoise = Callable[[Tensor, float], Tensor]  # x_t [b n c], t -> the data that is seen in it


class Window(Protocol):
    """The same of some of the tokens: the first of them is `start` tokens from the beginning."""

    def __call__(self, x: Tensor, t: float, start: int = 0, /) -> Tensor:
        """[b n c] -> [b n c]."""
        ...


def guided(
    network: nn.Module, condition: Tensor, guidance: float, interval: tuple[float, float] = (0.0, 1.0)
) -> Window:
    """Conditions [b k] weighed against none: unconditional + guidance · (conditional - unconditional).

    Only for times within `interval` (Kynkäänniemi et al. 2024, arXiv:2404.07724); outside it is the conditional alone.
    """

    def seen(x: Tensor, t: float, start: int = 0) -> Tensor:
        times = torch.full((len(x),), t, device=x.device)
        if guidance == 1.0 or not interval[0] <= t <= interval[1]:
            out: Tensor = network(x, times, condition)
            return out
        both = network(
            torch.cat([x, x]), torch.cat([times, times]), torch.cat([condition, torch.zeros_like(condition)])
        )
        with_it, without = both.chunk(2)
        weighed: Tensor = without + guidance * (with_it - without)
        return weighed

    return seen


def windowed(seen: Window, window: int, hop: int) -> Denoise:
    """A view of more tokens than the network takes: windows of them, `hop` apart, agree on where they overlap."""

    def joined(x: Tensor, t: float) -> Tensor:
        return together(lambda part, start: seen(part, t, start), x, window, hop, axis=1)

    return joined


def sample(seen: Denoise, noise: Tensor, steps: int, check: Callable[[], None] = lambda: None) -> Tensor:
    """From noise [b n c] at t = 0 to data, by Heun's second-order method with the last step Euler's.

    Takes 2 · steps - 1 looks. `check` is called before each step and may raise.
    """
    x = noise
    times = torch.linspace(0, 1, steps + 1).tolist()
    for now, then in pairwise(times):
        check()
        slope = (seen(x, now) - x) / (1 - now)
        guess = x + (then - now) * slope
        if then < 1:
            slope = (slope + (seen(guess, then) - guess) / (1 - then)) / 2
            guess = x + (then - now) * slope
        x = guess
    return x
