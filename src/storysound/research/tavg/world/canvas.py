"""Smooth shapes on many frames at once.

Axes: f frames, h w of the part that a shape covers; x right, y down, in pixels.

A shape is a function of how far pixels lie from its middle, to their signed distance from its edge: negative within.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from storysound.media.arrays import Doubles, Floats, Pixels, Reals
from storysound.research.tavg.world.materials import MATERIALS

SIDE = 64
Colour = tuple[int, int, int]
Shape = Callable[[Reals, Reals], Reals]
_SEEN = 0.02  # opacity below which nothing is drawn


class Canvas:
    """Frames [f SIDE SIDE 3] of values from 0 to 255 that shapes are drawn on."""

    def __init__(self, ground: Floats, frames: int) -> None:
        """All frames [f SIDE SIDE 3] begin as the ground [SIDE SIDE 3]."""
        self.count = frames
        self.flat: Floats = np.repeat(ground[None].clip(0, 255).astype(np.float32), frames, axis=0).reshape(-1, 3)

    def fill(
        self, x: ArrayLike, y: ArrayLike, half: tuple[int, int], shape: Shape, colour: Colour, opacity: ArrayLike = 1.0
    ) -> None:  # fmt: skip
        """Draw a shape about x, y [f], within `half` pixels to either side, as opaque as said [f]."""
        x, y, opacity = (np.broadcast_to(np.asarray(each, np.float32), self.count) for each in (x, y, opacity))
        place_x, place_y = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
        across = np.arange(-half[0], half[0] + 1)
        down = np.arange(-half[1], half[1] + 1)
        column, row = place_x[:, None] + across, place_y[:, None] + down
        dx = (column + 0.5 - x[:, None]).astype(np.float32)[:, None, :]
        dy = (row + 0.5 - y[:, None]).astype(np.float32)[:, :, None]
        cover = np.clip(0.5 - shape(dx, dy), 0, 1) * opacity[:, None, None]
        inside_x, inside_y = (column >= 0) & (column < SIDE), (row >= 0) & (row < SIDE)
        cover *= inside_x[:, None, :] & inside_y[:, :, None]
        frame, at_row, at_column = np.nonzero(cover > _SEEN)
        index = (frame * SIDE + row[frame, at_row]) * SIDE + column[frame, at_column]
        part = cover[frame, at_row, at_column][:, None]
        self.flat[index] += part * (np.asarray(colour, np.float32) - self.flat[index])

    def frames(self, mirrored: bool) -> Pixels:
        """The frames [f SIDE SIDE 3], rounded."""
        whole = (self.flat + 0.5).astype(np.uint8).reshape(self.count, SIDE, SIDE, 3)
        return np.take(whole, np.arange(SIDE)[::-1], axis=2) if mirrored else whole


def by_frame(value: ArrayLike) -> Floats:
    """A number, or one a frame [f], beside pixels [f h w]."""
    return np.asarray(value, np.float32).reshape(-1, 1, 1)


def disc(radius: ArrayLike) -> Shape:
    """Of a radius, or one a frame [f]."""
    size = by_frame(radius)
    return lambda dx, dy: np.sqrt(dx**2 + dy**2) - size


def ellipse(half_x: ArrayLike, half_y: ArrayLike) -> Shape:
    """Of half axes, or such a frame [f]; the distance is about right near the edge."""
    wide, high = by_frame(half_x), by_frame(half_y)
    return lambda dx, dy: (np.sqrt((dx / wide) ** 2 + (dy / high) ** 2) - 1) * np.minimum(wide, high)


def ring(shape: Shape, thickness: float) -> Shape:
    """The edge of a shape alone."""
    return lambda dx, dy: np.abs(shape(dx, dy)) - thickness / 2


def box(half_x: ArrayLike, half_y: ArrayLike, angle: ArrayLike = 0.0) -> Shape:
    """Of half sides, turned by an angle clockwise, or such a frame [f]."""
    wide, high, turn = by_frame(half_x), by_frame(half_y), by_frame(angle)
    cos, sin = np.cos(turn), np.sin(turn)
    return lambda dx, dy: np.maximum(np.abs(dx * cos + dy * sin) - wide, np.abs(dy * cos - dx * sin) - high)


def rod(to_x: ArrayLike, to_y: ArrayLike, radius: float) -> Shape:
    """Through the middle, to_x, to_y from end to end, or such a frame [f]; with round ends."""
    ex, ey = by_frame(to_x), by_frame(to_y)
    length = np.maximum(ex**2 + ey**2, 1e-6)

    def distance(dx: Reals, dy: Reals) -> Reals:
        part = np.clip((dx * ex + dy * ey) / length, -0.5, 0.5)
        return np.asarray(np.sqrt((dx - part * ex) ** 2 + (dy - part * ey) ** 2) - radius)

    return distance


def background(shade: float) -> Floats:
    """Dark, a little lighter towards the floor [SIDE SIDE 3]."""
    low = np.array([14.0, 16.0, 24.0]) + 34 * shade
    return np.repeat((low + np.linspace(0, 14, SIDE)[:, None])[:, None, :], SIDE, axis=1).astype(np.float32)


def lay(
    ground: Floats, material: str, rows: tuple[int, int], columns: tuple[int, int], rng: np.random.Generator
) -> None:
    """Cover a part of the ground [SIDE SIDE 3] with a material, as it looks."""
    part = ground[slice(*rows), slice(*columns)]
    part[:] = np.asarray(MATERIALS[material].colour, np.float32) * 0.8
    high, wide = part.shape[:2]
    grain: dict[str, Callable[[], NDArray[np.float64] | Doubles]] = {
        "wood": lambda: np.where((np.arange(wide) + rng.integers(14)) % 14 == 0, -45, 0) + rng.normal(0, 5, (high, 1)),
        "stone": lambda: np.repeat(np.repeat(rng.normal(0, 16, (-(-high // 2), -(-wide // 2))), 2, 0), 2, 1)[
            :high, :wide
        ],
        "metal": lambda: np.linspace(30, -30, high)[:, None] + np.zeros(wide),
        "glass": lambda: np.where((np.arange(wide) + np.arange(high)[:, None]) % 16 < 3, 45, -25),
    }
    if material in grain:
        part += grain[material]()[..., None]
    part[0] += 35
