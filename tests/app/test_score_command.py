"""`storysound score` at the command line: options reach the job, output is lines or JSON lines."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from storysound.app.cli.commands import app
from storysound.cue.score import Cue, CueSheet, Loudness, Piece
from storysound.jobs.score import score as job
from storysound.story import Sound

runner = CliRunner()


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Replaces the job by one that notes what it was asked for."""
    seen: dict[str, Any] = {}

    def score(story: Path, out: Path, tools: Any, options: job.Options, progress: Any) -> job.Scored:
        seen.update(story=story, out=out, options=options)
        progress("look")
        sound = Sound("calm/rain.opus", "/l", 9.0, "sfx")
        cue = Cue("ambience-1", "ambience", 61.3, 70.0, sound, (Piece(0, 8.7, 61.3),), -3, 0.1, 0.1, 0.8, ("rain",))
        loudness = Loudness(lufs=float("-inf"), dbtp=-1.5, ducking_db=0.0)
        sheet = CueSheet("t", 70.0, 25.0, (), (cue,), loudness=loudness)
        return job.Scored(sheet, {"video": out}, ("a note",), {"look": 1.0})

    monkeypatch.setattr(job, "tools_of", lambda *_: None)
    monkeypatch.setattr(job, "score", score)
    return seen


def test_a_line_per_cue_and_where_the_results_are(called: dict[str, Any]) -> None:
    result = runner.invoke(app, ["score", "in.mp4", "-l", "lib", "-o", "out.mp4", "--text", "Rain."])
    assert result.exit_code == 0
    assert "ambience 1:01.3–1:10.0  calm/rain.opus  (rain)" in result.stdout
    assert "note: a note" in result.stdout
    assert "out.mp4" in result.stdout
    assert "look" in result.stderr
    assert called["options"].wish.text == "Rain."
    assert called["options"].music
    assert called["options"].keep_original


def test_json_lines_parse_and_options_arrive(called: dict[str, Any], tmp_path: Path) -> None:
    words = ["--no-music", "--drop-original", "--effects-gain", "-6", "--licence-policy", "commercial", "--mood", "1,0"]
    result = runner.invoke(app, ["score", "s", "-l", "x", "-o", "o.mp4", "--json", "--report", str(tmp_path), *words])
    cue, last = (json.loads(line) for line in result.stdout.splitlines())
    assert (cue["type"], cue["sound"]["path"], cue["start_s"]) == ("cue", "calm/rain.opus", 61.3)
    assert (last["type"], last["files"]["video"], last["loudness"]["lufs"]) == ("result", "o.mp4", None)
    options = called["options"]
    assert not options.music
    assert not options.keep_original
    assert options.levels.effects_db == -6
    assert options.wish.licence_policy == "commercial"
    assert options.wish.mood.valence == 1
    assert options.report == tmp_path
