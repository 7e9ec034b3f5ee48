"""One rule for all rows of retrieval: of several seeds, each seed's figures are averaged."""

import numpy as np
import pytest
import torch

from storysound.metrics import retrieval
from storysound.metrics.retrieval_table import CHANCE, Judging, both_ways, chance_both_ways, model_rows

JUDGING = Judging("data", draws=200, seed=1)
RIGHT = torch.eye(5, dtype=torch.bool)


def ranked(*ranks: int) -> torch.Tensor:
    """A similarity [5 5] in which what belongs to a query comes at these ranks."""
    rows = torch.zeros(5, 5)
    for i, rank in enumerate(ranks):
        others = [j for j in range(5) if j != i]
        order = [*others[: rank - 1], i, *others[rank - 1 :]]
        rows[i, order] = torch.arange(5, 0, -1).float()
    return rows


def test_figures_are_means_of_each_seeds() -> None:
    """By hand: median ranks 1 and 5, of all ten ranks together 3; R@1 3/5 and 1/5."""
    (row,) = model_rows("A2V", {"ours": [ranked(1, 1, 1, 4, 5), ranked(1, 4, 5, 5, 5)]}, RIGHT, JUDGING)
    assert row.figures["median_rank"] == 3.0
    assert row.figures["r1"] == pytest.approx(0.4)
    (row,) = model_rows(
        "A2V", {"ours": [ranked(1, 1, 1, 1, 1), ranked(2, 5, 5, 5, 5), ranked(1, 1, 1, 1, 1)]}, RIGHT, JUDGING
    )
    assert row.figures["median_rank"] == pytest.approx(7 / 3)  # of all fifteen ranks together 1
    assert row.n == 5
    assert "mean of 3 seeds" in row.protocol


def test_intervals_are_of_that_mean_over_the_same_queries() -> None:
    similarities = [ranked(1, 2, 3, 4, 5), ranked(5, 4, 3, 2, 1)]
    (row,) = model_rows("A2V", {"ours": similarities}, RIGHT, JUDGING)
    assert row.figures["mean_rank"] == 3.0
    assert row.intervals["mean_rank"] == (3.0, 3.0)  # any query's two ranks have the mean 3
    (alone,) = model_rows("A2V", {"ours": similarities[:1]}, RIGHT, JUDGING)
    assert alone.intervals == retrieval.intervals(retrieval.evaluate(similarities[0], RIGHT), draws=200, seed=1)


def test_both_directions_have_their_own_groups_and_chance() -> None:
    groups = (np.array(["a", "a", "b", "b", "c"]), np.arange(5))
    rows = both_ways(("A2V", "V2A"), {"ours": [ranked(1, 2, 3, 4, 5)]}, RIGHT, JUDGING, groups=groups, note="so")
    assert [row.task for row in rows] == ["A2V", "V2A"]
    assert "3 groups; so" in rows[0].protocol
    assert "5 groups" in rows[1].protocol
    chance = chance_both_ways(("A2V", "V2A"), RIGHT, JUDGING)
    assert {row.model for row in chance} == {CHANCE}
    assert all(row.figures == retrieval.at_random(5, 5, RIGHT, seed=1) for row in chance)
