"""How far predicted numbers are from measured ones: errors, correlation and concordance."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from storysound.metrics.arrays import Doubles
from storysound.metrics.bootstrap import resamples

FIGURES = ("mse", "mae", "pearson", "ccc")


@dataclass(frozen=True)
class RegressionReport:
    """Errors, lower is better; correlation and concordance in [-1, 1], higher is better; NaN where nothing varies."""

    mse: float  # mean squared error
    mae: float  # mean absolute error
    pearson: float  # correlation: whether the order and the distances are right, whatever the scale
    ccc: float  # concordance: correlation less what scale and shift are off (Lin 1989)
    n: int

    def figures(self) -> dict[str, float]:
        """Those of `FIGURES` that are numbers, by name."""
        return {name: value for name in FIGURES if not np.isnan(value := getattr(self, name))}


def evaluate(predicted: ArrayLike, measured: ArrayLike) -> RegressionReport:
    """Figures of predictions [n] against what was measured [n].

    Concordance takes population variances, so a constant prediction has 0 wherever the measured vary. Raises
    ValueError for shapes that don't fit, nothing to compare, and values that are not numbers.

    >>> report = evaluate([0.1, 0.2, 0.3], [0.2, 0.4, 0.6])
    >>> round(report.mse, 4), round(report.mae, 4), round(report.pearson, 4), round(report.ccc, 4)
    (0.0467, 0.2, 1.0, 0.3636)
    """
    x, y = (np.asarray(values, np.float64) for values in (predicted, measured))
    if x.shape != y.shape or x.ndim != 1 or not len(x):
        raise ValueError(f"needs two lists of as many numbers, got {list(x.shape)} and {list(y.shape)}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("holds values that are not numbers")
    return RegressionReport(*_figures(x, y), n=len(x))


def intervals(
    predicted: ArrayLike,
    measured: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    draws: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """Percentile bootstrap intervals of `FIGURES` of predictions [n] against what was measured [n].

    Items of one of the `groups` [n] are drawn together. A figure that is no number in some draw, such as the
    correlation of one group with itself, has no interval.
    """
    x, y = (np.asarray(values, np.float64) for values in (predicted, measured))
    if x.shape != y.shape:
        raise ValueError(f"needs as many of each, got {len(x)} and {len(y)}")
    found = np.array([_figures(x[chosen], y[chosen]) for chosen in resamples(len(x), groups, draws, seed)])
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return {name: (float(low[i]), float(high[i])) for i, name in enumerate(FIGURES) if not np.isnan(low[i])}


def _figures(x: Doubles, y: Doubles) -> tuple[float, float, float, float]:
    """Of predictions [n] and what was measured [n], in the order of `FIGURES`."""
    apart = x - y
    covariance = float(((x - x.mean()) * (y - y.mean())).mean())
    pearson = ccc = float("nan")
    if np.ptp(x) and np.ptp(y):
        pearson = covariance / float(x.std() * y.std())
    if np.ptp(x) or np.ptp(y):
        ccc = 2 * covariance / float(x.var() + y.var() + (x.mean() - y.mean()) ** 2)
    return float((apart**2).mean()), float(np.abs(apart).mean()), pearson, ccc
