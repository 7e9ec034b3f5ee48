"""What belongs together should be more alike than what does not."""

import torch
from torch import Tensor
from torch.nn import functional as F

LARGEST_SCALE = 100.0  # of learned similarities in the loss: Radford et al. 2021 (CLIP), section 2.5


def symmetric(similarity: Tensor, temperature: float | Tensor, positives: Tensor | None = None) -> Tensor:
    """Cross-entropy of choosing what belongs to each row among the columns, and the other way round: -> scalar.

    `similarity` [q c] over the `temperature` (a learned scale is 1 / scale) are the logits; the mean of both directions
    (Radford et al. 2021, "CLIP", fig. 3). `positives`: None where row i belongs to column i [b b]; otherwise bool
    [q c], any number in a row or column: each gets an equal share of the choice (Khosla et al. 2020, "Supervised
    Contrastive Learning", eq. 2). Rows and columns without one only serve as wrong answers. Raises ValueError for
    shapes that don't fit and where nothing is positive.

    >>> round(symmetric(torch.tensor([[0.9, 0.1], [0.1, 0.9]]), 0.1).item(), 5)
    0.00034
    """
    if positives is None:
        if similarity.ndim != 2 or similarity.shape[0] != similarity.shape[1]:
            raise ValueError(f"needs [b b], or positives, got {list(similarity.shape)}")
        own = torch.arange(len(similarity), device=similarity.device)
        logits = similarity / temperature
        return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
    if positives.shape != similarity.shape or not bool(positives.any()):
        raise ValueError(f"positives are bool {list(similarity.shape)} with at least one, got {list(positives.shape)}")
    logits = similarity / temperature
    return (_choice(logits, positives) + _choice(logits.T, positives.T)) / 2


def squared_distance(similarity: Tensor, positives: Tensor) -> Tensor:
    """Mean squared distance of what belongs together (bool [q c]), by the cosines [q c] of unit vectors -> scalar.

    Nothing is pushed apart.

    >>> squared_distance(torch.tensor([[1.0, 0.3], [0.2, 0.5]]), torch.eye(2, dtype=torch.bool)).item()
    0.5
    """
    return (2 - 2 * similarity[positives]).mean()


def _choice(logits: Tensor, positives: Tensor) -> Tensor:
    """Mean over rows that have a positive of the cross-entropy against equal shares of them: [q c], bool [q c]."""
    some = positives.any(dim=1)
    share = positives[some].to(logits)
    share = share / share.sum(dim=1, keepdim=True)
    return F.cross_entropy(logits[some], share)
