"""How probable it is that music fits a mood: one scale for tracks of libraries and for what is composed.

Logistic regression of few features of the mood that is wanted and the one that the head of music hears. At even odds:
one half says that it fits as probably as not. Its numbers are `weights/music_fit.toml`, made by
`shipped_weights/music_fit/fit.py`; the card beside them says from what, and how well they do.
"""

import math
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

from storysound.story import Mood

LOW, HIGH = 0.42, 0.58  # of an axis: between them it has no word


def probability(wanted: Mood, heard: Mood) -> float:
    """That music which is heard so fits what is wanted, in [0, 1].

    >>> probability(Mood(0.8, 0.6), Mood(0.8, 0.6)) > 0.5 > probability(Mood(0.8, 0.6), Mood(0.1, 0.1))
    True
    """
    weights = _numbers()["track"]
    off = (heard.valence - wanted.valence, heard.arousal - wanted.arousal)
    return _logistic(_sum(weights, (abs(off[0]), abs(off[1]), off[1], 1.0)))


def of_composed(wanted: Mood) -> float:
    """The same of music that is still to be composed to that mood, as a rule."""
    v, a = wanted.valence, wanted.arousal
    return min(1.0, max(0.0, _sum(_numbers()["composed"], (1.0, v, a, v * v, a * a, v * a))))


def named(mood: Mood) -> str:
    """A mood in words.

    >>> named(Mood(0.2, 0.3)), named(Mood(0.5, 0.9)), named(Mood(0.5, 0.5))
    ('calm and dark', 'lively', 'neutral')
    """
    words = (_word(mood.arousal, "calm", "lively"), _word(mood.valence, "dark", "bright"))
    return " and ".join(filter(None, words)) or "neutral"


def _word(value: float, low: str, high: str) -> str:
    return low if value < LOW else high if value > HIGH else ""


def _sum(weights: Sequence[float], values: Sequence[float]) -> float:
    return sum(weight * value for weight, value in zip(weights, values, strict=True))


def _logistic(odds: float) -> float:
    return 1 / (1 + math.exp(-odds))


@cache
def _numbers() -> Mapping[str, list[float]]:
    text = (files("storysound") / "encode" / "weights" / "music_fit.toml").read_text("utf-8")
    return {name: [float(value) for value in part["weights"]] for name, part in tomllib.loads(text).items()}
