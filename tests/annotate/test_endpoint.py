"""An endpoint that is slow, refuses, answers nonsense and dies: nothing is lost, asked twice, or paid twice."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from annotate.chat_server import Script, said
from storysound.annotate.caption_store import CaptionStore
from storysound.annotate.chat import Chat, Message, RefusedError, UnansweredError
from storysound.annotate.endpoint import Endpoint, Limits, OutOfBudgetError, tokens_of
from storysound.errors import OutputError, UsageError
from storysound.progress import Cancelled, Stop, Watch


def question(words: str) -> list[Message]:
    return [{"role": "user", "content": words}]


def echo(messages: list[dict[str, str]]) -> str:
    return f"You said {messages[-1]['content']}."


class Waits(list[float]):
    """Notes how long it is asked to wait, and doesn't."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def endpoint(address: str, folder: Path, waits: Any = None, timeout_s: float = 5.0, **limits: Any) -> Endpoint:
    chat = Chat(address, "m", timeout_s, 50)
    return Endpoint(chat, Limits(**limits), CaptionStore(folder / "answers.jsonl"), Waits() if waits is None else waits)


def test_a_busy_endpoint_is_asked_again_when_it_says(tmp_path: Path) -> None:
    script, waits = Script((429, "slow down", {"Retry-After": "7"}), (503, "soon", {}), (500, "oh", {}), echo), Waits()
    with script.serving() as address:
        asked = endpoint(address, tmp_path, waits)
        assert asked.answer(question("rain")) == "You said rain."
    assert waits == [7.0, 2.0, 4.0]  # as it asks, else twice as long each time
    assert len(set(script.marks)) == 1  # the same question, so that it can tell
    assert (asked.spent.requests, asked.spent.refused) == (4, 3)


def test_a_wait_without_end_is_cut(tmp_path: Path) -> None:
    waits = Waits()
    with Script((429, "later", {"Retry-After": "86400"}), echo).serving() as address:
        endpoint(address, tmp_path, waits).answer(question("rain"))
    assert waits == [120.0]


@pytest.mark.parametrize(("status", "times"), [(500, 3), (429, 3), (400, 1), (401, 1), (302, 1)])
def test_what_goes_on_refusing_is_told(tmp_path: Path, status: int, times: int) -> None:
    script = Script((status, "no", {}))
    with script.serving() as address, pytest.raises(RefusedError, match=f"answers {status}: no"):
        endpoint(address, tmp_path, tries=3).answer(question("rain"))
    assert len(script.asked) == times
    assert not (tmp_path / "answers.jsonl").exists()


def test_nobody_there_is_asked_again_and_told(tmp_path: Path) -> None:
    waits = Waits()
    with pytest.raises(RefusedError, match="does not answer"):
        endpoint("http://127.0.0.1:9/v1", tmp_path, waits, tries=3).answer(question("rain"))
    assert waits == [1.0, 2.0]


@pytest.mark.parametrize("act", ["drop", "half", "late", "trickle"])
def test_a_question_that_may_have_to_be_paid_is_not_asked_again(tmp_path: Path, act: str) -> None:
    script, begun_s = Script(act, echo), time.monotonic()
    with script.serving() as address:
        asked = endpoint(address, tmp_path, timeout_s=0.5)
        with pytest.raises(UnansweredError, match="does not answer"):
            asked.answer(question("rain"))
        assert time.monotonic() - begun_s < 4
        assert len(script.asked) == 1
        assert asked.spent.prompt_tokens >= tokens_of(question("rain"))  # it counts as paid
        assert asked.answer(question("rain")) == "You said rain."  # the next run may ask


NONSENSE = [
    "not JSON",
    '{"choices": [{"message": {"content": "half a',
    {"choices": []},
    {"error": "x"},
    [1],
    {"choices": [{"message": {"content": 5}}]},
    "x" * (10 << 20),
    "[" * 100_000,
]


@pytest.mark.parametrize("answer", NONSENSE, ids=range(len(NONSENSE)))
def test_nonsense_is_paid_and_not_asked_for_twice(tmp_path: Path, answer: object) -> None:
    script = Script((200, answer, {}))
    with script.serving() as address:
        assert endpoint(address, tmp_path).answer(question("rain")) == ""
        assert endpoint(address, tmp_path).answer(question("rain")) == ""
    assert len(script.asked) == 1


def test_answers_are_kept_as_they_come(tmp_path: Path) -> None:
    script = Script(echo, echo, "drop")
    with script.serving() as address:
        asked = endpoint(address, tmp_path)
        for words in ("rain", "wind"):
            asked.answer(question(words))
        with pytest.raises(UnansweredError):
            asked.answer(question("snow"))
    rows = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().split("\n") if line]
    assert [row["text"] for row in rows] == ["You said rain.", "You said wind."]
    with Script(echo).serving() as other, Script(echo).serving():
        again = endpoint(address, tmp_path)  # whoever serves the model, its answers are known
        assert [again.answer(question(words)) for words in ("rain", "wind")] == ["You said rain.", "You said wind."]
        assert again.knows(question("rain"))
        assert not again.knows(question("snow"))
        assert endpoint(other, tmp_path).answer(question("rain")) == "You said rain."
        assert again.spent.requests == 0


def test_a_cut_line_costs_its_own_answer_alone(tmp_path: Path) -> None:
    with Script(echo).serving() as address:
        endpoint(address, tmp_path).answer(question("rain"))
        endpoint(address, tmp_path).answer(question("wind"))
        file = tmp_path / "answers.jsonl"
        file.write_text(file.read_text()[:-5])
        script = Script(echo)
        with script.serving() as other:
            for words in ("rain", "wind", "rain"):
                endpoint(other, tmp_path).answer(question(words))
        assert [messages[0]["content"] for messages in script.asked] == ["wind"]


def test_threads_that_ask_the_same_ask_once(tmp_path: Path) -> None:
    script = Script(lambda messages: (time.sleep(0.2), echo(messages))[1])
    with script.serving() as address, ThreadPoolExecutor(8) as pool:
        asked = endpoint(address, tmp_path)
        answers = list(pool.map(lambda n: asked.answer(question(f"rain {n % 2}")), range(8)))
    assert len(script.asked) == 2
    assert set(answers) == {"You said rain 0.", "You said rain 1."}


def test_a_budget_is_never_overdrawn(tmp_path: Path) -> None:
    script = Script(lambda messages: (time.sleep(0.05), echo(messages))[1])
    with script.serving() as address, ThreadPoolExecutor(8) as pool:
        asked = endpoint(address, tmp_path, requests=3)
        ends = [pool.submit(asked.answer, question(f"rain {n}")) for n in range(8)]
        faults = [end.exception() for end in ends]
        assert sum(isinstance(fault, OutOfBudgetError) for fault in faults) == 5
        assert len(script.asked) == asked.spent.requests == 3
        for n, fault in enumerate(faults):
            if fault is None:  # what is known costs nothing
                assert asked.answer(question(f"rain {n}")) == f"You said rain {n}."


def test_a_budget_in_tokens_counts_what_the_endpoint_counts(tmp_path: Path) -> None:
    counted = {**said("x"), "usage": {"prompt_tokens": 70, "completion_tokens": 20}}
    script = Script((200, counted, {}))
    with script.serving() as address:
        asked = endpoint(address, tmp_path, tokens=150)
        asked.answer(question("a"))
        assert (asked.spent.prompt_tokens, asked.spent.answer_tokens) == (70, 20)
        with pytest.raises(OutOfBudgetError, match="90 of 150 tokens are spent"):
            asked.answer(question("b"))  # may cost its question and 50 tokens of an answer
    assert asked.spent.tokens == 90  # it counts more than we thought: that is learned


def test_questions_are_spread_over_the_minute(tmp_path: Path) -> None:
    waits = Waits()
    with Script(echo).serving() as address:
        asked = endpoint(address, tmp_path, waits, per_minute=60.0)
        for n in range(4):
            asked.answer(question(f"{n}"))
    assert waits == pytest.approx([0, 1, 2, 3], abs=0.5)


def test_it_ends_at_once_when_told_to_stop(tmp_path: Path) -> None:
    stop = Stop()
    threading.Timer(0.3, stop.set).start()
    begun_s = time.monotonic()
    script = Script((429, "wait", {"Retry-After": "60"}))
    with script.serving() as address, Watch(stop=stop):
        asked = Endpoint(Chat(address, "m", 5.0), Limits(), CaptionStore(tmp_path / "answers.jsonl"))
        with pytest.raises(Cancelled):
            asked.answer(question("rain"))
    assert time.monotonic() - begun_s < 3


def test_a_full_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with Script(echo).serving() as address, pytest.raises(OutputError):
        endpoint(address, tmp_path / "file").answer(question("rain"))


@pytest.mark.parametrize("wrong", [{"at_once": 0}, {"tries": 0}, {"per_minute": -1}, {"requests": -1}, {"tokens": -1}])
def test_limits_that_make_no_sense(wrong: dict[str, int]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        Limits(**wrong)  # type: ignore[arg-type]
