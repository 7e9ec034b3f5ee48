"""`storysound score` at the command line: request reach the job, output is lines or JSON lines."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from storysound import session
from storysound.app.cli.commands import app
from storysound.cue.score import Cue, Loudness, Piece, Score
from storysound.jobs.score import score as job
from storysound.jobs.score.request import ScoreRequest, ScoreResult
from storysound.progress import Watch
from storysound.story import Sound, Story

runner = CliRunner()


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Replaces the job by one that notes what it was asked for."""
    seen: dict[str, Any] = {}

    def run(request: ScoreRequest, models: Any, watch: Watch) -> ScoreResult:
        seen.update(request=request)
        watch.step("look")
        sound = Sound("calm/rain.opus", "/l", 9.0, "sfx")
        cue = Cue("ambience-1", "ambience", 61.3, 70.0, sound, (Piece(0, 8.7, 61.3),), -3, 0.1, 0.1, 0.8, ("rain",))
        loudness = Loudness(lufs=float("-inf"), dbtp=-1.5, ducking_db=0.0)
        score = Score("t", 70.0, 25.0, (), (cue,), loudness=loudness)
        return ScoreResult(score, Story("t"), {"video": request.out}, ("a note",), {"look": 1.0})

    monkeypatch.setattr(job, "run", run)
    monkeypatch.setattr(session, "check_library", Path)
    return seen


def test_a_line_per_cue_and_where_the_results_are(called: dict[str, Any]) -> None:
    result = runner.invoke(app, ["score", "in.mp4", "-l", "lib", "-o", "out.mp4", "--text", "Rain."])
    assert result.exit_code == 0
    assert "ambience 1:01.3–1:10.0  calm/rain.opus  (rain)" in result.stdout
    assert "note: a note" in result.stdout
    assert "out.mp4" in result.stdout
    assert "look" in result.stderr
    assert called["request"].text == "Rain."
    assert called["request"].music
    assert called["request"].keep_original


def test_json_lines_parse_and_request_arrive(called: dict[str, Any], tmp_path: Path) -> None:
    words = ["--no-music", "--drop-original", "--effects-gain", "-6", "--licence-policy", "commercial", "--mood", "1,0"]
    result = runner.invoke(app, ["score", "s", "-l", "x", "-o", "o.mp4", "--json", "--report", str(tmp_path), *words])
    cue, last = (json.loads(line) for line in result.stdout.splitlines())
    assert (cue["type"], cue["sound"]["path"], cue["start_s"]) == ("cue", "calm/rain.opus", 61.3)
    assert (last["type"], last["files"]["video"], last["loudness"]["lufs"]) == ("result", "o.mp4", None)
    request = called["request"]
    assert not request.music
    assert not request.keep_original
    assert request.effects_gain_db == -6
    assert request.licence_policy == "commercial"
    assert request.mood.valence == 1
    assert request.report == tmp_path
