"""One fold-down and one loudness for every job, whatever the loudspeakers, the rate and the size of the samples."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from media_making import noise, tone

from storysound.errors import MediaError
from storysound.media.audio import Waveform, read_audio, write_wav
from storysound.media.layouts import STEREO
from storysound.media.loudness import integrated_lufs, true_peak_dbtp

HALF = np.sqrt(0.5)
SURROUND = ("FL", "FR", "FC", "LFE", "BL", "BR")


def wave(*channels: np.ndarray, layout: tuple[str, ...] = (), rate_hz: int = 48_000) -> Waveform:
    return Waveform(np.stack(channels).astype(np.float32), rate_hz, layout)


def test_one_side_turned_round_sounds_as_one_side_alone() -> None:
    one = noise(2.0).samples[0]
    assert np.allclose(wave(one, -one).mono().samples[0], one, atol=1e-6)
    assert np.allclose(wave(one, -0.8 * one).mono().samples[0], 0.9 * one, atol=1e-6)


def test_usual_and_wide_stereo_are_added_up() -> None:
    middle, side = noise(1.0).samples[0], tone(440, 1.0, amplitude=0.3).samples[0]
    assert np.allclose(wave(middle + side, middle - side).mono().samples[0], middle, atol=1e-6)
    assert np.allclose(wave(side, 0 * side).mono().samples[0], side / 2, atol=1e-7)


def test_loudspeakers_are_folded_down_alike_in_one_step_and_in_two() -> None:
    rng = np.random.default_rng(2)
    surround = Waveform(rng.normal(0, 0.1, (6, 9600)).astype(np.float32), 48_000, SURROUND)
    left, right = surround.stereo().samples
    fl, fr, fc, _, bl, br = surround.samples
    total = 1 + 2 * HALF
    assert np.allclose(left, (fl + HALF * fc + HALF * bl) / total, atol=1e-6)
    assert np.allclose(right, (fr + HALF * fc + HALF * br) / total, atol=1e-6)
    assert np.allclose(surround.mono().samples, surround.stereo().mono().samples, atol=1e-7)


def test_the_low_channel_is_no_sound_of_its_own() -> None:
    said, rumble = noise(2.0).samples[0], tone(40, 2.0, amplitude=0.9).samples[0]
    two = wave(said, rumble, layout=("FC", "LFE"))
    assert np.allclose(two.mono().samples[0], said, atol=1e-6)
    assert integrated_lufs(two) == pytest.approx(integrated_lufs(wave(said)), abs=0.01)


def test_sides_weigh_more_in_loudness_by_their_place_not_their_number() -> None:
    one, none = noise(3.0).samples[0], np.zeros(3 * 48_000)
    flat = integrated_lufs(wave(one, none, layout=STEREO))
    for layout in (SURROUND, ("FL", "FR", "FC", "LFE", "SL", "SR"), ("FL", "FR", "FC", "BL", "BR", "LFE")):
        at = next(i for i, name in enumerate(layout) if name in ("BL", "SL"))
        rows = [one if i == at else none for i in range(6)]
        assert integrated_lufs(wave(*rows, layout=layout)) - flat == pytest.approx(10 * np.log10(1.41), abs=0.02)


def test_layout_is_read_kept_and_checked(tmp_path: Path) -> None:
    samples = np.random.default_rng(3).normal(0, 0.1, (9600, 6))
    soundfile.write(tmp_path / "a.wav", samples, 48_000, format="WAVEX", subtype="PCM_24")
    read = read_audio(tmp_path / "a.wav")
    assert read.layout == SURROUND
    assert read.cut(0.05, 0.1).layout == SURROUND
    assert read_audio(tmp_path / "a.wav", rate_hz=24_000).layout == SURROUND
    with pytest.raises(ValueError, match="names every channel"):
        Waveform(np.zeros((1, 9), np.float32), 48_000, STEREO)


@pytest.mark.parametrize("rate_hz", [500, 1000, 2000, 3000, 3363, 8000, 11_025, 44_100, 96_000, 192_000, 384_000])
def test_any_rate_has_a_loudness(rate_hz: int) -> None:
    hz = min(200.0, rate_hz / 5)
    level = integrated_lufs(tone(hz, 4.0, rate_hz, 0.5))
    assert np.isfinite(level)
    strays = 0.25 if 8000 <= rate_hz < 16_000 else 0.05  # of the K filter near half the rate, in other meters too
    assert level == pytest.approx(integrated_lufs(tone(hz, 4.0, 48_000, 0.5)), abs=strays)
    assert integrated_lufs(Waveform(np.zeros((1, 4 * rate_hz), np.float32), rate_hz)) == -np.inf
    assert np.isfinite(true_peak_dbtp(tone(hz, 1.0, rate_hz)))


def test_samples_beyond_full_scale_stay_and_nonsense_is_told(tmp_path: Path) -> None:
    hot = tone(440, 1.0, 44_100, 4.0)
    write_wav(tmp_path / "hot.wav", hot)
    assert np.abs(read_audio(tmp_path / "hot.wav").samples).max() == pytest.approx(4.0, abs=0.01)
    soundfile.write(tmp_path / "huge.wav", np.full(44_100, 1e30, np.float32), 44_100, subtype="FLOAT")
    with pytest.raises(MediaError, match="far beyond full scale"):
        read_audio(tmp_path / "huge.wav")
