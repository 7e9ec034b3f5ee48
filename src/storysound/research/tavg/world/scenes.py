"""What happens in a clip: a combination, when its contacts are, and how it looks, drawn by a seed."""

from dataclasses import dataclass

import numpy as np

from storysound.research.tavg.world.combinations import KINDS, Combination, Kind, Split, of_split
from storysound.research.tavg.world.contacts import contact_times, strengths

THINGS = ("plate", "bottle", "cup")  # that break
SMALL, BIG = 0.3, 0.7  # sizes that sentences may call so
_SPLIT_CODE: dict[Split, int] = {"train": 0, "validation": 1, "test": 2}
LASTING = ("car", "rain")  # kinds without impacts that are told apart


@dataclass(frozen=True)
class Scene:
    """A clip before it is drawn and heard; of the fields from `impacts_s` on a text says `size` and `thing` alone."""

    kind: Kind
    material: str
    surface: str
    rhythm: str
    impacts_s: tuple[float, ...]  # rising; none of a car and of rain
    strengths: tuple[float, ...]  # of the impacts, in (0, 1]
    moment_s: float  # when a car is nearest, when rain begins or stops
    size: float  # in [0, 1]
    thing: str  # of `THINGS` where something breaks, else ""
    place: float  # in [0, 1], from left to right
    shade: float  # of the background, in [0, 1]
    mirrored: bool
    seed: int  # of all that is smaller

    @property
    def combination(self) -> Combination:
        """What a text asks for."""
        return Combination(self.kind, self.material, self.surface, self.rhythm)


def scene_of(combination: Combination, rng: np.random.Generator) -> Scene:
    """A scene that shows a combination."""
    times = () if combination.kind in LASTING else contact_times(combination, rng)
    return Scene(
        combination.kind,
        combination.material,
        combination.surface,
        combination.rhythm,
        times,
        strengths(combination, times, rng),
        moment_s=float(rng.uniform(0.6, 1.4)),
        size=float(rng.uniform()),
        thing=str(rng.choice(THINGS)) if combination.kind == "break" else "",
        place=float(rng.uniform()),
        shade=float(rng.uniform()),
        mirrored=combination.rhythm.startswith("right") or (combination.kind != "car" and bool(rng.integers(2))),
        seed=int(rng.integers(2**62)),
    )


def generator(split: Split, seed: int) -> np.random.Generator:
    """Chance of a clip. Raises ValueError for a split that isn't one and for a negative seed."""
    if split not in _SPLIT_CODE or seed < 0:
        raise ValueError(f"needs split train, validation or test and seed >= 0, got {split!r}, {seed}")
    return np.random.default_rng([_SPLIT_CODE[split], seed])


def drawn_combination(split: Split, rng: np.random.Generator) -> Combination:
    """One of a split's: each kind is as likely as any other, within it each combination."""
    options = of_split(split, KINDS[rng.integers(len(KINDS))])
    return options[rng.integers(len(options))]
