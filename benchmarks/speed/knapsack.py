"""How long the knapsack of video summaries takes, beside the additions that dynamic programming can't do without.

Run: OMP_NUM_THREADS=1 python -m benchmarks.speed.knapsack
"""

import time
from collections.abc import Callable, Iterator

import numpy as np

from storysound.metrics.summary import knapsack

Row = tuple[str, str, str, str]  # what, value, limit, n

ITEMS, CAPACITY, RUNS = 200, 10_000, 25


def measure() -> Iterator[Row]:
    """A row for each kind of items: those a linear bound mostly decides, and those it can't (value = weight + 50)."""
    rng = np.random.default_rng(0)
    weights = rng.integers(1, 500, ITEMS)
    kinds = {"values at random": rng.random(ITEMS), "values that go with weights": weights + 50.0}
    bare = best_ms(additions)
    for kind, values in kinds.items():
        ours = best_ms(lambda values=values: knapsack(values, weights, CAPACITY))  # type: ignore[misc]
        limit = f"{bare:.2f} ms (one addition and one comparison per item and capacity)"
        yield f"knapsack, {kind}", f"{ours:.2f} ms", limit, f"{ITEMS} items × {CAPACITY}"


def additions() -> None:
    """What Bellman's recursion asks of every item and capacity, and nothing else."""
    best, trial, better = np.zeros(CAPACITY), np.empty(CAPACITY), np.empty(CAPACITY, bool)
    for _ in range(ITEMS):
        np.add(best, 1.0, out=trial)
        np.greater(trial, best, out=better)


def best_ms(run: Callable[[], object]) -> float:
    """The least of several runs: what else the machine does only adds to it."""
    times = []
    for _ in range(RUNS):
        before = time.perf_counter()
        run()
        times.append(time.perf_counter() - before)
    return 1000 * min(times)


if __name__ == "__main__":
    for row in measure():
        print(" | ".join(row))
