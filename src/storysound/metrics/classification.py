"""How well scores tell classes apart."""

import numpy as np
from numpy.typing import NDArray


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
