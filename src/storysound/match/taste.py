"""A library's taste: what its owner chose for scenes, as a model of what they would choose for others.

How often a track was chosen, as log odds, and ridge regression of choices on what scenes tell and how they feel: the
same words bring the same tracks. The regression holds to nothing learned (Hoerl and Kennard 1970) until scenes say
otherwise. Whether the model is used at all is decided by what it does on films that it hasn't learned from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storysound.media.arrays import Doubles, Floats, Ints, standardise
from storysound.metrics.classification import average_precision
from storysound.story import Mood

# Chosen on Wesnoth, where neighbours do as well; see docs/RESULTS.md.
RIDGE = 1.0  # in mean squares of what scenes ask
STRENGTH = 4.0  # of the regression beside how often a track was chosen
FELT = 1.5  # of a mood, in [-0.5, 0.5], beside words of length 1
WEIGHT = 6.0  # of a taste beside all else that is known of a query
LEAST_SCENES = 8  # with something chosen for them, below which nothing is learned
FOLDS = 8  # of successive scenes, one of which is left out


def asked(told: Floats | None, mood: Mood | None, dim: int) -> Floats:
    """What a scene asks [dim + 2]: the mean vector of its words [dim] at length 1, and its mood; zeros for none."""
    words = np.zeros(dim) if told is None else told / max(float(np.linalg.norm(told)), 1e-9)
    felt = (0.0, 0.0) if mood is None else (FELT * (mood.valence - 0.5), FELT * (mood.arousal - 0.5))
    return np.concatenate([words, np.array(felt)]).astype(np.float32)


@dataclass(frozen=True)
class Choices:
    """What was chosen for n scenes: `asked` [n f], `films` [n] they are of, `chosen` [n t] of `tracks`.

    Chosen counts up to 1, refused down to -1, 0 is neither.
    """

    asked: Floats
    films: tuple[str, ...]
    tracks: tuple[str, ...]
    chosen: Doubles

    def part(self, at: NDArray[np.intp]) -> "Choices":
        """Those of some of its scenes, at these numbers [m]."""
        return Choices(self.asked[at], tuple(self.films[i] for i in at), self.tracks, self.chosen[at])


@dataclass(frozen=True)
class Taste:
    """A fitted taste: calling it with what a scene asks [f] rates its `tracks` [t] in log odds."""

    tracks: tuple[str, ...]
    prior: Floats  # [t]
    centre: Floats  # [f]
    slope: Floats  # [f t]
    unknown: float  # rating of a track that was never chosen

    def __call__(self, scene: Floats) -> Floats:
        """[f] -> [t]."""
        return np.asarray(self.prior + (scene - self.centre) @ self.slope, np.float32)

    def places(self, tracks: Sequence[str]) -> Ints:
        """Where each of some tracks, by name, stands among its own; behind the last one for those it doesn't know."""
        known = {track: at for at, track in enumerate(self.tracks)}
        return np.array([known.get(track, len(known)) for track in tracks], np.int64)

    def among(self, scene: Floats, places: Ints) -> Floats:
        """Ratings of tracks at `places` [n] -> [n]."""
        return np.append(self(scene), np.float32(self.unknown))[places]


def fit(choices: Choices) -> Taste:
    """Learns from all scenes."""
    n = len(choices.films)
    centre = choices.asked.mean(axis=0)
    x = (choices.asked - centre).astype(np.float64)
    gram = x @ x.T
    gram += RIDGE * max(float(np.trace(gram)) / n, 1e-9) * np.eye(n)
    slope = STRENGTH * x.T @ np.linalg.solve(gram, choices.chosen - choices.chosen.mean(axis=0))
    prior = _log_odds(choices.chosen.sum(axis=0), n)
    unknown = float(_log_odds(np.zeros(1), n)[0])
    return Taste(choices.tracks, prior.astype(np.float32), centre, slope.astype(np.float32), unknown)


def _log_odds(count: Doubles, n: int) -> Doubles:
    """Of how often each track was chosen, [t] -> [t]; refused ones lie as far below others as chosen ones above."""
    return np.asarray(np.sign(count) * np.log1p(2 * np.abs(count)) - np.log(2 * (n + 1)))


@dataclass(frozen=True)
class Judgement:
    """What a taste does on `scenes` it hasn't learned from: mean average precision of the tracks chosen for them."""

    scenes: int
    without: float
    with_taste: float
    used: bool


def judge(choices: Choices, base: Doubles, candidates: tuple[str, ...]) -> Judgement:
    """Whether a taste is worth using beside `base` [n c], what ranks the candidates without it in deviations.

    Each film is left out in turn, where there are three or more, and once more each eighth of all scenes: an owner goes
    on to new films, and on with old ones. The precision is the mean of both.
    """
    n = len(choices.films)
    films, scenes = np.array(choices.films), np.arange(n) * FOLDS // n
    place = {name: at for at, name in enumerate(candidates)}
    right = np.zeros(base.shape, bool)
    for scene, track in np.argwhere(choices.chosen > 0):
        right[scene, place[choices.tracks[track]]] = True
    some = right.any(axis=1)
    ways = [scenes, films] if len(np.unique(films)) >= 3 else [scenes]
    found = np.stack([_left_out(choices, base, candidates, right, groups) for groups in ways])
    without, with_taste = found[:, :, some].mean(axis=(0, 2)).tolist()
    return Judgement(int(some.sum()), without, with_taste, with_taste > without)


def _left_out(
    choices: Choices, base: Doubles, candidates: tuple[str, ...], right: NDArray[np.bool_], groups: NDArray[Any]
) -> Doubles:
    """Average precision without and with a taste [2 n] that hasn't learned from a scene's group [n]."""
    found = np.zeros((2, len(groups)))
    for group in np.unique(groups):
        own, rest = np.flatnonzero(groups == group), np.flatnonzero(groups != group)
        taste = fit(choices.part(rest))
        places = taste.places(candidates)
        for scene in own[right[own].any(axis=1)]:
            rated = standardise(taste.among(choices.asked[scene], places))
            for way, scores in enumerate((base[scene], base[scene] + WEIGHT * rated)):
                found[way, scene] = average_precision(right[scene, np.argsort(-scores, kind="stable")])
    return found
