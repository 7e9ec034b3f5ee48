"""Forms that go from room to room: names of arrays, whose shapes stand with those who take them; the rate of sound."""

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]  # a picture: RGB [h w 3]
Floats = NDArray[np.float32]
RATE_HZ = 48_000  # at which the sound of stories is read, cut and mixed, in stereo
