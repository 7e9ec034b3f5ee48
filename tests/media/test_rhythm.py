import numpy as np
import pytest
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st
from media_making import noise, tone

from rounding import assert_alike
from storysound.media import rhythm
from storysound.media.audio import Waveform
from storysound.media.rhythm import analyse, beat_times_s, felt_tempo, onset_envelope, quiet_points_s, tempo_bpm


def strokes(bpm: float, duration_s: float, rate_hz: int = 22050, first_s: float = 0.2) -> tuple[Waveform, np.ndarray]:
    """Decaying noise strokes, every fourth one louder, and when they begin."""
    times = np.arange(first_s, duration_s - 0.1, 60 / bpm)
    samples = np.zeros(round(duration_s * rate_hz), np.float32)
    stroke = noise(0.1, rate_hz).samples[0] * np.exp(-np.arange(round(0.1 * rate_hz)) / (0.02 * rate_hz))
    for index, time in enumerate(times):
        at = round(time * rate_hz)
        part = stroke[: len(samples) - at] * (1.0 if index % 4 == 0 else 0.6)
        samples[at : at + len(part)] += part.astype(np.float32)
    return Waveform(samples[None], rate_hz), times


@pytest.mark.parametrize("bpm", [70, 84, 100, 120, 137.5])
@pytest.mark.parametrize("rate_hz", [22050, 48000])
def test_tempo_and_beats_of_strokes(bpm: float, rate_hz: int) -> None:
    wave, times = strokes(bpm, 12, rate_hz)
    found = tempo_bpm(wave)
    assert found == pytest.approx(bpm, rel=0.01)
    beats = beat_times_s(wave)
    inner = times[1:-1]
    distance = np.abs(beats[None] - inner[:, None]).min(axis=1)
    assert distance.max() < 0.03
    assert abs(len(beats) - len(times)) <= 2


def test_felt_tempo_rises_with_tempo_and_is_within_an_octave_of_it() -> None:
    felt = [felt_tempo(strokes(bpm, 12)[0]) for bpm in (80, 110, 150)]
    assert felt == sorted(felt)
    assert felt == pytest.approx(np.log2(np.array([80, 110, 150]) / 100), abs=1)
    assert felt_tempo(Waveform(np.zeros((1, 44_100), np.float32), 22_050)) == 0.0


def test_what_does_not_pulse_has_no_tempo() -> None:
    rng = np.random.default_rng(3)
    irregular = np.zeros(22050 * 10, np.float32)
    irregular[rng.integers(0, len(irregular), 25)] = 1
    for wave in (noise(10, 22050), tone(440, 10, 22050), strokes(120, 1.5)[0], Waveform(irregular[None], 22050)):
        assert tempo_bpm(wave) is None
        assert beat_times_s(wave).size == 0
    silence = Waveform(np.zeros((1, 22050 * 5), np.float32), 22050)
    assert tempo_bpm(silence) is None
    assert quiet_points_s(silence).size == 0


def test_one_spectrogram_serves_all() -> None:
    wave, _ = strokes(120, 8)
    shared = analyse(wave)
    assert shared.duration_s == 8
    assert tempo_bpm(shared) == pytest.approx(tempo_bpm(wave))
    for told in (beat_times_s, quiet_points_s, onset_envelope):
        assert_alike(told(shared), told(wave))


def slow_best_paths(local: np.ndarray, period: float) -> np.ndarray:
    """Score of the best beat sequence ending at each frame, one frame and one predecessor at a time."""
    score = local.copy()
    for t in range(len(local)):
        best = 0.0
        for step in range(max(1, round(period / 2)), round(2 * period) + 1):
            if t - step >= 0:
                best = max(best, score[t - step] - rhythm._TIGHTNESS * np.log(step / period) ** 2)
        score[t] += best
    return score


@pytest.mark.parametrize("period", [7.3, 20.0, 43.1])
def test_beat_paths_are_the_best_ones(period: float) -> None:
    local = np.random.default_rng(1).exponential(1.0, 300)
    score, previous = rhythm._best_paths(local, period)
    np.testing.assert_allclose(score, slow_best_paths(local, period))
    linked = previous >= 0
    steps = np.flatnonzero(linked) - previous[linked]
    cost = rhythm._TIGHTNESS * np.log(steps / period) ** 2
    np.testing.assert_allclose(score[linked], local[linked] + score[previous[linked]] - cost)


def test_quiet_points_lie_between_notes() -> None:
    samples = np.zeros(22050 * 4, np.float32)
    for start in (0.0, 1.0, 2.0, 3.0):
        at = round(start * 22050)
        samples[at : at + 17640] = tone(300, 0.8, 22050).samples[0]
    points = quiet_points_s(Waveform(samples[None], 22050))
    assert points == pytest.approx([0.9, 1.9, 2.9], abs=0.06)
    assert quiet_points_s(tone(300, 3, 22050)).size == 0


@pytest.mark.parametrize("n", [1, 2, 100, 5000])
def test_very_short_sound(n: int) -> None:
    wave = Waveform(np.ones((1, n), np.float32), 22050)
    assert tempo_bpm(wave) is None
    assert beat_times_s(wave, bpm=120).size <= 1
    assert quiet_points_s(wave).size == 0


@given(
    st.lists(st.integers(0, 6), max_size=60),
    st.integers(1, 9),
    st.sampled_from([None, 2.0, 4.0]),
    st.sampled_from([0.0, 1.0, 3.0]),
)
def test_peaks_are_those_that_scipy_finds(
    values: list[int], apart: int, height: float | None, prominence: float
) -> None:
    curve = np.array(values, float) + 1e-3 * np.arange(len(values)) ** 2 * (np.array(values) > 3)  # plateaus, no ties
    wanted, _ = scipy.signal.find_peaks(curve, height=height, distance=apart, prominence=prominence or None)
    assert rhythm.find_peaks(curve, apart=apart, height=height, prominence=prominence).tolist() == wanted.tolist()
