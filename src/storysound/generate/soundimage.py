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
FOLDS = 5  # of the groups, for the choice among them
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
        return self.usual_picture + loudness_share(lufs)[:, None] * ((heard - self.usual_sound) @ self.weight)


def loudness_share(lufs: Tensor) -> Tensor:
    """Loudness of any shape from 0 in silence to 1 at full scale (0 LUFS).

    >>> loudness_share(torch.tensor([-float("inf"), -70.0, -35.0, 0.0])).tolist()
    [0.0, 0.0, 0.5, 1.0]
    """
    share: Tensor = 1 - lufs / SILENT_LUFS
    return share.clamp(min=0)


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
    lengths: Tensor = torch.linalg.vector_norm(torch.cat([embeddings, mixed[None]]), dim=1)
    return mixed * ((weights @ lengths[:-1]) / lengths[-1].clamp(min=1e-9))


@dataclass(frozen=True)
class RidgeFit:
    """A map, the penalty it was fitted with, and how well it predicts groups left out: R², 1 at best."""

    network: SoundMap
    penalty: float
    r2: float


def fit(heard: Tensor, lufs: Tensor, seen: Tensor, black: Tensor, groups: Sequence[str]) -> RidgeFit:
    """The map of n pairs: sounds [n heard] of loudness [n], pictures [n seen], each of one of the `groups` [n].

    `black` [seen] as in `SoundMap`. Of `PENALTIES` the one counts that predicts best what was left out, a fifth of the
    groups at a time. Ridge predictions keep near the mean, where pictures are of nothing: they are brought back to the
    spread of real pictures. Raises ValueError for fewer than three groups.
    """
    order = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    if len(order) < 3:
        raise ValueError(f"needs pairs of three groups at least, got {len(order)}")
    fold = torch.tensor([order[group] % FOLDS for group in groups])
    heard, lufs, seen = heard.double(), lufs.double(), seen.double()
    predicted = [torch.zeros_like(seen) for _ in PENALTIES]  # as differences from the usual picture of the others
    truth = torch.zeros_like(seen)
    for left_out in range(min(FOLDS, len(order))):
        out = fold == left_out
        maps = _ridge(heard[~out], lufs[~out], seen[~out], PENALTIES)
        truth[out] = seen[out] - maps[0].usual_picture
        for known, one in zip(predicted, maps, strict=True):
            known[out] = one(heard[out], lufs[out]) - one.usual_picture
    errors = [float(((known - truth) ** 2).sum()) for known in predicted]
    best = errors.index(min(errors))
    total = (truth**2).sum()
    spread = min(MOST_SPREAD, float((total / (predicted[best] ** 2).sum().clamp(min=1e-12)).sqrt()))
    (network,) = _ridge(heard, lufs, seen, PENALTIES[best : best + 1])
    network.weight *= spread
    network.black = black.double()
    return RidgeFit(network.float(), PENALTIES[best], 1 - errors[best] / max(float(total), 1e-12))


def _ridge(heard: Tensor, lufs: Tensor, seen: Tensor, penalties: Sequence[float]) -> list[SoundMap]:
    """A map in double precision for each penalty, from one singular value decomposition.

    Of sounds [n heard] of loudness [n] and pictures [n seen].
    """
    usual_sound, usual_picture = heard.mean(dim=0), seen.mean(dim=0)
    u, s, v = torch.linalg.svd(loudness_share(lufs)[:, None] * (heard - usual_sound), full_matrices=False)
    answer, unit = u.T @ (seen - usual_picture), (s * s).mean()
    maps = []
    for penalty in penalties:
        network = SoundMap(Config(heard.shape[1], seen.shape[1])).double()
        network.usual_sound, network.usual_picture = usual_sound, usual_picture
        network.weight = v.T @ ((s / (s * s + penalty * unit).clamp(min=1e-12))[:, None] * answer)
        maps.append(network)
    return maps
