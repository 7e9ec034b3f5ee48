"""Pictures that could have been seen with a sound, made without any: what the encoder would recognise in them.

A picture of a class gives features about in the direction in which the encoder's last layer looks for that class and
for those that it confuses with it, and much else; what that layer makes of them are scores as doubtful as those of
photographs. Axes: c classes, f features, d numbers of the text space.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from storysound.encode import gloss
from storysound.encode.labels import LabelSpace, softmax
from storysound.errors import InputError
from storysound.media.arrays import Floats

CLEAR = (3.0, 8.0)  # length of the features of what is shown, lowest and highest; other logits vary by `DOUBT`
DOUBT = (0.8, 1.2)
CONFUSED = 4  # classes that are looked for as well, drawn by how near they lie
NEAR = 0.06  # of cosines: how much less likely farther ones are
BESIDE = 0.3  # share of the pictures that show something else as well, at most as clearly


@dataclass(frozen=True, eq=False)
class MadePictures:
    """Draws what is recognised in pictures of kinds of sound."""

    looks_for: Floats  # unit rows [c f] of the encoder's last layer, about their mean
    space: LabelSpace
    shows: tuple[NDArray[np.intp], ...]  # classes that show each kind; none for some

    @classmethod
    def of(cls, layer: Floats, space: LabelSpace, shows: tuple[NDArray[np.intp], ...]) -> "MadePictures":
        """From the weight of the last layer [c f]."""
        rows = layer - layer.mean(0)
        return cls(rows / np.linalg.norm(rows, axis=1, keepdims=True), space, shows)

    @property
    def shown(self) -> NDArray[np.intp]:
        """Kinds that some class shows."""
        return np.array([kind for kind, classes in enumerate(self.shows) if len(classes)], np.intp)

    def scores(self, kind: int, dice: np.random.Generator) -> Floats:
        """Probabilities [c] of a picture of a kind."""
        shown = int(dice.choice(self.shows[kind]))
        near = self.looks_for @ self.looks_for[shown]
        near[shown] = -np.inf
        chance = softmax(near / np.float32(NEAR)).astype(np.float64)
        also = dice.choice(len(near), min(CONFUSED, len(near) - 1), p=chance / chance.sum())
        clear = dice.uniform(*CLEAR)
        features = clear * (self.looks_for[shown] + dice.random(len(also)) @ self.looks_for[also])
        if dice.random() < BESIDE:
            features = features + dice.uniform(0, clear) * self.looks_for[int(dice.integers(len(near)))]
        features = features + dice.uniform(*DOUBT) * dice.standard_normal(len(features))
        return softmax((self.looks_for @ features).astype(np.float32))

    def vectors(self, kind: int, count: int, dice: np.random.Generator) -> Floats:
        """The gloss of each of some such pictures [count d]."""
        return np.stack([gloss.vector(self.scores(kind, dice), self.space) for _ in range(count)])


def read_shows(folder: Path) -> tuple[NDArray[np.intp], ...]:
    """Classes that show each kind. Raises InputError where the folder is not what `prepare.py` makes."""
    try:
        table: dict[str, list[int]] = json.loads((folder / "shows.json").read_text("utf-8"))
        return tuple(np.array(classes, np.intp) for classes in table.values())
    except (OSError, ValueError, TypeError, AttributeError) as error:
        fault = f"doesn't say what pictures show: {error}"
        raise InputError(folder, fault, "make it by shipped_weights/sosgen/prepare.py") from error
