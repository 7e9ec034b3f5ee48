"""Dynamic time warping: the cheapest way to go through two sequences together (Berndt and Clifford 1994).

A path goes from the first pair of steps to the last by (1, 0), (0, 1) or (1, 1), and costs the sum of the pairs on it.
BGTAI's Result Filter learns alignments from such paths (Fang et al. 2024, section 2.2.3).

Each cell needs its left neighbour, so numpy's vector instructions could only run along anti-diagonals; compiled by
numba a row is three passes, of which the middle one alone waits for its neighbour. That is what makes it fast.

Axes: b pairs, Q steps of a query, T of a target, L = Q + T - 1 the longest path.
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from storysound.errors import UsageError

BOTH, QUERY, TARGET = np.uint8(0), np.uint8(1), np.uint8(2)  # which index the last step went on in


class Paths(NamedTuple):
    """Of a batch: `totals` float64 [b], `steps` int64 [b L 2] (query, target), -1 after the `lengths` [b] of each."""

    totals: Tensor
    steps: Tensor
    lengths: Tensor


def dtw_path(cost: Tensor | ArrayLike) -> tuple[float, Tensor]:
    """The least total of `cost` [Q T] on a path from (0, 0) to the end, and the path: int64 [L 2], on the processor.

    Sums are double. Where ways cost the same, a step in both goes before one in the query, that before one in the
    target, seen from the end. Raises ValueError unless there is a cost, all are finite and so is their total;
    UsageError where numba is not installed.

    >>> total, path = dtw_path(torch.tensor([[0.0, 2.0, 9.0], [9.0, 1.0, 0.0]]))
    >>> total, path.tolist()
    (1.0, [[0, 0], [1, 1], [1, 2]])
    """
    costs = torch.as_tensor(cost)
    if costs.ndim != 2:
        raise ValueError(f"needs costs [Q T], got {tuple(costs.shape)}")
    found = dtw_paths(costs[None])
    return float(found.totals[0]), found.steps[0, : int(found.lengths[0])]


def dtw_paths(cost: Tensor, queries: Tensor | None = None, targets: Tensor | None = None) -> Paths:
    """`dtw_path` of a padded batch `cost` [b Q T], of which `queries` [b] and `targets` [b] steps are real (None: all).

    Padding may hold anything.
    """
    if cost.ndim != 3 or not cost.shape[1] or not cost.shape[2]:
        raise ValueError(f"needs costs [b Q T] of at least one step each, got {tuple(cost.shape)}")
    count, rows, columns = cost.shape
    sizes = [_sizes(given, count, most) for given, most in ((queries, rows), (targets, columns))]
    wide = cost.detach().cpu()
    if wide.dtype not in (torch.float32, torch.float64):
        wide = wide.float() if wide.is_floating_point() else wide.double()
    totals, lengths = np.empty(count), np.empty(count, np.int64)
    steps = np.empty((count, rows + columns - 1, 2), np.int64)
    _compiled()(np.ascontiguousarray(wide.numpy()), *sizes, totals, steps, lengths)
    if not np.isfinite(totals).all():
        raise ValueError("costs must be finite, and so must their sum")
    return Paths(torch.from_numpy(totals), torch.from_numpy(steps), torch.from_numpy(lengths))


def _sizes(given: Tensor | None, count: int, most: int) -> NDArray[np.int64]:
    """Lengths [b] as given, or the most for all. Raises ValueError for others than 1 to `most`."""
    if given is None:
        return np.full(count, most, np.int64)
    sizes: NDArray[np.int64] = given.detach().cpu().numpy().astype(np.int64)
    if sizes.shape != (count,) or not ((sizes >= 1) & (sizes <= most)).all():
        raise ValueError(f"needs {count} lengths in 1 to {most}, got {sizes.tolist()}")
    return sizes


@cache
def _compiled() -> Any:
    """The batch's function in machine code; compiled once a process, in about a second."""
    try:
        import numba
    except ModuleNotFoundError:
        raise UsageError("dynamic time warping needs numba: pip install 'storysound[train]'") from None
    table, trace = numba.njit(_table), numba.njit(_trace)

    def batch(cost: Any, queries: Any, targets: Any, totals: Any, steps: Any, lengths: Any) -> None:
        most_q, most_t = cost.shape[1:]
        row, before = np.empty(most_t + 1), np.empty(most_t)
        upper, came = np.empty(most_t, np.uint8), np.empty((most_q, most_t), np.uint8)
        for b in range(len(cost)):
            q, t = queries[b], targets[b]
            totals[b] = table(cost[b, :q, :t], row, before, upper, came)
            lengths[b] = trace(came, q, t, steps[b]) if np.isfinite(totals[b]) else 0

    return numba.njit(batch)


def _table(cost: Any, row: Any, before: Any, upper: Any, came: Any) -> float:
    """The total of `cost` [Q T], NaN where a cost is not finite; in `came` [Q T] how each cell is reached best.

    `row` [T + 1] holds the totals of the last row, after a wall; `before` and `upper` [T] are room to work in.
    """
    count, everything = cost.shape[1], 0.0
    row[:] = np.inf
    for q in range(cost.shape[0]):
        for t in range(count):  # from the row above: straight or across
            straight, across = row[t + 1], row[t]
            before[t] = straight if straight < across else across
            upper[t] = QUERY if straight < across else BOTH
        if q == 0:
            before[0] = 0.0
        row[0] = np.inf
        left = np.inf
        for t in range(count):  # the only pass in which a cell waits for its neighbour
            left = (left if left < before[t] else before[t]) + cost[q, t]
            row[t + 1] = left
            everything += cost[q, t]
        for t in range(count):
            came[q, t] = TARGET if row[t] < before[t] else upper[t]
    return row[count] if np.isfinite(everything) else np.nan


def _trace(came: Any, queries: int, targets: int, steps: Any) -> int:
    """Writes the path from the start on into `steps` [L 2]; its length."""
    q, t = queries - 1, targets - 1
    at = q + t
    steps[at, 0], steps[at, 1] = q, t
    while q > 0 or t > 0:
        code = came[q, t]
        q, t = q - (code != TARGET), t - (code != QUERY)
        at -= 1
        steps[at, 0], steps[at, 1] = q, t
    length = queries + targets - 1 - at
    for k in range(length):
        steps[k, 0], steps[k, 1] = steps[at + k, 0], steps[at + k, 1]
    for k in range(length, len(steps)):
        steps[k, 0], steps[k, 1] = -1, -1
    return length
