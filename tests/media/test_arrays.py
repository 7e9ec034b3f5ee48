"""Values of any source made comparable."""

import numpy as np
import pytest

from storysound.media.arrays import standardise


@pytest.mark.parametrize("size", [np.float32, np.float64])
def test_standardised_among_the_candidates_only(size: type[np.float32 | np.float64]) -> None:
    among = np.array([True, True, False])
    found = standardise(np.array([1, 3, 1000], size), among)
    assert found.dtype == size
    assert found.tolist() == [-1, 1, 998]


def test_what_differs_by_rounding_is_alike() -> None:
    assert not standardise(1000 + 1e-4 * np.arange(4.0)).any()
    assert standardise(1 + 1e-4 * np.arange(4.0)).std() == pytest.approx(1.0)
