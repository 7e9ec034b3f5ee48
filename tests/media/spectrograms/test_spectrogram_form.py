"""Sound to picture and back, by the definition and as Riffusion has it."""

import numpy as np
import pytest

from storysound.media.spectrogram import mel_filterbank
from storysound.media.spectrograms.form import SpectrogramForm, amplitudes, from_pixels, is_stereo, pixels

SMALL = SpectrogramForm(4000, 10, 50, 100, 40, 0.0, 1500.0)


def riffusions_pixels(levels: np.ndarray, power: float) -> np.ndarray:
    """What Riffusion draws of amplitudes [c b t], before it cuts fractions off: [b t 3]."""
    values = 255 - 255 * (levels / levels.max()) ** power
    channels = [values[0]] * 3 if len(values) == 1 else [np.zeros_like(values[0]), values[0], values[1]]
    return np.stack([channel[::-1] for channel in channels], axis=-1)


def test_the_defaults_are_riffusions() -> None:
    form = SpectrogramForm()
    stft = form.analysis.stft
    assert (stft.n_fft, stft.hop_length, stft.win_length) == (17640, 441, 4410)
    assert form.columns(5.12) == 513
    assert form.samples(512) == 511 * 441
    assert form.analysis.filters().max() == pytest.approx(1.0, abs=0.05)  # not of equal area


def test_amplitudes_are_those_of_the_definition() -> None:
    samples = np.random.default_rng(0).normal(size=(2, 900)).astype(np.float32)
    found = amplitudes(samples, SMALL)
    assert found.shape == (2, 23, 40)
    padded = np.pad(samples[1], 200, mode="reflect")
    window = np.zeros(400)
    window[100:300] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(200) / 200)
    column = np.abs(np.fft.rfft(padded[7 * 40 : 7 * 40 + 400] * window))
    np.testing.assert_allclose(found[1, 7], mel_filterbank(4000, 400, 40, 0.0, 1500.0) @ column, rtol=1e-4)


@pytest.mark.parametrize("channels", [1, 2])
def test_pixels_are_riffusions_but_rounded(channels: int) -> None:
    form = SpectrogramForm(4000, 10, 50, 100, 40, 0.0, 1500.0, channels=channels)
    levels = np.random.default_rng(1).uniform(0, 3, (channels, 5, 40)).astype(np.float32)
    drawn = pixels(levels, form, float(levels.max()))
    assert drawn.shape == (40, 5, 3)
    assert np.abs(drawn - riffusions_pixels(levels.transpose(0, 2, 1), 0.25)).max() <= 0.5 + 1e-4
    assert is_stereo(drawn) == (channels == 2)
    back = from_pixels(drawn, form, float(levels.max()))
    assert back.shape == levels.shape
    shown = (back / levels.max()) ** 0.25 - (levels / levels.max()) ** 0.25
    assert np.abs(shown).max() <= 0.5 / 255 + 1e-6


def test_silence_is_white_and_sounds_as_nothing() -> None:
    drawn = pixels(np.zeros((1, 4, 40), np.float32), SMALL, 0.0)
    assert (drawn == 255).all()
    assert not from_pixels(drawn, SMALL, 1.0).any()
    with pytest.raises(ValueError, match="40 bands"):
        from_pixels(drawn[1:], SMALL, 1.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"bands": 0}, {"channels": 3}, {"step_ms": 200}, {"highest_hz": 30_000.0}, {"power": 0.0}, {"rate_hz": 50},
        {"padded_ms": 10_001}, {"lowest_hz": float("nan")}, {"bands": 1 << 30},
    ],
)  # fmt: skip
def test_nonsense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="no spectrogram"):
        SpectrogramForm(**wrong)  # type: ignore[arg-type]
