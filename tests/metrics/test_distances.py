"""Fréchet and kernel distances against slow obvious versions, and what they promise."""

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given
from hypothesis import strategies as st

from storysound.media.arrays import Doubles
from storysound.metrics.frechet import frechet_at_infinity, frechet_distance
from storysound.metrics.kernel import kernel_distance


def features(n: int, d: int, seed: int, scale: float = 1.0, shift: float = 0.0) -> Doubles:
    return np.random.default_rng(seed).standard_normal((n, d)) * scale + shift


def by_square_root(x: Doubles, y: Doubles) -> float:
    """The formula as it is printed."""
    cx, cy = np.cov(x.T), np.cov(y.T)
    root = np.real(scipy.linalg.sqrtm(cx @ cy))
    return float(((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(cx + cy - 2 * root))


def by_loops(x: Doubles, y: Doubles, alike: object) -> float:
    def mean(a: Doubles, b: Doubles, within: bool) -> float:
        pairs = [alike(p, q) for i, p in enumerate(a) for j, q in enumerate(b) if not (within and i == j)]  # type: ignore[operator]
        return float(np.mean(pairs))

    return mean(x, x, True) + mean(y, y, True) - 2 * mean(x, y, False)


def test_frechet_is_the_printed_formula() -> None:
    x, y = features(400, 24, 0), features(300, 24, 1, 1.3, 0.2)
    assert frechet_distance(x, y) == pytest.approx(by_square_root(x, y), rel=1e-9)
    assert frechet_distance(torch.from_numpy(x), y.astype(np.float32)) == pytest.approx(by_square_root(x, y), rel=1e-5)


@pytest.mark.parametrize(("n", "m"), [(5, 7), (5, 200), (40, 39)])
def test_frechet_holds_for_fewer_items_than_dimensions(n: int, m: int) -> None:
    """Where covariances are singular: the same items seen with more dimensions than they span."""
    x, y = features(n, 4, 2), features(m, 4, 3, 2.0, 1.0)
    turn = np.linalg.qr(features(60, 60, 4))[0][:4]  # four directions of a space of sixty
    assert frechet_distance(x @ turn, y @ turn) == pytest.approx(by_square_root(x, y), rel=1e-6)
    assert frechet_distance(x @ turn, x @ turn) == pytest.approx(0, abs=1e-9)


@given(st.integers(0, 1000), st.integers(2, 12), st.integers(2, 12), st.integers(1, 8))
def test_frechet_is_symmetric_and_moves_with_the_mean(seed: int, n: int, m: int, d: int) -> None:
    x, y = features(n, d, seed), features(m, d, seed + 1, 2.0)
    assert frechet_distance(x, y) == pytest.approx(frechet_distance(y, x), abs=1e-7)
    shift = np.arange(d) + 1.0
    assert frechet_distance(x, x + shift) == pytest.approx(float(shift @ shift), rel=1e-6)


def test_endless_items_would_have_no_distance_that_is_only_due_to_few() -> None:
    x, y = features(600, 12, 0), features(6000, 12, 1)
    few = frechet_distance(x, y)
    assert abs(frechet_at_infinity(x, y)) < 0.5 * few
    assert frechet_at_infinity(x + 3.0, y) == pytest.approx(12 * 9.0, rel=0.1)
    assert frechet_at_infinity(x, y, seed=1) == frechet_at_infinity(x, y, seed=1)
    with pytest.raises(ValueError, match="needs 48 items of 12 dimensions at least, got 47"):
        frechet_at_infinity(x[:47], y)
    with pytest.raises(ValueError, match="2 sizes"):
        frechet_at_infinity(x, y, sizes=1)


def test_kernel_distances_are_the_printed_formulas() -> None:
    x, y = features(9, 5, 5), features(7, 5, 6, 1.5, 0.5)
    cubic = by_loops(x, y, lambda p, q: (p @ q / 5 + 1) ** 3)
    assert kernel_distance(x, y) == pytest.approx(cubic, rel=1e-9)
    pairs = [np.linalg.norm(p - q) for i, p in enumerate(y) for q in y[:i]]
    width = float(torch.tensor(pairs).median())
    bell = by_loops(x, y, lambda p, q: np.exp(-((p - q) ** 2).sum() / (2 * width**2)))
    assert kernel_distance(x, y, kernel="rbf") == pytest.approx(bell, rel=1e-6)
    assert kernel_distance(x, y, kernel="rbf", bandwidth=width) == pytest.approx(bell, rel=1e-6)


@pytest.mark.parametrize("kernel", ["polynomial", "rbf"])
def test_blocks_change_nothing(kernel: str) -> None:
    x, y = features(23, 6, 7), features(31, 6, 8, 1.2)
    whole = kernel_distance(x, y, kernel=kernel)  # type: ignore[arg-type]
    for block in (1, 5, 23):
        assert kernel_distance(x, y, kernel=kernel, block=block) == pytest.approx(whole, rel=1e-9)  # type: ignore[arg-type]


@pytest.mark.parametrize("kernel", ["polynomial", "rbf"])
def test_kernel_distance_of_the_same_distribution_is_nought_in_the_mean(kernel: str) -> None:
    """Unbiased: with 20 items as with many, where the Fréchet distance is far above 0."""
    found = [kernel_distance(features(20, 8, s), features(20, 8, 999 + s), kernel=kernel) for s in range(200)]  # type: ignore[arg-type]
    assert abs(np.mean(found)) < 4 * np.std(found) / np.sqrt(len(found))
    assert frechet_distance(features(20, 8, 0), features(20, 8, 999)) > 1


@pytest.mark.parametrize(
    ("x", "y"),
    [(np.zeros((1, 3)), np.zeros((4, 3))), (np.zeros((4, 3)), np.zeros((4, 2))), (np.full((4, 3), np.nan), np.eye(3))],
)
def test_sets_that_cannot_be_compared_are_refused(x: Doubles, y: Doubles) -> None:
    for distance in (frechet_distance, kernel_distance):
        with pytest.raises(ValueError, match=r"needs|finite"):
            distance(x, y)
    with pytest.raises(ValueError, match="bandwidth"):
        kernel_distance(np.zeros((4, 3)), np.zeros((4, 3)), kernel="rbf")
    with pytest.raises(ValueError, match="bandwidth"):
        kernel_distance(np.eye(3), np.eye(3), bandwidth=1.0)
