"""Sounds that come back from their mel bands."""

import numpy as np

from storysound.generate.mel_inverse import griffin_lim, magnitudes
from storysound.media.spectrogram import LogMel, Stft, mel, power

RATE_HZ = 16_000
BANDS = LogMel(RATE_HZ, Stft(512, 128), 64, norm="slaney", scale="slaney", power=1)


def test_a_tone_comes_back_as_high_and_as_loud() -> None:
    tone = 0.3 * np.sin(2 * np.pi * 1000 * np.arange(RATE_HZ) / RATE_HZ).astype(np.float32)
    found = magnitudes(mel(power(tone, BANDS.stft), BANDS), BANDS)
    assert found.min() >= 0
    again = griffin_lim(found, BANDS, len(tone), seed=0)
    spectrum = np.abs(np.fft.rfft(again[2000:-2000]))
    assert abs(spectrum.argmax() * RATE_HZ / (len(tone) - 4000) - 1000) < 20
    assert abs(20 * np.log10(again.std() / tone.std())) < 1.5


def test_the_same_seed_gives_the_same_and_silence_stays_silent() -> None:
    bands = np.abs(np.random.default_rng(0).standard_normal((20, 64))).astype(np.float32)
    one, other = (griffin_lim(magnitudes(bands, BANDS), BANDS, 19 * 128, seed=4, rounds=3) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert np.abs(griffin_lim(magnitudes(bands * 0, BANDS), BANDS, 19 * 128, seed=0, rounds=2)).max() < 1e-5


def test_who_is_told_to_stop_is_asked_in_each_round() -> None:
    asked: list[int] = []
    griffin_lim(np.ones((5, 257), np.float32), BANDS, 512, 0, rounds=7, check=lambda: asked.append(1))
    assert len(asked) == 7
