"""MMVA's objectives (Choi et al. 2025, Eq. 2 to 4): valence, arousal and matching scores as they are labelled."""

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn import functional as F


def mood_loss(predicted: Tensor, labelled: Tensor) -> Tensor:
    """Eq. 2: mean over the batch of the squared distance of moods [n 2] -> scalar.

    The squares of valence and arousal are added, not averaged: twice what `mse_loss` says.

    >>> mood_loss(torch.tensor([[0.5, 0.5]]), torch.tensor([[0.25, 0.25]])).item()
    0.125
    """
    _check(predicted, labelled, 2)
    return (predicted - labelled).square().sum(dim=-1).mean()


def matching_loss(predicted: Tensor, labelled: Tensor) -> Tensor:
    """Eq. 3: mean squared error of matching scores [n] -> scalar."""
    _check(predicted, labelled, 1)
    return F.mse_loss(predicted, labelled)


def total(moods: Iterable[Tensor], matching: Tensor | None = None) -> Tensor:
    """Eq. 4: the sum of Eq. 2 of each modality and, unless there is no similarity predictor, Eq. 3: each scalar."""
    return torch.stack([*moods, *([] if matching is None else [matching])]).sum()


def _check(predicted: Tensor, labelled: Tensor, axes: int) -> None:
    """Raises ValueError unless both are of the same shape, with so many axes."""
    if predicted.shape != labelled.shape or predicted.ndim != axes:
        raise ValueError(f"needs two of a shape with {axes} axes, got {list(predicted.shape)}, {list(labelled.shape)}")
