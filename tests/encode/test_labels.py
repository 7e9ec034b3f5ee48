from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from storysound.encode import gloss
from storysound.encode.encoder import Encoding, Traits
from storysound.encode.labels import LabelSpace, label_space, remembered_vectors
from storysound.encode.wording import ParsedQuery, parse_query, plain, sentences, synonyms


class Letters:
    """A text encoder of 26 dimensions: how often each letter occurs. Counts what it was asked."""

    name, revision, modality, dim, labels, traits = "letters", "1", "text", 26, {}, Traits()

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, items: Sequence[str]) -> list[Encoding]:
        self.asked += items
        rows = [np.array([text.count(chr(97 + i)) for i in range(26)], np.float32) for text in items]
        return [Encoding((row / np.linalg.norm(row))[None]) for row in rows]


def test_weights_are_a_softmax_of_cosines() -> None:
    space = label_space("s", ["A", "B"], [["aaa"], ["bbb"]], Letters(), None)
    got = space.weights(np.stack([Letters().encode(["a"])[0].embedding[0]]), temperature=0.5)
    want = np.exp([2.0, 0.0]) / np.exp([2.0, 0.0]).sum()
    np.testing.assert_allclose(got[0], want, rtol=1e-5)


def test_vectors_are_embedded_once_and_only_where_new(tmp_path: Path) -> None:
    letters = Letters()
    first = remembered_vectors("x", ["ab", "cd", "ab"], letters, tmp_path)
    again = remembered_vectors("x", ["cd", "ef", "ab"], letters, tmp_path)
    assert letters.asked == ["ab", "cd", "ef"]
    np.testing.assert_array_equal(again[[2, 0]], first[:2])


def test_a_damaged_cache_is_made_anew(tmp_path: Path) -> None:
    want = remembered_vectors("x", ["ab"], Letters(), tmp_path)
    (file,) = (tmp_path / "texts").iterdir()
    file.write_bytes(b"\x00" * 40)
    np.testing.assert_array_equal(remembered_vectors("x", ["ab"], Letters(), tmp_path), want)


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert remembered_vectors("x", ["ab"], Letters(), blocked).shape == (1, 26)


def test_labels_need_a_wording_each() -> None:
    for wordings in ([["a"]], [["a"], []]):
        with pytest.raises(ValueError, match="2 labels"):
            label_space("s", ["A", "B"], wordings, Letters(), None)


def test_a_label_lies_amid_its_wordings() -> None:
    space = label_space("s", ["A"], [["a", "b"]], Letters(), None)
    np.testing.assert_allclose(space.vectors[0, :3], [0.5**0.5, 0.5**0.5, 0], rtol=1e-6)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("rain", ["rain"]),
        ("One. Two? Three!", ["One. Two? Three!", "One.", "Two?", "Three!"]),
        ("He said “Run!” Then silence", ["He said “Run!” Then silence", "He said “Run!", "Then silence"]),
        ("  line one\n\nline two ", ["line one\n\nline two", "line one", "line two"]),
        ("…", ["…"]),
    ],
)
def test_sentences(text: str, want: list[str]) -> None:
    assert sentences(text) == want


def test_wording_is_plain() -> None:
    assert [plain(label) for label in ("Rain_forest", "Train/Metro")] == [("rain forest",), ("train, metro",)]
    assert [synonyms(label) for label in ("Rain", "Bark, Yip")] == [("rain",), ("bark", "yip")]


@pytest.mark.parametrize(
    ("query", "wanted", "unwanted"),
    [
        ("a door", "a door", ()),
        ("rain, but no thunder", "rain", ("thunder",)),
        ("forest birds without wind, water or people", "forest birds", ("wind", "water", "people")),
        ("crowd except for the children", "crowd", ("children",)),
        ("not a piano", "", ("piano",)),
        ("a knotted rope", "a knotted rope", ()),
        ("  ", "", ()),
    ],
)
def test_what_must_not_be_heard(query: str, wanted: str, unwanted: tuple[str, ...]) -> None:
    assert parse_query(query) == ParsedQuery(wanted, unwanted)


def test_stories_keep_their_negations() -> None:
    story = "Nobody came that night, and there was no moon over the village where the old woman lived without a lamp."
    assert parse_query(story) == ParsedQuery(story, ())


EYE = LabelSpace("eye", ("cat", "dog", "car"), np.eye(3, dtype=np.float32))


def test_gloss_vector_points_at_what_is_recognised() -> None:
    np.testing.assert_allclose(gloss.vector(np.array([0, 2, 0], np.float32), EYE), [0, 1, 0])
    assert not gloss.vector(np.zeros(3, np.float32), EYE).any()


def test_translation_goes_through_the_text_space() -> None:
    swapped = LabelSpace("swapped", ("Wagen", "Katze", "Hund"), np.eye(3, dtype=np.float32)[[2, 0, 1]])
    weights = gloss.translate(np.array([0.0, 1.0, 0.0], np.float32), swapped.weights(EYE.vectors))
    assert swapped.labels[int(weights.argmax())] == "Hund"
    assert weights.sum() == pytest.approx(1)
