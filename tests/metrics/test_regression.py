"""Figures of predicted numbers against sums written out."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storysound.metrics.regression import FIGURES, evaluate, intervals

numbers = st.lists(st.tuples(st.floats(0, 1, width=16), st.floats(0, 1, width=16)), min_size=2, max_size=20)


@given(numbers)
def test_figures_are_the_sums(pairs: list[tuple[float, float]]) -> None:
    x, y = ([pair[i] for pair in pairs] for i in (0, 1))
    n, report = len(pairs), evaluate(x, y)
    assert report.mse == pytest.approx(sum((a - b) ** 2 for a, b in pairs) / n)
    assert report.mae == pytest.approx(sum(abs(a - b) for a, b in pairs) / n)
    if len(set(x)) > 1 and len(set(y)) > 1:
        assert report.pearson == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-6)
        mean_x, mean_y = sum(x) / n, sum(y) / n
        together = sum((a - mean_x) * (b - mean_y) for a, b in pairs) / n
        apart = np.var(x) + np.var(y) + (mean_x - mean_y) ** 2
        assert report.ccc == pytest.approx(2 * together / apart, abs=1e-6)
        assert abs(report.ccc) <= abs(report.pearson) + 1e-9  # concordance adds what scale and shift are off


def test_correlation_forgives_scale_and_shift_and_concordance_does_not() -> None:
    y = np.linspace(0, 1, 9)
    assert evaluate(y, y).ccc == pytest.approx(1)
    assert evaluate(0.5 * y + 0.3, y).pearson == pytest.approx(1)
    assert evaluate(0.5 * y + 0.3, y).ccc < 0.85


def test_a_constant_has_no_correlation_and_no_concordance() -> None:
    report = evaluate([0.1, 0.1, 0.1], [0.1, 0.4, 0.7])
    assert math.isnan(report.pearson)
    assert report.ccc == pytest.approx(0)
    assert set(report.figures()) == {"mse", "mae", "ccc"}


def test_intervals_hold_the_figure_and_are_wider_by_groups() -> None:
    rng = np.random.default_rng(0)
    shift = np.repeat(rng.normal(0, 0.2, 12), 10)  # items of a group err alike
    y = rng.random(120)
    x = y + shift + rng.normal(0, 0.02, 120)
    alone = intervals(x, y, draws=300)
    together = intervals(x, y, groups=np.repeat(np.arange(12), 10), draws=300)
    for name in FIGURES:
        low, high = together[name]
        assert low <= getattr(evaluate(x, y), name) <= high
    assert np.ptp(together["mse"]) > 1.5 * np.ptp(alone["mse"])


@pytest.mark.parametrize(("x", "y"), [([], []), ([1.0], [1.0, 2.0]), ([float("nan")], [0.0]), ([[1.0]], [[1.0]])])
def test_what_cannot_be_compared_is_refused(x: list[float], y: list[float]) -> None:
    with pytest.raises(ValueError, match=r"needs two lists|not numbers"):
        evaluate(x, y)
    with pytest.raises(ValueError, match="a group for each of 2 items"):
        intervals([1.0, 2.0], [1.0, 2.0], groups=[1])
