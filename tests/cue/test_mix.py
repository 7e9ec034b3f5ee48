"""Ducking, untouched speech, loudness and peaks of the mix."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from storysound.cue.levels import Levels
from storysound.cue.mix import bed_lufs, cue_gain_db, duck_gain, lay, mix
from storysound.media.arrays import RATE_HZ
from storysound.media.audio import Waveform
from storysound.media.levels import loudest_db
from storysound.media.loudness import integrated_lufs, true_peak_dbtp
from storysound.story import Span

LEVELS = Levels()
SPEECH = (Span(2.0, 4.0), Span(4.5, 6.0), Span(10.0, 12.0))
N = 16 * RATE_HZ


def noise(seconds: float, level: float, seed: int = 0, channels: int = 2) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    return (level * rng.standard_normal((channels, round(seconds * RATE_HZ)))).astype(np.float32)


@pytest.fixture(scope="module")
def talk() -> Waveform:
    """Noise bursts of a voice's band and modulation in the speech spans, near silence elsewhere."""
    samples = noise(16, 1e-4)
    for span in SPEECH:
        a, b = round(span.start_s * RATE_HZ), round(span.end_s * RATE_HZ)
        syllables = np.abs(np.sin(2 * np.pi * 4 * np.arange(b - a) / RATE_HZ)).astype(np.float32)
        samples[:, a:b] += 0.05 * syllables * noise((b - a) / RATE_HZ, 1, 1, 1)
    return Waveform(samples, RATE_HZ)


def test_duck_curve_is_down_before_the_first_word_and_holds_through_pauses() -> None:
    gain_db = 20 * np.log10(duck_gain(SPEECH, N, LEVELS))
    at = lambda t: float(gain_db[round(t * RATE_HZ)])  # noqa: E731
    for t in (2.0, 3.0, 4.25, 5.9, 10.0, 11.9):
        assert at(t) <= -LEVELS.duck_db + 0.01
    for t in (0.0, 1.7, 7.5, 9.7, 14.0):
        assert at(t) > -0.01
    assert -LEVELS.duck_db < at(6.6) < 0
    # Never faster than the attack: no step that could be heard as a click.
    assert np.abs(np.diff(gain_db)).max() < LEVELS.duck_db * np.pi / 2 / (LEVELS.attack_s * RATE_HZ) * 1.01


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 14), st.floats(0.05, 3)), max_size=8))
def test_the_bed_is_down_wherever_someone_speaks(spans: list[tuple[float, float]]) -> None:
    rate = 1000
    speech = [Span(a, a + d) for a, d in spans]
    gain = duck_gain(speech, 16 * rate, LEVELS, rate)
    for span in speech:
        inside = gain[int(np.ceil(span.start_s * rate)) : int(span.end_s * rate)]
        assert (inside <= 10 ** (-LEVELS.duck_db / 20) + 1e-4).all()
    assert np.abs(np.diff(gain)).max(initial=0) < 0.025
    assert gain.max() <= 1.0


def test_mix_ducks_leaves_speech_alone_and_meets_its_targets(talk: Waveform) -> None:
    bed = bed_lufs(talk, SPEECH, LEVELS)
    music = noise(16, 0.1, 5)
    gain_db = cue_gain_db(music, "music", bed, LEVELS, arousal=0.5, soft=False)
    mixed = mix(talk, lay([(0.0, music, gain_db)], N), SPEECH, LEVELS)
    assert integrated_lufs(mixed.wave) == pytest.approx(-16, abs=0.8)
    assert true_peak_dbtp(mixed.wave) <= LEVELS.ceiling_dbtp + 0.02
    assert mixed.ducking_db >= 9
    assert mixed.limited_db == 0
    gain = 10 ** (mixed.gain_db / 20)
    # Null test: take out what was added, and the original times one constant is left.
    np.testing.assert_allclose(mixed.wave.samples - mixed.added.samples, talk.samples * gain, atol=2e-6)
    words, pause = slice(round(2.1 * RATE_HZ), round(3.9 * RATE_HZ)), slice(round(7.5 * RATE_HZ), round(9.5 * RATE_HZ))
    level = lambda part: 10 * np.log10((mixed.added.samples[:, part] ** 2).mean())  # noqa: E731
    assert level(pause) - level(words) >= 9
    voice = Waveform(talk.samples[:, words] * np.float32(gain), RATE_HZ)
    under = integrated_lufs(voice) - integrated_lufs(Waveform(mixed.added.samples[:, words], RATE_HZ))
    assert 15 < under < 21


def test_a_bed_alone_comes_to_target() -> None:
    music = noise(5, 0.02)
    gain_db = cue_gain_db(music, "music", bed_lufs(None, (), LEVELS), LEVELS, arousal=0.9, soft=False)
    mixed = mix(None, lay([(0.0, music, gain_db)], 5 * RATE_HZ), (), LEVELS)
    assert integrated_lufs(mixed.wave) == pytest.approx(-16, abs=0.3)
    assert mixed.ducking_db == 0


def test_peaks_that_leave_no_headroom_are_limited_and_reported() -> None:
    samples = noise(6, 0.003)
    samples[:, ::RATE_HZ] = 0.9
    mixed = mix(Waveform(samples, RATE_HZ), np.zeros((2, 6 * RATE_HZ), np.float32), (), LEVELS)
    assert true_peak_dbtp(mixed.wave) <= LEVELS.ceiling_dbtp + 0.05
    assert integrated_lufs(mixed.wave) == pytest.approx(-16, abs=1)
    assert mixed.limited_db > 3


@pytest.mark.parametrize("length", [1, 100, RATE_HZ // 4, 2 * RATE_HZ])
def test_silence_and_very_short_sound_stay_finite(length: int) -> None:
    silent = mix(None, np.zeros((2, length), np.float32), (), LEVELS)
    assert not silent.wave.samples.any()
    assert silent.wave.samples.shape == (2, length)
    loud = mix(Waveform(np.full((2, length), 1.0, np.float32), RATE_HZ), np.zeros((2, length), np.float32), (), LEVELS)
    assert np.isfinite(loud.wave.samples).all()
    assert true_peak_dbtp(loud.wave) < -1


@pytest.mark.parametrize("own_s", [1.0, 5.0])
def test_the_mix_is_as_long_as_the_picture(own_s: float) -> None:
    original = Waveform(noise(own_s, 0.1), RATE_HZ)
    assert mix(original, np.zeros((2, 3 * RATE_HZ), np.float32), (), LEVELS).wave.duration_s == 3.0


def test_bed_follows_what_is_there() -> None:
    loud, faint = (Waveform(noise(5, level), RATE_HZ) for level in (0.1, 1e-4))
    assert bed_lufs(loud, (), LEVELS) == pytest.approx(integrated_lufs(loud) - LEVELS.bed_under_sound_lu)
    assert bed_lufs(faint, (), LEVELS) == LEVELS.faint_lufs - LEVELS.bed_under_sound_lu
    assert bed_lufs(loud, [Span(1, 2)], LEVELS) == pytest.approx(integrated_lufs(loud) - 4, abs=0.2)


def test_layers_have_their_places() -> None:
    music, hit = noise(5, 0.1), noise(0.1, 0.3)
    gain = {
        layer: cue_gain_db(music, layer, -20.0, LEVELS, arousal=0.5, soft=False)  # type: ignore[arg-type]
        for layer in ("music", "ambience")
    }
    assert gain["music"] - gain["ambience"] == pytest.approx(-LEVELS.ambience_lu)
    calm, wild = (cue_gain_db(music, "music", -20.0, LEVELS, arousal=a, soft=False) for a in (0.0, 1.0))
    assert wild - calm == pytest.approx(4.0)
    hard = cue_gain_db(hit, "spot", -20.0, LEVELS, arousal=0.5, soft=False)
    soft = cue_gain_db(hit, "spot", -20.0, LEVELS, arousal=0.5, soft=True)
    assert hard - soft == pytest.approx(LEVELS.spot_lu - LEVELS.soft_spot_lu)
    assert hard + loudest_db(hit, RATE_HZ) == pytest.approx(-20 + LEVELS.spot_lu)
    assert cue_gain_db(np.zeros_like(hit), "spot", -20.0, LEVELS, arousal=0.5, soft=False) == 0.0


def test_a_tail_beyond_the_end_is_cut_without_a_click() -> None:
    tone = np.sin(2 * np.pi * 200 * np.arange(2 * RATE_HZ) / RATE_HZ).astype(np.float32)
    laid = lay([(0.5, np.stack([tone, tone]), 0.0)], RATE_HZ)
    assert laid.shape == (2, RATE_HZ)
    assert np.abs(laid[:, -1]).max() < 1e-3


@pytest.mark.parametrize("wrong", [{"duck_db": 6.0}, {"ceiling_dbtp": 0.0}, {"target_lufs": 3.0}, {"bridge_s": 0.1}])
def test_levels_refuse_what_breaks_the_promise(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"must|out of range|need"):
        Levels(**wrong)
