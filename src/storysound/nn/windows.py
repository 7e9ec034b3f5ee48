"""Longer than a network takes: windows that overlap are looked at one by one, and agree where they do.

Denoised together so, at every step, they become one (Bar-Tal et al. 2023, arXiv:2302.08113, MultiDiffusion, eq. 5);
each window counts most in its middle.
"""

from collections.abc import Callable

import torch
from torch import Tensor


def starts(length: int, window: int, hop: int) -> list[int]:
    """Where windows begin, `hop` apart, that cover a length: the last one ends at its end.

    >>> starts(11, 4, 3), starts(3, 4, 3)
    ([0, 3, 6, 7], [0])
    """
    return [*range(0, length - window, hop), length - window] if length > window else [0]


def together(
    seen: Callable[[Tensor, int], Tensor], x: Tensor, window: int, hop: int, axis: int, scale: int = 1
) -> Tensor:
    """What is seen in all of x [...], by windows of it along an axis.

    `seen` of a window [...] and of where it begins is `scale` times as long along the axis as the window, and all that
    is given back as many times as long as x. What is no longer than a window is looked at as it is.
    """
    count = x.shape[axis]
    if count <= window:
        return seen(x, 0)
    ramp = torch.arange(1, window * scale + 1, device=x.device, dtype=torch.float32)
    weight = torch.minimum(ramp, ramp.flip(0))
    total: Tensor | None = None
    weights = torch.zeros(count * scale, device=x.device)
    for start in starts(count, window, hop):
        found = seen(x.narrow(axis, start, window), start)
        shape = [1] * found.ndim
        shape[axis] = window * scale
        if total is None:
            whole = list(found.shape)
            whole[axis] = count * scale
            total = found.new_zeros(whole)
        total.narrow(axis, start * scale, window * scale).add_(found * weight.view(shape))
        weights[start * scale : (start + window) * scale] += weight
    assert total is not None
    shape = [1] * total.ndim
    shape[axis] = count * scale
    return total / weights.view(shape)
