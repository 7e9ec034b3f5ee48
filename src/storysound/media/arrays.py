"""Forms that go from room to room: names of arrays, whose shapes stand with those who take them; the rate of sound."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]  # a picture: RGB [h w 3]
Samples = NDArray[np.float32]  # of sound, nominally in [-1, 1]: [n], or [c n] of c channels
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Reals = NDArray[np.floating[Any]]  # of either size
Ints = NDArray[np.int64]
RATE_HZ = 48_000  # at which the sound of stories is read, cut and mixed, in stereo
