"""Dynamic time warping beside librosa's, which is compiled by numba too.

CPU time of one thread, both sides on the same double costs in the same process, the least of several runs after one
that compiles; librosa goes through the batch pair by pair.

Run: OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m benchmarks.speed.dtw
"""

from collections.abc import Iterator

import librosa
import numpy as np
import torch

from benchmarks.speed.encoders import cpu_s
from storysound.match.dtw import dtw_paths

SHAPES = ((512, 200, 40), (1, 2000, 2000))  # pairs, steps of a query, steps of a target


def measure() -> Iterator[tuple[str, str, str, str]]:
    """One row each: what, value, limit, n."""
    for pairs, queries, targets in SHAPES:
        costs = np.random.default_rng(0).random((pairs, queries, targets))
        ours = cpu_s(lambda costs=costs: dtw_paths(torch.from_numpy(costs)), 5)  # type: ignore[misc]
        theirs = cpu_s(lambda costs=costs: [librosa.sequence.dtw(C=cost) for cost in costs], 3)  # type: ignore[misc]
        value = f"{theirs / ours:.1f} × librosa ({1e6 * ours / pairs:.0f} µs a pair)"
        yield f"time warping, {queries} × {targets}", value, f"1 ({1e6 * theirs / pairs:.0f} µs)", str(pairs)


if __name__ == "__main__":
    for row in measure():
        print(" | ".join(row))
