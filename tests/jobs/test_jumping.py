"""`cue jump`: a jump of music goes to another beat, and all else stays; undone like any edit."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from cue.remix.track_making import BEAT_S, track
from jobs.score_fakes import make_models
from storysound.cue.playback import CuePlayer
from storysound.cue.score import Cue, MusicHit, Piece, Score, Wishes
from storysound.cue.sheet import read_json, write_json
from storysound.errors import UsageError
from storysound.jobs.edit.edit import run
from storysound.jobs.edit.request import Action, EditRequest
from storysound.jobs.plan.cuts import Place, fitted_cue
from storysound.match.query import Hit
from storysound.media import rhythm
from storysound.media.arrays import RATE_HZ
from storysound.media.audio import read_audio, write_wav
from storysound.progress import Watch
from storysound.story import Sound


@pytest.fixture(scope="module")
def cue(tmp_path_factory: pytest.TempPathFactory) -> Cue:
    """Music under 90 s of a film, as `plan` lays it."""
    folder = tmp_path_factory.mktemp("songs")
    wave, _ = track("ABABCAB")
    write_wav(folder / "song.wav", wave)
    sound = Sound("song.wav", str(folder), wave.duration_s, "music")
    hit = Hit(sound, 0.0, wave.duration_s, 0.9, ("calm",))
    return fitted_cue(Place("music-1", "music", 5.0, 95.0), hit, -23.0, rhythm.bars)


@pytest.fixture
def sheet(cue: Cue, tmp_path: Path) -> Path:
    write_json(Score("clip", 100.0, 25.0, (), (cue,)), tmp_path / "cues.json")
    return tmp_path / "cues.json"


def edited(sheet: Path, action: Action = "jump", **asked: object) -> Cue:
    request = EditRequest(sheet, action, "" if action == "undo" else "music-1", **asked)  # type: ignore[arg-type]
    return run(request, make_models(), Watch()).score.cues[0]


def test_plan_makes_a_longer_cue_of_jumps_whose_costs_stand_in_the_sheet(cue: Cue, sheet: Path) -> None:
    assert cue.end_s == pytest.approx(95.0, abs=BEAT_S)
    assert len(cue.pieces) > 1
    assert cue.pieces[0].jump is None
    back = read_json(sheet).cues[0]
    assert [piece.jump for piece in back.pieces] == [piece.jump for piece in cue.pieces]
    assert all(piece.jump is not None for piece in back.pieces[1:])


def test_a_track_of_the_library_is_cut_anew_to_other_hits_and_stays_itself(cue: Cue, sheet: Path) -> None:
    hit_s = 47.3
    new = edited(sheet, "set", hits=(MusicHit(hit_s),))
    assert new.composed is None
    assert (new.sound.path, new.start_s, new.locked) == (cue.sound.path, cue.start_s, cue.locked)
    assert new.end_s == pytest.approx(cue.end_s, abs=2 * BEAT_S)
    (said,) = (reason for reason in new.why if reason.startswith("hit at"))
    assert said.startswith("hit at 47.30 s: the ")
    assert edited(sheet, "set", hits=()).why == cue.why
    with pytest.raises(UsageError, match=r"hits: lie from 5\.00 to .* s in this cue, got 99"):
        edited(sheet, "set", hits=(MusicHit(99.0),))


def test_a_jump_goes_to_the_nearest_beat_and_all_else_stays(cue: Cue, sheet: Path) -> None:
    moved = edited(sheet, number=1, change_s=2.2)
    rows = [[(piece.in_s, piece.out_s, piece.at_s) for piece in one.pieces] for one in (cue, moved)]
    np.testing.assert_allclose(rows[0][2:], rows[1][2:], atol=1e-6)
    by_s = moved.pieces[1].at_s - cue.pieces[1].at_s
    assert by_s == pytest.approx(2.0, abs=0.03)
    for name in ("in_s", "at_s"):
        assert getattr(moved.pieces[1], name) - getattr(cue.pieces[1], name) == pytest.approx(by_s, abs=1e-5)
    assert moved.pieces[0].out_s - cue.pieces[0].out_s == pytest.approx(by_s, abs=1e-5)
    assert moved.pieces[1].jump != cue.pieces[1].jump
    wave = read_audio(Path(cue.sound.root) / cue.sound.path, rate_hz=RATE_HZ)
    heard = [CuePlayer(wave, one.pieces, fade_in_s=0.01, fade_out_s=0.05).whole() for one in (cue, moved)]
    first, last = (round((piece.at_s - 5.0) * wave.rate_hz) for piece in (cue.pieces[1], moved.pieces[1]))
    np.testing.assert_array_equal(heard[0][:, :first], heard[1][:, :first])
    fade = round(0.1 * wave.rate_hz)
    np.testing.assert_array_equal(heard[0][:, last + fade :], heard[1][:, last + fade :])


def test_edits_count_as_the_sheet_says(cue: Cue, sheet: Path) -> None:
    asked = []

    class Asked:
        def bars(self, sound: rhythm.Spectrogram) -> rhythm.Bars | None:
            asked.append(sound)
            return rhythm.bars(sound)

    models = make_models()
    models.get("beatnet", lambda _: Asked())
    write_json(Score("clip", 100.0, 25.0, (), (cue,), wishes=Wishes(beats="beatnet")), sheet)
    run(EditRequest(sheet, "jump", "music-1", number=1, change_s=2.2), models, Watch())
    run(EditRequest(sheet, "set", "music-1", hits=(MusicHit(47.3),)), models, Watch())
    assert len(asked) == 2


def test_it_is_undone(cue: Cue, sheet: Path) -> None:
    edited(sheet, number=1, change_s=-2.0)
    assert edited(sheet, "undo").pieces == read_json(sheet).cues[0].pieces
    for old, new in zip(cue.pieces, read_json(sheet).cues[0].pieces, strict=True):
        assert new.at_s == pytest.approx(old.at_s, abs=1e-6)


def test_what_cannot_be_is_refused_and_changes_nothing(cue: Cue, sheet: Path) -> None:
    before = sheet.read_bytes()
    count = len(cue.pieces) - 1
    for number, change_s, fault in (
        (count + 1, 2.0, f"music-1 has {count}"),
        (0, 2.0, f"music-1 has {count}"),
        (1, 0.01, "is where it is; beats are"),
        (1, 80.0, "leads out of its sound"),
        (count, cue.pieces[-2].at_s - cue.pieces[-1].at_s - 1.0, "leads out of what is played there"),
    ):
        with pytest.raises(UsageError, match=fault):
            edited(sheet, number=number, change_s=change_s)
    assert sheet.read_bytes() == before
    with pytest.raises(UsageError, match="needs it"):
        EditRequest(sheet, "jump", "music-1", number=1)


def test_a_cue_without_jumps_says_so(cue: Cue, tmp_path: Path) -> None:
    plain = Cue("music-1", "music", 0.0, 9.0, cue.sound, (Piece(0.0, 9.0, 0.0),), 0.0, 0.1, 0.1, 0.5)
    write_json(Score("clip", 100.0, 25.0, (), (plain,)), tmp_path / "plain.json")
    with pytest.raises(UsageError, match="has none: it is played as it is, or looped"):
        edited(tmp_path / "plain.json", number=1, change_s=1.0)


def test_pieces_overlap_by_their_crossfade(cue: Cue) -> None:
    for before, after in pairwise(cue.pieces):
        assert 0 < before.end_s - after.at_s < 0.05
