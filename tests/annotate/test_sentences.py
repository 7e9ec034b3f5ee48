"""Claims to English: what, how often, when, and no more words than wanted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storysound.annotate.claims import Claim
from storysound.annotate.families import audioset
from storysound.annotate.rewriting import ByRule, Caption
from storysound.annotate.sentences import (
    MOST_WORDS,
    audio_sentence,
    description,
    is_plural,
    listed,
    noun_phrase,
    seconds,
    split_sentences,
    times,
    video_sentence,
)
from storysound.annotate.sound_claims import called
from storysound.story import Span


def claim(sense: str, words: str, *spans: tuple[float, float], **more: bool) -> Claim:
    return Claim(sense, words, words, tuple(Span(*span) for span in spans), 0.9, "e 1", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("claims", "sentence"),
    [
        ([], ""),
        ([("dog", (0, 10))], "The video shows a dog."),
        ([("dog", (0, 10)), ("sunglasses", (0, 10))], "The video shows a dog and sunglasses."),
        ([("airliner", (0, 4)), ("sink", (4, 6)), ("cup", (6, 10))],
         "The video shows an airliner until 4 s, then a sink from 4 to 6 s, then a cup."),
        ([("dog", (0, 2), (4, 6), (8, 10)), ("cup", (2, 4))],
         "The video shows a dog three times, then a cup from 2 to 4 s."),
    ],
)  # fmt: skip
def test_what_is_seen(claims: list[tuple[str, tuple[float, float]]], sentence: str) -> None:
    assert video_sentence([claim("video", words, *spans) for words, *spans in claims], 10) == sentence


@pytest.mark.parametrize(
    ("claims", "sentence"),
    [
        ([("rain", (0, 10)), ("airplane", (1, 9.5))], "Rain and an airplane are heard throughout."),
        ([("footsteps", (0, 5))], "Footsteps are heard until 5 s."),
        ([("siren", (7, 10)), ("bark", (1, 2))], "A bark is heard at the beginning, and a siren at the end."),
        ([("bark", (1, 2), (4, 5), (6, 7)), ("wind", (0, 9))],
         "Wind is heard throughout, and a bark three times, from 1 to 7 s."),
    ],
)  # fmt: skip
def test_what_is_heard(claims: list[tuple[str, tuple[float, float]]], sentence: str) -> None:
    assert audio_sentence([claim("audio", words, *spans) for words, *spans in claims], 10) == sentence


def test_what_is_dropped_is_not_told_and_what_is_doubtful_is_told_so() -> None:
    assert video_sentence([claim("video", "dog", (0, 10), kept=False)], 10) == ""
    assert (
        audio_sentence([claim("audio", "bark", (4, 6), doubtful=True)], 10) == "Perhaps a bark is heard from 4 to 6 s."
    )


def test_every_class_has_a_phrase_without_an_article_too_many() -> None:
    for label in audioset().family:
        phrase = noun_phrase(called(label))
        assert phrase.strip() == phrase
        assert phrase.split()[0] not in ("a", "an") or not is_plural(called(label))
    assert [noun_phrase(word) for word in ("bus", "hour", "European", "footsteps", "ring")] == [
        "a bus", "an hour", "a European", "footsteps", "a ring",
    ]  # fmt: skip


def test_words_for_numbers() -> None:
    assert [times(n) for n in (1, 2, 8, 12)] == ["once", "twice", "eight times", "12 times"]
    assert [seconds(x) for x in (0.2, 1.3, 9.99)] == ["0", "1.5", "10"]
    assert listed([]) == ""


@given(st.lists(st.text("abcdefg", min_size=1, max_size=8), min_size=1, max_size=40, unique=True))
def test_a_description_is_whole_sentences_within_its_words(words: list[str]) -> None:
    heard = [claim("audio", word, (n % 5, n % 5 + 1)) for n, word in enumerate(words)]
    text = description("The video shows a dog.", audio_sentence(heard, 10))
    assert text.startswith("The video shows a dog.")
    assert text.endswith(".")
    assert ",." not in text
    longest_clause = max(len(part.split()) for part in audio_sentence(heard, 10).split(", "))
    assert len(text.split()) <= max(MOST_WORDS, 5 + longest_clause)


def test_sentences_are_told_apart_and_say_who_said_them() -> None:
    assert split_sentences("At 2.5 s a dog barks. It rains!  Why? ") == ["At 2.5 s a dog barks.", "It rains!", "Why?"]
    made = ByRule().describe(Caption("A dog. A cat.", "eyes 1", Span(0, 4)), Caption("", "ears 1", Span(0, 6)))
    assert made.text == made.video == "A dog. A cat."
    assert [(s.part, s.by, s.span.end_s) for s in made.sentences] == [
        ("video", "eyes 1", 4), ("video", "eyes 1", 4), ("description", "rule 1", 6), ("description", "rule 1", 6),
    ]  # fmt: skip
