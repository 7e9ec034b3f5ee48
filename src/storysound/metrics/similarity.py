"""How well a video, its sound and its text go together, by the cosines of an encoder that knows both.

All are in [-1, 1]; tables often show them times 100. Say encoder, scale and number of frames beside a score.
"""

import math

import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.nn import functional as F

from storysound.story import Span

WINDOW_S, HOP_S, LOWEST = 2.0, 0.5, 0.4  # of the JavisScore: windows overlap by 1.5 s; the worst 40 % of frames count


def avh_score(frames: ArrayLike | Tensor, audio: ArrayLike | Tensor) -> float:
    """Audio-visual harmony: the mean over frames [N d] of their cosine with the whole sound [d].

    TAVGBench (Mao et al. 2024), Eq. 1, whose 1/n is 1/N; there by ImageBind-huge, times 100.
    Raises ValueError for shapes that don't fit, a vector of length 0, and values that are not finite.

    >>> round(avh_score([[1.0, 0.0], [0.0, 2.0]], [1.0, 0.0]), 3)
    0.5
    """
    return float(_cosines(frames, audio).mean())


def clipsim(frames: ArrayLike | Tensor, text: ArrayLike | Tensor) -> float:
    """The mean over frames [N d] of their cosine with the text [d] (Wu et al. 2021, arXiv:2104.14806, section 4.2).

    Raises ValueError as `avh_score`.
    """
    return float(_cosines(frames, text).mean())


def javis_windows(duration_s: float) -> tuple[Span, ...]:
    """The stretches of a video that `javis_score` judges one by one; the whole where it is shorter than one.

    >>> [span.start_s for span in javis_windows(3.2)]
    [0.0, 0.5, 1.0]
    """
    count = max(0, math.floor((duration_s - WINDOW_S) / HOP_S + 1e-9)) + 1
    return tuple(Span(i * HOP_S, min(i * HOP_S + WINDOW_S, duration_s)) for i in range(count))


def javis_score(frames: ArrayLike | Tensor, times_s: ArrayLike | Tensor, sounds: ArrayLike | Tensor) -> float:
    """Synchrony: the mean over `javis_windows` of how their worst frames go with their sound.

    `frames` [N d] at `times_s` [N] in the order of time; `sounds` [w d] of the windows, each encoded alone. Of the
    cosines of a window's frames with its sound the mean of the lowest 40 %, one at least, counts (Liu et al. 2025,
    arXiv:2503.23377). Raises ValueError as `avh_score`, and where a window holds no frame.

    >>> round(javis_score([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [0.0, 1.0, 1.9], [[1.0, 0.0]]), 3)
    0.0
    """
    pictures, heard = torch.as_tensor(frames), torch.as_tensor(sounds)
    times = torch.as_tensor(times_s, dtype=torch.float64)
    if times.shape != pictures.shape[:1] or heard.ndim != 2 or not len(heard):
        raise ValueError(f"needs frames [N d], times [N], sounds [w d], got {[*map(_shape, (pictures, times, heard))]}")
    worst = []
    for number, sound in enumerate(heard):
        start_s = number * HOP_S
        inside = (times >= start_s) & (times < start_s + WINDOW_S)
        if not bool(inside.any()):
            raise ValueError(f"no frame lies in the window from {start_s:g} s: take more frames a second")
        cosines = _cosines(pictures[inside], sound).sort().values
        worst.append(cosines[: max(1, int(LOWEST * len(cosines)))].mean())
    return float(torch.stack(worst).mean())


def _cosines(rows: ArrayLike | Tensor, one: ArrayLike | Tensor) -> Tensor:
    """Of rows [n d] with one vector [d]: float64 [n]."""
    many, vector = (torch.as_tensor(v).detach().to("cpu", torch.float64) for v in (rows, one))
    if many.ndim != 2 or vector.shape != many.shape[1:] or not many.numel():
        raise ValueError(f"needs [n d] and [d], got {_shape(many)} and {_shape(vector)}")
    lengths = torch.cat([many.norm(dim=1), vector.norm()[None]])
    if not bool(torch.isfinite(lengths).all()) or not bool(lengths.all()):
        raise ValueError("needs finite vectors, none of length 0")
    return F.normalize(many, dim=1) @ F.normalize(vector, dim=0)


def _shape(values: Tensor) -> tuple[int, ...]:
    """Of values of any shape, as a message shows it."""
    return tuple(values.shape)
