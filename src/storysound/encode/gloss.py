"""The gloss: what a network recognises, said in words, so that it can meet text and other networks' classes.

Labels -> words -> text space. Two networks with different classes understand each other through it
(`translate`), and a picture or a sound gets a point in the text space (`vector`).
"""

import numpy as np
from numpy.typing import NDArray

from storysound.encode.labels import LabelSpace

Floats = NDArray[np.float32]

MOST_SEEN = 30  # classes that take part in a translation
MOST = 10  # classes of one picture or sound that are worth words; below them scores are noise


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
