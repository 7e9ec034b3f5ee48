"""`score`, `plan`, `render` and `cue` at the command line: requests reach the job, output is lines or JSON."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from storysound import session
from storysound.app.cli.commands import app
from storysound.cue.score import Cue, Loudness, Piece, Score
from storysound.cue.sheet import read_json, write_json
from storysound.errors import InputError, MediaError, UsageError
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


def test_takes_tracks_and_sounds_to_avoid_arrive(called: dict[str, Any]) -> None:
    words = ["--take", "2", "--track", "1", "--avoid", "a.ogg", "--avoid", "b.ogg", "--loudness", "ebu", "--stems", "s"]
    assert runner.invoke(app, ["score", "in.mp4", "-l", "lib", "-o", "out.mp4", *words]).exit_code == 0
    request = called["request"]
    assert (request.seed, request.track, request.avoid, request.stems) == (1, 0, ("a.ogg", "b.ogg"), Path("s"))
    assert (request.levels.target_lufs, request.levels.ceiling_dbtp) == (-23.0, -1.0)


def test_slideshows_and_tracks_arrive_as_wished(called: dict[str, Any]) -> None:
    words = ["--size", "1920x1080", "--fps", "30", "--transition", "0", "--narration", "voice.wav", "--every-track"]
    assert runner.invoke(app, ["score", "in", "-l", "lib", "-o", "out.mp4", *words]).exit_code == 0
    request = called["request"]
    assert (request.size, request.fps, request.transition) == ((1920, 1080), 30.0, 0.0)
    assert (request.narration, request.seconds, request.every_track) == (Path("voice.wav"), None, True)
    for size in ("1920", "1920x", "axb", "1920*1080", "-2x2"):
        result = runner.invoke(app, ["score", "in", "-l", "lib", "-o", "out.mp4", "--size", size])
        assert isinstance(result.exception, UsageError)
        assert str(result.exception) == f"size: is width x height as 1920x1080, got {size!r}"


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    bed = Cue("music-1", "music", 0.0, 9.0, Sound("calm.ogg", "/l", 9.0, "music"), (Piece(0, 9, 0),), -3, 0.1, 0.1, 0.8)
    write_json(Score("t", 70.0, 25.0, (), (bed,)), tmp_path / "cues.json")
    return tmp_path / "cues.json"


@pytest.mark.parametrize(
    ("words", "changed"),
    [
        (["gain", "music-1", "-3"], {"gain_db": -6.0}),
        (["gain", "music-1", "+1.5"], {"gain_db": -1.5}),
        (["move", "music-1", "2.5"], {"start_s": 2.5, "end_s": 11.5}),
        (["trim", "music-1", "--start", "1", "--end", "8"], {"start_s": 1.0, "end_s": 8.0}),
        (["fade", "music-1", "--in", "2"], {"fade_in_s": 2.0}),
        (["mute", "music-1"], {"muted": True}),
        (["lock", "music-1"], {"locked": True}),
    ],
)
def test_a_cue_is_edited_and_the_edit_undone(sheet: Path, words: list[str], changed: dict[str, Any]) -> None:
    before = read_json(sheet)
    result = runner.invoke(app, ["cue", str(sheet), *words])
    assert result.exit_code == 0, result.output
    (cue,) = read_json(sheet).cues
    assert {name: getattr(cue, name) for name in changed} == changed
    assert result.stdout.startswith("music-1")
    assert runner.invoke(app, ["cue", str(sheet), "undo"]).exit_code == 0
    assert read_json(sheet).cues == before.cues
    assert runner.invoke(app, ["cue", str(sheet), "redo"]).exit_code == 0
    assert read_json(sheet).cues == (cue,)


def test_cues_are_listed(sheet: Path) -> None:
    runner.invoke(app, ["cue", str(sheet), "ban", "loud.ogg"])
    lines = runner.invoke(app, ["cue", str(sheet), "list"]).stdout.splitlines()
    assert lines == ["music-1     0:00.0–0:09.0   -3.0 dB  calm.ogg", "banned: loud.ogg"]
    row, last = (
        json.loads(line) for line in runner.invoke(app, ["cue", str(sheet), "list", "--json"]).stdout.splitlines()
    )
    assert (row["id"], row["layer"], row["start_s"], row["end_s"]) == ("music-1", "music", 0.0, 9.0)
    assert last["bans"] == ["loud.ogg"]


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["gain", "music-1", "loud"], "gain takes a number"),
        (["gain", "music-1"], "gain needs it"),
        (["mute", "music-1", "twice"], "doesn't know what to do with 'twice'"),
        (["mute", "music-1", "--softly"], "--softly is no option"),
        (["dance", "music-1"], "got 'dance'"),
        (["set", "music-1"], "set needs what to change: ensemble, style, theme, mood, seed"),
        (["set", "music-1", "piano"], "set takes ensemble="),
        (["set", "music-1", "colour=red"], "set takes ensemble="),
        (["set", "music-1", "seed=four"], "seed: counts from 0, got 'four'"),
        (["set", "music-1", "mood=high"], "give valence,arousal"),
        (["set", "music-1", "hits=41.2:bang"], "'41.2:bang': give seconds, and a mark"),
        (["swap", "music-1", "--to", "a", "--text", "b"], "by `sound` or by `text`"),
    ],
)
def test_words_that_make_no_sense_are_refused(sheet: Path, words: list[str], fault: str) -> None:
    before = sheet.read_bytes()
    result = runner.invoke(app, ["cue", str(sheet), *words])
    assert result.exit_code != 0
    assert fault in str(result.exception)
    assert sheet.read_bytes() == before


def test_what_stands_in_a_sheet_is_not_asked_for_again(sheet: Path) -> None:
    beside = {"source", "library", "seed", "take", "profile", "as_json"}
    values = {"mood": "1,0", "size": "640x360", "layout": "stereo", "licence_policy": "commercial", "fill": "hub"}
    values |= {"compose": "always", "changes": "few", "beats": "beatnet"}
    command: Any = typer.main.get_command(app)
    refused = []
    for option in command.commands["plan"].params:
        if option.name in beside:
            continue
        words = [*option.secondary_opts, *option.opts][:1] + [values.get(option.name, "1")] * (not option.is_flag)
        result = runner.invoke(app, ["plan", str(sheet), *words])
        assert str(result.exception) == f"{option.name}: stands in the sheet: change it there, and plan it anew"
        refused.append(option.name)
    assert len(refused) == 34


def test_the_schema_is_printed() -> None:
    assert json.loads(runner.invoke(app, ["schema", "score"]).stdout)["$defs"]["CueForm"]["required"]
    assert "has no schema" in str(runner.invoke(app, ["schema", "film"]).exception)


def test_stories_go_into_a_folder_one_by_one(
    called: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[ScoreRequest] = []
    run = job.run

    def failing(request: ScoreRequest, models: Any, watch: Watch) -> ScoreResult:
        asked.append(request)
        if request.story.name == "bad.mp4":
            raise MediaError(request.story, "is broken")
        return run(request, models, watch)

    monkeypatch.setattr(job, "run", failing)
    stories = ["a/clip.mp4", "bad.mp4", "b/clip.mov", "b/clip.mp4", "talk.wav", "tale.txt"]
    result = runner.invoke(app, ["score", *stories, "-l", "lib", "-o", str(tmp_path / "out")])
    assert isinstance(result.exception, InputError)
    assert "1 of 6 stories failed" in str(result.exception)
    names = ["clip.mp4", "bad.mp4", "clip.mov", "clip-2.mp4", "talk.wav", "tale.m4a"]
    assert [request.out.name for request in asked] == names


def test_a_line_per_cue_and_where_the_results_are(called: dict[str, Any]) -> None:
    result = runner.invoke(app, ["score", "in.mp4", "-l", "lib", "-o", "out.mp4", "--text", "Rain."])
    assert result.exit_code == 0
    assert "ambience-1  1:01.3–1:10.0   -3.0 dB  calm/rain.opus  (rain)" in result.stdout
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
