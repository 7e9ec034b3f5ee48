"""How well a similarity finds what belongs to a query: recalls, ranks and precision, exact and aware of ties.

Nothing is sorted: the rank of an item is one more than the candidates above it, and counting those is one reading of
the row. Ranks start at 1. Items of equal similarity share the mean of the ranks they take up, so a model that says the
same of all candidates gets the rank of chance, not the first.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from storysound.metrics.arrays import Counts, Doubles, Flags, Reals
from storysound.metrics.bootstrap import resamples

FIGURES = ("r1", "r5", "r10", "r20", "median_rank", "mean_rank", "mrr", "map10")
CUTOFF = 10  # of the average precision
CACHE_BYTES = 1 << 20  # of similarities compared at once: they are read from memory once, then from the cache
STRIP = 1 << 24  # similarities computed at once from embeddings
LANES, MOST = 8, 255  # counts that stand side by side in one 64-bit word, and the most that each can hold


@dataclass(frozen=True)
class RetrievalReport:
    """Figures over all queries: recalls, `mrr`, `map10` in [0, 1], higher is better; ranks from 1, lower is better."""

    r1: float  # share of queries with something relevant among the first 1, 5, 10, 20
    r5: float
    r10: float
    r20: float
    median_rank: float  # of the first relevant candidate
    mean_rank: float
    mrr: float  # mean of 1 / rank
    map10: float  # mean average precision of the first 10
    n: int  # queries
    ties: int  # queries whose relevant candidate is as similar as another one
    protocol: str
    ranks: Doubles = field(repr=False, compare=False)  # [n] of the first relevant candidate of each query
    precision10: Doubles = field(repr=False, compare=False)  # [n] average precision of each query's first 10

    @property
    def geometric_mean(self) -> float:
        """Of recalls at 1, 5 and 10: the one number by which checkpoints are chosen (Liu et al. 2019)."""
        return float(np.cbrt(self.r1 * self.r5 * self.r10))

    def figures(self) -> dict[str, float]:
        """`FIGURES` by name."""
        return {name: getattr(self, name) for name in FIGURES}


def evaluate(similarity: ArrayLike | Tensor, relevant: ArrayLike | Tensor | None = None) -> RetrievalReport:
    """Figures of a similarity [q c], higher is nearer.

    `relevant`: what belongs to a query. None: query i and candidate i; int [q]: the one candidate of each query;
    bool [q c]: any number of candidates, at least one a query. With several, `ranks` are those of the best one, and
    where it is tied the expected rank under random order. Raises ValueError for shapes that don't fit, a query without
    anything relevant and similarities that are not numbers.

    >>> report = evaluate([[0.9, 0.1, 0.2], [0.8, 0.3, 0.3], [0.1, 0.2, 0.0]])
    >>> report.ranks.tolist(), report.r1, report.ties
    ([1.0, 2.5, 3.0], 0.3333333333333333, 1)
    """
    matrix = torch.as_tensor(similarity).detach()
    if matrix.ndim != 2:
        raise ValueError(f"needs a similarity [q c], got {tuple(matrix.shape)}")
    queries, candidates = matrix.shape
    return _report([matrix], _columns(relevant, queries, candidates), candidates)


def evaluate_embeddings(
    queries: Tensor, candidates: Tensor, relevant: ArrayLike | Tensor | None = None, *, block: int | None = None
) -> RetrievalReport:
    """`evaluate` of the dot products of queries [q d] and candidates [c d], never holding more than a strip of them.

    `block`: queries per strip. Equal products of different strips are equal only where the arithmetic is exact.
    """
    rows = block or max(1, STRIP // max(1, len(candidates)))
    queries, columns = queries.detach(), candidates.detach().T
    strips = (part @ columns for part in torch.split(queries, rows))
    return _report(strips, _columns(relevant, len(queries), len(candidates)), len(candidates))


def both_ways(similarity: Tensor, a: str, b: str, relevant: Tensor | None = None) -> dict[str, RetrievalReport]:
    """Retrieval of b by a and of a by b from one similarity [n n] or, with `relevant` bool, [q c].

    >>> list(both_ways(torch.eye(3), "A", "V"))
    ['A2V', 'V2A']
    """
    turned = None if relevant is None else relevant.T
    return {f"{a}2{b}": evaluate(similarity, relevant), f"{b}2{a}": evaluate(similarity.T, turned)}


def mean_figures(reports: Sequence[RetrievalReport]) -> dict[str, float]:
    """Means of each report's figures, such as those of one model trained from several seeds.

    >>> found = mean_figures([evaluate(torch.eye(2)), evaluate(1 - torch.eye(2))])
    >>> found["r1"], found["median_rank"]
    (0.5, 1.5)
    """
    return {name: float(np.mean([getattr(report, name) for report in reports])) for name in FIGURES}


def at_random(
    queries: int, candidates: int, relevant: ArrayLike | Tensor | None = None, *, draws: int = 5, seed: int = 0
) -> dict[str, float]:
    """Figures of a random order, the mean of `draws` of them (five in Table 2 of Sound of Story).

    `relevant`: None, int [q] or bool [q c], as in `evaluate`.
    """
    rng, columns = np.random.default_rng(seed), _columns(relevant, queries, candidates)
    rows = max(1, STRIP // candidates)

    def strips() -> Iterator[Tensor]:
        for at in range(0, queries, rows):
            yield torch.from_numpy(rng.random((min(rows, queries - at), candidates), np.float32))

    reports = [_report(strips(), columns, candidates) for _ in range(draws)]
    return mean_figures(reports)


def intervals(
    report: RetrievalReport | Sequence[RetrievalReport],
    *,
    groups: ArrayLike | None = None,
    draws: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """Percentile bootstrap intervals of `FIGURES` over the queries; of several reports, of their `mean_figures`.

    Several are on the same n queries, which are drawn for all of them. `groups` [n]: queries of one group (takes of one
    film, scenes of one campaign) are not independent and are drawn together.
    """
    reports = [report] if isinstance(report, RetrievalReport) else report
    found = [
        np.mean([list(_figures(one.ranks[chosen], one.precision10[chosen]).values()) for one in reports], axis=0)
        for chosen in resamples(reports[0].n, groups, draws, seed)
    ]
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return {name: (float(low[i]), float(high[i])) for i, name in enumerate(FIGURES)}


def _figures(ranks: Doubles, precision10: Doubles) -> dict[str, float]:
    """The figures of queries with these ranks [q] and precisions [q], in the order of `FIGURES`."""
    recalls = [(ranks <= k).mean() for k in (1, 5, 10, 20)]
    values = [*recalls, np.median(ranks), ranks.mean(), (1 / ranks).mean(), precision10.mean()]
    return {name: float(value) for name, value in zip(FIGURES, values, strict=True)}


def _columns(relevant: ArrayLike | Tensor | None, queries: int, candidates: int) -> Counts:
    """The relevant candidates of each query [q k]; -1 where a query has fewer than the most."""
    if not queries:
        raise ValueError("no queries to evaluate")
    if relevant is None:
        if queries != candidates:
            raise ValueError(f"{queries} queries and {candidates} candidates are not pairs: say what is relevant")
        return np.arange(queries)[:, None]
    given = torch.as_tensor(relevant).numpy(force=True)
    if given.dtype != np.bool_:
        fits = given.shape == (queries,) and given.dtype.kind in "iu"
        if not fits or given.min() < 0 or given.max() >= candidates:
            raise ValueError(f"relevant is bool [q c], or int [{queries}] from 0 to {candidates - 1}")
        return given.astype(np.int64)[:, None]
    if given.shape != (queries, candidates):
        raise ValueError(f"relevant is [{queries} {candidates}] where it is bool, got {list(given.shape)}")
    counts = given.sum(axis=1)
    if not counts.all():
        raise ValueError(f"nothing is relevant to query {int(counts.argmin())}")
    columns = np.full((queries, int(counts.max())), -1, np.int64)
    columns[np.arange(columns.shape[1]) < counts[:, None]] = np.nonzero(given)[1]
    return columns


def _report(strips: Iterable[Tensor], columns: Counts, candidates: int) -> RetrievalReport:
    """The report on strips of rows [.. c] that make up all queries in order; `columns` [q k] as `_columns`."""
    own, above, equal = np.empty(columns.shape), np.empty_like(columns), np.empty_like(columns)
    some = np.where(columns < 0, columns[:, :1], columns)
    count, at = _Counter(candidates), 0
    for part in _parts(strips, candidates):
        block = slice(at, at + len(part))
        at = block.stop
        mine = part[np.arange(len(part))[:, None], some[block]]
        own[block] = mine
        for k in range(columns.shape[1]):
            above[block, k], equal[block, k] = count(part, mine[:, k : k + 1])
    ranks, precision10, tied = _judge(own, above, equal, columns >= 0)
    several = f"up to {columns.shape[1]} relevant" if columns.shape[1] > 1 else "one relevant"
    return RetrievalReport(
        **_figures(ranks, precision10),
        n=len(ranks),
        ties=int(tied.sum()),
        protocol=f"{len(ranks)} queries, {candidates} candidates, {several} each; ranks from 1, ties share the mean",
        ranks=ranks,
        precision10=precision10,
    )


def _parts(strips: Iterable[Tensor], candidates: int) -> Iterator[Reals]:
    """The same rows [.. c] in parts that stay in the cache while they are compared."""
    for strip in strips:
        exact = strip if strip.dtype in (torch.float32, torch.float64) else strip.to(torch.float64)
        values = exact.numpy(force=True)
        rows = max(1, CACHE_BYTES // (candidates * values.itemsize))
        for start in range(0, len(values), rows):
            yield np.ascontiguousarray(values[start : start + rows])


class _Counter:
    """Counts the candidates above and equal to each row's own one: x [b c], own [b 1] -> two [b].

    Raises ValueError for NaN. Comparisons are bytes of 0 or 1; eight at a time are added up as one 64-bit word, and so
    few of them that no byte overflows.
    """

    def __init__(self, candidates: int) -> None:
        """For rows of so many candidates."""
        self._candidates = candidates
        self._span = min(LANES * MOST, -(-candidates // LANES) * LANES)  # bytes that are added up together
        self._buffer = np.zeros((0, -(-candidates // self._span) * self._span), bool)

    def __call__(self, x: Reals, own: Reals) -> tuple[Counts, Counts]:
        rows = len(x)
        if rows > len(self._buffer):
            self._buffer = np.zeros((rows, self._buffer.shape[1]), bool)
        used = self._buffer[:rows]
        words, hits = used.view(np.uint64).reshape(rows, -1, self._span // LANES), used[:, : self._candidates]
        np.greater(x, own, out=hits)
        above = _bytes(words)
        np.less(x, own, out=hits)
        if above.sum() + np.count_nonzero(used) == rows * (self._candidates - 1):
            return above, np.ones(rows, np.int64)  # nothing ties and nothing is NaN: no need to look for either
        below = _bytes(words)
        np.equal(x, own, out=hits)
        equal = _bytes(words)
        if (above + below + equal < self._candidates).any():
            raise ValueError("the similarity holds NaN")
        return above, equal


def _bytes(words: NDArray[np.uint64]) -> Counts:
    """Sum of the bytes of each row: [b s w] -> [b]; those of w words must stay below 256."""
    lanes = np.add.reduce(words, axis=2).view(np.uint8)
    counts: Counts = lanes.sum(axis=1, dtype=np.int64)
    return counts


def _judge(own: Doubles, above: Counts, equal: Counts, real: Flags) -> tuple[Doubles, Doubles, Flags]:
    """Rank of the first relevant candidate, average precision, and whether it ties with an irrelevant one: -> [q].

    [q k] of every relevant candidate, where `real`: its similarity and how many candidates are above and equal to it.
    """
    mates, mates_above = np.empty_like(above), np.empty_like(above)  # the same counts among the relevant ones
    for k in range(own.shape[1]):
        mates[:, k] = (real & (own == own[:, k : k + 1])).sum(axis=1)
        mates_above[:, k] = (real & (own > own[:, k : k + 1])).sum(axis=1)
    best = np.arange(len(own)), np.where(real, above, above.max() + 1).argmin(axis=1)
    # Of t tied candidates r are relevant: in a random order the first of these is the (t + 1) / (r + 1)-th.
    first = above[best] + (equal[best] + 1) / (mates[best] + 1)
    rank, place = above + (equal + 1) / 2, mates_above + (mates + 1) / 2
    precision = np.where(real & (rank <= CUTOFF), place / rank, 0.0).sum(axis=1) / np.minimum(real.sum(axis=1), CUTOFF)
    return first, precision, equal[best] > mates[best]
