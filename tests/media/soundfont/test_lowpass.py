"""The filter: its response, and its rows against the recursion, sample by sample."""

import numpy as np
import pytest

from storysound.media.soundfont.lowpass import ROW, coefficients, lowpass

OUT = 48_000


@pytest.mark.parametrize("cutoff", [200.0, 1000.0, 8000.0])
@pytest.mark.parametrize("resonance", [0.0, 3.0, 10.0, 40.0])
def test_the_filter_is_the_one_that_is_drawn(cutoff: float, resonance: float) -> None:
    """Section 8.1.2, 9: half the resonance below 1 at 0 Hz, and a peak of all of it above that."""
    b, a = coefficients(cutoff, resonance, OUT)
    hertz = np.geomspace(1, 20_000, 20_000)
    z = np.exp(-2j * np.pi * hertz / OUT)
    db = 20 * np.log10(np.abs((b[0] + b[1] * z + b[2] * z**2) / (a[0] + a[1] * z + a[2] * z**2)))
    assert db[0] == pytest.approx(-resonance / 2, abs=0.02)
    assert db.max() - db[0] == pytest.approx(resonance, abs=0.05)
    if resonance == 0:
        assert np.interp(cutoff, hertz, db) == pytest.approx(-3.01, abs=0.02)
        assert np.interp(min(2.5 * cutoff, 20_000), hertz, db) < -12


def recursion(samples: np.ndarray, stretches: list[tuple[int, int, float]], resonance: float) -> np.ndarray:
    """In transposed direct form II and double precision."""
    out, first, second = [], 0.0, 0.0
    for start, end, cutoff in stretches:
        b, a = coefficients(cutoff, resonance, OUT)
        for x in samples[start:end].astype(np.float64):
            y = b[0] * x + first
            first, second = b[1] * x - a[1] * y + second, b[2] * x - a[2] * y
            out.append(y)
    return np.array(out)


@pytest.mark.parametrize("cutoff", [20.0, 300.0, 5000.0, 19_000.0])
@pytest.mark.parametrize("resonance", [0.0, 20.0])
def test_rows_are_the_recursion(cutoff: float, resonance: float) -> None:
    samples = np.random.default_rng(0).uniform(-1, 1, 9_999).astype(np.float32)
    stretches = [(0, 9_999, cutoff)]
    wanted = recursion(samples, stretches, resonance)
    np.testing.assert_allclose(lowpass(samples, stretches, resonance, OUT), wanted, atol=2e-5 * np.abs(wanted).max())


def test_a_cutoff_moves_without_a_click() -> None:
    """The states go on from stretch to stretch."""
    samples = np.sin(np.arange(6400) * 0.01).astype(np.float32)
    stretches = [(at, at + ROW * 10, 300.0 + 20 * at / ROW) for at in range(0, 6400, ROW * 10)]
    made = lowpass(samples, stretches, 0.0, OUT)
    np.testing.assert_allclose(made, recursion(samples, stretches, 0.0), atol=1e-5)


@pytest.mark.parametrize("n", [0, 1, ROW, ROW + 1, ROW * ROW, ROW * ROW + 7])
def test_the_first_samples_are_the_same_however_many_follow(n: int) -> None:
    samples = np.random.default_rng(0).uniform(-1, 1, 3 * ROW * ROW).astype(np.float32)
    whole = lowpass(samples, [(0, len(samples), 900.0)], 3.0, OUT)
    assert np.array_equal(lowpass(samples[:n], [(0, n, 900.0)], 3.0, OUT), whole[:n])
