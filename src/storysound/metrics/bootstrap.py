"""Bootstrap: how far a figure would go if other items had been drawn (Efron and Tibshirani 1993)."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEVEL = 0.95


def resamples(count: int, groups: ArrayLike | None, draws: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Numbers of as many items as there are, drawn with replacement, `draws` times.

    `groups` [count]: items of one group (takes of one recording, scenes of one film) are not independent and are drawn
    together. Raises ValueError where there isn't one for each item.
    """
    labels = np.arange(count) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    if len(labels) != count:
        raise ValueError(f"needs a group for each of {count} items, got {len(labels)}")
    members = [np.flatnonzero(labels == group) for group in range(int(labels.max()) + 1)]
    rng = np.random.default_rng(seed)
    for _ in range(draws):
        drawn = rng.integers(0, len(members), len(members))
        yield drawn if groups is None else np.concatenate([members[group] for group in drawn])


def interval(
    figure: Callable[[NDArray[np.int64]], float], count: int, groups: ArrayLike | None = None, *, draws: int, seed: int
) -> tuple[float, float]:
    """Percentile interval at `LEVEL` of a figure of some items, by their numbers [m]; `groups` [count] or none."""
    found: Any = [figure(chosen) for chosen in resamples(count, groups, draws, seed)]
    low, high = np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
