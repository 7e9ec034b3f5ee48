import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storysound.match.sos_inputs import frame_indices, informative_crop_s, random_crop_s
from storysound.media.audio import Waveform


@given(count=st.integers(1, 300), wanted=st.integers(1, 80))
def test_frames_are_chosen_evenly_in_order_of_time(count: int, wanted: int) -> None:
    chosen = frame_indices(count, wanted)
    assert len(chosen) == wanted
    assert 0 <= chosen[0] <= chosen[-1] < count
    steps = np.diff(chosen)
    assert (steps >= 0).all()
    assert len(steps) == 0 or np.ptp(steps) <= 1
    if count <= wanted:  # every frame, as often as any other, give or take one
        assert np.ptp(np.bincount(chosen, minlength=count)) <= 1
    assert np.abs(chosen + chosen[::-1] - (count - 1)).max() <= 1  # alike from both ends


def test_forty_frames_are_kept_as_they_are() -> None:
    assert frame_indices(40).tolist() == list(range(40))
    with pytest.raises(ValueError, match="at least one"):
        frame_indices(0)


def bursts(duration_s: float, at_s: list[float], rate_hz: int = 22050) -> Waveform:
    """A quiet hum with short loud noises."""
    rng = np.random.default_rng(0)
    samples = 0.02 * np.sin(2 * np.pi * 220 * np.arange(round(duration_s * rate_hz)) / rate_hz)
    for start in at_s:
        i = round(start * rate_hz)
        samples[i : i + 2000] += 0.5 * rng.normal(size=len(samples[i : i + 2000]))
    return Waveform(samples[None].astype(np.float32), rate_hz)


def test_erratum_6_the_informative_stretch_is_where_most_begins_to_sound() -> None:
    wave = bursts(12.0, [1.0, 7.1, 7.6, 8.0, 8.7])
    start = informative_crop_s(wave, 2.0)
    assert 6.6 < start <= 7.1
    assert informative_crop_s(wave, 2.0) == start
    louder = Waveform(4 * wave.samples, wave.rate_hz)
    assert informative_crop_s(louder, 2.0) == pytest.approx(start)


def test_the_first_of_equals_and_short_sounds() -> None:
    silence = Waveform(np.zeros((1, 50000), np.float32), 16000)
    assert informative_crop_s(silence, 1.0) == 0.0
    assert informative_crop_s(silence, 60.0) == 0.0
    assert informative_crop_s(Waveform(np.ones((2, 10), np.float32), 16000), 0.0005) == 0.0
    twice = bursts(12.0, [2.0], rate_hz=16000)
    again = Waveform(np.tile(twice.samples, 2), twice.rate_hz)
    assert informative_crop_s(again, 1.0) < 12.0


def test_random_stretches_lie_within() -> None:
    rng = np.random.default_rng(0)
    starts = [random_crop_s(30.0, 10.0, rng) for _ in range(200)]
    assert min(starts) < 1 < 19 < max(starts) <= 20
    assert random_crop_s(5.0, 10.0, rng) == 0.0
