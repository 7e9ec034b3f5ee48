"""What each scene shows, in words that are likely right: people and things in it, and what the whole looks like.

Two pictures of a scene are looked at more closely, one where there are many scenes; a profile whose encoder of pictures
doesn't name the classes of ILSVRC 2012 has its own words for all of them.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

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
from storysound.progress import Watch

CLOSE_LOOKS = 2  # pictures of a scene that are looked at closely
MANY = 100  # scenes, from which on one is


def with_words(
    scenes: Sequence[Scene],
    footage: Footage,
    looks: Sequence[Sequence[Encoding]],
    scores: Floats,
    space: LabelSpace,
    models: Models,
    watch: Watch,
) -> tuple[Scene, ...]:
    """Scenes with their words.

    `looks`: what the profile's encoder says of the pictures of each unit; `scores` [p c]: of all pictures, unit by
    unit, in the classes of `space`. Raises MissingModelError where who looks closely isn't there; Cancelled.
    """
    units = [_units(scene, footage) for scene in scenes]
    if IMAGENET not in models.picture.labels:
        owner = np.repeat(np.arange(len(looks)), [len(own) for own in looks])
        shown = [gloss.words(scores[np.isin(owner, own)].mean(axis=0), space.labels) for own in units]
    else:
        known = things(IMAGENET, models.picture.labels[IMAGENET])
        close = 1 if len(scenes) >= MANY else CLOSE_LOOKS
        shown = []
        for number, own in enumerate(units):
            watch.at(number, len(units), "scenes")
            shown.append(_close_look(_spread(own, footage, close), footage, looks, known, models))
    return tuple(replace(scene, gloss=", ".join(words)) for scene, words in zip(scenes, shown, strict=True))


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
