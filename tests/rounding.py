"""Numbers that are one in truth and may be rounded apart.

Sums are added up in another order by another processor, number of threads, batch or place in memory: of float32 their
last bit or two is the machine's, not ours. Bits are compared only where nothing is computed between the two: copies,
slices, whole numbers, packets.
"""

import numpy as np
from numpy.typing import ArrayLike

# Of the largest number: float32 holds 6e-8 of it, and some hundred roundings, one on top of the other, come to 6e-6. A
# sample, a weight or a step that is wrong is off by far more.
ROUNDING = 1e-5


def assert_alike(found: ArrayLike, expected: ArrayLike) -> None:
    """Both of one shape, and no number further off than `ROUNDING` of the largest of `expected`."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    peak = float(np.abs(expected).max(initial=0))
    np.testing.assert_allclose(found, expected, rtol=0, atol=ROUNDING * peak)
