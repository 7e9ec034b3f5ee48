"""One gain for everything: the loudness asked for, no voice limited, and the truth where both can't be."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mix_making import SPEECH, cue, mixed, noise, score_of, sound, talk

from storysound.cue.levels import LOUDNESS, Levels
from storysound.cue.limiter import AFTER, BEFORE
from storysound.cue.master import Mastered, level, level_track
from storysound.cue.score import Cue, OtherTrack
from storysound.media.arrays import RATE_HZ, Samples
from storysound.media.audio import Waveform
from storysound.media.loudness import integrated_lufs, true_peak_dbtp
from storysound.media.recording import Recording, of_wave
from storysound.story import Span

LEVELS = Levels()
N = 16 * RATE_HZ


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> list[Cue]:
    folder = tmp_path_factory.mktemp("sounds")
    return [cue("music-1", sound(folder, "bed.wav", noise(16, 0.03, 5)), 0, 16)]


def mastered(
    original: Recording | None, cues: list[Cue], levels: Levels, speech: tuple[Span, ...] = SPEECH
) -> tuple[Mastered, dict[str, Samples], Waveform]:
    done = level(score_of(cues, speech, levels, N), original)
    mix = mixed(original, cues, done.levels, N, speech)
    return done, mix, Waveform(mix["mix"], RATE_HZ)


def bangs(
    level: float, side: float, decay_s: float = 0.004, every_s: float = 1.0, noise_level: float = 0.03
) -> Recording:
    """Sound without voice that bangs to one side of zero."""
    samples = noise(16, noise_level, 3)
    for at in range(RATE_HZ // 3, N - RATE_HZ // 10, round(every_s * RATE_HZ)):
        t = np.arange(RATE_HZ // 20) / RATE_HZ
        samples[:, at : at + len(t)] += (side * level * np.exp(-t / decay_s)).astype(np.float32)
    return of_wave(Waveform(samples, RATE_HZ))


@pytest.mark.parametrize("target", [-27.0, -23.0, -16.0])
def test_a_voice_with_a_bed_comes_to_its_target_by_one_gain(target: float, bed: list[Cue]) -> None:
    original = talk(16)
    done, mix, wave = mastered(original, bed, replace(LEVELS, target_lufs=target))
    assert integrated_lufs(wave) == pytest.approx(target, abs=0.15)
    assert done.lufs == pytest.approx(integrated_lufs(wave), abs=1e-3)
    assert true_peak_dbtp(wave) <= LEVELS.ceiling_dbtp - 0.3
    assert done.limited_db == 0
    assert done.levels.master_db is not None
    np.testing.assert_array_equal(mix["dialogue"], original.read(0, N) * np.float32(10 ** (done.levels.master_db / 20)))
    assert done.ducking.ducking_db > LEVELS.duck_db
    assert done.shortfall_lu < 0.11


@pytest.mark.parametrize(("side", "decay_s"), [(1.0, 0.0005), (-1.0, 0.004), (1.0, 0.03)])
def test_transients_without_voice_are_limited_until_it_is_loud_enough(side: float, decay_s: float) -> None:
    original = bangs(0.5, side, decay_s)
    done, _, wave = mastered(original, [], LEVELS, ())
    assert true_peak_dbtp(original.cut()) + (done.levels.master_db or 0) > LEVELS.mix_ceiling_dbtp + 2
    assert integrated_lufs(wave) == pytest.approx(-16, abs=0.3)
    assert true_peak_dbtp(wave) <= LEVELS.mix_ceiling_dbtp + 0.05
    assert done.shortfall_lu < 0.3
    assert 2 < done.limited_db <= 13


def test_a_voice_that_peaks_sets_the_gain_and_what_is_missing_is_said(bed: list[Cue]) -> None:
    samples = talk(16).read(0, N)
    samples[:, 3 * RATE_HZ] = 0.9
    original = of_wave(Waveform(samples, RATE_HZ))
    done, mix, wave = mastered(original, bed, LEVELS)
    assert done.levels.master_db == pytest.approx(LEVELS.ceiling_dbtp - true_peak_dbtp(original.cut()), abs=1e-3)
    assert done.shortfall_lu == pytest.approx(-16 - integrated_lufs(wave), abs=0.01)
    assert done.shortfall_lu > 1
    assert done.limited_db == 0
    words = slice(2 * RATE_HZ, 4 * RATE_HZ)
    gain = np.float32(10 ** ((done.levels.master_db or 0) / 20))
    np.testing.assert_array_equal(mix["dialogue"][:, words], samples[:, words] * gain)
    assert true_peak_dbtp(wave) <= LEVELS.ceiling_dbtp + 0.001


def test_another_track_is_levelled_by_its_own_voice_and_says_which_it_is(bed: list[Cue]) -> None:
    samples = talk(16).read(0, N)
    samples[:, 3 * RATE_HZ] = 0.9
    original = of_wave(Waveform(samples, RATE_HZ))
    track = OtherTrack(1, "deu", speech=SPEECH, master_db=9.0)
    done, notes = level_track(score_of(bed, (), LEVELS, N), track, original)
    gain_db = LEVELS.ceiling_dbtp - true_peak_dbtp(original.cut())
    assert done == replace(track, master_db=pytest.approx(gain_db, abs=1e-3))
    (note,) = notes
    assert note.startswith("track 2: the mix stays ")


def test_the_bed_gives_way_to_a_voice_that_fills_the_room(bed: list[Cue]) -> None:
    loud = [replace(bed[0], gain_db=18.0)]
    done, mix, wave = mastered(talk(16), loud, replace(LEVELS, duck_db=0.0, target_lufs=-6.0))
    assert done.gave_way_db > 1
    assert done.limited_db == 0
    assert true_peak_dbtp(wave) <= LEVELS.mix_ceiling_dbtp + 0.05
    assert np.abs(mix["dialogue"]).max() > 0.1


def test_film_is_anchored_by_its_dialogue(bed: list[Cue]) -> None:
    film = LOUDNESS["film"]
    levels = replace(LEVELS, target_lufs=film.lufs, anchor=film.anchor, ceiling_dbtp=film.dbtp)
    loud = [replace(bed[0], gain_db=12.0)]  # between the words the bed is what is loud
    done, _, wave = mastered(talk(16), loud, levels)
    spoken = np.concatenate([wave.cut(s.start_s, s.end_s).samples for s in SPEECH], axis=1)
    assert integrated_lufs(Waveform(spoken, RATE_HZ)) == pytest.approx(-27, abs=0.5)
    assert done.lufs == pytest.approx(integrated_lufs(wave), abs=1e-3)
    assert done.lufs > -26
    programme, _, whole = mastered(talk(16, [Span(2, 3)]), loud, levels, (Span(2, 3),))  # one second in sixteen
    assert integrated_lufs(whole) == pytest.approx(-27, abs=0.15)
    assert programme.shortfall_lu < 0.11


@pytest.mark.parametrize("length", [1, 100, RATE_HZ // 4])
def test_what_has_no_loudness_only_stays_under_the_ceiling(length: int) -> None:
    silent = level(score_of([], (), LEVELS, length), None)
    assert (silent.lufs, silent.levels.master_db, silent.shortfall_lu) == (-np.inf, 0.0, 0.0)
    full = of_wave(Waveform(np.full((2, length), 1.0, np.float32), RATE_HZ))
    done = level(score_of([], (), LEVELS, length), full)
    assert done.levels.master_db is not None
    assert true_peak_dbtp(full.cut()) + done.levels.master_db <= LEVELS.mix_ceiling_dbtp + 1e-6


def test_levelling_again_changes_nothing(bed: list[Cue]) -> None:
    once = level(score_of(bed, SPEECH, LEVELS, N), talk(16))
    assert level(score_of(bed, SPEECH, once.levels, N), talk(16)) == once


def test_clicks_in_silence_are_lowered_by_a_limit(tmp_path: Path) -> None:
    done, _, wave = mastered(bangs(0.9, 1.0, 0.0003, 2.0, 0.0003), [], LEVELS, ())
    assert done.shortfall_lu > 3
    assert done.limited_db <= 12.1
    assert done.lufs == pytest.approx(integrated_lufs(wave), abs=1e-3)
    assert true_peak_dbtp(wave) <= LEVELS.mix_ceiling_dbtp + 0.05


def peaked(at_s: float = 3.0, peak: float = 0.4) -> Recording:
    """A voice with one peak in the midst of a word."""
    samples = talk(16).read(0, N)
    at = round(at_s * RATE_HZ)
    samples[:, at : at + 24] += (peak * np.hanning(24)).astype(np.float32)
    return of_wave(Waveform(samples, RATE_HZ))


def test_single_peaks_of_voices_are_lowered_where_that_is_allowed(bed: list[Cue]) -> None:
    original = peaked()
    short, _, _ = mastered(original, bed, LEVELS)
    assert short.is_short_of_room
    assert short.levels.coding_db == 0.0
    (note,) = short.notes()
    named = float(note.split("`voice_peaks_db` ")[1].split()[0])
    assert named == pytest.approx(short.shortfall_lu, abs=0.11)
    assert "would reach it" in note

    done, mix, wave = mastered(original, bed, replace(LEVELS, voice_peaks_db=named))
    assert integrated_lufs(wave) == pytest.approx(-16, abs=0.2)
    assert done.shortfall_lu < 0.2
    assert true_peak_dbtp(wave) <= LEVELS.ceiling_dbtp + 1e-3
    assert 0.5 < done.voice_limited_db <= named
    assert done.limited_db == 0
    gain = mix["dialogue"] / (original.read(0, N) * np.float32(10 ** ((done.levels.master_db or 0) / 20)))
    changed = np.flatnonzero((np.abs(gain - 1) > 1e-6).any(axis=0))
    assert changed[0] > 3 * RATE_HZ - BEFORE * 16 - 50
    assert changed[-1] < 3 * RATE_HZ + 24 + AFTER * 16 + 50  # a window of some 60 ms, and nothing else
    assert -20 * np.log10(gain.min()) <= named + 0.01

    half, _, _ = mastered(original, bed, replace(LEVELS, voice_peaks_db=named / 2))
    assert half.shortfall_lu == pytest.approx(short.shortfall_lu - named / 2, abs=0.1)
    assert float(half.notes()[0].split("`voice_peaks_db` ")[1].split()[0]) == pytest.approx(named, abs=0.2)


def test_a_voice_may_take_the_room_that_was_left_for_the_coder(bed: list[Cue]) -> None:
    samples = talk(16).read(0, N)
    room_db = LEVELS.ceiling_dbtp - true_peak_dbtp(Waveform(samples, RATE_HZ))
    open_, _, _ = mastered(of_wave(Waveform(samples, RATE_HZ)), bed, LEVELS)
    gain_db = open_.levels.master_db or 0.0
    at = 3 * RATE_HZ
    samples[:, at] = 10 ** ((LEVELS.ceiling_dbtp - 0.2 - gain_db) / 20)  # 0.2 dB below the ceiling at the target
    done, _, wave = mastered(of_wave(Waveform(samples, RATE_HZ)), bed, LEVELS)
    assert room_db > gain_db
    assert done.shortfall_lu < 0.11
    assert 0.0 < done.levels.coding_db < 0.3
    assert LEVELS.mix_ceiling_dbtp < true_peak_dbtp(wave) <= LEVELS.ceiling_dbtp
    assert done.notes() == ()


def test_clicks_in_silence_are_no_voices() -> None:
    done, _, _ = mastered(bangs(0.9, 1.0, 0.0003, 2.0, 0.0003), [], LEVELS, ())
    assert not done.is_short_of_room
    assert "voice" not in " ".join(done.notes())
