"""How probable it is that music fits a mood: one scale for tracks of libraries and for what is composed.

Logistic regression of few features of the mood that is wanted and the one that the head of music hears. At even odds:
one half says that it fits as probably as not. A story's mood is read, not given, and its author has other reasons too:
so the log-odds are brought to what holds for stories and the music their authors chose (Platt 1999). The numbers are
`weights/music_fit.toml`, made by `shipped_weights/music_fit/fit.py`, and `weights/music_story.toml`, by `stories.py`
there; the card beside them says from what, and how well they do.
"""

import math
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

from storysound.story import Mood

LOW, HIGH = 0.42, 0.58  # of an axis: between them it has no word
_LEAST = 1e-6  # from certainty


def probability(wanted: Mood, heard: Mood) -> float:
    """That music which is heard so fits a story whose mood is read as `wanted`, in [0, 1].

    >>> probability(Mood(0.8, 0.6), Mood(0.8, 0.6)) > 0.5 > probability(Mood(0.8, 0.6), Mood(0.1, 0.1))
    True
    """
    weights = numbers()["track"]
    off = (heard.valence - wanted.valence, heard.arousal - wanted.arousal)
    return _of_story(_sum(weights, (abs(off[0]), abs(off[1]), off[1], 1.0)))


def of_composed(wanted: Mood) -> float:
    """The same of music that is still to be composed to that mood, as a rule."""
    v, a = wanted.valence, wanted.arousal
    expected = min(1 - _LEAST, max(_LEAST, _sum(numbers()["composed"], (1.0, v, a, v * v, a * a, v * a))))
    return _of_story(math.log(expected / (1 - expected)))


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


def _of_story(odds: float) -> float:
    """Log-odds by mood alone -> probability."""
    return 1 / (1 + math.exp(-_sum(numbers("music_story")["log_odds"], (odds, 1.0))))


@cache
def numbers(file: str = "music_fit") -> Mapping[str, list[float]]:
    """The coefficients that ship, by what they are for."""
    text = (files("storysound") / "encode" / "weights" / f"{file}.toml").read_text("utf-8")
    return {name: [float(value) for value in part["weights"]] for name, part in tomllib.loads(text).items()}
