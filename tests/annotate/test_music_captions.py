"""Captions without talk of recording quality: the rule, and a language model that is a local server here."""

import pytest

from annotate.chat_server import said, serving
from storysound.annotate.chat import KEY, Chat
from storysound.annotate.music_captions import by_model, by_rule, speaks_of_quality
from storysound.errors import InputError, UsageError

CAPTION = "The poor audio quality recording has a harp playing a slow tune."


def test_a_model_behind_an_endpoint_takes_out_talk_of_quality(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY, raising=False)
    with serving(200, said(' "A harp plays a slow tune."\n')) as (address, asked):
        assert by_model(CAPTION, Chat(address + "/", "some-model")) == "A harp plays a slow tune."
    (request,) = asked
    assert request["path"] == "/v1/chat/completions"
    assert (request["model"], request["temperature"], request["key"]) == ("some-model", 0, None)
    roles = [message["role"] for message in request["messages"]]
    assert roles == ["system", *["user", "assistant"] * 4, "user"]  # four examples, as in the paper
    assert request["messages"][-1]["content"] == CAPTION
    for before, after in zip(request["messages"][1:9:2], request["messages"][2:9:2], strict=True):
        assert speaks_of_quality(before["content"])
        assert not speaks_of_quality(after["content"])


def test_a_key_is_sent_where_one_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, "abc")
    with serving(200, said("x")) as (address, asked):
        Chat(address, "m").ask([{"role": "user", "content": "hello"}])
    assert asked[0]["key"] == "Bearer abc"


@pytest.mark.parametrize("answer", ["", " ", "word " * 60])
def test_a_caption_stays_where_the_answer_is_no_caption(answer: str) -> None:
    with serving(200, said(answer)) as (address, _):
        assert by_model(CAPTION, Chat(address, "m")) == CAPTION


@pytest.mark.parametrize(
    ("status", "answer", "fault"),
    [
        (500, "out of\nmemory", "answers 500: out of memory"),
        (401, "no", f"set {KEY}"),
        (200, "not JSON", "gives no chat completion"),
        (200, {"choices": []}, "gives no chat completion"),
        (200, {"choices": [{"message": {"content": None}}]}, "content is NoneType"),
        (302, "", "answers 302"),
    ],
)
def test_a_failing_endpoint_is_named(status: int, answer: object, fault: str) -> None:
    with serving(status, answer, Location="http://127.0.0.1:9/v1") as (address, asked):
        with pytest.raises(InputError, match=fault) as caught:
            Chat(address, "m").ask([])
        assert str(caught.value).startswith(address)
        assert "\n" not in str(caught.value)
        assert len(asked) == 1  # redirects elsewhere are not followed


def test_nobody_there_and_nonsense_addresses_are_said() -> None:
    with pytest.raises(InputError, match="does not answer"):
        Chat("http://127.0.0.1:9/v1", "m", timeout_s=2).ask([])
    with pytest.raises(UsageError, match="is no endpoint"):
        Chat("localhost:8000", "m")
    with pytest.raises(UsageError, match="name the model"):
        Chat("http://localhost", "")


def test_the_rule_shortens_the_common_phrase_and_nothing_else() -> None:
    assert by_rule("The low quality recording features a harp.") == "The recording features a harp."
    assert by_rule("A harp of low quality features here.") == "A harp of low quality features here."
    assert not speaks_of_quality(by_rule("The low quality recording features a harp."))
    assert speaks_of_quality("A guitar solo, recorded in mono with some background noise.")
    assert not speaks_of_quality("A calm piano melody.")
