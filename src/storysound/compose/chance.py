"""Chance that can be repeated: every decision draws from a generator named by what it decides, and by nothing else."""

import hashlib

import numpy as np


def chance(*names: int | str) -> np.random.Generator:
    """The generator of these names. Other names, or another order of them, give an unrelated one.

    >>> int(chance(1, "motif").integers(1000)) == int(chance(1, "motif").integers(1000))
    True
    """
    digest = hashlib.sha256("/".join(map(repr, names)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def drawn(weights: list[float], rng: np.random.Generator) -> int:
    """An index, each as likely as its weight; the weights needn't add up to 1.

    >>> drawn([0.0, 2.0, 0.0], chance(1))
    1
    """
    sums = np.cumsum(weights)
    return min(int(np.searchsorted(sums, rng.random() * sums[-1], side="right")), len(weights) - 1)
