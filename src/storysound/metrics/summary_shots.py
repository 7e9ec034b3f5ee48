"""Shots that need no picture, over which summaries of TVSum can be judged.

Those of the authors' own script, those of Otani et al. 2019, and shots of random length around five seconds whose
spread is set.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from storysound.metrics.arrays import Counts

Cutter = Callable[[int, np.random.Generator], Counts]  # number of frames -> boundaries of shots

TWO_S = 60  # frames: the authors' script takes 60 whatever the rate (24 to 30 a second)
STEP = 15  # frames: published features and importances are 15 frames apart
MEAN_LENGTH = 145  # frames, about 5 s: what common settings of kernel temporal segmentation aim at
SPREADS = (0.25, 0.5, 0.65, 0.8, 1.0)  # standard deviation of shots' lengths over their mean


def boundaries(inner: Counts, frames: int) -> Counts:
    """Boundaries [s + 1] of shots from those [n] that may lie within a video."""
    return np.unique(np.concatenate([[0], inner[(inner > 0) & (inner < frames)], [frames]]))


def _even(frames: int, rng: np.random.Generator) -> Counts:
    """Shots of 60 frames."""
    return boundaries(np.arange(0, frames, TWO_S), frames)


def _shaken(frames: int, rng: np.random.Generator) -> Counts:
    """Shots of 50 frames, each boundary moved by up to 15: a summary's shots in the authors' script."""
    at = np.arange(50, frames, 50)
    return boundaries(at + rng.integers(-14, 16, len(at)), frames)


def _poisson(*means: int) -> Cutter:
    """Lengths drawn from a Poisson distribution, of either mean for each shot (Otani et al. 2019)."""

    def cut(frames: int, rng: np.random.Generator) -> Counts:
        lengths = rng.poisson(rng.choice(means, size=frames // min(means) * 2))
        return boundaries(np.cumsum(lengths), frames)

    return cut


def _spread(ratio: float) -> Cutter:
    """Lengths drawn from a log-normal distribution of that ratio of deviation to mean, rounded to STEP frames."""

    def cut(frames: int, rng: np.random.Generator) -> Counts:
        width = np.sqrt(np.log1p(ratio**2))
        lengths = rng.lognormal(np.log(MEAN_LENGTH) - width**2 / 2, width, size=frames // STEP + 1)
        return boundaries(np.cumsum(np.maximum(1, np.rint(lengths / STEP)).astype(np.int64)) * STEP, frames)

    return cut


@dataclass(frozen=True)
class Shots:
    """How a video is cut; `of_people`: how it is cut for people, where that differs."""

    what: str
    cut: Cutter
    of_people: Cutter | None = None


SHOTS = {
    "authors' script": Shots("shots of 50 frames, each cut moved by up to 15; people's of 60 frames", _shaken, _even),
    "60 frames": Shots("shots of 60 frames, about 2 s", _even),
    "one peak": Shots("lengths from Poisson(60)", _poisson(60)),
    "two peaks": Shots("lengths from Poisson(30) or Poisson(90)", _poisson(30, 90)),
    **{
        f"5 s ± {ratio:.0%}": Shots(
            f"log-normal lengths of mean {MEAN_LENGTH} frames, deviation {ratio:.0%}", _spread(ratio)
        )
        for ratio in SPREADS
    },
}
