"""MMVA's matching by valence and arousal (Choi et al. 2025, Eq. 1): what feels alike belongs together.

Works on moods alone, labelled or predicted, so that any modality can be matched with any other.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

STRIP = 1 << 22  # distances held at once
PAIRS, EXTREME = 50, 10  # fixed pairs per clip, and how many of them are the best and the worst (Zhao et al. 2020)
KEPT = 0.1  # share of the fixed pairs that is kept


def matching_score(va_a: Tensor, va_b: Tensor, sigma: float) -> Tensor:
    """Eq. 1: exp(-d / sigma) of valence and arousal [q 2] and [c 2] in [0, 1] -> [q c] in (0, 1]; symmetric.

    `sigma`: the mean distance of the set's pairs, see `mean_distance`. Raises ValueError for shapes that don't fit and
    a sigma that is not above 0.

    >>> matching_score(torch.tensor([[0.5, 0.5]]), torch.tensor([[0.5, 0.5], [0.5, 0.1]]), 0.4)
    tensor([[1.0000, 0.3679]])
    """
    return torch.exp(-_distance(va_a, va_b) / _checked(sigma))


def paired_score(va_a: Tensor, va_b: Tensor, sigma: float) -> Tensor:
    """Eq. 1 of pairs that stand side by side: [n 2], [n 2] -> [n]."""
    distance: Tensor = torch.linalg.vector_norm(va_a - va_b, dim=-1)
    return torch.exp(-distance / _checked(sigma))


def mean_distance(va_a: Tensor, va_b: Tensor) -> float:
    """Sigma of Eq. 1: the mean Euclidean distance of all pairs of [q 2] and [c 2].

    Never holds more than a strip of them. Raises ValueError where a side is empty.

    >>> mean_distance(torch.tensor([[0.0, 0.0]]), torch.tensor([[0.0, 1.0], [0.6, 0.8], [0.0, 0.5]]))
    0.8333333333333334
    """
    return _mean(va_a, va_b, _distance)


def mean_score(va_a: Tensor, va_b: Tensor, sigma: float) -> float:
    """The mean of Eq. 1 over all pairs of [q 2] and [c 2], in strips: what a model knows that knows nothing."""
    return _mean(va_a, va_b, lambda a, b: matching_score(a, b, sigma))


def _mean(va_a: Tensor, va_b: Tensor, of: Callable[[Tensor, Tensor], Tensor]) -> float:
    """Of what `of` says ([n 2], [c 2] -> [n c]) over all pairs of [q 2] and [c 2], a strip at a time."""
    if not len(va_a) or not len(va_b):
        raise ValueError(f"needs moods on both sides, got {len(va_a)} and {len(va_b)}")
    rows = max(1, STRIP // len(va_b))
    total = sum(float(of(part, va_b).sum(dtype=torch.float64)) for part in torch.split(va_a, rows))
    return total / (len(va_a) * len(va_b))


class FixedPairs(NamedTuple):
    """Fixed pairs: numbers of pictures and of clips, both [m], and Eq. 1 of each [m]."""

    pictures: NDArray[np.int64]
    clips: NDArray[np.int64]
    scores: NDArray[np.float32]


def fixed_pairs(
    pictures: Tensor, clips: Tensor, sigma: float, rng: np.random.Generator, *, kept: float = KEPT
) -> FixedPairs:
    """IMEMNet's pairs (Zhao et al. 2020): per clip the 10 best and the 10 worst pictures and 30 others at random.

    Of all these a share `kept` is drawn. `pictures` [p 2], `clips` [c 2]. With fewer than 50 pictures a clip gets all.
    """
    chosen: list[NDArray[np.int64]] = []
    for part in torch.split(clips, max(1, STRIP // max(1, len(pictures)))):
        order = torch.argsort(_distance(part, pictures), dim=1, stable=True).numpy()
        chosen += [_of_one(row, rng) for row in order]
    owners = np.repeat(np.arange(len(chosen)), [len(row) for row in chosen])
    partners = np.concatenate([np.zeros(0, np.int64), *chosen])
    drawn = np.sort(rng.permutation(len(owners))[: round(kept * len(owners))])
    left, right = partners[drawn], owners[drawn]
    scores = paired_score(pictures[left], clips[right], sigma) if len(drawn) else torch.zeros(0)
    return FixedPairs(left, right, scores.numpy().astype(np.float32))


def _of_one(order: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """The pictures [k] of one clip, of all in the order of their distance [p]."""
    if len(order) <= PAIRS:
        return order
    between = rng.choice(order[EXTREME:-EXTREME], PAIRS - 2 * EXTREME, replace=False)
    return np.concatenate([order[:EXTREME], order[-EXTREME:], between])


def _distance(va_a: Tensor, va_b: Tensor) -> Tensor:
    """Euclidean, [q 2], [c 2] -> [q c]; by differences, since products lose the small distances that matter most."""
    if va_a.ndim != 2 or va_b.ndim != 2 or va_a.shape[1] != 2 or va_b.shape[1] != 2:
        raise ValueError(f"moods are [n 2], got {list(va_a.shape)} and {list(va_b.shape)}")
    return torch.cdist(va_a, va_b, compute_mode="donot_use_mm_for_euclid_dist")


def _checked(sigma: float) -> float:
    if not sigma > 0:
        raise ValueError(f"sigma is a mean distance above 0, got {sigma}")
    return sigma
