import math
from itertools import pairwise

import numpy as np
import pyloudnorm
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st
from media_making import noise, tone

from storysound.media import loudness as module
from storysound.media.audio import Waveform
from storysound.media.loudness import LoudnessMeter, TruePeak, integrated_lufs, momentary_lufs, true_peak_dbtp


def sine(dbfs: float, duration_s: float, rate_hz: int = 48000) -> np.ndarray:
    """A stereo sine of 1 kHz as EBU Tech 3341 has it: dBFS of its peak, the same on both sides."""
    return tone(1000, duration_s, rate_hz, 10 ** (dbfs / 20), 2).samples


def joined(*parts: np.ndarray, rate_hz: int = 48000) -> Waveform:
    return Waveform(np.concatenate(parts, axis=1), rate_hz)


def test_the_filter_is_the_one_of_the_standard() -> None:
    """BS.1770-4, tables 1 and 2: coefficients at 48 kHz."""
    shelf, high_pass = module._k_weighting(48000)
    expected = [1.53512485958697, -2.69169618940638, 1.19839281085285, 1, -1.69065929318241, 0.73248077421585]
    np.testing.assert_allclose(shelf, expected, atol=1e-8)
    np.testing.assert_allclose(high_pass, [1, -2, 1, 1, -1.99004745483398, 0.99007225036621], atol=1e-8)


@pytest.mark.parametrize("rate_hz", [22050, 44100, 48000, 96000])
def test_ebu_3341_cases_1_and_2(rate_hz: int) -> None:
    assert integrated_lufs(Waveform(sine(-23, 20, rate_hz), rate_hz)) == pytest.approx(-23, abs=0.1)
    assert integrated_lufs(Waveform(sine(-33, 20, rate_hz), rate_hz)) == pytest.approx(-33, abs=0.1)


def test_ebu_3341_cases_3_to_5() -> None:
    """Quiet parts fall under the gate; case 5 has parts that don't. Lengths are a quarter of the standard's."""
    third = joined(sine(-36, 2.5), sine(-23, 15), sine(-36, 2.5))
    assert integrated_lufs(third) == pytest.approx(-23, abs=0.1)
    fourth = joined(sine(-72, 2.5), sine(-36, 2.5), sine(-23, 15), sine(-36, 2.5), sine(-72, 2.5))
    assert integrated_lufs(fourth) == pytest.approx(-23, abs=0.1)
    fifth = joined(sine(-26, 20), sine(-20, 20.1), sine(-26, 20))
    assert integrated_lufs(fifth) == pytest.approx(-23, abs=0.1)


def test_surround_weights_of_ebu_3341_case_6() -> None:
    samples = np.zeros((6, 48000 * 5), np.float32)  # FL FR FC LFE BL BR
    for channel, dbfs in [(0, -28), (1, -28), (2, -24), (3, 0), (4, -30), (5, -30)]:
        samples[channel] = sine(dbfs, 5)[0]
    assert integrated_lufs(Waveform(samples, 48000)) == pytest.approx(-23, abs=0.1)


@pytest.mark.parametrize("rate_hz", [8000, 44100])
def test_near_another_meter(rate_hz: int) -> None:
    wave = noise(7.3, rate_hz, 2)
    envelope = np.abs(np.sin(np.arange(wave.samples.shape[1]) / rate_hz)) ** 3
    wave = Waveform((wave.samples * envelope).astype(np.float32), rate_hz)
    other = pyloudnorm.Meter(rate_hz, filter_class="DeMan").integrated_loudness(wave.samples.T.astype(float))
    assert integrated_lufs(wave) == pytest.approx(other, abs=0.1)


def test_silence_and_short_sound_have_no_loudness() -> None:
    assert integrated_lufs(Waveform(np.zeros((2, 48000), np.float32), 48000)) == -math.inf
    assert integrated_lufs(tone(1000, 0.39)) == -math.inf
    assert integrated_lufs(tone(1000, 0.4)) > -20
    assert true_peak_dbtp(Waveform(np.zeros((1, 10), np.float32), 48000)) == -math.inf
    assert true_peak_dbtp(Waveform(np.zeros((1, 0), np.float32), 48000)) == -math.inf


def test_the_momentary_curve() -> None:
    moment = momentary_lufs(joined(sine(-20, 4), sine(-30, 4)))
    assert len(moment) == 77
    assert moment[39] < -20.5
    assert moment[35] == pytest.approx(-20, abs=0.1)
    assert moment[-1] == pytest.approx(-30, abs=0.1)
    assert momentary_lufs(tone(1000, 0.39)).size == 0


@pytest.mark.parametrize("rate_hz", [8000, 44100, 48000])
def test_a_quarter_rate_sine_peaks_between_its_samples(rate_hz: int) -> None:
    """fs/4 at 45°: all samples stand at √½ of the peak, so the true peak is 3.01 dB above them."""
    n = np.arange(rate_hz)
    wave = Waveform((0.5 * np.sin(np.pi / 2 * n + np.pi / 4)).astype(np.float32)[None], rate_hz)
    fade = np.minimum(1, np.minimum(n, n[::-1]) / 500).astype(np.float32)
    assert true_peak_dbtp(Waveform(wave.samples * fade, rate_hz)) == pytest.approx(20 * math.log10(0.5), abs=0.05)


@given(seed=st.integers(0, 1000), n=st.integers(1, 400))
@settings(max_examples=30, deadline=None)
def test_true_peak_is_that_of_the_oversampled_signal(seed: int, n: int) -> None:
    samples = np.random.default_rng(seed).normal(0, 0.2, (2, n)).astype(np.float32)
    taps = module._interpolator()
    padded = np.pad(samples, ((0, 0), (64, 64)))
    points = [np.abs(samples).max()]
    for phase in range(3):
        for channel in padded:
            points.append(np.abs(np.correlate(channel, taps[:, phase])).max())
    assert true_peak_dbtp(Waveform(samples, 48000)) == pytest.approx(20 * math.log10(max(points)), abs=1e-3)


def test_true_peak_agrees_with_a_long_filter() -> None:
    smooth = scipy.signal.lfilter([0.3, 0.4, 0.3], 1, noise(1, channels=2).samples).astype(np.float32)
    reference = np.abs(scipy.signal.resample_poly(smooth, 8, 1, axis=1)).max()
    assert true_peak_dbtp(Waveform(smooth, 48000)) == pytest.approx(20 * math.log10(reference), abs=0.1)


@settings(max_examples=15, deadline=None)
@given(
    rate_hz=st.sampled_from([8000, 11025, 44100, 48000]),
    channels=st.sampled_from([1, 2, 6]),
    length_s=st.floats(0.01, 6),
    shares=st.lists(st.floats(0, 1), max_size=12),
    seed=st.integers(0, 9),
)
def test_a_meter_fed_in_stretches_measures_as_the_whole(
    rate_hz: int, channels: int, length_s: float, shares: list[float], seed: int
) -> None:
    samples = np.random.default_rng(seed).normal(0, 0.1, (channels, max(1, round(length_s * rate_hz))))
    samples[:, : samples.shape[1] // 3] *= 0.01
    layout = {1: ("FC",), 2: ("FL", "FR"), 6: ("FL", "FR", "FC", "LFE", "BL", "BR")}[channels]
    wave = Waveform(samples.astype(np.float32), rate_hz, layout)
    meter, peak = LoudnessMeter(rate_hz, layout), TruePeak(channels)
    cuts = sorted(round(share * samples.shape[1]) for share in shares)
    for start, end in pairwise([0, *cuts, samples.shape[1]]):
        meter.add(wave.samples[:, start:end])
        peak.add(wave.samples[:, start:end])
    assert meter.integrated_lufs() == pytest.approx(integrated_lufs(wave), abs=1e-6)
    np.testing.assert_allclose(-0.691 + 10 * np.log10(meter.energies()), momentary_lufs(wave), atol=1e-6)
    assert peak.dbtp() == pytest.approx(true_peak_dbtp(wave), abs=1e-5)


@pytest.mark.parametrize("rate_hz", [11025, 48000])
def test_windows_are_those_of_the_standard(rate_hz: int) -> None:
    """Against K-weighting the whole at once, and a mean for each window."""
    wave = noise(4.03, rate_hz, 2)
    energy = np.square(scipy.signal.sosfilt(module._k_weighting(rate_hz), wave.samples.astype(float))).sum(axis=0)
    means = []
    for k in range(38):
        if k * 0.1 + 0.4 <= wave.duration_s + 1e-9:
            start = round(k * 0.1 * rate_hz)
            means.append(energy[start : start + round(0.4 * rate_hz)].mean())
    assert len(means) == 37
    np.testing.assert_allclose(momentary_lufs(wave), -0.691 + 10 * np.log10(means), atol=1e-6)


def test_points_between_are_those_of_the_oversampled_signal() -> None:
    samples = noise(0.01, 48000, 2).samples[:, : 32 * 5 + 2 * module.REACH]
    taps = module._interpolator()
    for channel, points in zip(samples, module.points_between(samples), strict=True):
        for phase in range(3):
            expected = [taps[:, phase] @ channel[i + 1 : i + 33] for i in range(32 * 5 - 1)]
            np.testing.assert_allclose(points[:-1, phase], expected, atol=1e-5)


def test_a_meter_needs_a_rate() -> None:
    with pytest.raises(ValueError, match="8000"):
        LoudnessMeter(4000, ("FC",))
