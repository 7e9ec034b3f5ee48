"""Edits of a sheet on disk: what they change stands there, and what fails leaves it as it was."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from jobs.score_fakes import make_models, tone
from storysound.cue.score import Cue, Piece, RunnerUp, Score
from storysound.cue.sheet import read_json, write_json
from storysound.errors import InputError, UsageError
from storysound.jobs.edit import edit as job
from storysound.jobs.edit.request import Action, EditRequest, EditResult
from storysound.match.query import Hit
from storysound.media.arrays import RATE_HZ
from storysound.media.audio import Waveform, write_wav
from storysound.progress import Watch
from storysound.story import Sound


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> list[Sound]:
    root = tmp_path_factory.mktemp("library")
    made = []
    for name, seconds, level in (
        ("a.wav", 30.0, 0.3),
        ("b.wav", 30.0, 0.03),
        ("deep/c.wav", 12.0, 0.3),
        ("knock.wav", 0.5, 0.3),
    ):
        (root / name).parent.mkdir(exist_ok=True)
        write_wav(root / name, Waveform(tone(seconds, 330.0, level), RATE_HZ))
        made.append(Sound(name, str(root), seconds, "music" if seconds > 1 else "sfx"))
    return made


@pytest.fixture
def sheet(shelf: list[Sound], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(job, "_sounds", lambda score: shelf)
    bed = Cue(
        "music-1", "music", 2.0, 22.0, shelf[0], (Piece(0.0, 20.0, 2.0),), -6.0, 0.5, 2.0, 0.9, ("calm",),
        (RunnerUp("gone.wav", 0.9), RunnerUp("b.wav", 0.8, 3.0, 9.0, ("slow",))), level_lufs=-18.0,
    )  # fmt: skip
    score = Score("clip", 40.0, 25.0, (), (bed,), library="library")
    write_json(score, tmp_path / "cues.json")
    return tmp_path / "cues.json"


def edited(sheet: Path, action: Action, **asked: Any) -> EditResult:
    with patch.object(job, "_sounds", wraps=job._sounds) as read:
        result = job.run(EditRequest(sheet, action, **asked), make_models(), Watch())
    assert read.call_count <= 1  # a library is on disk
    assert read_json(sheet) == result.score
    return result


def test_the_next_runner_up_comes_in_at_the_loudness_that_was_wished(sheet: Path) -> None:
    result = edited(sheet, "swap", cue="music-1")
    (cue,) = result.score.cues
    assert result.changed == ("music-1",)
    assert (cue.sound.path, cue.start_s, cue.why) == ("b.wav", 2.0, ("slow",))
    assert cue.end_s == pytest.approx(22.0, abs=0.5)  # its ending may be over up to a beat before
    assert [r.path for r in cue.runners_up] == ["gone.wav", "a.wav"]
    # b is 20 dB softer than a; the cue stays at -24 LUFS but for what 20 dB of gain can't reach.
    assert cue.gain_db == pytest.approx(min(20.0, -24.0 - cue.level_lufs), abs=0.02)
    back = edited(sheet, "swap", cue="music-1", sound="a.wav").score.cues[0]
    assert back.level_lufs + back.gain_db == pytest.approx(cue.level_lufs + cue.gain_db, abs=0.02)
    assert [done.command for done in read_json(sheet).edits] == ["swap music-1 b.wav", "swap music-1 a.wav"]


@pytest.mark.parametrize("name", ["deep/c.wav", "c.wav", "c"])
def test_a_sound_is_named_by_its_path_or_the_end_of_it(sheet: Path, name: str) -> None:
    (cue,) = edited(sheet, "swap", cue="music-1", sound=name).score.cues
    assert cue.sound.path == "deep/c.wav"
    assert len(cue.pieces) > 1  # twelve seconds under twenty
    assert cue.end_s == pytest.approx(22.0)


def test_a_file_outside_the_library_can_be_taken(sheet: Path, tmp_path: Path) -> None:
    write_wav(tmp_path / "mine.wav", Waveform(tone(25.0, 200.0), RATE_HZ))
    (cue,) = edited(sheet, "swap", cue="music-1", sound=str(tmp_path / "mine.wav")).score.cues
    assert (cue.sound.path, cue.sound.root, len(cue.sound.source.sha256)) == ("mine.wav", str(tmp_path), 64)


def test_words_find_a_sound_that_is_neither_banned_nor_there(
    sheet: Path, shelf: list[Sound], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Finder:
        def search(self, query: Any, k: int, **more: Any) -> Sequence[Hit]:
            assert (query.text, more["kind"]) == ("slow strings", "music")
            return [Hit(sound, 1.0, 5.0, 0.9, ("strings",)) for sound in shelf[:3]]

    monkeypatch.setattr("storysound.jobs.find.find.finder_of", lambda *_: (Finder(), None))
    edited(sheet, "ban", sound="b.wav")
    (cue,) = edited(sheet, "swap", cue="music-1", text="slow strings").score.cues
    assert (cue.sound.path, cue.why[0]) == ("deep/c.wav", "strings")


def test_sounds_are_added_where_they_fit(sheet: Path) -> None:
    spot = edited(sheet, "add", sound="knock.wav", start_s=12.0).score.cues[1]
    assert (spot.id, spot.layer, spot.start_s) == ("spot-1", "spot", 12.0)
    assert spot.end_s == pytest.approx(12.5, abs=0.3)
    assert np.isfinite(spot.gain_db)
    bed = edited(sheet, "add", sound="a.wav", start_s=30.0, layer="ambience").score.cues[2]
    assert (bed.layer, bed.end_s) == ("ambience", 40.0)
    two = edited(sheet, "add", sound="a.wav", start_s=25.0, end_s=30.0).score
    assert [cue.id for cue in two.cues] == ["music-1", "spot-1", "music-2", "ambience-1"]
    assert two.cues[2].level_lufs + two.cues[2].gain_db == pytest.approx(-24.0, abs=0.1)  # as loud as the other bed


@pytest.mark.parametrize(
    ("action", "asked", "fault"),
    [
        ("gain", {"cue": "music-9", "change_db": 1.0}, "there is no 'music-9'; the cues are music-1"),
        ("swap", {"cue": "music-1", "sound": "zzz.wav"}, "is no sound of library, and no file"),
        ("swap", {"cue": "music-1", "sound": "a.wav"}, "has 'a.wav' already"),
        ("add", {"sound": "a.wav", "start_s": 50.0}, "is no stretch of a film of 40 s"),
        ("undo", {}, "no edit to undo"),
    ],
)
def test_what_fails_leaves_the_sheet_as_it_was(sheet: Path, action: Action, asked: dict[str, Any], fault: str) -> None:
    before = sheet.read_bytes()
    with pytest.raises(UsageError, match=fault):
        edited(sheet, action, **asked)
    assert sheet.read_bytes() == before


@pytest.mark.parametrize(
    ("action", "asked", "field"),
    [
        ("gain", {"cue": "m"}, "change_db"),
        ("gain", {"change_db": 1.0}, "cue"),
        ("ban", {}, "sound"),
        ("dance", {}, "action"),
    ],
)
def test_requests_that_make_no_sense_name_the_field(action: Any, asked: dict[str, Any], field: str) -> None:
    with pytest.raises(UsageError) as caught:
        EditRequest(Path("cues.json"), action, **asked)
    assert caught.value.field == field


def test_a_sheet_changed_by_hand_is_as_good(sheet: Path) -> None:
    sheet.write_text(sheet.read_text("utf-8").replace('"gain_db": -6.0', '"gain_db": -9'), "utf-8")
    assert edited(sheet, "gain", cue="music-1", change_db=-1).score.cues[0].gain_db == -10
    sheet.write_text(sheet.read_text("utf-8").replace('"gain_db": -10.0', '"gain_db": loud'), "utf-8")
    with pytest.raises(InputError, match=r"is not JSON: .* in line \d+, column"):
        edited(sheet, "undo")


def test_no_runner_up_is_said(sheet: Path) -> None:
    score = read_json(sheet)
    write_json(replace(score, cues=(replace(score.cues[0], runners_up=()),)), sheet)
    with pytest.raises(UsageError, match="no runner-up"):
        edited(sheet, "swap", cue="music-1")
