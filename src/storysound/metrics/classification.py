"""How well scores tell classes apart, and how right probabilities are."""

import numpy as np
from numpy.typing import NDArray

TENTHS = 10  # bins of probabilities


def average_precision(hits: NDArray[np.bool_]) -> float:
    """Of a ranked list [n] of hits and misses, best first, with at least one hit: the mean precision at its hits.

    >>> round(average_precision(np.array([True, False, True])), 3)
    0.833
    """
    return float((np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean())


def average_precisions(scores: NDArray[np.float32], truth: NDArray[np.bool_], *, least: int = 1) -> dict[int, float]:
    """Average precision of every class with at least `least` true items: scores [n c], truth [n c] -> {class: AP}.

    Ties keep the order of the items.
    """
    found = {}
    for number in np.flatnonzero(truth.sum(axis=0) >= least):
        order = np.argsort(-scores[:, number], kind="stable")
        found[int(number)] = average_precision(truth[order, number])
    return found


def calibration_error(
    said: NDArray[np.float64], true: NDArray[np.float64], weights: NDArray[np.float64] | None = None
) -> float:
    """Expected calibration error over tenths of [0, 1] of probabilities [n] that are `said`, in [0, 1].

    `true` [n]: 1 where it is so, else 0; `weights` [n] > 0, all alike without them. Guo et al. 2017 (arXiv:1706.04599),
    equation 3.

    >>> round(calibration_error(np.array([0.9, 0.9, 0.2]), np.array([1.0, 0.0, 0.0])), 3)
    0.333
    """
    weights = np.ones(len(said)) if weights is None else weights
    tenth = np.minimum((said * TENTHS).astype(int), TENTHS - 1)
    off = np.bincount(tenth, weights * (said - true), TENTHS)
    return float(np.abs(off).sum() / weights.sum())
