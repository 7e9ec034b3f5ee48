"""Forms that go from room to room: names of arrays, whose shapes stand with those who take them; the rate of sound.

And what makes arrays of any source comparable.
"""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]  # a picture: RGB [h w 3]
Samples = NDArray[np.float32]  # of sound, nominally in [-1, 1]: [n], or [c n] of c channels
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Reals = NDArray[np.floating[Any]]  # of either size
Ints = NDArray[np.int64]
RATE_HZ = 48_000  # at which the sound of stories is read, cut and mixed, in stereo

_Real = TypeVar("_Real", np.float32, np.float64)


def standardise(values: NDArray[_Real], among: NDArray[np.bool_] | None = None) -> NDArray[_Real]:
    """Values [n] in deviations from their mean; all zeros where they are alike but for rounding.

    `among` [n]: those whose mean and deviation count; all without it.

    >>> standardise(np.array([1, 3], np.float32)).tolist()
    [-1.0, 1.0]
    """
    own = values if among is None else values[among]
    centred = values - own.mean()
    deviation = float(own.std())
    scale = float(np.abs(own).max())
    result: NDArray[_Real] = centred / deviation if deviation > 1e-6 * max(scale, 1e-6) else np.zeros_like(values)
    return result
