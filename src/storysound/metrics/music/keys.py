"""How near a key that is found is to the one that is there (MIREX, audio key detection)."""

from typing import Literal

Relation = Literal["same", "fifth", "relative", "parallel", "other"]

SCORES: dict[Relation, float] = {"same": 1.0, "fifth": 0.5, "relative": 0.3, "parallel": 0.2, "other": 0.0}
_CLASSES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_SIGNS = {"#": 1, "b": -1}


def relation(found: str, truth: str) -> Relation:
    """What a key as "F# minor" is to another; "" is other than any. `fifth`: of the same mode, above or below.

    >>> [relation(key, "C major") for key in ("G major", "F major", "A minor", "C minor", "E minor", "")]
    ['fifth', 'fifth', 'relative', 'parallel', 'other', 'other']
    """
    if not found:
        return "other"
    (tonic, mode), (true_tonic, true_mode) = _parted(found), _parted(truth)
    step = (tonic - true_tonic) % 12
    if mode == true_mode:
        return "same" if step == 0 else "fifth" if step in (5, 7) else "other"
    if step == 0:
        return "parallel"
    return "relative" if step == (9 if true_mode == "major" else 3) else "other"


def _parted(key: str) -> tuple[int, str]:
    """Pitch class of the tonic, and the mode."""
    name, mode = key.split()
    return (_CLASSES[name[0]] + sum(_SIGNS[sign] for sign in name[1:])) % 12, mode
