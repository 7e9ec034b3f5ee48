"""The low-pass filter of a voice (SoundFont 2.04, section 9.1.3), many samples at once.

A recursion waits for each sample before the next. Here rows of samples are filtered as if nothing came before them, by
one product of matrices; what came before is two numbers a row, which are carried from row to row and added. The
products have one shape whatever there is to filter, so that the first samples are the same however many follow.
`scipy.signal` has the recursion itself, but its import costs half a second and 70 MB.
"""

import math
from collections.abc import Iterable
from functools import lru_cache

import numpy as np

from storysound.media.arrays import Doubles, Samples

ROW = 64  # samples that are filtered as one, and rows that are filtered at once


def coefficients(cutoff_hz: float, resonance_db: float, rate_hz: int) -> tuple[Doubles, Doubles]:
    """Coefficients (b [3], a [3]) of the filter, which has a pair of poles.

    Its peak is `resonance_db` above its gain at 0 Hz, which is half of that below 1 (section 8.1.2, 9); without
    resonance it is Butterworth's. By the bilinear transform, true at the cutoff, which stays below 0.45 of the rate.

    >>> b, a = coefficients(1000, 0, 48_000)
    >>> z = np.exp(-2j * np.pi / 48)
    >>> round(float(20 * np.log10(abs(np.polyval(b[::-1], z) / np.polyval(a[::-1], z)))), 2)
    -3.01
    """
    height = 10 ** (max(resonance_db, 0.0) / 10)  # of the peak, in power
    q = math.sqrt((height + math.sqrt(height**2 - height)) / 2)  # a peak of q² / √(q² - 1/4)
    angle = 2 * math.pi * min(cutoff_hz, 0.45 * rate_hz) / rate_hz
    alpha, cosine = math.sin(angle) / (2 * q), math.cos(angle)
    gain = 10 ** (-max(resonance_db, 0.0) / 40)
    b = np.array([(1 - cosine) / 2, 1 - cosine, (1 - cosine) / 2]) * gain / (1 + alpha)
    return b, np.array([1, -2 * cosine / (1 + alpha), (1 - alpha) / (1 + alpha)])


def lowpass(
    samples: Samples, stretches: Iterable[tuple[int, int, float]], resonance_db: float, rate_hz: int
) -> Samples:
    """Samples [n] filtered; `stretches`: start, end and cutoff in hertz, each but the last of whole rows."""
    out, state = np.empty_like(samples), np.zeros(2)
    for start, end, cutoff_hz in stretches:
        basis, *matrices = _matrices(cutoff_hz, resonance_db, rate_hz)
        # Where the state is in the basis, whose first row is that of the unit matrix.
        turned = np.array([state[0], (state[1] - basis[1, 0] * state[0]) / basis[1, 1]], np.float32)
        for first in range(start, end, ROW * ROW):
            part = slice(first, min(first + ROW * ROW, end))
            turned = _filter(samples[part], out[part], turned, *matrices)
        state = basis @ turned
    return out


def _filter(samples: Samples, out: Samples, state: Samples, fresh: Samples, carry: Samples, onward: Samples) -> Samples:
    """Filters samples [n], at most ROW rows, into out [n] from a state [2] by `_matrices`; the state [2] after them."""
    whole = len(samples) == ROW * ROW
    if whole:
        block, target = samples.reshape(ROW, ROW), out.reshape(ROW, ROW)
    else:
        block, target = np.zeros((2, ROW, ROW), np.float32)
        block.reshape(-1)[: len(samples)] = samples
    made = block @ fresh
    states = (carry @ np.concatenate([state, made[:, ROW:].reshape(-1)])).reshape(ROW + 1, 2)
    np.matmul(states[:ROW], onward, out=target)
    target += made[:, :ROW]
    if not whole:
        out[:] = target.reshape(-1)[: len(samples)]
    after: Samples = states[-(-len(samples) // ROW)]
    return after


@lru_cache(maxsize=256)
def _matrices(cutoff_hz: float, resonance_db: float, rate_hz: int) -> tuple[Doubles, Samples, Samples, Samples]:
    """Of rows of r samples and the filter's two states.

    The states are those of the transposed direct form II, seen in a basis [2 2] in which a sample's time turns them:
    there rounding does not grow, however low the cutoff. From a row what it gives and the states after it, where none
    were before: [r r+2]. From the first state and those that each row leaves, the states before each row and after the
    last: [2r+2 2r+2]. From the states before a row what they add to it: [2 r].
    """
    b, a = coefficients(cutoff_hz, resonance_db, rate_hz)
    real, imaginary = -a[1] / 2, math.sqrt(a[2] - a[1] ** 2 / 4)  # of a pole; there is always a pair
    basis = np.array([[1.0, 0.0], [real + a[1], imaginary]])
    enters = np.linalg.solve(basis, b[1:] - a[1:] * b[0])
    powers = _powers(np.array([[real, imaginary], [-imaginary, real]]))
    after = powers[:ROW] @ enters  # states so many samples after a click
    answer = np.concatenate([b[:1], after[: ROW - 1, 0]])
    fresh = np.zeros((ROW, ROW + 2), np.float32)
    for at in range(ROW):
        fresh[at, at:ROW] = answer[: ROW - at]
    fresh[:, ROW:] = after[::-1]
    rows = _powers(powers[ROW])
    carry = np.zeros((ROW + 1, 2, ROW + 1, 2), np.float32)
    for at in range(ROW + 1):  # what row `at` leaves, or the first state, after the rows that follow
        carry[at:, :, at] = rows[: ROW + 1 - at]
    onward = np.ascontiguousarray(powers[:ROW, 0].T, np.float32)
    return basis, fresh, carry.reshape(2 * ROW + 2, 2 * ROW + 2), onward


def _powers(matrix: Doubles) -> Doubles:
    """The powers [r+1 2 2] of a matrix [2 2], from the 0th."""
    powers = np.empty((ROW + 1, 2, 2))
    powers[0] = np.eye(2)
    for number in range(ROW):
        powers[number + 1] = matrix @ powers[number]
    return powers
