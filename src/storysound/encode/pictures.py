"""What picture encoders do to a picture before they look at it."""

from collections.abc import Callable, Sequence

import numpy as np
import torch

from storysound.encode.encoder import Encoding
from storysound.media.arrays import Pixels
from storysound.progress import unless_stopped


@torch.inference_mode()
def each_alone(pictures: Sequence[Pixels], look: Callable[[Pixels], Encoding]) -> list[Encoding]:
    """One encoding a picture, each run alone so that none depends on its neighbours.

    Raises ValueError for anything but non-empty uint8 [h w 3]; Cancelled.
    """
    for item in pictures:
        if item.dtype != np.uint8 or item.ndim != 3 or item.shape[2] != 3 or not item.size:
            raise ValueError(f"a picture is uint8 [h w 3] with a pixel at least, got {item.dtype} {item.shape}")
    return [look(item) for item in unless_stopped(pictures)]
