"""`storysound summarize` at the command line: options reach the job, output is a table or JSON lines."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from storysound.app.cli.commands import app
from storysound.jobs.summarize import summarize as job
from storysound.jobs.summarize.request import SummarizeRequest, SummarizeResult, SummaryShot
from storysound.progress import Watch

runner = CliRunner()


@pytest.fixture(autouse=True)
def called(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Replaces the job by one that notes what it was asked for."""
    seen: dict[str, Any] = {}

    def run(request: SummarizeRequest, models: object, watch: Watch) -> SummarizeResult:
        seen.update(request=request)
        watch.step("look")
        shot = SummaryShot(61.25, 65.0, 0.71, ("geyser", "volcano"), 4.5)
        return SummarizeResult(str(request.video), str(request.out), request.by, 100.0, 3.75, (shot,), 21, 0.44)

    monkeypatch.setattr(job, "run", run)
    return seen


def test_a_line_per_shot_and_how_much_was_kept(called: dict[str, Any]) -> None:
    result = runner.invoke(app, ["summarize", "in.mp4", "-o", "out.mp4"])
    assert result.exit_code == 0
    assert "61.25 s  65.00 s    4.50 s    0.710  geyser, volcano" in result.stdout
    assert "out.mp4: 1 of 21 shots, 3.8 of 100.0 s; arousal is 0.440 over the whole video" in result.stdout
    assert "summarize: look" in result.stderr
    assert called["request"] == SummarizeRequest(Path("in.mp4"), Path("out.mp4"), "image", 0.15)


def test_json_lines_and_options(called: dict[str, Any]) -> None:
    result = runner.invoke(app, ["summarize", "in.mp4", "-o", "o.mp4", "--by", "music", "--share", "0.3", "--json"])
    (row,) = (json.loads(line) for line in result.stdout.splitlines())
    assert (row["start_s"], row["end_s"], row["importance"], row["at_s"]) == (61.25, 65.0, 0.71, 4.5)
    assert (row["path"], row["by"], row["shows"]) == ("in.mp4", "music", ["geyser", "volcano"])
    assert called["request"] == SummarizeRequest(Path("in.mp4"), Path("o.mp4"), "music", 0.3)


@pytest.mark.parametrize("words", [["--share", "1.5"], ["--by", "smell"]])
def test_options_out_of_range(words: list[str]) -> None:
    assert runner.invoke(app, ["summarize", "in.mp4", "-o", "out.mp4", *words]).exit_code == 2
