"""How well beats and tempi are found (Davies, Degara & Plumbley, Evaluation methods for musical audio beat tracking
algorithms, 2009; Gouyon et al., An experimental comparison of audio tempo induction algorithms, 2006).
"""

import numpy as np
from numpy.typing import ArrayLike

NEAR_S = 0.07  # a beat found so near to one that is there is it
TEMPO_SHARE = 0.04  # by which a tempo may be off
OCTAVES = (1 / 3, 1 / 2, 1.0, 2.0, 3.0)  # counts of the same music that "accuracy 2" takes for right


def f_measure(found_s: ArrayLike, truth_s: ArrayLike, near_s: float = NEAR_S) -> float:
    """F1 in [0, 1] of times found [n] against those that are there [m], both ascending; each is matched once at most.

    1 where neither has any.

    >>> f_measure([0.5, 1.02, 1.3], [0.5, 1.0, 1.5, 2.0])
    0.5714285714285714
    """
    found, truth = np.asarray(found_s, float), np.asarray(truth_s, float)
    if not len(found) and not len(truth):
        return 1.0
    return 2 * _matched(found.tolist(), truth.tolist(), near_s) / (len(found) + len(truth))


def _matched(found: list[float], truth: list[float], near_s: float) -> int:
    """How many pairs there are at most: for points on a line, taking the first that fits is best."""
    count = at = 0
    for time in found:
        while at < len(truth) and truth[at] < time - near_s:
            at += 1
        if at < len(truth) and truth[at] <= time + near_s:
            count, at = count + 1, at + 1
    return count


def tempo_ratio(found_bpm: float | None, truth_bpm: float) -> float | None:
    """Which of OCTAVES a tempo is of the right one, within TEMPO_SHARE; None for another, or none.

    >>> tempo_ratio(61, 120), tempo_ratio(90, 120)
    (0.5, None)
    """
    if found_bpm is None:
        return None
    near = [ratio for ratio in OCTAVES if abs(found_bpm / truth_bpm / ratio - 1) <= TEMPO_SHARE]
    return near[0] if near else None
