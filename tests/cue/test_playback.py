"""A cue's samples are the same whatever stretch is asked for, and lie within its span."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mix_making import cue, noise, sound

from storysound.cue import playback
from storysound.cue.playback import CuePlayer, Players, Sounds, crossfade, likeness
from storysound.cue.score import Piece
from storysound.errors import MediaError
from storysound.media.arrays import RATE_HZ, Samples
from storysound.media.audio import Waveform
from storysound.media.levels import raised_cosine
from storysound.media.recording import Recording, of_wave
from storysound.story import Span

RATE = 1000
WAVE = Waveform(noise(8 * RATE / RATE_HZ, 0.3), RATE)  # eight seconds at this rate
PIECES = (Piece(1.0, 3.0, 2.0), Piece(0.5, 3.5, 3.7), Piece(2.0, 4.0, 6.4))  # overlaps of 0.3 s


def slow(pieces: tuple[Piece, ...], wave: Waveform, length: int, fade_in: int, fade_out: int) -> Samples:
    """The whole film's samples by one loop over the pieces, each laid over what is there."""
    out = np.zeros((wave.channels, length), np.float32)
    filled = None
    for piece in pieces:
        first, at = round(piece.in_s * wave.rate_hz), round(piece.at_s * wave.rate_hz)
        samples = wave.samples[:, first : first + round((piece.out_s - piece.in_s) * wave.rate_hz) + 1]
        n = max(0, min(at if filled is None else filled, at + samples.shape[1]) - at)
        leaving, coming = crossfade(n, likeness(out[:, at : at + n], samples[:, :n]))
        out[:, at : at + n] = out[:, at : at + n] * leaving + samples[:, :n] * coming
        filled = at + samples.shape[1]
        out[:, at + n : filled] = samples[:, n:]
    start, end = round(pieces[0].at_s * wave.rate_hz), round(pieces[-1].end_s * wave.rate_hz)
    out[:, end:] = 0
    out[:, start : start + fade_in] *= raised_cosine(fade_in)
    out[:, end - fade_out : end] *= raised_cosine(fade_out)[::-1]
    return out


def player(**options: object) -> CuePlayer:
    return CuePlayer(WAVE, PIECES, **{"fade_in_s": 0.2, "fade_out_s": 0.4, **options})  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(start=st.integers(-50, 9000), length=st.integers(1, 3000))
def test_any_stretch_is_that_of_the_whole(start: int, length: int) -> None:
    expected = np.pad(slow(PIECES, WAVE, 12000, 200, 400), ((0, 0), (50, 0)))
    np.testing.assert_array_equal(player().read(start, start + length), expected[:, start + 50 : start + 50 + length])


def test_a_recording_plays_as_what_is_in_memory_does() -> None:
    recorded = CuePlayer(of_wave(WAVE), PIECES, fade_in_s=0.2, fade_out_s=0.4)
    np.testing.assert_array_equal(recorded.whole(), player().whole())


def test_a_stretch_of_the_file_plays_as_the_file_does() -> None:
    part = Waveform(WAVE.samples[:, 400:], RATE)
    np.testing.assert_array_equal(
        player().whole(), CuePlayer(part, PIECES, from_s=0.4, fade_in_s=0.2, fade_out_s=0.4).whole()
    )


def test_gain_span_and_film_end() -> None:
    np.testing.assert_allclose(player(gain_db=-6.0).whole(), player().whole() * 10 ** (-6 / 20), rtol=1e-6)
    trimmed = player(span=Span(3.0, 5.0), fade_in_s=0.0, fade_out_s=0.0)
    assert not trimmed.read(0, 3000).any()
    assert not trimmed.read(5000, 9000).any()
    np.testing.assert_array_equal(trimmed.read(3000, 5000), player().read(3000, 5000))
    cut = player(length=5000)
    assert not cut.read(5000, 6000).any()
    np.testing.assert_array_equal(cut.read(0, 4980), player().read(0, 4980))
    np.testing.assert_allclose(cut.read(4980, 5000), player().read(4980, 5000) * raised_cosine(20)[::-1])


def test_a_hole_in_the_pieces_is_silent_and_a_sound_that_ends_early_too() -> None:
    holed = CuePlayer(WAVE, (Piece(0.0, 1.0, 0.0), Piece(7.5, 10.0, 2.0)), fade_in_s=0.0, fade_out_s=0.0)
    assert not holed.read(1002, 2000).any()
    np.testing.assert_array_equal(holed.read(2000, 2500), WAVE.samples[:, 7500:])
    assert not holed.read(2500, 4500).any()


def test_only_what_the_pieces_use_is_read(tmp_path: Path) -> None:
    samples = noise(150, 0.1, channels=1)
    long = sound(tmp_path, "long.wav", samples)
    read, from_s = Sounds().of(cue("music-1", long, 0, 10, in_s=100.5))
    wave = read.cut()
    assert (from_s, wave.channels) == (99.0, 2)
    assert wave.duration_s == pytest.approx(12.5, abs=0.01)
    np.testing.assert_allclose(wave.samples[0], samples[0, 99 * RATE_HZ :][: wave.samples.shape[1]], atol=1e-6)
    short = sound(tmp_path, "short.wav", samples[:, : 5 * RATE_HZ])
    assert Sounds().of(cue("music-1", short, 0, 2, in_s=2.0))[1] == 0.0
    (tmp_path / "short.wav").unlink()
    with pytest.raises(MediaError):
        Sounds().of(cue("music-1", short, 0, 2))


def test_players_come_when_their_cues_begin_and_go_when_they_end(tmp_path: Path) -> None:
    one = sound(tmp_path, "one.wav", noise(5, 0.1))
    cues = [cue("music-1", one, 0, 2), cue("music-2", one, 3, 5), cue("music-3", one, 8, 9)]
    players = Players(cues, 10 * RATE_HZ)
    assert [c.id for c, _ in players.at(0, RATE_HZ)] == ["music-1"]
    (tmp_path / "one.wav").unlink()  # read once, shared while any cue asks for it
    assert [c.id for c, _ in players.at(RATE_HZ, 4 * RATE_HZ)] == ["music-1", "music-2"]
    assert [c.id for c, _ in players.at(6 * RATE_HZ, 7 * RATE_HZ)] == []
    ((_, third),) = players.at(8 * RATE_HZ, 9 * RATE_HZ)
    assert (third.start, third.end) == (8 * RATE_HZ, 9 * RATE_HZ)
    assert players.at(9 * RATE_HZ, 10 * RATE_HZ) == []


def test_a_sound_is_decoded_once_as_long_as_there_is_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[str] = []
    plain = playback.record_audio

    def counted(path: Path, **how: object) -> Recording:
        decoded.append(path.name)
        return plain(path, **how)

    monkeypatch.setattr(playback, "record_audio", counted)
    files = [sound(tmp_path, f"{name}.wav", noise(2, 0.1)) for name in "abc"]
    cues = [cue(f"spot-{n}", file, n, n + 1) for n, file in enumerate(files)]
    size = 2 * RATE_HZ * 4 * 2
    roomy, narrow = Sounds(), Sounds(2 * size)
    for sounds in (roomy, narrow):
        decoded.clear()
        assert not sounds.holds(cues[0])
        first = sounds.of(cues[0])[0]
        assert sounds.holds(cues[0])
        assert sounds.whole(files[0]) is first
        for again in (cues[1], cues[0], cues[2], cues[0], cues[1]):
            whole, from_s = sounds.of(again)
            assert from_s == 0.0
            np.testing.assert_array_equal(whole.cut().samples, Sounds().of(again)[0].cut().samples)
        mine = [name for name in decoded if name == "b.wav"]
        assert len(mine) == 2 + (2 if sounds is narrow else 1)  # once for each comparison, and again where it had to go
    mixed = [Players(cues, 3 * RATE_HZ, shelf) for shelf in (roomy, roomy, None)]
    decoded.clear()
    outs = [np.concatenate([player.read(0, RATE_HZ) for _, player in one.at(0, 3 * RATE_HZ)]) for one in mixed]
    assert len(decoded) == len(files)
    np.testing.assert_array_equal(outs[0], outs[2])
