"""Change points: where the content of a video becomes another, found on the embeddings of its frames.

Kernel temporal segmentation (Potapov et al. 2014, "Category-specific video summarization", section 3): of all ways to
cut a sequence into m + 1 stretches the one whose frames lie nearest to the mean of their stretch, by dynamic
programming (the library ruptures); and of all m the one whose scatter with a penalty for cuts is least. Unlike a
camera's cut, a change point also parts what happens within one take.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storysound.errors import UsageError


@dataclass(frozen=True)
class ChangeConfig:
    """How finely a sequence is cut."""

    weight: float = 1.0  # of the penalty; 1 in the paper and in the scripts after it
    shortest: int = 1  # rows of a stretch, at least

    def __post_init__(self) -> None:
        if self.weight <= 0 or self.shortest < 1:
            raise ValueError(f"weight must be positive and shortest at least 1, got {self}")


def change_points(embeddings: NDArray[np.floating[Any]], config: ChangeConfig | None = None) -> NDArray[np.int64]:
    """The first row of each stretch but the first, rising: embeddings [n d] in order of time -> [m].

    Rows are compared by direction (cosine kernel). Fewer rows than two stretches need have no change point.
    Raises UsageError where the library ruptures isn't installed, ValueError for rows that are not finite.
    """
    config = config or ChangeConfig()
    rows = np.asarray(embeddings, np.float64)
    if rows.ndim != 2 or not np.isfinite(rows).all():
        raise ValueError(f"needs finite embeddings [n d], got {rows.shape}")
    most = len(rows) // config.shortest - 1
    if most < 1:
        return np.empty(0, np.int64)
    try:
        from ruptures import KernelCPD
    except ModuleNotFoundError:
        raise UsageError("finding change points needs ruptures: pip install 'storysound[summarize]'") from None
    unit = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    finder = KernelCPD(kernel="linear", min_size=config.shortest).fit(unit)
    finder.predict(n_bkps=most)  # finds those of fewer cuts on its way
    cuts = [np.empty(0, np.int64), *(np.array(finder.predict(n_bkps=m)[:-1], np.int64) for m in range(1, most + 1))]
    costs = scatters(unit, cuts) / len(unit) + penalties(most, len(unit), config.weight)
    return cuts[int(np.argmin(costs))]


def penalties(most: int, rows: int, weight: float = 1.0) -> NDArray[np.float64]:
    """Penalty of 0 to `most` cuts, to be added to the scatter per row: weight · m / 2n · (log(n / m) + 1): [most + 1].

    >>> penalties(1, 100).round(4).tolist()
    [0.0, 0.028]
    """
    m = np.arange(most + 1)
    return np.asarray(weight * m / (2 * rows) * (np.log(rows / np.maximum(m, 1)) + 1))


def scatters(rows: NDArray[np.float64], cuts: list[NDArray[np.int64]]) -> NDArray[np.float64]:
    """Squared distances of rows [n d] from the mean of their stretch, summed, for each way to cut them: [k]."""
    sums = np.concatenate([np.zeros((1, rows.shape[1])), np.cumsum(rows, axis=0)])
    energy = float((rows**2).sum())
    found = []
    for inner in cuts:
        edges = np.concatenate([[0], inner, [len(rows)]])
        within = sums[edges[1:]] - sums[edges[:-1]]
        found.append(energy - float(((within**2).sum(axis=1) / np.diff(edges)).sum()))
    return np.array(found)
