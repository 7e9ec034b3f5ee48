"""A linear probe: logistic regression on what encoders say, the standard test of what they know."""

import torch
from torch import Tensor
from torch.nn import functional as F

STEPS = 200  # of L-BFGS, at most


def probe(rows: Tensor, truth: Tensor, asked: Tensor, *, several: bool, decay: float) -> Tensor:
    """Scores [m c] of `asked` [m d], learned from `rows` [n d] with `truth` bool [n c].

    Every feature is standardised over `rows`. One class a row: softmax; `several`: each class on its own. `decay`: of
    the squared weights beside the sum of losses, 1 as usual. Raises ValueError where a row of one class has not one.
    """
    if not several and not bool((truth.sum(1) == 1).all()):
        raise ValueError("each row needs exactly one class")
    mean, spread = rows.mean(0), rows.std(0, correction=0)
    spread = torch.where(spread > 1e-6, spread, torch.ones_like(spread))
    learned, asked = (rows - mean) / spread, (asked - mean) / spread
    target = truth.float()
    weights = torch.zeros(rows.shape[1] + 1, truth.shape[1], requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=STEPS, history_size=10, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        logits = learned @ weights[1:] + weights[0]
        fit = (
            F.binary_cross_entropy_with_logits(logits, target, reduction="sum")
            if several
            else F.cross_entropy(logits, target, reduction="sum")
        )
        total = (fit + decay / 2 * weights[1:].square().sum()) / len(rows)
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    return (asked @ weights[1:] + weights[0]).detach()
