"""How likely a first hit fits what was looked for: a score only says that nothing in the library fits better.

A logistic model of few numbers, fitted where it is known what fits, with libraries that hold nothing that does in half
of all cases (`python -m benchmarks.quality.chances`). It knows words and pictures that look for sounds and effects.
"""

import numpy as np

# Of the fused evidence by ear in deviations, the logarithm of the number of sounds, and how clearly what is meant is
# heard (log-odds).
INTERCEPT, WEIGHTS = -1.94, (0.77, -0.6, 0.17)
NAMED = 0.82  # chance that a sound fits that is named with all words of the query, whatever is heard
SURE, LIKELY = 0.8, 0.5  # chances from which on a hit is called so
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
    by_ear = 1 / (1 + np.exp(-(INTERCEPT + float(np.dot(WEIGHTS, features(evidence, sounds, event))))))
    return float(1 - (1 - by_ear) * (1 - NAMED * name))


def in_words(likely: float | None) -> str:
    """A chance in words; "" where nobody knows it.

    >>> in_words(0.9), in_words(0.6), in_words(0.2), in_words(None)
    ('sure', 'likely', 'a guess', '')
    """
    if likely is None:
        return ""
    return "sure" if likely >= SURE else "likely" if likely >= LIKELY else "a guess"
