"""Of a sound too long to be read whole each cue gets what lies around its own place."""

import re
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

from cue.remix.track_making import track
from storysound.cue.levels import Levels
from storysound.cue.score import Cue, Piece
from storysound.jobs.plan import cuts
from storysound.jobs.plan.choice import Draft
from storysound.match.query import Hit
from storysound.media.arrays import RATE_HZ
from storysound.media.audio import Waveform, read_audio, write_wav
from storysound.story import Sound


@pytest.fixture
def long_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sound:
    """Forty seconds, where whatever is longer than eight is long, and all too long to be kept."""
    monkeypatch.setattr(cuts, "SHARED_S", 5.0)
    monkeypatch.setattr(cuts, "LONG_S", 8.0)
    monkeypatch.setattr(cuts, "MARGIN_S", 2.0)
    noise = 0.1 * np.random.default_rng(0).standard_normal((2, 40 * RATE_HZ))
    write_wav(tmp_path / "rain.wav", Waveform(noise.astype(np.float32), RATE_HZ))
    return Sound("rain.wav", str(tmp_path), 40.0, "sfx")


def draft(sound: Sound, at_s: float, length_s: float, place_s: float) -> Draft:
    return Draft("ambience", at_s, at_s + length_s, (Hit(sound, place_s, place_s + 1.0, 0.9, ()),), 0.4)


def test_each_cue_plays_from_its_own_place(long_sound: Sound) -> None:
    drafts = [draft(long_sound, 0, 10, 25.0), draft(long_sound, 20, 8, 25.0), draft(long_sound, 40, 12, 4.0)]
    with patch.object(cuts, "read_audio", wraps=read_audio) as read:
        made = [one.cue for one in cuts.cut(drafts, -23.0, Levels())]
    assert [cue.pieces[0].in_s for cue in made] == [pytest.approx(place_s, abs=3.0) for place_s in (25.0, 25.0, 4.0)]
    assert all(len(cue.pieces) == 1 for cue in made)
    assert [call.kwargs["start_s"] for call in read.call_args_list] == [23.0, 2.0]  # the second is held already
    samples = [one.samples for one in cuts.cut(drafts[2:], -23.0, Levels())]
    file = read_audio(Path(long_sound.root) / long_sound.path).samples
    first = round(made[2].pieces[0].in_s * RATE_HZ) + 5 * RATE_HZ
    np.testing.assert_allclose(samples[0][:, 5 * RATE_HZ : 6 * RATE_HZ], file[:, first : first + RATE_HZ], atol=1e-4)


def test_a_sound_that_lasts_long_enough_is_not_looped_for_its_place_near_the_end(long_sound: Sound) -> None:
    (one,) = cuts.cut([draft(long_sound, 0, 30, 38.0)], -23.0, Levels())
    (piece,) = one.cue.pieces
    assert piece.in_s == pytest.approx(10.0, abs=2.1)
    assert piece.out_s - piece.in_s == pytest.approx(30.0, abs=1e-3)


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Sound:
    """56 s of music in bars, loud from 32 s to 40 s."""
    folder = tmp_path_factory.mktemp("songs")
    wave, _ = track("ABABCAB")
    write_wav(folder / "song.wav", wave)
    return Sound("song.wav", str(folder), wave.duration_s, "music")


def music(song: Sound, length_s: float, turns_s: tuple[float, ...] = ()) -> Cue:
    """How a cue of the song is cut, from second 3 of a story."""
    bed = Draft("music", 3.0, 3.0 + length_s, (Hit(song, 0.0, 10.0, 0.9, ()),), 0.4, scene_starts_s=turns_s)
    (one,) = cuts.cut([bed], -23.0, Levels())
    return one.cue


@pytest.mark.parametrize("length_s", [25.0, 90.0])
def test_music_of_another_length_has_its_own_beginning_and_ending(song: Sound, length_s: float) -> None:
    cue = music(song, length_s)
    assert cue.pieces[0].in_s < 0.3
    assert cue.pieces[-1].out_s > song.duration_s - 2.0  # the last chord, which is struck 2 s before
    assert cue.start_s + length_s - 0.6 <= cue.end_s <= cue.start_s + length_s + 1e-9
    assert all(piece.jump is not None for piece in cue.pieces[1:])


def test_music_turns_with_the_scene(song: Sound) -> None:
    """The loud part begins or ends within half a beat of a scene's edge, where it would not by itself."""

    def nearest_s(pieces: tuple[Piece, ...]) -> float:
        heard = [(p, p.at_s + edge_s - p.in_s) for p in pieces for edge_s in (32.25, 40.25)]
        return min(abs(time_s - 41.3) for p, time_s in heard if p.at_s - 0.1 <= time_s <= p.end_s)

    assert nearest_s(music(song, 60.0).pieces) > 1.0
    assert nearest_s(music(song, 60.0, (41.3,)).pieces) < 0.3


def test_a_hit_gets_a_new_part_or_a_bar_and_is_told_of(song: Sound) -> None:
    """Also where the music takes over from other music, and where it is too short for jumps."""
    for turn_s in (None, 3.0):
        bed = Draft("music", 3.0, 63.0, (Hit(song, 0.0, 10.0, 0.9, ()),), 0.4, hits_s=(41.3, 20.0), turn_s=turn_s)
        (one,) = cuts.cut([bed], -23.0, Levels())
        told = [line for line in one.cue.why if line.startswith("hit at ")]
        assert [line.split(":")[0] for line in told] == ["hit at 41.30 s", "hit at 20.00 s"]
        for hit_s, line in zip((41.3, 20.0), told, strict=True):
            where, begins = re.match(r".*: the (\w+) at ([\d.]+) s of the track", line).groups()[::-1]  # type: ignore[union-attr]
            heard = [p.at_s + float(where) - p.in_s for p in one.cue.pieces if p.in_s - 0.1 <= float(where) <= p.out_s]
            assert min(abs(at - hit_s) for at in heard) <= 0.3
            assert begins in ("beat", "bar", "body", "build", "break")
    for hit_s in (2.1, 4.0, 5.9):
        short = Draft("music", 0.0, 8.0, (Hit(song, 0.0, 10.0, 0.9, ()),), 0.4, hits_s=(hit_s,))
        (one,) = cuts.cut([short], -23.0, Levels())
        (line,) = (line for line in one.cue.why if line.startswith(f"hit at {hit_s:.2f} s: the bar "))
        assert line.endswith("on it")


def test_what_is_short_is_a_stretch_and_what_cannot_be_remixed_says_why(song: Sound, tmp_path: Path) -> None:
    short = music(song, 10.0)
    assert len(short.pieces) == 1
    write_wav(tmp_path / "jingle.wav", read_audio(Path(song.root) / song.path).cut(0.0, 5.0))
    looped = music(Sound("jingle.wav", str(tmp_path), 5.0, "music"), 30.0)
    assert looped.end_s == pytest.approx(33.0)
    assert looped.why[-1].startswith("looped, for it lasts no more than")
