"""What belongs together should be ahead of what does not by a margin."""

from typing import Literal, get_args

import torch
from torch import Tensor

Negatives = Literal["sum", "mean", "hardest"]
NEGATIVES: tuple[Negatives, ...] = get_args(Negatives)


def bidirectional_margin(
    scores: Tensor, margin: float, negatives: Negatives = "sum", positives: Tensor | None = None
) -> Tensor:
    """Hinge loss of every wrong answer, of rows among columns and the other way round: -> scalar.

    `scores` [b b]: item i of one side belongs to item i of the other. An answer costs max(0, margin + its score -
    the right one's) (Hao et al. 2022, "MAC", eq. 3). `negatives`, where its eq. 3 and its text are at odds: "sum" of
    all wrong answers, the mean over rows (as printed); "mean" of all of both directions (public code of Collaborative
    Experts); "hardest", the costliest of each row and column, the mean over rows (Faghri et al. 2018, "VSE++", eq. 6).
    `positives` bool [b b]: other right answers, such as a sound that two stories share; they cost nothing. Raises
    ValueError for shapes that don't fit and for a way that isn't one.

    >>> round(bidirectional_margin(torch.tensor([[1.0, 0.9], [0.5, 0.4]]), 0.3).item(), 4)
    0.7
    """
    if scores.ndim != 2 or scores.shape[0] != scores.shape[1] or not len(scores):
        raise ValueError(f"needs scores [b b], got {list(scores.shape)}")
    if negatives not in NEGATIVES:
        raise ValueError(f"negatives are {', '.join(NEGATIVES)}, got {negatives!r}")
    wrong = ~torch.eye(len(scores), dtype=torch.bool, device=scores.device)
    if positives is not None:
        if positives.shape != scores.shape or positives.dtype != torch.bool:
            raise ValueError(f"positives are bool {list(scores.shape)}, got {positives.dtype} {list(positives.shape)}")
        wrong = wrong & ~positives
    own = scores.diagonal()
    ways = ((scores, wrong), (scores.T, wrong.T))
    costs = [(margin + answers - own[:, None]).clamp(min=0) * counted for answers, counted in ways]
    if negatives == "hardest":
        return torch.stack([cost.amax(dim=1).mean() for cost in costs]).sum()
    total = torch.stack(costs).sum()
    return total / (len(scores) if negatives == "sum" else (2 * wrong.sum()).clamp(min=1))
