"""How likely a first hit fits what was looked for: a score only says that nothing in the library fits better.

Logistic models of few numbers, fitted where it is known what fits: one of words and pictures that look for sounds and
effects, with libraries that hold nothing that does in half of all cases (`python -m benchmarks.quality.chances`), and
one of words that look for music (`python -m benchmarks.quality.music_chances`).
"""

import numpy as np

# Of the fused evidence by ear in deviations, the logarithm of the number of sounds, and how clearly what is meant is
# heard (log-odds).
INTERCEPT, WEIGHTS = -1.94, (0.77, -0.6, 0.17)
NAMED = 0.82  # chance that a sound fits that is named with all words of the query, whatever is heard
# Of music: the fused evidence by ear in deviations, the logarithms of the number of tracks and of the words that ask.
MUSIC_INTERCEPT, MUSIC_WEIGHTS = -1.43, (0.55, 0.12, -0.31)
MOST_TRACKS, MOST_WORDS = 92, 500  # more weren't measured, and count as so many
SURE, LIKELY = 0.8, 0.5  # chances from which on a hit is called so
FARTHEST = 14.0  # log-odds that scores of six digits tell apart
_LEAST = 0.02  # of the score of an event


def features(evidence: float, sounds: int, event: float) -> tuple[float, float, float]:
    """What the chance goes by, by ear.

    `evidence`: the fused one but for names, in deviations over the candidates; `sounds` of them; `event`: the best
    score of what is heard there and meant, in [0, 1], 0 for none.
    """
    event = min(max(event, _LEAST), 1 - _LEAST)
    return evidence, float(np.log(max(sounds, 1))), float(np.log(event / (1 - event)))


def chance(evidence: float, sounds: int, event: float, name: float) -> float:
    """How likely a hit fits, in [0, 1], by its `features`, or by the share `name` of the query's words in its name."""
    return _named(INTERCEPT + float(np.dot(WEIGHTS, features(evidence, sounds, event))), name)


def music_features(evidence: float, tracks: int, words: int) -> tuple[float, float, float]:
    """What the chance of music goes by; `tracks` to choose from, `words` that ask: of a story each track says less."""
    return evidence, float(np.log(min(max(tracks, 1), MOST_TRACKS))), float(np.log(min(max(words, 1), MOST_WORDS)))


def chance_of_music(evidence: float, tracks: int, words: int, name: float) -> float:
    """How likely a track fits words, in [0, 1], by its `music_features`; `name` as in `chance`."""
    return _named(MUSIC_INTERCEPT + float(np.dot(MUSIC_WEIGHTS, music_features(evidence, tracks, words))), name)


def _named(odds: float, name: float) -> float:
    """By log-odds by ear and a share of the query's words that a name has."""
    return float(1 - (1 - 1 / (1 + np.exp(-odds))) * (1 - NAMED * name))


def in_words(likely: float | None) -> str:
    """A chance in words; "" where nobody knows it.

    >>> in_words(0.9), in_words(0.6), in_words(0.2), in_words(None)
    ('sure', 'likely', 'a guess', '')
    """
    if likely is None:
        return ""
    return "sure" if likely >= SURE else "likely" if likely >= LIKELY else "a guess"
