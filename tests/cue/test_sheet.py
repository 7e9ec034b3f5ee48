"""The sheet's files parse, hold every cue, and put times where editors look for them."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import opentimelineio as otio
import pytest

from storysound.cue.score import Cue, Piece, RunnerUp, Scene, Score
from storysound.cue.sheet import COLUMNS, timecode, write_csv, write_json, write_otio
from storysound.errors import OutputError
from storysound.story import Mood, Sound, Source, Span


def sound(path: str, duration_s: float = 30.0) -> Sound:
    source = Source("https://example.org/a", "ab" * 32, "CC BY 4.0", "Ada")
    return Sound(path, "/library", duration_s, "music", title="=HYPERLINK(1)", source=source)


@pytest.fixture
def sheet() -> Score:
    looped = (Piece(1.0, 21.0, 0.0), Piece(5.0, 17.0, 19.8))
    odd = sound('odd "name", with\nnewline 🎵.ogg')
    cues = (
        Cue(
            "m1", "music", 0.0, 31.8, sound("a.ogg"), looped, -3.0, 0.01, 1.0, 0.7, ("calm",), (RunnerUp("b.ogg", 0.6),)
        ),
        Cue("m2", "music", 31.0, 60.0, odd, (Piece(0.0, 29.0, 31.0),), 1.5, 0.8, 2.0, 0.5),
        Cue("s1", "spot", 12.0, 13.0, sound("bark.wav", 1.0), (Piece(0.0, 1.0, 12.0),), 0.0, 0.01, 0.05, 0.9),
    )
    scene = Scene(0.0, 60.0, Mood(0.3, 0.8), "dog, lawn", (Span(0, 30), Span(30, 60)), "He waits.")
    return Score("clip", 60.0, 25.0, (scene,), cues, (Span(2, 3),))


def test_json_holds_everything(sheet: Score, tmp_path: Path) -> None:
    write_json(sheet, tmp_path / "cues.json")
    data = json.loads((tmp_path / "cues.json").read_text("utf-8"))
    assert [c["id"] for c in data["cues"]] == ["m1", "m2", "s1"]
    assert data["cues"][0]["pieces"][1] == {"in_s": 5.0, "out_s": 17.0, "at_s": 19.8}
    assert data["cues"][0]["sound"]["licence"] == "CC BY 4.0"
    assert data["cues"][0]["runners_up"] == [{"sound": "b.ogg", "score": 0.6}]
    assert data["loudness"]["lufs"] is None
    assert data["scenes"][0]["arousal"] == 0.8


def test_csv_has_a_row_per_cue_and_no_formula(sheet: Score, tmp_path: Path) -> None:
    write_csv(sheet, tmp_path / "c.csv")
    with (tmp_path / "c.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert tuple(rows[0]) == COLUMNS
    assert rows[1]["sound"] == sheet.cues[1].sound.path
    assert (rows[0]["start_tc"], rows[2]["end_tc"]) == ("00:00:00:00", "00:00:13:00")
    assert rows[0]["title"] == "'=HYPERLINK(1)"
    assert rows[0]["credit"] == "Ada"


def test_otio_reads_back_with_every_clip_in_place(sheet: Score, tmp_path: Path) -> None:
    file = tmp_path / "t.otio"
    write_otio(sheet, file, video=tmp_path / "in.mp4", scored=tmp_path / "out.mp4", has_audio=True)
    timeline = otio.adapters.read_from_file(str(file))
    tracks = {track.name: track for track in timeline.tracks}
    assert list(tracks) == ["Video", "Original sound", "Music 1", "Music 2", "Effects 1"]
    second = next(iter(tracks["Music 2"].find_clips()))
    at = second.transformed_time_range(second.trimmed_range(), timeline.tracks)
    assert at.start_time.to_seconds() == pytest.approx(31.0)
    assert at.duration.to_seconds() == pytest.approx(29.0)
    first, loop = tracks["Music 1"].find_clips()
    assert first.source_range.start_time.to_seconds() == pytest.approx(1.0)
    whole = tracks["Music 1"].trimmed_range().duration.to_seconds()
    assert whole == pytest.approx(31.8)
    assert loop.source_range.start_time.to_seconds() == pytest.approx(5.1, abs=0.03)
    assert loop.metadata["storysound"]["sound"]["licence"] == "CC BY 4.0"
    assert [marker.name for marker in timeline.tracks.markers] == ["scene 1: dog, lawn"]


def test_a_silent_source_has_no_original_track(sheet: Score, tmp_path: Path) -> None:
    write_otio(sheet, tmp_path / "t.otio", video=tmp_path / "a.mp4", scored=tmp_path / "b.mp4", has_audio=False)
    names = [track.name for track in otio.adapters.read_from_file(str(tmp_path / "t.otio")).tracks]
    assert "Original sound" not in names


def test_a_sheet_that_cannot_be_written_leaves_nothing(sheet: Score, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OutputError, match="taken"):
        write_json(sheet, tmp_path / "taken")
    assert [p.name for p in tmp_path.iterdir()] == ["taken"]


@pytest.mark.parametrize(
    ("time_s", "fps", "code"), [(0, 30, "00:00:00:00"), (59.99, 25, "00:00:59:24"), (3600, 24, "01:00:00:00")]
)
def test_timecode(time_s: float, fps: float, code: str) -> None:
    assert timecode(time_s, fps) == code


def test_a_cue_between_frames_stands_at_one_frame_in_every_sheet(sheet: Score, tmp_path: Path) -> None:
    cue = replace(sheet.cues[0], start_s=1.03, end_s=5.03, pieces=(Piece(0.0, 4.0, 1.03),))
    score = replace(sheet, cues=(cue,), fps=25.0)
    write_csv(score, tmp_path / "c.csv")
    write_otio(score, tmp_path / "t.otio", video=tmp_path / "a.mp4", scored=tmp_path / "b.mp4", has_audio=False)
    timeline = otio.adapters.read_from_file(str(tmp_path / "t.otio"))
    track = next(track for track in timeline.tracks if track.name.startswith(("Music", "Effects")))
    clip = next(item for item in track if isinstance(item, otio.schema.Clip))
    start = track.range_of_child(clip).start_time
    assert start.value == 25
    assert "00:00:01:00" in (tmp_path / "c.csv").read_text("utf-8")
