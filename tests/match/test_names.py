import numpy as np
import pytest

from storysound.match.names import NameIndex, spoken_name, words
from storysound.story import Sound


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("FootSteps_wood-03.wav", ["foot", "step", "wood"]),
        ("Glass, grass & bus", ["glass", "grass", "bus"]),
        ("der Regen fällt", ["der", "regen", "fällt"]),
        ("🎵 «雨» ☂", []),
        ("", []),
    ],
)
def test_words(text: str, want: list[str]) -> None:
    assert words(text) == want


def test_a_name_holds_path_title_and_tags_once() -> None:
    sound = Sound("doors/creaky_door.ogg", "/r", 1.0, "sfx", title="Creaky door", tags=("horror", "door"))
    assert spoken_name(sound) == "door creaky horror"


def test_rare_words_count_more_than_common_ones() -> None:
    index = NameIndex(["door wood", "door metal", "door glass"])
    assert index.rate(words("wooden wood door")).argmax() == 0
    rate = index.rate(["door", "glass"])
    assert rate[2] == pytest.approx(1)
    assert rate[0] < 0.5


def test_unknown_words_rate_nothing() -> None:
    index = NameIndex(["door wood", "rain"])
    assert index.rate(["spaceship"]).tolist() == [0, 0]
    assert index.rate([]).dtype == np.float32


def test_common_words_in_the_order_of_the_query() -> None:
    assert NameIndex(["b a c"]).common(["a", "x", "b", "a"], 0) == ("a", "b")
