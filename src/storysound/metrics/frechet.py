"""The Fréchet distance between two sets of features: FID of pictures, FAD of sounds, FVD of videos.

Which encoder made the features is what the number means: never compare distances of different encoders, crops or
numbers of items, and say all three beside it.
"""

import math

import torch
from numpy.typing import ArrayLike
from torch import Tensor

LEAST_AT_INFINITY = 4  # items a dimension


def frechet_distance(x: ArrayLike | Tensor, y: ArrayLike | Tensor) -> float:
    """Squared 2-Wasserstein distance of two normal distributions fitted to x [n d] and y [m d]; 0 is the least.

    |μx − μy|² + tr Cx + tr Cy − 2 tr (Cx Cy)^½ with unbiased covariances (Heusel et al. 2017, arXiv:1706.08500,
    Eq. 6), in float64. With Cx = AᵀA and Cy = BᵀB the last trace is the sum of the singular values of A Bᵀ: no root
    of a matrix is taken, so that it holds for fewer items than dimensions too, where covariances are singular.
    The estimate is too large for few items: by how much depends on n, so compare sets of equal size.
    Raises ValueError for sets of fewer than two items, other widths, or values that are not finite.

    >>> round(frechet_distance([[0.0], [2.0]], [[3.0], [5.0]]), 6)
    9.0
    """
    first, second = feature_set(x), feature_set(y)
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"needs features of one width, got {first.shape[1]} and {second.shape[1]}")
    return _between(first, second.mean(dim=0), _root(second))


def frechet_at_infinity(
    x: ArrayLike | Tensor, y: ArrayLike | Tensor, *, sizes: int = 10, draws: int = 3, seed: int = 0
) -> float:
    """The distance of x [n d] to the reference y [m d] that endless x would have: FID∞, FAD∞.

    Distances of `sizes` numbers k of items of x, each the mean of `draws` random choices, lie about on a line in 1/k;
    where it meets 0 is the answer (Chong and Forsyth 2020, arXiv:1911.07023; Gui et al. 2024, arXiv:2311.01616, for
    sounds). It may fall below 0; what few y do to it stays. The line bends where items are about as few as dimensions:
    raises ValueError for fewer than four times as many, and as `frechet_distance`.
    """
    first = feature_set(x)
    count, width = first.shape
    if count < LEAST_AT_INFINITY * width:
        raise ValueError(f"needs {LEAST_AT_INFINITY * width} items of {width} dimensions at least, got {count}")
    least = max(2 * width, count // 4)
    if sizes < 2 or draws < 1:
        raise ValueError(f"needs 2 sizes and a draw at least, got {sizes} and {draws}")
    dice = torch.Generator().manual_seed(seed)
    shares = torch.linspace(1 / count, 1 / least, sizes, dtype=torch.float64)
    numbers = (1 / shares).round().long().tolist()
    second = feature_set(y)
    if second.shape[1] != width:
        raise ValueError(f"needs features of one width, got {width} and {second.shape[1]}")
    mean, root = second.mean(dim=0), _root(second)
    found = []
    for k in numbers:
        chosen = [first[torch.randperm(count, generator=dice)[:k]] for _ in range(draws)]
        found.append(sum(_between(rows, mean, root) for rows in chosen) / draws)
    line = torch.stack([torch.ones(sizes, dtype=torch.float64), 1 / torch.tensor(numbers, dtype=torch.float64)], dim=1)
    return float(torch.linalg.lstsq(line, torch.tensor(found, dtype=torch.float64)[:, None]).solution[0])


def feature_set(values: ArrayLike | Tensor) -> Tensor:
    """Features as float64 [n d]. Raises ValueError for fewer than two items and values that are not finite."""
    rows = torch.as_tensor(values).detach().to("cpu", torch.float64)
    if rows.ndim != 2 or len(rows) < 2 or not rows.shape[1]:
        raise ValueError(f"needs features [n d] of two items at least, got {tuple(rows.shape)}")
    if not bool(torch.isfinite(rows).all()):
        raise ValueError("features must be finite")
    return rows


def _between(rows: Tensor, mean: Tensor, root: Tensor) -> float:
    """The distance of rows [n d] to a normal distribution by its mean [d] and the root [k d] of its covariance."""
    own, shift = _root(rows), rows.mean(dim=0) - mean
    trace = torch.linalg.svdvals(own @ root.T).sum()
    return max(0.0, float(shift @ shift + (own * own).sum() + (root * root).sum() - 2 * trace))


def _root(rows: Tensor) -> Tensor:
    """A [min(n, d) d] with AᵀA the unbiased covariance of rows [n d]."""
    centred = (rows - rows.mean(dim=0)) / math.sqrt(len(rows) - 1)
    return centred if len(rows) <= rows.shape[1] else torch.linalg.qr(centred, mode="r").R
