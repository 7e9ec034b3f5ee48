"""Distances between two sets of features by a kernel: KID of pictures, KAD of sounds.

Unlike the Fréchet distance they assume no normal distribution and are unbiased: their expectation does not depend on
the number of items. As there, the encoder is part of the number.
"""

from collections.abc import Callable
from typing import Literal

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from storysound.metrics.frechet import feature_set

Kernel = Literal["polynomial", "rbf"]
BLOCK = 2048  # rows of a kernel matrix at once
_MEDIAN_ITEMS = 2000  # of the reference, evenly taken, among which the median distance is measured


def kernel_distance(
    x: ArrayLike | Tensor,
    y: ArrayLike | Tensor,
    *,
    kernel: Kernel = "polynomial",
    bandwidth: float | None = None,
    block: int = BLOCK,
) -> float:
    """Squared maximum mean discrepancy of x [n d] and the reference y [m d], unbiased, so it may fall below 0.

    "polynomial": (a·b / d + 1)³, as the KID (Bińkowski et al. 2018, arXiv:1801.01401, section 3.1), over all items
    instead of the mean of random subsets: the same expectation, less chance. "rbf": exp(−|a − b|² / 2h²), as the KAD
    (Chung et al. 2025, arXiv:2502.15602), not multiplied by 100 as its authors print it; `bandwidth` h is the median
    distance within the reference unless given. Float64; `block` rows of the n × m values are held at once.
    Raises ValueError as `frechet.feature_set`, for other widths, and for an h that is not above 0.

    >>> kernel_distance([[0.0], [1.0]], [[0.0], [1.0]])
    -3.5
    """
    first, second = feature_set(x), feature_set(y)
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"needs features of one width, got {first.shape[1]} and {second.shape[1]}")
    if kernel == "rbf":
        width = _median_distance(second) if bandwidth is None else bandwidth
        if not width > 0:
            raise ValueError(f"bandwidth must be above 0, got {width}: is the reference one point?")
        alike = _rbf(width)
    elif bandwidth is not None:
        raise ValueError("only the kernel rbf has a bandwidth")
    else:
        alike = _cubic
    between = _mean(first, second, alike, block)
    return _mean_within(first, alike, block) + _mean_within(second, alike, block) - 2 * between


_Alike = Callable[[Tensor, Tensor], Tensor]  # [n d], [m d] -> [n m]


def _cubic(a: Tensor, b: Tensor) -> Tensor:
    """The kernel of the KID: [n d], [m d] -> [n m]."""
    return (a @ b.T / a.shape[1] + 1) ** 3


def _rbf(width: float) -> _Alike:
    return lambda a, b: torch.exp(-(torch.cdist(a, b) ** 2) / (2 * width * width))


def _mean(a: Tensor, b: Tensor, alike: _Alike, block: int) -> float:
    """The mean kernel of all pairs of a [n d] and b [m d]."""
    totals = [float(alike(a[start : start + block], b).sum()) for start in range(0, len(a), block)]
    return sum(totals) / (len(a) * len(b))


def _mean_within(rows: Tensor, alike: _Alike, block: int) -> float:
    """The mean kernel of two different rows of [n d]."""
    total = 0.0
    for start in range(0, len(rows), block):
        values = alike(rows[start : start + block], rows)
        total += float(values.sum() - values.diagonal(start).sum())
    return total / (len(rows) * (len(rows) - 1))


def _median_distance(rows: Tensor) -> float:
    """The median distance of two rows of [n d], of which `_MEDIAN_ITEMS` at most are taken."""
    chosen = rows[torch.linspace(0, len(rows) - 1, min(len(rows), _MEDIAN_ITEMS)).round().long()]
    return float(torch.pdist(chosen).median())
