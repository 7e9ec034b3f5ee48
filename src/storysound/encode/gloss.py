"""The gloss: what a text, a picture or a sound is about, in bare words, so that they can meet.

Of a text: its content words, uninflected, in order (`of_text`), as sign languages are written down (Fang et al. 2024,
"Bridging the Gap between Text, Audio, Image, and Any Sequence", section 1, which prints no rule: this one is ours).
Of what a network recognises: labels -> words -> text space. Two networks with different classes understand each other
through it (`translate`), and a picture or a sound gets a point in the text space (`vector`).
"""

from collections.abc import Callable

import numpy as np

from storysound.encode.labels import LabelSpace
from storysound.encode.wording import FUNCTION_WORDS
from storysound.media.arrays import Floats
from storysound.metrics.ptb import tokens

NOT = "not"  # what all negations are glossed as
_NEGATIONS = frozenset("no not n't never without nor neither cannot".split())
_LEFT_OUT = FUNCTION_WORDS | frozenset(
    "across along among another anybody anyone anything around behind etc every everybody everyone everything "
    "herself himself itself may might must myself nobody nothing one onto ourselves ours shall since somebody "
    "someone something somewhere themselves together toward towards upon us via whose within yet yours".split()
)

MOST_SEEN = 30  # classes that take part in a translation
MOST = 10  # classes of one picture or sound that are worth words; below them scores are noise


def of_text(text: str, lemma: Callable[[str], str]) -> tuple[str, ...]:
    """Content words of a text by `lemma` (`encode.lemmas.Lemmas.of`), in order; every negation is "not".

    >>> of_text("The dogs don't bark at (the 2) well-known cats.", lambda word: word.removesuffix("s"))
    ('dog', 'not', 'bark', 'well-known', 'cat')
    """
    found = []
    for word in tokens(text):
        if word in _NEGATIONS:
            found.append(NOT)
        elif len(word) > 1 and word not in _LEFT_OUT and word[0] != "-" and word.replace("-", "").isalpha():
            found.append(lemma(word))
    return tuple(word for word in found if word not in _LEFT_OUT or word == NOT)


def strongest(scores: Floats, most: int = MOST) -> Floats:
    """The highest scores of [c], the others set to 0, the rest scaled to sum 1 (all zeros stay zeros).

    >>> strongest(np.array([0.2, 0.6, 0.0, 0.1], np.float32), 2).round(2).tolist()
    [0.25, 0.75, 0.0, 0.0]
    """
    kept = np.zeros_like(scores)
    top = np.argsort(-scores, kind="stable")[:most]
    kept[top] = np.maximum(scores[top], 0)
    total = float(kept.sum())
    return kept / np.float32(total) if total > 0 else kept


def words(probability: Floats, labels: tuple[str, ...], most: int = 5, least: float = 0.1) -> tuple[str, ...]:
    """Names of the classes of [c] that are recognised with at least `least` probability, strongest first.

    >>> words(np.array([0.2, 0.6, 0.05], np.float32), ("cat", "dog", "car"))
    ('dog', 'cat')
    """
    return tuple(labels[i] for i in np.argsort(-probability, kind="stable")[:most] if probability[i] >= least)


def vector(scores: Floats, space: LabelSpace) -> Floats:
    """A unit vector of the text space for what is recognised: [c] -> [d] (zeros where nothing is)."""
    mixed = strongest(scores) @ space.vectors
    result: Floats = mixed / max(float(np.linalg.norm(mixed)), 1e-9)
    return result


def translate(scores: Floats, wishes: Floats) -> Floats:
    """Scores over one label space as weights over another: [c] -> [c'].

    `wishes` [c c'] is what each class asks of the other space, as a query of its own name would
    (`LabelSpace.weights`). The root keeps a network that is too sure of itself from hearing with one ear only.
    """
    result: Floats = strongest(np.sqrt(np.maximum(scores, 0)), MOST_SEEN) @ wishes
    return result
