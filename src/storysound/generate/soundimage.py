"""From sound to the picture embedding that a decoder paints: a linear map, loudness, and mixtures.

BGTAI (Fang et al. 2024), section 3.3 and Figure 3: pictures from sounds alone, learned from pairs without labels;
louder sounds show more of what is heard, and mixtures of embeddings mixtures of pictures. How the paper maps one to
the other is not printed. Here it is closed-form ridge regression: pairs are few, and nothing can go wrong in training.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from storysound.encode.waves import looped
from storysound.media.audio import Waveform
from storysound.media.loudness import BLOCK_S, integrated_lufs

SILENT_LUFS = -70.0  # the absolute gate of BS.1770: below it nothing counts as heard
PENALTIES = tuple(10.0**power for power in range(-4, 4))  # tried, as shares of the mean squared singular value
MOST_SPREAD = 4.0  # of what a map learned nothing from; more would only magnify chance


@dataclass(frozen=True)
class Config:
    """Sizes of a map."""

    heard: int  # numbers that the ears say of a sound
    seen: int  # of a picture's embedding

    def __post_init__(self) -> None:
        if min(self.heard, self.seen) < 1:
            raise ValueError(f"a map needs sizes above 0, got {self}")

    @classmethod
    def tiny(cls) -> "Config":
        """For tests."""
        return cls(6, 8)


class SoundMap(nn.Module):
    """What is heard, and how loud -> the embedding of a picture."""

    usual_sound: Tensor  # [heard]
    usual_picture: Tensor  # [seen]
    black: Tensor  # [seen], the embedding of a black picture: what a decoder is led away from
    weight: Tensor  # [heard seen]

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        shapes = {"usual_sound": (config.heard,), "usual_picture": (config.seen,), "black": (config.seen,)}
        for name, shape in {**shapes, "weight": (config.heard, config.seen)}.items():
            self.register_buffer(name, torch.zeros(shape))

    def forward(self, heard: Tensor, lufs: Tensor) -> Tensor:
        """Sounds [n heard] of so much loudness [n] -> embeddings [n seen].

        The way from the mean of all pictures towards what is heard is as long as the sound is loud, on the scale of
        loudness itself, which is logarithmic: silence is the mean picture, 10 dB more always go equally far.
        """
        towards: Tensor = (heard - self.usual_sound) @ self.weight
        return self.usual_picture + loudness_share(lufs)[:, None] * towards


def loudness_share(lufs: Tensor) -> Tensor:
    """Loudness from 0 in silence to 1 at full scale (0 LUFS).

    >>> loudness_share(torch.tensor([-float("inf"), -70.0, -35.0, 0.0])).tolist()
    [0.0, 0.0, 0.5, 1.0]
    """
    return (1 - lufs / SILENT_LUFS).clamp(min=0)


def loudness_of(wave: Waveform) -> float:
    """Integrated loudness in LUFS, -inf in silence; a sound too short to be measured is repeated."""
    least = math.ceil(BLOCK_S * wave.rate_hz) + 1
    mono = wave.mono()
    return integrated_lufs(Waveform(looped(mono.samples[0], least)[None], wave.rate_hz))


def mixture(embeddings: Tensor, shares: Sequence[float]) -> Tensor:
    """Embeddings [k d] mixed by `shares` [k] that sum to 1 -> [d], as long as they are in the mean.

    A plain mean of vectors that point different ways is short, and a decoder paints it grey.
    Raises ValueError for shares below 0, or of another sum.

    >>> round(mixture(torch.eye(2), [0.5, 0.5]).norm().item(), 6)
    1.0
    """
    weights = embeddings.new_tensor(shares)
    if len(weights) != len(embeddings) or min(shares) < 0 or abs(sum(shares) - 1) > 1e-6:
        raise ValueError(f"needs {len(embeddings)} shares of at least 0 that sum to 1, got {list(shares)}")
    mixed = weights @ embeddings
    length = weights @ embeddings.norm(dim=1)
    return mixed * (length / mixed.norm().clamp(min=1e-9))


@dataclass(frozen=True)
class Fitted:
    """A map, the penalty it was fitted with, and how well it predicts pairs left out: R², 1 at best."""

    network: SoundMap
    penalty: float
    r2: float


def fit(heard: Tensor, lufs: Tensor, seen: Tensor, black: Tensor) -> Fitted:
    """The map of n pairs: sounds [n heard] of loudness [n], pictures [n seen].

    Of `PENALTIES` the one counts with the least error on pairs left out one at a time, which costs no more than one
    singular value decomposition (the means are of all pairs). Ridge predictions keep near the mean, where pictures are
    of nothing: they are brought back to the spread of real pictures. Raises ValueError for fewer than three pairs.
    """
    if len(heard) < 3:
        raise ValueError(f"needs three pairs at least, got {len(heard)}")
    x, y = heard.double(), seen.double()
    usual_sound, usual_picture = x.mean(dim=0), y.mean(dim=0)
    x, y = loudness_share(lufs.double())[:, None] * (x - usual_sound), y - usual_picture
    u, s, v = torch.linalg.svd(x, full_matrices=False)
    found = [_left_out(u, s, y, penalty * float((s * s).mean())) for penalty in PENALTIES]
    best = min(range(len(found)), key=lambda i: float(((found[i] - y) ** 2).sum()))
    predicted, penalty = found[best], PENALTIES[best] * float((s * s).mean())
    total = (y * y).sum()
    spread = min(MOST_SPREAD, float((total / (predicted**2).sum().clamp(min=1e-12)).sqrt()))
    network = SoundMap(Config(x.shape[1], y.shape[1]))
    network.usual_sound, network.usual_picture, network.black = (
        usual_sound.float(),
        usual_picture.float(),
        black.float(),
    )
    network.weight = (spread * v.T @ ((s / (s * s + penalty))[:, None] * (u.T @ y))).float()
    return Fitted(network, PENALTIES[best], float(1 - ((predicted - y) ** 2).sum() / total.clamp(min=1e-12)))


def _left_out(u: Tensor, s: Tensor, y: Tensor, penalty: float) -> Tensor:
    """What ridge regression predicts of each row [n d] when it learns from all others.

    The residual of a row left out is its residual over 1 minus its leverage.
    """
    shrunk = s * s / (s * s + penalty)
    leverage = (u * u * shrunk).sum(dim=1)[:, None]
    residual = y - u @ (shrunk[:, None] * (u.T @ y))
    return y - residual / (1 - leverage).clamp(min=1e-6)
