"""Where scenes change: the turns of a story in what is seen, told and felt. Pure numpy, without media and models."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from storysound.media.arrays import Doubles, Reals
from storysound.story import Span

AROUND_S = 30.0  # a turn is judged by so much before and after it: a long scene may end otherwise than it began


@dataclass(frozen=True)
class Aspect:
    """One thing by which neighbouring units are like or unlike: what is seen, what is told, how it feels."""

    vectors: Reals  # [u d] of units; a row of zeros has nothing to say
    weight: float  # of its unlikeness
    by_angle: bool = True  # cosines of means; else distances between them


def scenes_at_turns(
    units: Sequence[Span], aspects: Sequence[Aspect], *, shortest_s: float, least_turn: float
) -> list[tuple[int, int]]:
    """Scenes [(first unit, last unit + 1), ...] that cover all units in order.

    Of all ways to part the units into scenes of at least `shortest_s` the one whose turns add up to most, each less
    `least_turn`. A turn is the unlikeness of what lies before and after it, in its scenes and within `AROUND_S`: the
    sum over the aspects of weight · (1 − cosine of the means), or weight · distance. Exact, by dynamic programming over
    (where a scene ends, how many of its units are looked at from there). Raises ValueError where counts differ.

    >>> looks = Aspect(np.array([[1.0, 0], [1, 0.1], [0, 1]]), 1.0)
    >>> scenes_at_turns([Span(0, 9), Span(9, 18), Span(18, 27)], [looks], shortest_s=8.0, least_turn=0.5)
    [(0, 2), (2, 3)]
    """
    for aspect in aspects:
        if len(aspect.vectors) != len(units):
            raise ValueError(f"expected one row per unit, got {len(aspect.vectors)} rows for {len(units)} units")
    if len(units) < 2:
        return [(0, len(units))] if units else []
    edges = np.concatenate([[0.0], np.cumsum([unit.duration_s for unit in units])])
    reach = _reach(edges, max(AROUND_S, shortest_s))
    gains = [_turns(aspects, edges, at, reach) - least_turn for at in range(1, len(units))]
    return _best(edges, gains, reach, shortest_s)


def _reach(edges: Doubles, around_s: float) -> int:
    """So many units that any of them in a row last longer than that; `edges` [u + 1] of units."""
    within = np.searchsorted(edges, edges + around_s, "right") - 1 - np.arange(len(edges))
    return int(within.max()) + 1


def _turns(aspects: Sequence[Aspect], edges: Doubles, at: int, reach: int) -> Doubles:
    """[l r] how unlike the last 1, 2, … units before `at` are to the first 1, 2, … from it on; `edges` [u + 1]."""
    lengths = np.diff(edges)
    before, after = np.arange(at)[::-1][:reach], np.arange(at, len(lengths))[:reach]
    total = np.zeros((len(before), len(after)))
    for aspect in aspects:
        left, right = (_means(aspect.vectors[side], lengths[side]) for side in (before, after))
        total += aspect.weight * unlikeness(left, right, aspect.by_angle)
    return total


def _means(vectors: Reals, lengths_s: Doubles) -> Doubles:
    """[n d] means of the first 1, 2, … rows [n d] within `AROUND_S`, weighted by how long each lasts [n]."""
    weights = np.maximum(lengths_s, 1e-3)
    total_s = np.cumsum(weights)
    means = np.cumsum(vectors * weights[:, None], axis=0) / total_s[:, None]
    last = max(1, int(np.searchsorted(total_s, AROUND_S, "right")))
    return np.asarray(means[np.minimum(np.arange(len(means)), last - 1)])


def unlikeness(left: Reals, right: Reals, by_angle: bool) -> Doubles:
    """[l r] of rows [l d] and [r d]: 1 − cosine, 0 where both are nothing, 1 where one is; or their distance."""
    if not by_angle:
        return np.asarray(np.linalg.norm(left[:, None] - right[None], axis=2))
    ones = [rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9) for rows in (left, right)]
    is_said = [np.linalg.norm(rows, axis=1) > 1e-6 for rows in (left, right)]
    return np.asarray((1.0 - ones[0] @ ones[1].T) * (is_said[0][:, None] | is_said[1][None]))


def _best(edges: Doubles, gains: Sequence[Doubles], reach: int, shortest_s: float) -> list[tuple[int, int]]:
    """The parting of highest total: `gains[b - 1]` [l r] of a turn at unit b, `edges` [u + 1] of units.

    `total[k, l]`: best of all partings of the first k units whose last scene has l units, `reach` standing for as many
    or more: what is said of a turn depends on no more of a scene than that, and so many are long enough.
    """
    count = len(edges) - 1
    total = np.full((count + 1, reach + 1), -np.inf)
    came = np.zeros((count + 1, reach + 1, 2), np.intp)  # the state before that scene
    for end in range(1, count + 1):
        if end <= reach and edges[end] >= shortest_s:
            total[end, end] = 0.0
        for own in range(1, min(end - 1, reach) + 1):
            first = end - own
            if edges[end] - edges[first] < shortest_s:
                continue
            sums = total[first, 1 : min(first, reach) + 1] + gains[first - 1][:, own - 1]
            best = int(np.argmax(sums))
            if sums[best] > total[end, own]:
                total[end, own], came[end, own] = sums[best], (first, best + 1)
        if end > reach and total[end - 1, reach] >= total[end, reach]:  # a long scene goes on
            total[end, reach], came[end, reach] = total[end - 1, reach], came[end - 1, reach]
    bounds, units = [count], int(np.argmax(total[count]))
    while bounds[-1] > 0:
        first, units = came[bounds[-1], units].tolist()
        bounds.append(first)
    return list(pairwise(bounds[::-1]))
