"""Learning from a teacher's soft answers."""

from torch import Tensor
from torch.nn import functional as F


def soft_labels(logits: Tensor, teacher_logits: Tensor) -> Tensor:
    """Binary cross-entropy of many independent classes against a teacher's probabilities.

    [b c], [b c] -> scalar: summed over classes, mean over the batch (Hinton, Vinyals and Dean 2015, "Distilling the
    Knowledge in a Neural Network", at temperature 1, for sigmoid outputs).
    """
    return F.binary_cross_entropy_with_logits(logits, teacher_logits.sigmoid(), reduction="none").sum(dim=1).mean()


def hint(hidden: Tensor, teacher_hidden: Tensor, spread: Tensor) -> Tensor:
    """Mean squared error to a teacher's layer, each of its units measured by its own standard deviation `spread` [h].

    [b h], [b h] -> scalar (Romero et al. 2015, "FitNets: Hints for Thin Deep Nets", eq. 3).
    """
    return ((hidden - teacher_hidden) / spread).square().mean()


def soft_choice(similarity: Tensor, share: Tensor, temperature: float) -> Tensor:
    """Cross-entropy of a choice among texts against the share that each of them deserves.

    `similarity` [b c] cosines, `share` [b c] non-negative, not all 0 in a row -> scalar. Rows of `share` are
    normalised to sum 1.
    """
    share = share / share.sum(dim=1, keepdim=True)
    return -(share * (similarity / temperature).log_softmax(dim=1)).sum(dim=1).mean()
