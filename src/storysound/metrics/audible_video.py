"""Figures of audible video: TAVGBench's AVHScore, the later JavisScore, and what stands for a video in distances.

Which encoder made the vectors, and how many frames a second it saw, is part of every number.
"""

import numpy as np
from numpy.typing import ArrayLike

from storysound.metrics.arrays import Doubles

WINDOW_S, HOP_S = 2.0, 0.5  # of the JavisScore: windows overlap by 1.5 s
LOWEST = 0.4  # share of a window's frames that counts


def harmony(frames: ArrayLike, sound: ArrayLike) -> float:
    """AVHScore of a video: the mean cosine of its frames [n d] with its whole sound [d], in [-1, 1].

    TAVGBench (Mao et al. 2024), Eq. 1, whose 1/n is 1/N; the paper prints 100 times as much (erratum 3). A vector of
    zeros has cosine 0. Raises ValueError for no frame, other widths and values that are not finite.

    >>> harmony([[1.0, 0.0], [0.0, 2.0]], [3.0, 0.0])
    0.5
    """
    return float(_cosines(frames, np.asarray(sound, np.float64)[None]).mean())


def window_starts_s(duration_s: float) -> Doubles:
    """Where the windows of the JavisScore begin [w], ascending; a video that is no longer than one has the one at 0."""
    count = max(1, int((duration_s - WINDOW_S) / HOP_S + 1e-6) + 1)
    return np.asarray(np.arange(count) * HOP_S, np.float64)


def windowed_harmony(frames: ArrayLike, times_s: ArrayLike, sounds: ArrayLike) -> float:
    """JavisScore of a video (Liu et al. 2025, arXiv:2503.23377), in [-1, 1]: moments out of step can't hide in a mean.

    Of frames [n d] shown at times_s [n], those in each window of WINDOW_S, one every HOP_S, meet the sound of that
    window, sounds [w d]; of their cosines the lowest share LOWEST is averaged, one at least, and so are the windows. A
    window without a frame is left out. Raises ValueError as `harmony`, and where no window has a frame.

    >>> windowed_harmony([[1.0, 0.0], [0.0, 1.0]], [0.0, 1.0], [[1.0, 0.0]])
    0.0
    """
    cosines, times = _cosines(frames, sounds), np.asarray(times_s, np.float64)
    if times.shape != (len(cosines),):
        raise ValueError(f"needs a time for each of {len(cosines)} frames, got {times.shape}")
    found = []
    for number in range(cosines.shape[1]):
        start_s = number * HOP_S
        inside = np.sort(cosines[(times >= start_s - 1e-6) & (times < start_s + WINDOW_S - 1e-6), number])
        if len(inside):
            found.append(inside[: max(1, round(LOWEST * len(inside)))].mean())
    if not found:
        raise ValueError("no window has a frame")
    return float(np.mean(found))


def moving_features(frames: ArrayLike) -> Doubles:
    """What stands for a video in a distance: the mean of its frames [n d], and how much each number changes: [2d].

    The change is the root of the mean square of differences between frames that follow each other; 0 for a still.
    Raises ValueError for no frame and values that are not finite.

    >>> moving_features([[1.0, 5.0], [3.0, 5.0]]).tolist()
    [2.0, 5.0, 2.0, 0.0]
    """
    rows = _rows(frames)
    steps = np.diff(rows, axis=0)
    change = np.sqrt((steps**2).mean(axis=0)) if len(steps) else np.zeros(rows.shape[1])
    return np.concatenate([rows.mean(axis=0), change])


def _rows(values: ArrayLike) -> Doubles:
    """[n d] in float64, n and d at least 1, finite."""
    rows = np.asarray(values, np.float64)
    if rows.ndim != 2 or not rows.size:
        raise ValueError(f"needs vectors [n d], one at least, got {rows.shape}")
    if not np.isfinite(rows).all():
        raise ValueError("vectors must be finite")
    return rows


def _cosines(a: ArrayLike, b: ArrayLike) -> Doubles:
    """[n d], [m d] -> [n m]."""
    first, second = _rows(a), _rows(b)
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"needs vectors of one width, got {first.shape[1]} and {second.shape[1]}")
    lengths = np.linalg.norm(first, axis=1)[:, None] * np.linalg.norm(second, axis=1)
    return np.asarray(first @ second.T / np.where(lengths > 0, lengths, 1.0))
