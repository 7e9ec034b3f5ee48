"""Captions rewritten by a model: what it invents, and what is no description, is not taken."""

import re
from collections.abc import Sequence

import numpy as np
import pytest

from annotate_fakes import Letters
from storysound.annotate.chat import Message
from storysound.annotate.faithful import Faithful
from storysound.annotate.rewriting import ByModel, Caption, prompts
from storysound.encode import lemmas
from storysound.encode.encoder import Encoding
from storysound.encode.pool import Models
from storysound.story import Span

SYNONYMS = {"hound": "dog", "wooden": "wood"}
VIDEO = "The video shows a dog until 4 s, then a castle."
AUDIO = "Rain is heard throughout, and a bark twice, from 1 to 6 s."


class Words(Letters):
    """A word lies by itself, but for synonyms."""

    def encode(self, items: Sequence[str]) -> list[Encoding]:
        places = [sum(map(ord, SYNONYMS.get(item, item))) * 7919 % 997 for item in items]
        return [Encoding(np.eye(997, dtype=np.float32)[place][None]) for place in places]


def bare(word: str) -> str:
    return re.sub(r"(ing|s)$", "", word)


@pytest.fixture
def faithful() -> Faithful:
    return Faithful(Words(), bare)


@pytest.mark.parametrize(
    "answer",
    [
        "A hound is shown for the first 4 s, and then a castle appears.",
        "Until 4 s the scene features a dog, followed by a castle.",
        "First a dog can be seen, then a castle.",
    ],
)
def test_other_words_for_the_same_pass(faithful: Faithful, answer: str) -> None:
    assert faithful.fault(answer, [VIDEO]) == ""


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ("", "is empty"),
        ("A dog and a horse are seen.", "horse"),
        ("A dog named Rex stands before a castle.", "Rex"),
        ("Until 7 s a dog is seen.", "7"),
        ("Three dogs are seen before a castle.", "3"),
        ("A happy dog is shown in front of an ancient castle at sunset.", "happy, ancient, sunset"),
        ("Ein Hund ist zu sehen, dann eine Burg.", "no English"),
        ("一只狗，然后是一座城堡。", "no English"),
        ("Un chien est visible jusqu'à 4 s.", "no English"),
        ('{"caption": "A dog is seen', "no English"),
        ("A dog is seen. " * 40, "longer"),
        ("a " + "dog " * 100, "longer"),
        ("Sure, here is the rephrased caption: a dog is seen.", "speaks of itself"),
        ("As an AI language model I can't see the dog.", "speaks of itself"),
        ("x" * (1 << 20), "no English"),
    ],
)
def test_inventions_and_nonsense_are_found(faithful: Faithful, answer: str, fault: str) -> None:
    assert fault in faithful.fault(answer, [VIDEO])


class Model:
    """Gives answers in turn, and notes what it is asked."""

    def __init__(self, *answers: str) -> None:
        self.answers, self.asked = list(answers), list[str]()

    def __call__(self, messages: Sequence[Message]) -> str:
        self.asked.append(messages[-1]["content"])
        assert messages[0]["role"] == "system"
        return self.answers.pop(0)


def captions(video: str = VIDEO, audio: str = AUDIO) -> tuple[Caption, Caption]:
    return Caption(video, "grammar 1; eyes 1", Span(0, 10)), Caption(audio, "grammar 1; ears 1", Span(1, 9))


def test_both_are_rephrased_and_merged_and_every_sentence_says_by_whom(faithful: Faithful) -> None:
    model = Model(
        "A dog is seen, then a castle.", "Rain is heard, and a bark twice.", '"A dog is seen. Rain is heard."'
    )
    made = ByModel("m", model, faithful).describe(*captions())
    assert made.text == "A dog is seen. Rain is heard."
    assert model.asked == [VIDEO, AUDIO, "Seen: A dog is seen, then a castle.\nHeard: Rain is heard, and a bark twice."]
    sha = prompts().sha256
    assert [(s.part, s.by, s.prompt_sha256, s.span) for s in made.sentences] == [
        ("video", "m, of grammar 1; eyes 1", sha, Span(0, 10)),
        ("audio", "m, of grammar 1; ears 1", sha, Span(1, 9)),
        ("description", "m", sha, Span(0, 10)),
        ("description", "m", sha, Span(0, 10)),
    ]
    assert made.faults == ()


def test_an_answer_that_is_not_taken_leaves_what_was_there(faithful: Faithful) -> None:
    made = ByModel("m", Model("A unicorn.", "Rain is heard.", "A dog flies to Mars."), faithful).describe(*captions())
    assert made.video == VIDEO
    assert made.audio == "Rain is heard."
    assert made.text == f"{VIDEO} Rain is heard."
    assert [s.prompt_sha256 != "" for s in made.sentences] == [False, True, False, False]
    assert len(made.faults) == 2
    assert "unicorn" in made.faults[0]
    assert "Mars" in made.faults[1]


def test_what_nobody_saw_or_heard_is_not_asked_for(faithful: Faithful) -> None:
    model = Model("Rain is heard.")
    made = ByModel("m", model, faithful).describe(*captions(video=""))
    assert (made.text, made.video, model.asked) == ("Rain is heard.", "", [AUDIO])
    assert ByModel("m", Model(), faithful).describe(*captions("", "")).sentences == ()


def test_the_revision_changes_with_the_prompts(faithful: Faithful) -> None:
    assert ByModel("m", Model(), faithful).revision == f"m prompts {prompts().sha256[:12]}"
    asked = prompts()
    assert "fifty words" in asked.both("", "x")[0]["content"]
    assert asked.both("", "x")[1]["content"] == "Seen: nothing\nHeard: x"


@pytest.mark.models
@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ("A puppy is visible for the first 4 s before a castle comes into view.", ""),
        ("At first there is a dog, and after 4 s a fortress.", ""),
        ("A dog runs towards a motorcycle.", "motorcycle"),
        ("A dog stands by a swimming pool.", "pool"),
    ],
)
def test_with_real_words(models: Models, answer: str, fault: str) -> None:
    real = Faithful(models.text, models.get("lemmas", lemmas.load).of)
    found = real.fault(answer, [VIDEO])
    assert fault in found if fault else not found, found
