"""Progress on stderr where a program listens, and what is said when a job is told to end."""

import pytest

from storysound.app.cli import progress
from storysound.progress import Cancelled, Progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_line_a_step_and_a_line_a_tenth(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    lines = progress._Lines("score")
    for done in range(101):
        clock[0] += 0.6
        lines(Progress("look", done, 100, share=done / 200, left_s=60 - done / 2))
    lines(Progress("mix", 0, 0, share=0.5, left_s=3.0))
    lines(Progress("mix", 0, 0, share=0.5, line="a thing to know"))
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "score: look, about 60 s left"
    assert told[1] == "score: 10 %, look, about 50 s left"
    assert [line.split()[1] for line in told[1:6]] == ["10", "20", "30", "40", "50"]
    assert told[6:] == ["score: 50 %, mix, about 3 s left", "a thing to know"]


def test_it_is_never_silent_for_long(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    lines = progress._Lines("score")
    lines(Progress("look", 0, 0))
    for _ in range(60):
        clock[0] += 1.0
        lines.still()
    assert len(capsys.readouterr().err.splitlines()) == 3


def test_a_job_that_is_done_at_once_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.shown("export") as report:
        for done in range(11):
            report(Progress("", done, 10, share=done / 10))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("ending", [KeyboardInterrupt, Cancelled, SystemExit])
def test_whoever_ends_it_is_told_what_is_kept(ending: type[BaseException], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ending), progress.shown("index", "what is analysed is kept; the same command goes on"):
        raise ending
    assert capsys.readouterr().err == "index: stopped, what is analysed is kept; the same command goes on\n"
    with pytest.raises(ending), progress.shown("score"):
        raise ending
    assert "nothing was written" in capsys.readouterr().err
