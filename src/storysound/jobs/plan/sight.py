"""What is recognised in the pictures of a story, and what each scene shows in words that are likely right.

For words, two pictures of a scene are looked at more closely, for people and things in them, one where there are many
scenes; a profile whose encoder of pictures doesn't name the classes of ILSVRC 2012 has its own words for all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from storysound.annotate.picture_claims import IMAGENET, Things, things
from storysound.annotate.picture_words import picture_words
from storysound.cue.score import Scene
from storysound.encode import gloss
from storysound.encode.detectors import nanodet
from storysound.encode.encoder import Encoding
from storysound.encode.labels import LabelSpace
from storysound.encode.pool import Models
from storysound.ingest.footage import Footage
from storysound.media.arrays import Floats
from storysound.progress import check

CLOSE_LOOKS = 2  # pictures of a scene that are looked at closely
MANY = 100  # scenes, from which on one is


@dataclass(frozen=True)
class Sight:
    """What is recognised in the pictures of footage, in the classes of the encoder that looked."""

    space: LabelSpace  # the classes as points of the text space
    scores: Floats  # of each picture, unit by unit [p c]
    owner: NDArray[np.intp]  # the unit of each picture [p]

    def of_unit(self, unit: int) -> Floats:
        """Scores of a unit's pictures: [k c]."""
        own: Floats = self.scores[self.owner == unit]
        return own

    def clearness(self, unit: int) -> float:
        """How sure and of one meaning is what is recognised in a unit at its clearest, in [0, 1]."""
        return max(clearness(row, self.space) for row in self.of_unit(unit))


def clearness(scores: Floats, space: LabelSpace) -> float:
    """Length of the mean meaning of a picture's strongest classes [c]: 1 where one thing is seen for sure.

    Low where nothing is recognised, and where what is recognised doesn't belong together.
    """
    top = np.argsort(-scores, kind="stable")[: gloss.MOST]
    return float(np.linalg.norm(scores[top] @ space.vectors[top]))


def with_words(
    scenes: Sequence[Scene],
    footage: Footage,
    looks: Sequence[Sequence[Encoding]],
    sight: Sight | None,
    models: Models,
) -> tuple[Scene, ...]:
    """Scenes with their words; without any where nobody can tell what pictures show.

    `looks`: what the profile's encoder says of the pictures of each unit. Raises MissingModelError where who looks
    closely isn't there; Cancelled.
    """
    if sight is None:
        return tuple(scenes)
    close = 1 if len(scenes) >= MANY else CLOSE_LOOKS
    known = things(IMAGENET, labels) if (labels := models.picture.labels.get(IMAGENET)) else None
    worded = []
    for scene in scenes:
        check()
        units = _units(scene, footage)
        if known is None:
            shown = gloss.words(sight.scores[np.isin(sight.owner, units)].mean(axis=0), sight.space.labels)
        else:
            shown = _close_look(_spread(units, footage, close), footage, looks, known, models)
        worded.append(replace(scene, gloss=", ".join(shown)))
    return tuple(worded)


def _units(scene: Scene, footage: Footage) -> list[int]:
    """Units whose middle lies in a scene; the nearest, where none does."""
    middles = np.array([(unit.start_s + unit.end_s) / 2 for unit in footage.story.units])
    own = np.flatnonzero((middles >= scene.start_s) & (middles < scene.end_s)).tolist()
    return own or [int(np.abs(middles - (scene.start_s + scene.end_s) / 2).argmin())]


def _spread(units: Sequence[int], footage: Footage, most: int) -> list[tuple[int, int]]:
    """Pictures (unit, number) of some units, evenly spread."""
    every = [(unit, number) for unit in units for number in range(len(footage.pictures[unit]))]
    chosen = np.unique(np.floor((np.arange(min(most, len(every))) + 0.5) * len(every) / most).astype(int))
    return [every[i] for i in chosen.tolist()]


def _close_look(
    chosen: Sequence[tuple[int, int]],
    footage: Footage,
    looks: Sequence[Sequence[Encoding]],
    known: Things,
    models: Models,
) -> tuple[str, ...]:
    """Words for pictures (unit, number)."""
    if not chosen:
        return ()
    boxes = models.get(nanodet.NanoDet.name, nanodet.load).find([footage.pictures[u][n] for u, n in chosen])
    classes = np.stack([looks[u][n].scores[IMAGENET][0] for u, n in chosen])
    return tuple(word.words for word in picture_words(classes, boxes, known))
