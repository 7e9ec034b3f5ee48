"""Words for how pictures look, from made pictures: an end of a scale has one, the middle none."""

import numpy as np
import pytest

from storysound.annotate.picture_look import look_words
from storysound.encode.detectors.boxes import Box
from storysound.media.arrays import Pixels


def picture(colour: tuple[int, int, int]) -> Pixels:
    noise = np.random.default_rng(0).integers(-20, 21, (40, 60, 3))
    return np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)


def words(colour: tuple[int, int, int] = (120, 118, 100), **given: object) -> tuple[str, ...]:
    asked = {"boxes": [()], "motion": [3.0], "shots_s": [4.0], **given}
    return look_words([picture(colour)], **asked)  # type: ignore[arg-type]


def test_of_the_middle_nothing_is_said() -> None:
    assert words() == ()
    assert look_words((), (), (), ()) == ()


@pytest.mark.parametrize(
    ("colour", "found"),
    [
        ((20, 20, 60), ("dark",)),
        ((230, 225, 215), ("bright",)),
        ((128, 100, 80), ("warm",)),
        ((90, 110, 125), ("cold",)),
        ((200, 60, 20), ("colourful", "warm")),
    ],
)
def test_light_and_colour(colour: tuple[int, int, int], found: tuple[str, ...]) -> None:
    assert words(colour) == found


def test_without_colour_it_is_grey_and_neither_warm_nor_cold() -> None:
    grey = np.full((40, 60, 3), 120, np.uint8)
    assert look_words([grey], [()], (), ()) == ("grey",)


def test_the_largest_sure_thing_tells_how_near_it_is() -> None:
    small, large = Box("dog", 0.9, 0.4, 0.4, 0.6, 0.6), Box("person", 0.8, 0.0, 0.0, 0.8, 1.0)
    assert words(boxes=[[small]]) == ("far",)
    assert words(boxes=[[small, large]]) == ("near",)
    assert words(boxes=[[Box("person", 0.3, 0.0, 0.0, 1.0, 1.0)]]) == ()


def test_motion_and_short_shots_are_fast() -> None:
    assert words(motion=[0.2, 0.3]) == ("still",)
    assert words(motion=[9.0]) == ("fast",)
    assert words(motion=[3.0], shots_s=[1.0, 0.8, 1.2]) == ("fast",)
    assert words(motion=[], shots_s=[1.0, 1.0]) == (), "pictures of a slideshow don't move"
