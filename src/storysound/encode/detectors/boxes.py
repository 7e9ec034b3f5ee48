"""Boxes in a picture, and which of many that say the same are left."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storysound.media.arrays import Floats


@dataclass(frozen=True)
class Box:
    """Something in a picture: from left and top to right and bottom, as shares of its width and height, in [0, 1]."""

    kind: str
    score: float  # in [0, 1], as the network gives it: no probability
    left: float
    top: float
    right: float
    bottom: float

    @property
    def area(self) -> float:
        """Share of the picture.

        >>> Box("cat", 0.9, 0.0, 0.5, 0.5, 1.0).area
        0.25
        """
        return max(0.0, self.right - self.left) * max(0.0, self.bottom - self.top)

    def shared(self, other: "Box") -> float:
        """Share of the picture that lies in both.

        >>> Box("cat", 0.9, 0.0, 0.5, 0.5, 1.0).shared(Box("dog", 0.8, 0.25, 0.0, 1.0, 0.75))
        0.0625
        """
        wide = min(self.right, other.right) - max(self.left, other.left)
        return max(0.0, wide) * max(0.0, min(self.bottom, other.bottom) - max(self.top, other.top))


def overlaps(box: Floats, others: Floats) -> Floats:
    """Intersection over union of a box [4] (left, top, right, bottom) with others [n 4]: [n] in [0, 1]."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=1)
    sizes = np.prod(np.maximum(others[:, 2:] - others[:, :2], 0), axis=1)
    union = float(np.prod(np.maximum(box[2:] - box[:2], 0))) + sizes - shared
    result: Floats = (shared / np.maximum(union, 1e-9)).astype(np.float32)
    return result


def strongest_boxes(boxes: Floats, scores: Floats, most_overlap: float) -> NDArray[np.intp]:
    """Greedy non-maximum suppression: indices of boxes [n 4], best score [n] first, that overlap no better one more."""
    left = np.argsort(-scores, kind="stable")
    chosen: list[int] = []
    while left.size:
        best, left = int(left[0]), left[1:]
        chosen.append(best)
        left = left[overlaps(boxes[best], boxes[left]) <= most_overlap]
    return np.array(chosen, np.intp)


def letterbox(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Height and width of a picture of (height, width) made as large as fits into a square.

    >>> letterbox((720, 1280), 416)
    (234, 416)
    """
    share = side / max(size)
    return max(1, round(size[0] * share)), max(1, round(size[1] * share))


def in_picture(kinds: Sequence[str], boxes: Floats, scores: Floats, filled: tuple[int, int]) -> list[Box]:
    """Boxes [n 4] in pixels of a square whose first `filled` rows and columns are the picture; what is outside goes."""
    wide = np.array([filled[1], filled[0]] * 2, np.float32)
    shares = np.clip(boxes / wide, 0, 1)
    rows = zip(kinds, scores.tolist(), shares.tolist(), strict=True)
    return [Box(kind, score, *corners) for kind, score, corners in rows]
