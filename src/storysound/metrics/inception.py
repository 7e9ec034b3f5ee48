"""The inception score: whether pictures show something clear each, and many different things together."""

import torch
from numpy.typing import ArrayLike
from torch import Tensor


def inception_score(probabilities: ArrayLike | Tensor) -> float:
    """From the class probabilities [n c] of n pictures, by any classifier: 1 at worst, c at best.

    exp of the mean KL divergence from each picture's classes to those of all (Salimans et al. 2016,
    arXiv:1606.03498, section 4), over all n at once, not in ten splits: it grows with n, so compare equal n. The
    classifier is part of the number: only Inception-v3's is the score that papers print.
    Raises ValueError for anything but rows of probabilities.

    >>> round(inception_score([[1.0, 0.0], [0.0, 1.0]]), 6)
    2.0
    """
    p = torch.as_tensor(probabilities).detach().to("cpu", torch.float64)
    if p.ndim != 2 or not p.numel() or bool((p < 0).any()) or not torch.allclose(p.sum(1), p.new_ones(()), atol=1e-3):
        raise ValueError(f"needs probabilities [n c] whose rows sum to 1, got {tuple(p.shape)}")
    p = p / p.sum(dim=1, keepdim=True)
    mean = p.mean(dim=0)
    divergence = torch.special.xlogy(p, p).sum(dim=1) - torch.special.xlogy(p, mean).sum(dim=1)
    return float(divergence.mean().exp())
