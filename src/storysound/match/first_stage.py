"""First stage of every search: scores all segments of a library for one query, exactly and in milliseconds.

Each thing known of the query becomes one `Evidence`: raw scores [n] over the segments. Raw scores of different
sources have different scales, so each is standardised over the library before they are weighed and added: a
source can say which segments are unusual for it, and none can drown another by the size of its numbers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from storysound.encode.labels import LabelSpace, softmax
from storysound.media.arrays import Floats, standardise
from storysound.story import Event, Mood

SMALL = 0.01  # added to a class's mean score, so that classes never heard in a library don't explode
SOFT = 0.1  # share of the overall deviation added to a segment's own, so that those that never vary don't explode
BLOCK = 4096  # segments rated at once
ROUNDING = 1e-5  # of what segments get: nearer ratings are equal
NEAR = 3e-5  # deviations: a product of matrices rounds equal columns 1e-5 apart, each processor in its own way
CLEAR = 0.1  # probability from which on a class is a reason
SHARED = 3  # classes in a reason
FEW, MOST = 200, 0.99  # classes that a query may mean at once, and the share of its weight that they hold if they can


@dataclass(frozen=True)
class Evidence:
    """One source's opinion of every segment.

    `source` names the kind of evidence; several may share it. `scores` [n] raw, higher is better. `weight` > 0.
    `reason`: words for the segment at that position, empty where there is nothing worth saying. `events`: what is
    heard there that speaks for it, best first. `of_name`: goes by the sound's name, not by what is heard.
    """

    source: str
    scores: Floats
    weight: float
    reason: Callable[[int], str]
    events: Callable[[int], Sequence[Event]] = lambda at: ()
    of_name: bool = False


def probabilities(mean: Floats, peak: Floats) -> Floats:
    """Class scores of segments, made comparable between classes: [n c], [n c] -> [c n].

    The geometric mean of the average and the highest probability hears both what lasts and what happens once.
    Dividing by a class's library mean keeps common classes (speech, music) from winning every query.
    """
    score = np.sqrt(np.maximum(mean, 0) * np.maximum(peak, 0))
    return np.ascontiguousarray((score / (score.mean(axis=0, keepdims=True) + SMALL)).T)


def from_logits(logits: Floats) -> Floats:
    """Class probabilities relative to what this library usually sounds like: [n c] -> [c n].

    A network trained on other recordings has favourites; its mean logits over the library are taken off first.
    """
    return np.ascontiguousarray(softmax(logits - logits.mean(axis=0, keepdims=True)).T)


@dataclass(frozen=True)
class Hearing:
    """What n segments sound like in one label space: `scores` [c n], classes first so that a few are read fast."""

    space: LabelSpace
    scores: Floats

    def rate(self, weights: Floats) -> Floats:
        """Expected score of the classes a query means: weights [c] -> [n]."""
        few = meant(weights)
        result: Floats = weights[few] @ self.scores[few]
        return result

    def usual(self, bank: Floats) -> tuple[Floats, Floats]:
        """What each segment usually gets, by a bank of queries: weights [b c] -> as `usual`."""
        return usual(bank, self.scores)

    def rate_above(self, weights: Floats, usual: tuple[Floats, Floats]) -> Floats:
        """`rate`, `above` what each segment usually gets: weights [c] -> [n]."""
        return above(self.rate(weights), usual)

    def shared(self, weights: Floats) -> Callable[[int, Floats], list[str]]:
        """What a query, of weights [c], means that is heard too: a function for all its hits.

        It takes a segment's position and how sure each class is heard there ([c] in [0, 1]) and gives the `SHARED`
        strongest classes that the query means and the segment clearly holds, strongest first.
        """
        few = meant(weights)
        worth = weights[few]

        def classes(at: int, clear: Floats) -> list[str]:
            share = worth * self.scores[few, at]
            total = float(share.sum())
            order = np.argsort(-share, kind="stable")[:SHARED]
            held = [i for i in order if total > 0 and share[i] > 0.1 * total and clear[few[i]] >= CLEAR]
            return [self.space.labels[few[i]] for i in held]

        return classes


def usual(bank: Floats, segments: Floats) -> tuple[Floats, Floats]:
    """Mean and deviation of each segment's rating over many queries: [b c], [c n] -> [n], [n].

    Some segments rate well for whatever is asked (hubs); knowing by how much, `above` takes it off. A block at a time:
    all ratings of a large library wouldn't fit into memory.
    """
    mean, deviation = np.empty((2, segments.shape[1]), np.float32)
    for at in range(0, segments.shape[1], BLOCK):
        ratings = bank @ segments[:, at : at + BLOCK]
        mean[at : at + BLOCK], deviation[at : at + BLOCK] = ratings.mean(axis=0), ratings.std(axis=0)
    overall = np.sqrt(np.mean(deviation**2) + mean.var())  # law of total variance
    return mean, np.asarray(deviation + SOFT * overall, np.float32)


def above(ratings: Floats, usual: tuple[Floats, Floats]) -> Floats:
    """Ratings [n] in deviations above what each segment usually gets, by `usual`; 0 where they differ by rounding."""
    mean, deviation = usual
    noise = ROUNDING * float(np.abs(mean).max())
    beyond = ratings - mean
    beyond[np.abs(beyond) <= noise] = 0
    return np.asarray(beyond / np.maximum(deviation, noise or 1), np.float32)


def meant(weights: Floats) -> NDArray[np.int64]:
    """The few classes that carry a query's weight, all of them in small spaces: [c] -> indices.

    The rest of a softmax is noise, and reading it from a large library is most of what a rating costs.
    """
    if len(weights) <= FEW:
        return np.arange(len(weights))
    strongest = np.argsort(-weights, kind="stable")[:FEW]
    held = np.cumsum(weights[strongest])
    return np.sort(strongest[: 1 + int(np.searchsorted(held, MOST * weights.sum()))])


def levelled(scores: Floats) -> Floats:
    """Scores [n] in which those that are no further than `NEAR` below the next higher one are equal to it.

    So a sound that lies in a library twice scores twice the same, and which one comes first isn't the processor's.

    >>> levelled(np.array([0.5, 2.0, 0.5000001], np.float32)).tolist()
    [0.5000001192092896, 2.0, 0.5000001192092896]
    """
    order = np.argsort(-scores)  # equal ones in any order: they get one score
    falling = scores[order]
    first = np.ones(len(scores), bool)
    first[1:] = falling[1:] < falling[:-1] - NEAR
    result = np.empty_like(scores)
    result[order] = falling[first][np.cumsum(first) - 1]
    return result


class Verdict:
    """All evidence on the segments of a library, standardised once.

    `scores` [n]: the weighted sum, of unit scale for independent sources; `levelled`.
    """

    def __init__(self, evidence: Sequence[Evidence], among: NDArray[np.bool_] | None = None) -> None:
        """`among` [n] marks the candidates; all are without it. Raises ValueError without evidence."""
        if not evidence:
            raise ValueError("nothing to judge by: a query needs text, a picture, a video, a sound or a mood")
        self._evidence, self._among = evidence, among
        self._strength = np.stack([e.weight * standardise(e.scores, among) for e in evidence])
        scale = np.sqrt(sum(e.weight**2 for e in evidence))
        self.scores: Floats = levelled((self._strength.sum(axis=0) / scale).astype(np.float32))

    def reasons(self, at: int) -> tuple[str, ...]:
        """What speaks for the segment at this position, weightiest first: one reason a source, none below average."""
        said: dict[str, str] = {}
        for e in self._for(at):
            if e.source not in said and (reason := e.reason(at)):
                said[e.source] = reason
        return tuple(dict.fromkeys(said.values()))

    def by_ear(self, at: int) -> float:
        """The weighted sum for a segment of what doesn't go by names, in deviations over the candidates."""
        return float(self._by_ear[at])

    @cached_property
    def _by_ear(self) -> Floats:
        """Of all segments [n]: voices that say the same don't count twice."""
        own = [not e.of_name for e in self._evidence]
        return standardise(self._strength[own].sum(axis=0), self._among)

    def highest(self, source: str, at: int) -> float:
        """The highest raw score that evidence of a source gives a segment; 0 where there is none of it."""
        return max((float(e.scores[at]) for e in self._evidence if e.source == source), default=0.0)

    def events(self, at: int) -> tuple[Event, ...]:
        """What is heard in the segment at this position that speaks for it, as its weightiest source has it."""
        return next((tuple(events) for e in self._for(at) if (events := e.events(at))), ())

    def _for(self, at: int) -> list[Evidence]:
        """What speaks for a segment, weightiest first."""
        order = np.argsort(-self._strength[:, at], kind="stable")
        return [self._evidence[i] for i in order if self._strength[i, at] > 0]


def to_score(fused: Floats) -> Floats:
    """Fused evidence [n] to (0, 1): one half is the library's average sound for this query.

    >>> to_score(np.zeros(1, np.float32)).tolist()
    [0.5]
    """
    result: Floats = (1 / (1 + np.exp(-np.clip(fused, -30, 30)))).astype(np.float32)
    return result


def mood_closeness(mood: Mood, valence: Floats, arousal: Floats) -> Floats:
    """Negative distance on the circumplex of each segment's mood: [n], [n] -> [n] in [-√2, 0]."""
    result: Floats = -np.hypot(valence - mood.valence, arousal - mood.arousal).astype(np.float32)
    return result
