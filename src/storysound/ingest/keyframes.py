"""Key frames: the few pictures that stand for a shot."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from storysound.media.video import VideoFrame
from storysound.story import Span


@dataclass(frozen=True)
class KeyFrame:
    """A picture that stands for the stretch `part` of shot number `shot`: `rgb` uint8 [h w 3] at `time_s`."""

    shot: int
    part: Span
    time_s: float
    rgb: NDArray[np.uint8]


def key_frames(frames: Iterable[VideoFrame], shots: Sequence[Span], *, per_shot: int = 1) -> Iterator[KeyFrame]:
    """Key frames of each shot, in time order; a shot without frames gets none.

    A shot is divided into `per_shot` equal parts; the key frame of a part is its sharpest frame, weighed down towards
    the part's edges, where pictures still dissolve or move. `frames` come in time order, and memory is one picture,
    whatever the length. `shots` are sorted and don't overlap. Sharpness is the mean
    squared luma gradient (Tenengrad: Krotkov 1988) over the luma's variance, so that contrast alone doesn't win.
    """
    if per_shot < 1:
        raise ValueError(f"per_shot must be at least 1, got {per_shot}")
    return _sharpest(frames, [(index, part) for index, shot in enumerate(shots) for part in _parts(shot, per_shot)])


def _sharpest(frames: Iterable[VideoFrame], parts: Sequence[tuple[int, Span]]) -> Iterator[KeyFrame]:
    """The key frame of each part, of shots given by number, that has frames."""
    found: KeyFrame | None = None
    at, best = 0, -1.0
    for frame in frames:
        while at < len(parts) and frame.time_s >= parts[at][1].end_s:
            if found is not None:
                yield found
            at, best, found = at + 1, -1.0, None
        if at == len(parts):
            break
        shot, part = parts[at]
        if frame.time_s < part.start_s:
            continue
        value = _centrality(frame.time_s, part) * (0.05 + sharpness(frame.rgb))
        if value > best:
            best, found = value, KeyFrame(shot, part, frame.time_s, frame.rgb)
    if found is not None:
        yield found


def sharpness(rgb: NDArray[np.uint8]) -> float:
    """Mean squared luma gradient over luma variance, >= 0; 0 for a picture of one colour. `rgb` is uint8 [h w 3].

    >>> sharpness(np.zeros((8, 8, 3), np.uint8))
    0.0
    """
    luma = rgb.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
    variance = float(luma.var())
    if min(luma.shape) < 2 or variance < 1.0:
        return 0.0
    gradient = np.diff(luma, axis=0)[:, :-1] ** 2 + np.diff(luma, axis=1)[:-1] ** 2
    return float(gradient.mean()) / variance


def _parts(shot: Span, count: int) -> list[Span]:
    """`count` equal parts of a shot."""
    edges = [shot.start_s + shot.duration_s * k / count for k in range(count)] + [shot.end_s]
    return [Span(a, b) for a, b in pairwise(edges)]


def _centrality(time_s: float, part: Span) -> float:
    """1 in the middle of the part, 0.25 at its edges."""
    if part.duration_s == 0.0:
        return 1.0
    return 1.0 - 0.75 * min(1.0, abs(2.0 * (time_s - part.start_s) / part.duration_s - 1.0))
