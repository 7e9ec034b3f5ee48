"""Where things are at each frame [f], in pixels and seconds."""

from dataclasses import dataclass

import numpy as np

from storysound.media.arrays import Doubles
from storysound.research.tavg.world.canvas import SIDE
from storysound.research.tavg.world.contacts import DWELL_S, FRAME_TIMES, beside
from storysound.research.tavg.world.scenes import Scene


@dataclass(frozen=True, eq=False)
class Flight:
    """A ball: its middle from the left, and how high its lowest point is, [f]."""

    x: Doubles
    height: Doubles


def flight(scene: Scene, radius: float, rng: np.random.Generator) -> Flight:
    """A ball's parabolas between its contacts, all under one gravity; contacts last DWELL_S.

    It comes from the left and leaves to the right before it would touch again; one that bounces faster and faster falls
    from rest and lies still in the end.
    """
    gaps = np.diff(scene.impacts_s)
    share = float(gaps[1] / gaps[0]) if len(gaps) > 1 else 0.9
    first = float(gaps[0]) if len(gaps) else rng.uniform(0.45, 0.7)
    ends = scene.rhythm == "faster"
    gravity = 8 * rng.uniform(*((19, 25) if ends else (24, 34))) / (first - DWELL_S) ** 2
    before, after = first / share - DWELL_S, (float(gaps[-1]) if len(gaps) else first) * share - DWELL_S
    since, until = beside(scene.impacts_s)
    falls, leaves = np.isinf(since), np.isinf(until)
    up = np.where(falls, 0.0, since)
    left = np.where(leaves, after - up, until)
    down = np.minimum(until, before / 2)
    height = np.where(falls, down * (before - down), up * left) * gravity / 2
    if ends:
        return Flight(np.full(len(height), 18 + 28 * scene.place), np.where(leaves, 0.0, height))
    start = 20 + 20 * scene.place if len(gaps) == 0 else radius + 1 + 5 * scene.place
    speed = (SIDE + radius + 2 - start) / (float(gaps.sum()) + 0.85 * (after + DWELL_S))
    return Flight(start + speed * (FRAME_TIMES - scene.impacts_s[0]), height)
