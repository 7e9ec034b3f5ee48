import unicodedata

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
        ("🎵 «雨» ☂", ["雨"]),
        ("e\u0301te\u0301 a\u0300 pluie", ["été", "pluie"]),  # accents apart, as macOS names files
        ("Regen fa\u0308llt", ["regen", "fällt"]),
        ("बारिश की आवाज़", ["बारिश", "की", "आवाज़"]),
        ("เสียงฝนตก-02.wav", ["เสียงฝนตก"]),
        ("صوت المَطَر", ["صوت", "المَطَر"]),
        ("می\u200cخواهم", ["می\u200cخواهم"]),
        ("mưa rơi_Đêm", ["mưa", "rơi", "đêm"]),
        ("비소리 \u1107\u1175", ["비소리", "비"]),
        ("ПтицыПоют", ["птицы", "поют"]),
        ("☂\ufe0f 100% \u0301", []),
        ("", []),
    ],
)
def test_words(text: str, want: list[str]) -> None:
    assert words(text) == want


def test_accents_and_vowel_signs_meet_in_either_form() -> None:
    for word in ("été", "बारिश", "ドア", "tiếng"):
        forms = [unicodedata.normalize(form, word) for form in ("NFC", "NFD")]
        assert len({tuple(words(each)) for each in forms}) == 1
        assert NameIndex([spoken_name(Sound(f"{forms[1]}.wav", "/r", 1.0, "sfx"))]).rate(words(forms[0])) == 1


def test_a_dot_in_a_name_is_no_ending() -> None:
    assert spoken_name(Sound("a.b/St.Louis", "/r", 1.0, "sfx")) == "st louis"
    assert spoken_name(Sound("Thunder.Storm.flac", "/r", 1.0, "sfx")) == "thunder storm"


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
