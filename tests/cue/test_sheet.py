"""The sheet's files parse, hold every cue, and put times where editors look for them."""

import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import jsonschema
import opentimelineio as otio
import pytest

from storysound.cue.form import schema
from storysound.cue.handoff.tables import COLUMNS, write_csv
from storysound.cue.handoff.timecode import timecode
from storysound.cue.handoff.timeline import Handoff
from storysound.cue.score import (
    Cue,
    Edit,
    FileReference,
    Loudness,
    OtherTrack,
    Piece,
    RunnerUp,
    Scene,
    Score,
    Slideshow,
    Still,
    Verdict,
    Wishes,
)
from storysound.cue.sheet import as_dict, as_read, read_json, write_json
from storysound.errors import InputError, OutputError
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
    assert data["cues"][0]["runners_up"][0]["sound"] == "b.ogg"
    assert data["loudness"]["lufs"] is None
    assert data["scenes"][0]["arousal"] == 0.8


def test_csv_has_a_row_per_cue_and_no_formula(sheet: Score, tmp_path: Path) -> None:
    write_csv(sheet, tmp_path / "c.csv")
    with (tmp_path / "c.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert tuple(rows[0]) == COLUMNS
    assert rows[1]["sound"] == sheet.cues[1].sound.path
    assert (rows[0]["start_tc"], rows[2]["end_tc"]) == ("00:00:00:00", "00:00:13:00")
    assert rows[0]["title"] == "'=HYPERLINK(1)"
    assert rows[0]["credit"] == "Ada"


def test_otio_reads_back_with_every_clip_in_place(sheet: Score, tmp_path: Path) -> None:
    file = tmp_path / "t.otio"
    sheet = replace(sheet, original=FileReference(str(tmp_path / "in.mp4"), "cd" * 32, 1, 1))
    Handoff(sheet, picture=tmp_path / "in.mp4", scored=tmp_path / "out.mp4").write_otio(file)
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
    Handoff(sheet, picture=tmp_path / "a.mp4", scored=tmp_path / "b.mp4").write_otio(tmp_path / "t.otio")
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
    Handoff(score, picture=tmp_path / "a.mp4", scored=tmp_path / "b.mp4").write_otio(tmp_path / "t.otio")
    timeline = otio.adapters.read_from_file(str(tmp_path / "t.otio"))
    track = next(track for track in timeline.tracks if track.name.startswith(("Music", "Effects")))
    clip = next(item for item in track if isinstance(item, otio.schema.Clip))
    start = track.range_of_child(clip).start_time
    assert start.value == 25
    assert "00:00:01:00" in (tmp_path / "c.csv").read_text("utf-8")


def test_a_sheet_comes_back_as_it_was(sheet: Score, tmp_path: Path) -> None:
    edit = Edit("gain m1 -3", sheet.cues[:1], sheet.cues[:1], ("loud.ogg",))
    score = replace(
        sheet,
        story=FileReference("/films/clip.mp4", "cd" * 32, 5, 7),
        levels=replace(sheet.levels, target_lufs=-23.0),
        slideshow=Slideshow((Still("/a.png", 0.0, 4.0), Still("/b.mp4", 4.0, 9.5, True)), 640, 480, 0.5),
        tracks=(OtherTrack(1, "deu", ("FC",), (Span(1.0, 2.5),), -3.25, 4.5),),
        bans=("loud.ogg",),
        wishes=Wishes("of the sea", Mood(0.2, 0.9), seed=3, every_track=True, size=(640, 480), seconds=4.0),
        edits=(edit,),
        undone=(edit,),
        verdicts=(Verdict("m1", -12.5, 0.0123, 0.304, 4.25, ("one tone throughout",)), Verdict("s1", 3.0)),
        loudness=Loudness(lufs=-16.02, dbtp=-1.2, ducking_db=9.0),
    )
    write_json(score, tmp_path / "cues.json")
    assert read_json(tmp_path / "cues.json") == score == as_read(score)


def test_a_track_is_scored_once(sheet: Score, tmp_path: Path) -> None:
    write_json(replace(sheet, tracks=(OtherTrack(1), OtherTrack(1))), tmp_path / "cues.json")
    with pytest.raises(InputError, match=r"tracks\[1\]\.number: 1 is scored already"):
        read_json(tmp_path / "cues.json")
    write_json(replace(sheet, tracks=(OtherTrack(0),)), tmp_path / "cues.json")
    with pytest.raises(InputError, match=r"tracks\[0\]\.number: 0 is scored already"):
        read_json(tmp_path / "cues.json")


def test_the_score_on_another_track_has_its_speech_levels_and_louder_cues(sheet: Score) -> None:
    on = sheet.on(OtherTrack(2, "fra", ("FC",), (Span(3, 4),), -2.0, 5.0))
    assert (on.track, on.speech, on.layout, on.levels.master_db) == (2, (Span(3, 4),), ("FC",), 5.0)
    assert [cue.gain_db for cue in on.cues] == [cue.gain_db - 2 for cue in sheet.cues]
    assert on.tracks == ()


def test_the_schema_takes_what_is_written(sheet: Score) -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(as_dict(replace(sheet, verdicts=(Verdict("m1", -12.5, faults=("noise",)),))), schema())
    wrong = as_dict(sheet)
    wrong["cues"][0]["gain"] = 1
    with pytest.raises(jsonschema.ValidationError, match="gain"):
        jsonschema.validate(wrong, schema())


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('"gain_db": 1.5', '"gain_db": "loud"', "cues[1].gain_db: Expected `float`, got `str`"),
        ('"gain_db": 1.5', '"gain_db": 400', "cues[1].gain_db: Expected `float` <= 60.0"),
        ('"gain_db": 1.5', '"gain_db": NaN', "is not JSON: invalid character in line"),
        ('"gain_db": 1.5', '"gain_dB": 1.5', "cues[1]: Object contains unknown field `gain_dB`"),
        ('"id": "m2"', '"id": "m1"', "cues[1].id: 'm1' is cues[0] already"),
        ('"end_s": 31.8,', '"end_s": 30.0,', "cues[0].end_s: 30, but its pieces end at 31.8"),
        ('"start_s": 31.0', '"start_s": 90.0', "cues[1].end_s: 60 must be after its start, 90"),
        ('"at_s": 19.8', '"at_s": 22', "cues[0].pieces[1].at_s: 22 leaves a hole after 20"),
        ('"out_s": 21.0', '"out_s": 0.5', "cues[0].pieces[0].out_s: 0.5 must be after in_s, 1"),
        ('"valence": 0.3', '"valence": 3', "scenes[0].valence: Expected `float` <= 1.0"),
        (
            '"duration_s": 60.0,\n  "fps"',
            '"duration_s": 50.0,\n  "fps"',
            "scenes[0].end_s: 60 lies beyond the film's end, 50",
        ),
        ('"version": 2', '"version": 1', "is a cue sheet of version 1, this program reads 2 (plan the story anew"),
        ('"version": 2', '"version": 9', "is a cue sheet of version 9, this program reads 2 (upgrade"),
        ('"version": 2,', "", "is no cue sheet: it has no `version`"),
        ('"duck_db": ', '"duck_db": -', "levels"),
    ],
)
def test_what_is_wrong_in_a_sheet_is_named_by_its_place(
    sheet: Score, tmp_path: Path, old: str, new: str, fault: str
) -> None:
    write_json(sheet, tmp_path / "cues.json")
    text = (tmp_path / "cues.json").read_text("utf-8")
    assert old in text
    (tmp_path / "cues.json").write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(InputError, match=re.escape(fault)):
        read_json(tmp_path / "cues.json")
