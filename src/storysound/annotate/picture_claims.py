"""What can be seen, by name, and which of it an encoder's classes tell of a picture.

A special class that the pictures don't tell apart from its neighbours is told as what they have in common: five breeds
at a tenth each are a dog. The tree of the classes of ILSVRC 2012 is our own (`imagenet_tree.txt`).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from storysound.encode.wording import plain
from storysound.media.arrays import Floats

IMAGENET = "imagenet"
_WORDS = {
    "a cat having a striped coat": "tabby cat",
    "tights for gymnastics, a one-piece leotard, or a sport jersey": "leotard",
    "fruiting spike of a cereal plant": "ear of grain",
    "hen of the woods mushroom": "mushroom",
}


@dataclass(frozen=True)
class SeeingConfig:
    """What of a picture is told."""

    special: float  # probability from which a class is called by its own name
    general: float  # from which anything is told
    most: int  # things

    def __post_init__(self) -> None:
        if not 0 < self.general <= self.special <= 1 or self.most < 1:
            raise ValueError(f"needs 0 < general <= special <= 1 and most >= 1, got {self}")


@dataclass(frozen=True, eq=False)
class Things:
    """Names for what can be seen: the classes of an encoder, then groups of them, the general ones first.

    `members` [g c] bool: the classes each group is of.
    """

    labels: tuple[str, ...]
    words: tuple[str, ...]
    members: np.ndarray

    def probabilities(self, classes: Floats) -> Floats:
        """Of classes and groups: [n c] -> [n c+g]."""
        groups = np.minimum(classes @ self.members.T.astype(np.float32), 1.0)
        result: Floats = np.concatenate([classes, groups], axis=1)
        return result

    def parts(self, thing: int) -> np.ndarray:
        """The classes that a thing is of: [c] bool."""
        count = self.members.shape[1]
        own: np.ndarray = self.members[thing - count] if thing >= count else np.arange(count) == thing
        return own


def parse(text: str, count: int) -> dict[str, np.ndarray]:
    r"""Groups of `count` classes, as [c] bool, by lines "name: 2-4 7".

    >>> {name: np.flatnonzero(own).tolist() for name, own in parse("# groups\npet: 0 2-3", 5).items()}
    {'pet': [0, 2, 3]}
    """
    groups: dict[str, np.ndarray] = {}
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            name, _, numbers = line.partition(":")
            groups[name] = np.zeros(count, bool)
            for part in numbers.split():
                low, _, high = part.partition("-")
                groups[name][int(low) : int(high or low) + 1] = True
    return groups


def things(space: str, labels: Sequence[str]) -> Things:
    """Of a label space; only that of ILSVRC 2012 has groups."""
    groups = _imagenet(len(labels)) if space == IMAGENET else {}
    names = (*labels, *groups)
    members = np.stack(list(groups.values())) if groups else np.zeros((0, len(labels)), bool)
    return Things(names, tuple(map(called, names)), members)


def things_named(labels: Mapping[str, tuple[str, ...]]) -> Things | None:
    """Of an encoder of pictures, by its `labels`; None of one that doesn't name the classes of ILSVRC 2012."""
    own = labels.get(IMAGENET)
    return things(IMAGENET, own) if own else None


@cache
def _imagenet(count: int) -> dict[str, np.ndarray]:
    return parse((files("storysound") / "annotate" / "imagenet_tree.txt").read_text("utf-8"), count)


def called(label: str) -> str:
    """How a sentence calls a class.

    >>> called("drake (male duck)"), called("cardboard box / carton"), called("Beagle")
    ('drake', 'cardboard box', 'Beagle')
    """
    words = _WORDS.get(label) or plain(label)[0] if label.islower() else _WORDS.get(label, label)
    return re.split(r" / | \(|, | or ", words)[0].strip()


def tells(probabilities: Floats, known: Things, config: SeeingConfig) -> list[int]:
    """Which things are told of a picture, by their probabilities [c+g]: the surest first, of one kind one."""
    count = known.members.shape[1]
    taken = np.zeros(count, bool)
    out: list[int] = []
    while len(out) < config.most:
        free = np.where(taken, 0.0, probabilities[:count])
        best = _best(free, known, config)
        if best is None:
            return out
        out.append(best)
        taken |= _kin(best, known)
    return out


def _best(free: Floats, known: Things, config: SeeingConfig) -> int | None:
    """The thing to tell by probabilities [c] of what isn't told yet: a class, or the smallest group that is sure."""
    top = int(free.argmax())
    if free[top] >= config.special:
        return top
    sums = known.members @ free
    sizes = known.members.sum(axis=1)
    for least in (config.special, config.general):
        able = [g for g in np.flatnonzero(sums >= least).tolist() if known.members[g, top]]
        if able:
            return int(len(free) + min(able, key=lambda g: (sizes[g], g)))
    return top if free[top] >= config.general else None


def _kin(thing: int, known: Things) -> np.ndarray:
    """Classes that say the same as a thing, more or less: those of every group that it meets but the widest: [c]."""
    own = known.parts(thing)
    kin = own.copy()
    for group in known.members:
        if (group & own).any() and group.sum() <= 40:
            kin |= group
    return kin


def log_odds(probability: float, most: float = 8.0) -> float:
    """Of a probability, within ± `most`.

    >>> log_odds(0.5), log_odds(1.0)
    (0.0, 8.0)
    """
    inside = min(max(probability, 1e-9), 1 - 1e-9)
    return float(np.clip(np.log(inside / (1 - inside)), -most, most))
