"""The 15-second rule and the 78-hertz rule."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storysound.ingest.slices import mean_frequency_hz, slices, spans
from storysound.media.audio import Waveform


def edges(key_times_s: list[float], duration_s: float) -> list[tuple[float, float]]:
    return [(span.start_s, span.end_s) for span in spans(key_times_s, duration_s)]


def test_erratum_5_a_slice_closes_before_it_would_exceed_15_seconds() -> None:
    """The paper accumulates "until the duration exceeds 15 s" and says slices are never longer: closed before."""
    assert edges([0.0, 5.0, 10.0, 15.0, 20.0], 25.0) == [(0.0, 15.0), (15.0, 25.0)]
    assert edges([0.0, 8.0, 16.0], 24.0) == [(0.0, 8.0), (8.0, 16.0), (16.0, 24.0)]


def test_erratum_5_a_single_longer_unit_is_kept_whole() -> None:
    assert edges([0.0, 4.0, 40.0], 44.0) == [(0.0, 4.0), (4.0, 40.0), (40.0, 44.0)]
    assert edges([3.0], 150.0) == [(0.0, 150.0)]


def test_the_first_unit_begins_with_the_story() -> None:
    assert edges([2.0, 9.0], 12.0) == [(0.0, 12.0)]
    assert edges([], 12.0) == [(0.0, 12.0)]
    assert edges([], 0.0) == []


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 200, exclude_max=True, width=16), unique=True).map(sorted), st.floats(200, 300, width=16))
def test_slices_tile_the_story(times_s: list[float], duration_s: float) -> None:
    found = edges(times_s, duration_s)
    assert [start for start, _ in found] + [duration_s] == [0.0] + [end for _, end in found]
    units = [0.0, *(time_s for time_s in times_s[1:] if time_s), duration_s]
    for start_s, end_s in found:
        assert {start_s, end_s} <= set(units)
        assert end_s - start_s <= 15 or not [time_s for time_s in units if start_s < time_s < end_s]
    for start_s, end_s in found[:-1]:
        assert min(time_s for time_s in units if time_s > end_s) - start_s > 15  # one unit more would not have fitted


def test_keyframes_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="time order"):
        spans([0.0, 9.0, 5.0], 12.0)


def sine(*parts: tuple[float, float], seconds: float = 2.0, rate_hz: int = 8000) -> Waveform:
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    return Waveform(sum(a * np.sin(2 * np.pi * hz * time_s) for hz, a in parts)[None].astype(np.float32), rate_hz)


def test_erratum_4_mean_frequency_is_weighted_by_power() -> None:
    """Amplitudes 2 and 1 are powers 4 and 1."""
    assert mean_frequency_hz(sine((100, 0.4), (1000, 0.2))) == pytest.approx((4 * 100 + 1000) / 5, rel=1e-4)


def test_erratum_4_against_a_plain_transform() -> None:
    wave = Waveform(np.random.default_rng(3).normal(0, 0.1, (2, 400)).astype(np.float32), 1000)
    count = wave.samples.shape[1]
    turns = np.exp(-2j * np.pi * np.outer(np.arange(count // 2 + 1), np.arange(count)) / count)
    power = (np.abs(turns @ wave.samples.T) ** 2).sum(axis=1)
    frequencies = np.arange(count // 2 + 1) * 1000 / count
    assert mean_frequency_hz(wave) == pytest.approx((frequencies * power).sum() / power.sum(), rel=1e-6)


def test_erratum_4_what_lies_below_78_hertz_is_left_out() -> None:
    rate = 8000
    parts = [sine((60, 0.5)), sine((90, 0.5)), sine((60, 0.0)), sine((500, 0.001))]  # loudness does not matter
    background = Waveform(np.concatenate([part.samples for part in parts], axis=1), rate)
    found = slices(background, [0.0, 2.0, 4.0, 6.0], longest_s=2.0)
    assert [(each.span.start_s, each.span.end_s) for each in found] == [(2.0, 4.0), (6.0, 8.0)]
    assert [each.mean_hz for each in found] == pytest.approx([90, 500], rel=1e-3)
    assert mean_frequency_hz(Waveform(np.zeros((1, 100), np.float32), rate)) == 0
