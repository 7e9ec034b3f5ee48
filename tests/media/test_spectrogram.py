import kaldi_native_fbank
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rounding import assert_alike
from storysound.media import spectrogram
from storysound.media.spectrogram import (
    LogMel,
    MelNorm,
    MelScale,
    Stft,
    hz_to_mel,
    istft,
    log_mel,
    mel_filterbank,
    mel_to_hz,
    power,
    stft,
)


def slow_stft(samples: np.ndarray, config: Stft) -> np.ndarray:
    """The definition, one frame and one frequency at a time."""
    n_fft = config.n_fft
    length = config.win_length or n_fft
    window = np.zeros(n_fft)
    for i in range(length):
        window[(n_fft - length) // 2 + i] = 0.5 - 0.5 * np.cos(2 * np.pi * i / length)
    if config.centre:
        samples = np.pad(samples, n_fft // 2, mode=config.pad)
    rows = []
    for start in range(0, len(samples) - n_fft + 1, config.hop_length):
        part = samples[start : start + n_fft] * window
        rows.append([np.sum(part * np.exp(-2j * np.pi * k * np.arange(n_fft) / n_fft)) for k in range(n_fft // 2 + 1)])
    return np.array(rows)


@pytest.mark.parametrize(
    "config",
    [
        Stft(64, 16),
        Stft(64, 24, centre=False),
        Stft(64, 20, win_length=40, pad="constant"),
        Stft(50, 25, win_length=33, centre=False),
    ],
)
def test_stft_is_its_definition(config: Stft) -> None:
    samples = np.random.default_rng(1).normal(size=300).astype(np.float32)
    found = stft(samples, config)
    np.testing.assert_allclose(found, slow_stft(samples, config), atol=1e-4)
    assert found.shape == (config.frames(300), config.bins)
    np.testing.assert_allclose(power(samples, config), np.abs(found) ** 2, rtol=1e-4, atol=1e-6)
    assert_alike(stft(np.stack([samples, -samples]), config)[1], -found)


@given(n=st.integers(1, 700), centre=st.booleans())
@settings(max_examples=30, deadline=None)
def test_frames_are_counted_right_down_to_one_sample(n: int, centre: bool) -> None:
    config = Stft(64, 16, centre=centre)
    assert stft(np.ones(n, np.float32), config).shape == (config.frames(n), 33)


@given(n=st.integers(200, 2000))
@settings(max_examples=20, deadline=None)
def test_istft_gives_the_samples_back(n: int) -> None:
    samples = np.random.default_rng(n).normal(size=(2, n)).astype(np.float32)
    config = Stft(128, 32)
    covered = (config.frames(n) - 1) * config.hop_length
    back = istft(stft(samples, config), config, n)
    assert back.shape == (2, n)
    np.testing.assert_allclose(back[:, :covered], samples[:, :covered], atol=1e-4)


@given(hz=st.floats(0, 20000), scale=st.sampled_from(["htk", "slaney"]))
def test_mel_there_and_back(hz: float, scale: MelScale) -> None:
    assert float(mel_to_hz(hz_to_mel(hz, scale), scale)) == pytest.approx(hz, abs=1e-6)


def test_mel_scales_at_known_points() -> None:
    assert float(hz_to_mel(1000)) == pytest.approx(999.9855, abs=1e-3)
    assert float(hz_to_mel(6400, "slaney")) == pytest.approx(42.0)
    assert float(hz_to_mel(500, "slaney")) == pytest.approx(7.5)


@pytest.mark.parametrize("scale", ["htk", "slaney"])
@pytest.mark.parametrize("norm", [None, "slaney", "sum"])
def test_filters_are_triangles(scale: MelScale, norm: MelNorm) -> None:
    rate_hz, n_fft, n_mels, f_min, f_max = 16000, 512, 20, 50.0, 7000.0
    found = mel_filterbank(rate_hz, n_fft, n_mels, f_min, f_max, scale, norm)
    low_mel, high_mel = float(hz_to_mel(f_min, scale)), float(hz_to_mel(f_max, scale))
    step = (high_mel - low_mel) / (n_mels + 1)
    edges = [float(mel_to_hz(low_mel + i * step, scale)) for i in range(n_mels + 2)]
    expected = np.zeros((n_mels, n_fft // 2 + 1))
    for m in range(n_mels):
        for k in range(n_fft // 2 + 1):
            f = k * rate_hz / n_fft
            if edges[m] < f <= edges[m + 1]:
                expected[m, k] = (f - edges[m]) / (edges[m + 1] - edges[m])
            elif edges[m + 1] < f < edges[m + 2]:
                expected[m, k] = (edges[m + 2] - f) / (edges[m + 2] - edges[m + 1])
        if norm == "slaney":
            expected[m] *= 2 / (edges[m + 2] - edges[m])
        elif norm == "sum":
            expected[m] /= max(expected[m].sum(), 1e-12)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_log_mel_is_its_formula() -> None:
    config = LogMel(16000, Stft(512, 256), 32, log="10", amplify=10000, offset=1, gain=0.5, norm="sum")
    samples = np.random.default_rng(0).normal(size=4000).astype(np.float32)
    expected = 0.5 * np.log10(10000 * (power(samples, config.stft) @ config.filters().T) + 1)
    np.testing.assert_allclose(log_mel(samples, config), expected, rtol=1e-5)
    floored = log_mel(np.zeros(4000), LogMel(16000, Stft(512, 256), 32, power=1, floor=1e-5))
    np.testing.assert_allclose(floored, np.log(1e-5), rtol=1e-6)


@pytest.mark.parametrize("at_once", [1, 64 * 7, 1 << 30])
def test_block_size_changes_nothing(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    config = LogMel(16000, Stft(64, 16), 10)
    samples = np.random.default_rng(0).normal(size=(2, 3, 900)).astype(np.float32)
    expected = np.log(np.maximum(power(samples, config.stft) @ config.filters().T, 1e-10))
    monkeypatch.setattr(spectrogram, "AT_ONCE", at_once)
    found = log_mel(samples, config)
    assert found.shape == (2, 3, config.stft.frames(900), 10)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_kaldi_fbank_is_kaldis() -> None:
    """Against kaldi-native-fbank with AST's settings; the difference is that of float32 near the floor."""
    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.samp_freq, options.frame_opts.dither, options.frame_opts.window_type = 16000, 0, "hanning"
    options.frame_opts.snip_edges, options.mel_opts.num_bins, options.use_energy = True, 128, False
    bank = kaldi_native_fbank.OnlineFbank(options)
    samples = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
    bank.accept_waveform(16000, samples)
    bank.input_finished()
    expected = np.stack([bank.get_frame(i) for i in range(bank.num_frames_ready)])
    found = spectrogram.kaldi_fbank(samples, 16000, 128)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=2e-3)
    np.testing.assert_allclose(spectrogram.kaldi_fbank(np.ones(10), 16000, 8).shape, (1, 8))


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="n_fft"):
        Stft(0, 1)
    with pytest.raises(ValueError, match="no samples"):
        stft(np.zeros(0), Stft(8, 4))
    with pytest.raises(ValueError, match="f_min"):
        mel_filterbank(8000, 256, 10, 5000.0)
