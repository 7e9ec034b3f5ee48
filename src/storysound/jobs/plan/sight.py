"""What is recognised in the pictures of a story, and in likely words what each scene shows and how it looks.

For words, two pictures of a scene are looked at more closely, for people and things in them, one where there are many
scenes; a profile whose encoder of pictures doesn't name the classes of ILSVRC 2012 has its own words for all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from storysound.annotate.picture_claims import IMAGENET, things_named
from storysound.annotate.picture_look import look_words
from storysound.annotate.picture_words import PictureWord, picture_words, word_model
from storysound.cue.score import Scene
from storysound.encode import gloss
from storysound.encode.detectors import nanodet, scenery
from storysound.encode.detectors.boxes import Box
from storysound.encode.encoder import Encoding
from storysound.encode.labels import LabelSpace
from storysound.encode.pool import Models
from storysound.ingest.footage import Footage
from storysound.media.arrays import Doubles, Floats, Pixels
from storysound.progress import unless_stopped

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


class PictureReader:
    """Says in words what pictures of footage show; nothing where nobody can tell."""

    def __init__(
        self, footage: Footage, looks: Sequence[Sequence[Encoding]], sight: Sight | None, models: Models
    ) -> None:
        """`looks`: what the profile's encoder says of the pictures of each unit."""
        self._footage, self._looks, self._sight, self._models = footage, looks, sight, models
        self._boxes: dict[tuple[int, int], Sequence[Box]] = {}  # of pictures that were looked at closely
        self.things = things_named(models.picture.labels) if sight else None  # that it has likely words for

    def words(self, units: Sequence[int]) -> tuple[str, ...]:
        """What some units show, the likeliest first; two of their pictures are looked at closely.

        Raises MissingModelError where who looks closely isn't there.
        """
        return tuple(word.words for word in self._read(units, CLOSE_LOOKS)[0])

    def likely(self, units: Sequence[int], least: float, *, closely: bool = True) -> tuple[PictureWord, ...]:
        """The same, each with the chance that it is right, of at least `least`.

        `closely`: people and things are looked for in the pictures.
        """
        return self._read(units, CLOSE_LOOKS, least, closely=closely)[0]

    def ambience(self, unit: int) -> tuple[PictureWord, ...]:
        """Which ambience suits the pictures of a unit, each with its chance; nothing where nobody can tell."""
        seen = self._looks[unit]
        if not seen or self._models.profile.picture != scenery.EYES:
            return ()
        chances = scenery.of_pictures(seen, "ambience")
        return tuple(PictureWord(name, sum(own) / len(own)) for name, own in chances.items())

    def scene(self, scene: Scene, most: int = CLOSE_LOOKS) -> Scene:
        """A scene with words for what it shows and how it looks. Raises MissingModelError as `words`."""
        units = _units(scene, self._footage)
        shown, boxes, pictures = self._read(units, most)
        speeds = [self._footage.motion[unit] for unit in units if self._footage.motion]
        motion = [speed for speed in speeds if speed is not None]
        look = look_words(pictures, boxes, motion, [shot.duration_s for shot in scene.shots])
        return replace(scene, gloss=", ".join(word.words for word in shown), look=", ".join(look))

    def detected(self, scenes: Sequence[Scene]) -> Doubles:
        """The best score of each kind of thing, mean over the pictures of a scene that are looked at closely: [s 80].

        0 where nobody has likely words for what is detected. Raises MissingModelError as `words`.
        """
        found = np.zeros((len(scenes), len(nanodet.kinds())))
        if self.things is None:
            return found
        columns = {kind: column for column, kind in enumerate(nanodet.kinds())}
        for row, scene in zip(found, unless_stopped(scenes), strict=True):
            chosen = _spread(_units(scene, self._footage), self._footage, close_looks(scenes))
            for picture in chosen:
                best = np.zeros(len(row))
                for box in self._boxes_in(*picture):
                    best[columns[box.kind]] = max(best[columns[box.kind]], box.score)
                row += best / len(chosen)
        return found

    def _read(
        self, units: Sequence[int], most: int, least: float | None = None, *, closely: bool = True
    ) -> tuple[tuple[PictureWord, ...], Sequence[Sequence[Box]], Sequence[Pixels]]:
        """Words, and the pictures that were looked at closely with the boxes in each."""
        if self._sight is None:
            return (), (), ()
        chosen = _spread(units, self._footage, most)
        pictures = [self._footage.pictures[unit][number] for unit, number in chosen]
        if self.things is None or not chosen:
            own = self._sight.scores[np.isin(self._sight.owner, units)]
            shown = gloss.words(own.mean(axis=0), self._sight.space.labels) if len(own) else ()
            return tuple(PictureWord(word, 0.0) for word in shown), [()] * len(pictures), pictures
        boxes = [self._boxes_in(*at) if closely else () for at in chosen]
        classes = np.stack([self._looks[unit][number].scores[IMAGENET][0] for unit, number in chosen])
        model = word_model() if least is None else replace(word_model(), least=least)
        seen = [self._looks[unit][number] for unit, number in chosen]
        around = scenery.of_pictures(seen) if self._models.profile.picture == scenery.EYES else None
        return picture_words(classes, boxes, self.things, model, around=around), boxes, pictures

    def _boxes_in(self, unit: int, number: int) -> Sequence[Box]:
        if (unit, number) not in self._boxes:
            detector = self._models.get(nanodet.NanoDet.name, nanodet.load)
            self._boxes[unit, number] = detector.find([self._footage.pictures[unit][number]])[0]
        return self._boxes[unit, number]


def with_words(scenes: Sequence[Scene], reader: PictureReader) -> tuple[Scene, ...]:
    """Scenes with their words. Raises MissingModelError as `PictureReader.words`; Cancelled."""
    most = close_looks(scenes)
    return tuple(reader.scene(scene, most) for scene in unless_stopped(scenes))


def close_looks(scenes: Sequence[Scene]) -> int:
    """How many pictures of each of so many scenes are looked at closely, at the most."""
    return 1 if len(scenes) >= MANY else CLOSE_LOOKS


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
