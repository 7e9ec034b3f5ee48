"""What stands for a video in a Fréchet or kernel distance, where an encoder says something of each frame alone."""

import numpy as np
from numpy.typing import ArrayLike

from storysound.metrics.arrays import Doubles


def moving_features(frames: ArrayLike) -> Doubles:
    """The mean of an encoder's vectors of frames [n d], and how much each number changes in time: [2d].

    The change is the root of the mean square of differences between frames that follow each other; 0 for a still. It
    depends on how many frames a second there are. Raises ValueError for no frame and values that are not finite.

    >>> moving_features([[1.0, 5.0], [3.0, 5.0]]).tolist()
    [2.0, 5.0, 2.0, 0.0]
    """
    rows = np.asarray(frames, np.float64)
    if rows.ndim != 2 or not rows.size or not np.isfinite(rows).all():
        raise ValueError(f"needs finite vectors [n d], one at least, got {rows.shape}")
    steps = np.diff(rows, axis=0)
    change = np.sqrt((steps**2).mean(axis=0)) if len(steps) else np.zeros(rows.shape[1])
    return np.concatenate([rows.mean(axis=0), change])
