"""Captions rewritten behind an endpoint that fails: what was answered is kept, and nothing is asked twice."""

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner

import storysound as ss
from annotate.chat_server import Script
from annotate_fakes import FakeModels, annotate
from ingest_fakes import BLUE, GREEN, RED, film
from storysound.annotate.endpoint import Limits
from storysound.annotate.rewriting import prompts
from storysound.app.cli.commands import app
from storysound.encode import pool
from storysound.errors import InputError, LibraryError, UsageError
from storysound.jobs.annotate.request import RewriteConfig
from storysound.library.annotations import ANSWERS, LIST, Annotations


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    for number, colour in enumerate((RED, GREEN, BLUE, (200, 100, 0))):
        film(folder / f"{number}.mp4", [(colour, 1.0 + number / 10)], sound_s=0.5 + number / 10)
    return folder


def rewrite(messages: list[dict[str, str]]) -> str:
    """The source again, in the form of an answer."""
    return messages[-1]["content"].replace("Seen: ", "").replace("Heard: ", "")


def config(address: str, **limits: float) -> RewriteConfig:
    return RewriteConfig(address, "m", 5.0, limits=Limits(**limits), prompt_price=1.0, answer_price=2.0)  # type: ignore[arg-type]


def test_every_clip_is_rewritten_and_says_by_whom(videos: Path, tmp_path: Path) -> None:
    script = Script(rewrite)
    with script.serving() as address:
        result = annotate([videos], tmp_path / "out", rewriting=config(address))
        assert annotate([videos], tmp_path / "out", rewriting=config(address)).unchanged == 4
    assert result.added == 4
    assert len(script.asked) == result.cost.requests == len({json.dumps(each) for each in script.asked})
    assert result.cost.price > 0
    rows = Annotations.open(tmp_path / "out").rows()
    assert {each["prompt_sha256"] for row in rows for each in row["sentences"]} == {prompts().sha256}
    assert {each["by"] for row in rows for each in row["sentences"] if each["part"] == "description"} == {"m"}
    assert all(row["faults"] == [] for row in rows)


def test_where_it_dies_what_it_answered_is_kept_and_the_same_call_goes_on(videos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    script = Script(*[rewrite] * 4, "drop")
    with script.serving() as address:
        try:
            first = annotate([videos], out, rewriting=config(address, at_once=1), batch=2)
            assert first.skipped
        except InputError:
            pass
    answered = (out / ANSWERS).read_text().count('"key"')
    assert answered == 4
    again = Script(rewrite)
    with again.serving() as address:
        result = annotate([videos], out, rewriting=config(address))
    assert result.present == 4
    asked = Counter(json.dumps(each) for each in script.asked[:4] + again.asked)
    assert set(asked.values()) == {1}, "asked twice for what it had answered"
    assert len((out / LIST).read_text().splitlines()) == 4


def test_an_endpoint_that_only_fails_ends_the_run_and_loses_nothing(videos: Path, tmp_path: Path) -> None:
    script = Script("drop")
    with script.serving() as address, pytest.raises(InputError, match="does not answer"):
        annotate([videos], tmp_path / "out", rewriting=config(address, at_once=1))
    assert len(script.asked) == 4  # each clip once, and then it is left alone


def test_a_spent_budget_leaves_the_rest_for_later(videos: Path, tmp_path: Path) -> None:
    out, script = tmp_path / "out", Script(rewrite)
    with script.serving() as address:
        first = annotate([videos], out, rewriting=config(address, requests=5, at_once=1), batch=1)
        assert len(script.asked) == first.cost.requests == 5
        assert 0 < first.added < 4
        assert first.left == 4 - first.added
        assert "the budget is spent" in first.notes[-1]
        second = annotate([videos], out, rewriting=config(address))
    assert (second.unchanged, second.added) == (first.added, first.left)
    assert len(script.asked) == len({json.dumps(each) for each in script.asked})


@pytest.mark.parametrize("answer", ["not JSON", "x" * (2 << 20), '{"choices": [{"message"'])
def test_nonsense_leaves_the_words_of_grammar(videos: Path, tmp_path: Path, answer: str) -> None:
    script = Script((200, answer, {}))
    with script.serving() as address:
        result = annotate([videos / "0.mp4"], tmp_path / "out", rewriting=config(address))
    (row,) = Annotations.open(tmp_path / "out").rows()
    assert row["caption"] == "The video shows a red ball. A beep is heard until 0.5 s."
    assert len(row["faults"]) == 3
    assert "an answer was not taken" in result.notes[-1]


def test_a_busy_endpoint_is_waited_for(videos: Path, tmp_path: Path) -> None:
    script = Script((429, "slow", {"Retry-After": "0.1"}), rewrite)
    with script.serving() as address:
        result = annotate([videos / "0.mp4"], tmp_path / "out", rewriting=config(address, at_once=1))
    assert (result.added, result.cost.refused) == (1, 1)


def test_a_dry_run_asks_nobody_and_says_what_it_would_cost(videos: Path, tmp_path: Path) -> None:
    script = Script(rewrite)
    with script.serving() as address:
        dry = annotate([videos], tmp_path / "out", rewriting=config(address), dry=True)
        assert not (tmp_path / "out").exists()
        assert script.asked == []
        real = annotate([videos], tmp_path / "out", rewriting=config(address))
        assert annotate([videos], tmp_path / "out", rewriting=config(address), dry=True).left == 0
    assert (dry.left, dry.cost.requests) == (4, 12)
    assert real.cost.requests <= dry.cost.requests
    assert real.cost.prompt_tokens <= 1.3 * dry.cost.prompt_tokens
    assert dry.cost.price > 0


def test_another_model_needs_another_folder(videos: Path, tmp_path: Path) -> None:
    with Script(rewrite).serving() as address:
        annotate([videos / "0.mp4"], tmp_path / "out", rewriting=config(address))
        with pytest.raises(LibraryError, match="rewritten_by"):
            annotate([videos / "0.mp4"], tmp_path / "out")


def test_the_command_asks_the_endpoint(videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "Models", lambda profile, weights: FakeModels())
    words = ["annotate", str(videos / "0.mp4"), "-o", str(tmp_path / "out"), "--unsupported", "keep", "--jobs", "1"]
    with Script(rewrite).serving() as address:
        more = ["--rewrite", address, "--model", "m", "--json", "--prompt-price", "1"]
        told = CliRunner().invoke(app, [*words, *more])
        assert told.exit_code == 0, told.output
        cost = json.loads(told.stdout.splitlines()[-1])["cost"]
        assert cost["requests"] == 3
        assert CliRunner().invoke(app, [*words, *more, "--dry-run"]).exit_code == 0
    assert isinstance(CliRunner().invoke(app, [*words, "--model", "m"]).exception, UsageError)
    shutil.rmtree(tmp_path / "out")


def test_what_makes_no_sense_is_said_by_its_field() -> None:
    for wrong in ({"endpoint": "x"}, {"endpoint": "http://x"}, {"most_tokens": 0}, {"answer_price": -1.0}):
        with pytest.raises(UsageError):
            RewriteConfig(**wrong)  # type: ignore[arg-type]
    assert ss.AnnotateRequest((Path("a"),), Path("b")).rewriting is None
