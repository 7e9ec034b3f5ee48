"""How well a summary of a video agrees with the people who judged that video, and the knapsack that makes summaries.

Summaries are made of whole shots. `edges` [s + 1] are their boundaries in frames, from 0 to the number of frames; shot
i is frames edges[i] to edges[i + 1] - 1.

What F says depends on the shots more than on the importance (Otani et al. 2019, "Rethinking the Evaluation of Video
Summaries"): a knapsack over mean importances takes the short shots, people's and a random summary's alike. So rank
correlations, which no shots enter, stand beside it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import scipy.stats
from numpy.typing import ArrayLike

from storysound.metrics.arrays import Counts, Doubles, Flags

Value = Literal["mean", "sum"]  # of the importance of a shot's frames: what the shot is worth

SHARE = 0.15  # of a video that a summary may last: TVSum's, and since then everybody's
_ROUNDING = 1e-9  # of the optimum: sums of the same values in another order differ by less

FIGURES = ("f_mean", "f_max", "precision", "recall", "kendall", "spearman")


def knapsack(values: ArrayLike, weights: ArrayLike, capacity: float) -> Counts:
    """Positions, in rising order, of the items that are worth most together and weigh no more than `capacity`.

    `values` [n] floats, those of zero or less are never taken; `weights` [n] whole numbers, zero included. Exact (0/1
    knapsack): what a linear bound can't decide (Dembo and Hammer 1980) is left to dynamic programming over capacities
    (Bellman), one bit per item and capacity. The same input gives the same choice; of equal items the first are taken.
    Raises ValueError for values that aren't finite, weights that are negative or not whole, a negative capacity.

    >>> knapsack([3.0, 4.0, 5.0, 6.0], [2, 3, 4, 5], 5).tolist()
    [0, 1]
    """
    worth, heavy = np.asarray(values, np.float64), np.asarray(weights, np.float64)
    if worth.ndim != 1 or worth.shape != heavy.shape:
        raise ValueError(f"needs a weight for each value, got {heavy.shape} for {worth.shape}")
    if not np.isfinite(worth).all() or (heavy < 0).any() or (heavy != np.floor(heavy)).any() or not capacity >= 0:
        raise ValueError("values must be finite, weights whole numbers from zero on, and the capacity not negative")
    taken = (worth > 0) & (heavy == 0)
    asked = np.flatnonzero((worth > 0) & (heavy > 0) & (heavy <= capacity))
    if heavy[asked].sum() <= capacity:
        taken[asked] = True
        return np.flatnonzero(taken)
    asked = asked[np.argsort(-worth[asked] / heavy[asked], kind="stable")]
    size = heavy[asked].astype(np.int64)
    unit = int(np.gcd.reduce(size))
    size, room = size // unit, int(capacity // unit)
    sure, unsure = _decided(worth[asked], size, room)
    taken[asked[sure]] = True
    taken[asked[unsure][_best(worth[asked[unsure]], size[unsure], room - int(size[sure].sum()))]] = True
    return np.flatnonzero(taken)


def _decided(values: Doubles, weights: Counts, room: int) -> tuple[Flags, Flags]:
    """Which items are in every best choice, and which may or may not be: [n], [n]; `n` items by falling value / weight.

    At the price of the item that no longer fits, `gain` is what an item adds to the linear bound. Leaving out one that
    gains, or taking one that loses, lowers the bound by that much: below what is already reached, it can't be.
    """
    fits = int(np.searchsorted(np.cumsum(weights), room, side="right"))
    price = values[fits] / weights[fits]
    gain = values - price * weights
    left, reached = room - int(weights[:fits].sum()), float(values[:fits].sum())
    for value, weight in zip(values[fits:].tolist(), weights[fits:].tolist(), strict=True):
        if weight <= left:
            left, reached = left - weight, reached + value
    bound = price * room + float(np.maximum(gain, 0.0).sum())
    slack = bound - reached + _ROUNDING * bound
    return gain > slack, np.abs(gain) <= slack


def _best(values: Doubles, weights: Counts, room: int) -> Counts:
    """Positions of the best choice among values [n] and weights [n], by dynamic programming over capacities."""
    most = min(room, int(weights.sum()))
    best, trial, better = np.zeros(most + 1), np.empty(most + 1), np.zeros(most + 1, bool)
    table = np.zeros((len(values), most // 8 + 1), np.uint8)  # a bit per capacity: is the item taken there?
    later = int(weights.sum())
    for i, (value, weight) in enumerate(zip(values.tolist(), weights.tolist(), strict=True)):
        later -= weight
        low = max(weight, most - later)  # below it no later item can ask
        if low > most:
            continue
        new, old, won = trial[low:], best[low:], better[low:]
        np.add(best[low - weight : most + 1 - weight], value, out=new)
        np.greater(new, old, out=won)
        better[:low] = False
        table[i] = np.packbits(better)
        np.maximum(new, old, out=old)
    chosen = []
    for i in reversed(range(len(values))):
        if table[i, most >> 3] >> (7 - (most & 7)) & 1:
            chosen.append(i)
            most -= int(weights[i])
    return np.array(chosen, np.int64)


@dataclass(frozen=True)
class SummaryReport:
    """Agreement of one importance with n people: F, precision and recall in [0, 1], correlations in [-1, 1]."""

    f_mean: float  # F-score against each person's summary, the mean over people: how TVSum is judged
    f_max: float  # against the person it agrees with best: how SumMe is judged
    precision: float  # mean over people, as is all that follows
    recall: float
    kendall: float  # rank correlation of the importances themselves (tau-b); 0 where one of them is constant
    spearman: float
    n: int
    protocol: str
    f: Doubles = field(repr=False, compare=False)  # [n]

    def figures(self) -> dict[str, float]:
        """`FIGURES` by name."""
        return {name: getattr(self, name) for name in FIGURES}


def evaluate(
    importance: ArrayLike,
    people: ArrayLike,
    edges: ArrayLike,
    *,
    people_edges: ArrayLike | None = None,
    share: float = SHARE,
    value: Value = "mean",
    step: int = 1,
) -> SummaryReport:
    """How an importance [t] of frames agrees with that which people [n t] gave.

    Everybody's importance, the judged one's too, becomes a summary by `summarise`. In the common protocol (Zhang et al.
    2016 and the scripts after it) all do so over the same shots; in that of TVSum's authors the judged one has shots of
    its own and people have `people_edges`. `step`: every so many frames are correlated; F takes all.
    Raises ValueError for shapes that don't fit.

    >>> evaluate([0, 0, 1, 1], [[0, 0, 1, 1], [1, 0, 0, 0]], [0, 2, 4], share=0.5).f.tolist()
    [1.0, 0.0]
    """
    own, others = np.asarray(importance, np.float64), np.asarray(people, np.float64)
    if own.ndim != 1 or others.ndim != 2 or others.shape[1] != len(own) or not len(others):
        raise ValueError(f"needs importances [t] and [n t], got {own.shape} and {others.shape}")
    theirs = edges if people_edges is None else people_edges
    summaries = np.stack([summarise(other, theirs, share, value) for other in others])
    precision, recall, f = overlap(summarise(own, edges, share, value), summaries)
    agree = [[measure(own[::step], other[::step]) for other in others] for measure in (kendall, spearman)]
    shots = "the same shots for all" if people_edges is None else "people have shots of their own"
    return SummaryReport(
        float(f.mean()),
        float(f.max()),
        float(precision.mean()),
        float(recall.mean()),
        float(np.mean(agree[0])),
        float(np.mean(agree[1])),
        len(others),
        f"knapsack at {share:.0%} of the frames by the {value} importance of a shot, {shots}",
        f,
    )


def human_ceiling(
    people: ArrayLike, edges: ArrayLike, *, share: float = SHARE, value: Value = "mean", step: int = 1
) -> SummaryReport:
    """How people [n t] agree with each other: the mean report of each against the others, as if it were a model."""
    everybody = np.asarray(people, np.float64)
    if everybody.ndim != 2 or len(everybody) < 2:
        raise ValueError(f"needs the importances of two people at least, [n t], got {everybody.shape}")
    n = len(everybody)
    precision, recall, f = leave_one_out(np.stack([summarise(one, edges, share, value) for one in everybody]))
    tau, rho = pairwise(everybody[:, ::step])
    return SummaryReport(
        float(f.mean()),
        float(f.max(axis=1).mean()),
        float(precision.mean()),
        float(recall.mean()),
        tau,
        rho,
        n,
        f"knapsack at {share:.0%} of the frames by the {value} importance of a shot, leaving one of {n} out",
        f.mean(axis=1),
    )


def leave_one_out(summaries: Flags) -> tuple[Doubles, Doubles, Doubles]:
    """Precision, recall and F-score [n n - 1] of each of n summaries [n t] against the others."""
    found = [overlap(summaries[i], np.delete(summaries, i, axis=0)) for i in range(len(summaries))]
    precision, recall, f = (np.stack(figures) for figures in zip(*found, strict=True))
    return precision, recall, f


def pairwise(importances: Doubles) -> tuple[float, float]:
    """Mean Kendall's tau and mean Spearman's rho over all pairs of n importances [n t]."""
    n = len(importances)
    tau = float(np.mean([kendall(importances[i], importances[j]) for i in range(n) for j in range(i)]))
    ranks = scipy.stats.rankdata(importances, axis=1)
    ranks -= ranks.mean(axis=1, keepdims=True)
    ranks /= np.maximum(np.linalg.norm(ranks, axis=1, keepdims=True), 1e-9)  # a constant stays zeros
    return tau, float((ranks @ ranks.T)[np.tril_indices(n, -1)].mean())


def summarise(importance: ArrayLike, edges: ArrayLike, share: float = SHARE, value: Value = "mean") -> Flags:
    """Which frames [t] are in the summary: the shots worth most that last no more than `share` of all frames.

    A shot is worth the mean importance of its frames, as in all published scripts, or their sum.
    """
    frames, cuts = np.asarray(importance, np.float64), np.asarray(edges, np.int64)
    if cuts.ndim != 1 or len(cuts) < 2 or cuts[0] != 0 or cuts[-1] != len(frames) or (np.diff(cuts) < 1).any():
        raise ValueError(f"edges must rise from 0 to the number of frames ({len(frames)})")
    lengths = np.diff(cuts)
    worth = np.add.reduceat(frames, cuts[:-1])
    kept = np.zeros(len(lengths), bool)
    kept[knapsack(worth / lengths if value == "mean" else worth, lengths, int(share * len(frames)))] = True
    return np.repeat(kept, lengths)


def overlap(summary: Flags, references: Flags) -> tuple[Doubles, Doubles, Doubles]:
    """Precision, recall and F-score [n] of a summary [t] against references [n t]; 0 where nothing is shared.

    >>> [float(x[0]) for x in overlap(np.array([True, True]), np.array([[True, False]]))]
    [0.5, 1.0, 0.6666666666666666]
    """
    shared = (references & summary).sum(axis=-1)
    own, theirs = summary.sum(), references.sum(axis=-1)
    return shared / np.maximum(own, 1), shared / np.maximum(theirs, 1), 2 * shared / np.maximum(own + theirs, 1)


def kendall(a: Doubles, b: Doubles) -> float:
    """Kendall's tau-b of two importances [t]."""
    return _correlation(scipy.stats.kendalltau, a, b)


def spearman(a: Doubles, b: Doubles) -> float:
    """Spearman's rho of two importances [t]."""
    return _correlation(scipy.stats.spearmanr, a, b)


def _correlation(measure: Callable[..., Any], a: Doubles, b: Doubles) -> float:
    """Of two importances [t]; 0 where one is constant."""
    if (a == a[0]).all() or (b == b[0]).all():
        return 0.0  # a constant says nothing about any order
    return float(measure(a, b).statistic)
