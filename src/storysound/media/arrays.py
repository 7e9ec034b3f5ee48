"""Names of the arrays that go from room to room; shapes stand in the docstrings of those who take them."""

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]  # a picture: RGB [h w 3]
Floats = NDArray[np.float32]
