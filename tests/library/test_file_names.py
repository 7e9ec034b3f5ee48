"""Names of files for stories: short, writable anywhere, and told apart everywhere."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storysound.library.file_names import LONGEST_BYTES, file_names

FORBIDDEN = set('./\\:*?"<>| \n\0')


@pytest.mark.parametrize(
    ("story_id", "name"),
    [
        ("clips/rain@12.500", "clips__rain@12=2E500"),
        ("v@0.000#2", "v@0=2E000=232"),
        ("a__b", "a=5F=5Fb"),
        ("a_/b", "a=5F__b"),
        ("CON", "=43ON"),
        ("lpt1", "=6Cpt1"),
        ('what? a "day" <3|', "what=3F=20a=20=22day=22=20=3C3=7C"),
        ("été", "été"),
        ("e\u0301t", "ét"),
        ("बारिश", "बारिश"),
        ("🌧", "=F0=9F=8C=A7"),
        ("", "="),
    ],
)
def test_readable_names(story_id: str, name: str) -> None:
    assert file_names([story_id]) == {story_id: name}


@pytest.mark.parametrize("char", ["a", "ü", "雨", "?", "🌧"])
def test_long_names_are_cut_between_characters_and_stay_different(char: str) -> None:
    one, two = (f"{char * 300}{end}" for end in "xy")
    names = file_names([one, two, char * 3])
    assert len(set(names.values())) == 3
    for name in (names[one], names[two]):
        assert LONGEST_BYTES - 12 <= len(name.encode()) <= LONGEST_BYTES
        assert name.startswith(names[char * 3])
        whole = names[char * 3][: len(names[char * 3]) // 3]  # one character as it is written
        assert set(name.rpartition("-")[0].split(whole)) == {""}


@pytest.mark.parametrize(("one", "two"), [("Rain", "rain"), ("é", "e\u0301"), ("É", "é"), ("STRASSE", "straße")])
def test_names_that_some_systems_take_for_the_same(one: str, two: str) -> None:
    names = file_names([one, two])
    assert names[one] == unicodedata.normalize("NFC", one)
    assert names[two].startswith(unicodedata.normalize("NFC", two) + "-")
    assert file_names([one, two, "other"])[two] == names[two]


def folded(name: str) -> str:
    return unicodedata.normalize("NFD", name.casefold())


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=150), unique=True, max_size=6))
def test_names_are_short_writable_and_different(ids: list[str]) -> None:
    names = file_names(ids)
    assert list(names) == ids
    assert len(set(map(folded, names.values()))) == len(ids)
    for name in names.values():
        assert not FORBIDDEN & set(name)
        assert 0 < len(name.encode()) <= LONGEST_BYTES
