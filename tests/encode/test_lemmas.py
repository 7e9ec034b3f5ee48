"""The rule gloss: lemmas out of a small table, content words in order; and the real table on captions."""

import gzip
from pathlib import Path

import pytest

from storysound.encode import gloss, lemmas
from storysound.encode.lemmas import Lemmas
from storysound.weights.resolver import Resolver

TABLE = {
    "barking": {"verb": ("bark",)}, "bark": {"verb": ("bark",), "noun": ("bark",)},
    "painting": {"noun": ("painting",), "verb": ("paint",)}, "rattling": {"noun": ("rattling",), "verb": ("rattle",)},
    "leaves": {"noun": ("leave", "leaf"), "verb": ("leave",)}, "saw": {"noun": ("saw",), "verb": ("see", "saw")},
    "heard": {"verb": ("hear",)}, "louder": {"adj": ("loud",)}, "feed": {"verb": ("fee", "feed"), "noun": ("feed",)},
    "meow": {"verb": ("meow",)}, "meowing": {"noun": ("meowing",)},
}  # fmt: skip


@pytest.mark.parametrize(
    ("word", "lemma"),
    [
        ("barking", "bark"), ("painting", "painting"), ("rattling", "rattle"), ("leaves", "leaf"), ("saw", "saw"),
        ("heard", "hear"), ("louder", "loud"), ("feed", "feed"), ("meowing", "meow"), ("meows", "meow"),
        ("zworgling", "zworgling"), ("glass", "glass"),
    ],
)  # fmt: skip
def test_lemmas_by_ending(word: str, lemma: str) -> None:
    assert Lemmas(TABLE).of(word) == lemma


@pytest.mark.models
def test_the_table_glosses_captions(weights: Resolver) -> None:
    lemma = lemmas.load(weights).of
    for text, wanted in (
        ("A man talks while several animals make noises", "man talk several animal make noise"),
        (
            "Thunder claps, and hard rain isn't falling on children's roofs",
            "thunder clap hard rain not fall child roof",
        ),
        ("without wind", "not wind"),
        ("of the and", ""),
    ):
        assert " ".join(gloss.of_text(text, lemma)) == wanted


def test_the_table_is_read_as_it_lies_in_the_cache(tmp_path: Path) -> None:
    class Cached:
        def path(self, name: str) -> Path:
            assert name == "lemmas"
            return file

    file = tmp_path / "lemmas.gz"
    file.write_bytes(gzip.compress(b"geese,noun,goose\nglasses,noun,glass/glasses\n"))
    read = lemmas.load(Cached())  # type: ignore[arg-type]
    assert [read.of(word) for word in ("geese", "glasses")] == ["goose", "glass"]
