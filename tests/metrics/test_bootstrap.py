"""The bootstrap against what a mean's interval is known to be."""

import numpy as np
import pytest

from storysound.metrics.bootstrap import interval, resamples


def test_the_interval_of_a_mean_is_the_normal_one() -> None:
    values = np.random.default_rng(0).normal(0, 1, 400)
    low, high = interval(lambda chosen: float(values[chosen].mean()), 400, draws=2000, seed=1)
    error = values.std() / np.sqrt(400)
    assert (low, high) == pytest.approx((values.mean() - 1.96 * error, values.mean() + 1.96 * error), abs=0.15 * error)


def test_groups_are_drawn_whole() -> None:
    groups = ["a", "a", "b", "c", "c", "c"]
    for chosen in resamples(6, groups, 50, seed=2):
        counts = np.bincount(chosen, minlength=6)
        assert counts[0] == counts[1]
        assert counts[3] == counts[4] == counts[5]
        assert counts[0] + counts[2] + counts[3] == 3
