"""BGTAI's objectives: an alignment should follow the path that dynamic time warping found (Fang et al. 2024, 2.2.3-4).

Axes: Q steps of a query, T of a target, L of a path; `..` any batch. A predicted alignment [.. Q T] has a distribution
over the target in each row (erratum 1). A path int64 [.. L 2] lists pairs of (query, target), -1 where it is padded;
query steps that are on no path are padding too and count for nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

LEAST = 1e-8  # of a probability, so that no loss is infinite


@dataclass(frozen=True)
class Weights:
    """Of the parts of the whole; the paper prints none (erratum 3)."""

    contrastive: float = 1.0
    cross_entropy: float = 1.0
    sp: float = 1.0

    def __post_init__(self) -> None:
        if min(self.contrastive, self.cross_entropy, self.sp) < 0:
            raise ValueError(f"weights are 0 or more, got {self}")


def middles(path: Tensor, queries: int) -> Tensor:
    """The target step of each query step on a path [.. L 2] -> [.. Q]; -1 where there is none.

    The middle one of several, the earlier of two.

    >>> middles(torch.tensor([[0, 0], [0, 1], [0, 2], [1, 3], [2, 3], [2, 4]]), 4).tolist()
    [1, 3, 3, -1]
    """
    step, target = _checked(path, queries)
    shape = (*path.shape[:-2], queries + 1)  # the last place takes what is padding
    first = torch.full(shape, torch.iinfo(torch.long).max, device=path.device).scatter_reduce(-1, step, target, "amin")
    last = torch.full(shape, -1, device=path.device).scatter_reduce(-1, step, target, "amax")
    middle = torch.where(last < 0, last, (first + last) // 2)
    return middle[..., :queries]


def matrix(path: Tensor, queries: int, targets: int) -> Tensor:
    """The path [.. L 2] as a binary matrix [.. Q T]: 1 for every pair on it.

    >>> matrix(torch.tensor([[0, 0], [0, 1], [1, 2]]), 2, 3).tolist()
    [[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    step, target = _checked(path, queries)
    if int(target.max()) >= targets:
        raise ValueError(f"the path leads to target step {int(target.max())} of {targets}")
    flat = torch.zeros((*path.shape[:-2], (queries + 1) * targets), device=path.device)
    flat = flat.scatter(-1, step * targets + target.clamp(min=0), 1.0)
    return flat.reshape(*path.shape[:-2], queries + 1, targets)[..., :queries, :]


def cross_entropy(pred: Tensor, path: Tensor) -> Tensor:
    """Eq. 5, row by row: the mean over query steps of -log of what `pred` [.. Q T] gives the path's target -> scalar.

    The path [.. L 2] is made one-hot: a query step that it matches with several targets gets the middle one (erratum
    1). Each item of a batch counts alike. Raises ValueError for a path that leaves the matrix.

    >>> sure = torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
    >>> round(cross_entropy(sure, torch.tensor([[0, 0], [1, 1], [1, 2]])).item(), 3)
    9.557
    """
    aim = middles(path, pred.shape[-2])
    if int(aim.max()) >= pred.shape[-1]:
        raise ValueError(f"the path leads to target step {int(aim.max())} of {pred.shape[-1]}")
    picked = pred.gather(-1, aim.clamp(min=0)[..., None])[..., 0]
    return _mean(-picked.clamp(min=LEAST).log(), aim >= 0)


def sp_loss(pred: Tensor, target: Tensor) -> Tensor:
    """Eq. 6: how far two alignments [.. Q T], 0 or more, lie apart, the mean over query steps -> scalar in [0, 1].

    Rows are normalised to sum 1; |.| is half of their L1 distance (their total variation), so that 0 is the same row
    and 1 has nothing in common. Query steps whose target row is empty are padding. Each item of a batch counts alike.

    >>> sp_loss(torch.tensor([[1.0, 1.0, 0.0]]), torch.tensor([[0.0, 3.0, 3.0]])).item()
    0.5
    """
    if pred.shape != target.shape or pred.ndim < 2:
        raise ValueError(f"needs two alignments [.. Q T], got {tuple(pred.shape)} and {tuple(target.shape)}")
    if bool((pred.detach() < 0).any() or (target < 0).any()):
        raise ValueError("alignments are 0 or more")
    apart = (F.normalize(pred, p=1, dim=-1) - F.normalize(target, p=1, dim=-1)).abs().sum(dim=-1) / 2
    return _mean(apart, target.sum(dim=-1) > 0)


def total(
    contrastive: Tensor, alignments: Sequence[tuple[Tensor, Tensor]] = (), weights: Weights = Weights()
) -> dict[str, Tensor]:
    """The whole objective (erratum 3): a contrastive loss (scalar), Eq. 5 and Eq. 6 -> "loss" and its parts.

    `alignments`: predictions [.. Q T] and their paths [.. L 2], over which Eq. 5 and 6 are averaged; without any, and
    where a weight is 0, that part is left out.
    """
    parts = {"contrastive": contrastive}
    if alignments and weights.cross_entropy:
        parts["cross_entropy"] = torch.stack([cross_entropy(*each) for each in alignments]).mean()
    if alignments and weights.sp:
        each_apart = [sp_loss(pred, matrix(path, *pred.shape[-2:])) for pred, path in alignments]
        parts["sp"] = torch.stack(each_apart).mean()
    return {"loss": torch.stack([getattr(weights, name) * part for name, part in parts.items()]).sum(), **parts}


def _checked(path: Tensor, queries: int) -> tuple[Tensor, Tensor]:
    """Query and target step of each pair: [.. L 2] -> [.. L] twice; padding goes to the query step behind the last."""
    if path.ndim < 2 or path.shape[-1] != 2 or not path.shape[-2]:
        raise ValueError(f"needs a path [.. L 2], got {tuple(path.shape)}")
    step, target = path.unbind(-1)
    if int(step.max()) >= queries:
        raise ValueError(f"the path leads to query step {int(step.max())} of {queries}")
    return torch.where(step < 0, queries, step), target


def _mean(values: Tensor, real: Tensor) -> Tensor:
    """Of values [.. Q] over the real steps, bool [.. Q], of each item, then over items with any -> scalar."""
    counts = real.sum(dim=-1)
    each = (values * real).sum(dim=-1) / counts.clamp(min=1)
    return (each * (counts > 0)).sum() / (counts > 0).sum().clamp(min=1)
