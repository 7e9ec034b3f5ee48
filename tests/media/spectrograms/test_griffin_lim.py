"""Sound found again from its bands: level, pitch, length, seams, channels."""

from dataclasses import replace

import numpy as np
import pytest

from rounding import assert_alike
from storysound.media.spectrogram import LogMel, Stft, mel, power
from storysound.media.spectrograms.form import SpectrogramForm, amplitudes
from storysound.media.spectrograms.griffin_lim import inverse_of, sound_of

FORM = SpectrogramForm(4000, 10, 50, 100, 60, 0.0, 1500.0)


def found(samples: np.ndarray, seed: int = 0, iterations: int = 32, form: SpectrogramForm = FORM) -> np.ndarray:
    blocks = sound_of(amplitudes(samples, form), form.analysis, samples.shape[1], iterations=iterations, seed=seed)
    return np.concatenate(list(blocks), axis=1)


def tones(seconds: float) -> np.ndarray:
    time = np.arange(round(seconds * FORM.rate_hz)) / FORM.rate_hz
    return np.sum([0.2 * np.sin(2 * np.pi * hz * time) for hz in (220.0, 620.0)], axis=0)[None].astype(np.float32)


def error(samples: np.ndarray, made: np.ndarray) -> np.ndarray:
    """How far the bands are off in each column, against the usual strength of one: [t]."""
    wanted, there = amplitudes(samples, FORM)[0], amplitudes(made, FORM)[0]
    return np.linalg.norm(there - wanted, axis=1) / np.linalg.norm(wanted, axis=1).mean()


def test_tones_come_back_at_their_pitch_and_level() -> None:
    samples = tones(2.0)
    made = found(samples)
    inner = slice(400, -400)
    assert np.std(made[0, inner]) == pytest.approx(np.std(samples[0, inner]), rel=0.06)
    spectrum = np.abs(np.fft.rfft(made[0] * np.hanning(made.shape[1])))
    hz = np.fft.rfftfreq(made.shape[1], 1 / FORM.rate_hz)
    loudest = hz[np.argsort(spectrum)[-1]], hz[spectrum == spectrum[(hz < 400)].max()][0]
    assert sorted(loudest)[0] == pytest.approx(220, abs=6)
    assert error(samples, made).mean() < 0.12


def test_more_iterations_come_nearer() -> None:
    samples = np.random.default_rng(0).normal(size=(1, 6000)).astype(np.float32)
    errors = [error(samples, found(samples, iterations=n)).mean() for n in (0, 8, 32)]
    assert errors[0] > 1.5 * errors[1] > 1.8 * errors[2]


@pytest.mark.parametrize("length", [1, 39, 40, 41, 1999])
def test_the_length_is_exact(length: int) -> None:
    samples = np.random.default_rng(1).normal(size=(1, length)).astype(np.float32)
    assert found(samples, iterations=2).shape == (1, length)


def test_a_long_sound_has_no_seams() -> None:
    """Found in three pieces."""
    samples = np.concatenate([tones(20.5), 0.3 * np.random.default_rng(2).normal(size=(1, 90_000))], axis=1)
    made = found(samples.astype(np.float32), iterations=16)
    assert made.shape == samples.shape
    errors = error(samples.astype(np.float32), made)
    for second, usual in ((20, errors[:1900]), (40, errors[2100:])):
        assert errors[100 * second - 30 : 100 * second + 80].mean() < 2 * usual.mean()
        assert errors[100 * second - 30 : 100 * second + 80].max() < 2 * np.quantile(usual, 0.99)


def test_channels_that_are_alike_stay_alike_and_seeds_differ() -> None:
    form = SpectrogramForm(4000, 10, 50, 100, 60, 0.0, 1500.0, channels=2)
    samples = np.random.default_rng(3).normal(size=(1, 3000)).astype(np.float32)
    made = found(np.concatenate([samples, samples]), iterations=8, form=form)
    assert_alike(made[0], made[1])
    assert_alike(made[0], found(samples, iterations=8)[0])
    assert np.abs(made[0] - found(samples, 1, 8)[0]).max() > 0.1


def test_bands_of_another_kind_up_to_half_the_rate() -> None:
    """Those of a model: of equal area, on Slaney's scale."""
    bands = LogMel(16_000, Stft(512, 128), 64, norm="slaney", scale="slaney", power=1)
    samples = 0.3 * np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000).astype(np.float32)
    (made,) = np.concatenate(list(sound_of(mel(power(samples, bands.stft), bands)[None], bands, 16_000)), axis=1)
    assert abs(np.abs(np.fft.rfft(made[2000:-2000])).argmax() * 16_000 / 12_000 - 1000) < 20
    assert abs(20 * np.log10(made.std() / samples.std())) < 1.0
    with pytest.raises(ValueError, match="magnitudes"):
        inverse_of(replace(bands, power=2))


def test_silence_stays_silent_and_odd_windows_work() -> None:
    assert not found(np.zeros((1, 3000), np.float32), iterations=2).any()
    odd = SpectrogramForm(22_050, 10, 50, 50, 40, 0.0, 10_000.0)  # 1102 and 220 samples
    made = found(np.random.default_rng(4).normal(size=(1, 4000)).astype(np.float32), iterations=2, form=odd)
    assert np.isfinite(made).all()
    with pytest.raises(ValueError, match="60"):
        list(sound_of(np.zeros((1, 5, 59), np.float32), FORM.analysis, 100))
