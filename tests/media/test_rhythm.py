import functools
from itertools import pairwise

import numpy as np
import pytest
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st
from media_making import noise, tone

from rounding import assert_alike
from storysound.media import rhythm
from storysound.media.audio import Waveform
from storysound.media.rhythm import (
    analyse,
    beat_times_s,
    choice,
    felt_tempo,
    metre,
    onset_envelope,
    quiet_points_s,
    tempo_bpm,
)


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


def slow_best_score(scores: np.ndarray, before: int, count: int, band: int) -> float:
    """Of a band's rows of bars, one row after the other: from the first bar's beginning on, all there are."""
    which = np.flatnonzero(metre._BANDS.bands == band)
    frames = metre._BANDS.frames

    @functools.cache
    def best(row: int, begins: int) -> float:
        """From a bar on that begins at a frame."""
        here = float(scores[begins, metre._BANDS.kinds[row]])
        ends = begins + int(frames[row])
        if ends >= before + count:
            return here
        after = [other for other in which if abs(int(other) - row) <= 1]
        return here + max(best(int(other), ends) - metre._STEP_COST * float(other != row) for other in after)

    firsts: list[float] = [
        best(int(row), begins) - float(np.log(frames[row]))
        for row in which
        for begins in range(before - int(frames[row]) + 1, before + 1)
    ]
    return max(firsts)


@pytest.mark.parametrize("bpm", [60.0, 131.0])
def test_rows_of_bars_are_the_best_ones(bpm: float) -> None:
    rng = np.random.default_rng(int(bpm))
    evidence = metre._Evidence(rng.normal(size=(3, 400)), rng.exponential(size=400))
    rows = metre._Rows(evidence)
    band = int(np.abs(np.log(metre._BANDS.bpm / bpm)).argmin())
    scores = metre._bar_scores(evidence.places, rows._before)
    assert rows.best[band] == pytest.approx(slow_best_score(scores, rows._before, 400, band))
    lines = rows.path(band)
    assert lines[0] <= 0 < lines[1]
    assert lines[-2] < 400 <= lines[-1]
    kinds = [
        int(np.flatnonzero((metre._BANDS.metres == 3) & (metre._BANDS.lengths == b - a))[0]) for a, b in pairwise(lines)
    ]
    changes = np.count_nonzero(np.diff(kinds))
    total = sum(scores[rows._before + a, kind] for a, kind in zip(lines[:-1], kinds, strict=True))
    start = np.log(lines[1] - lines[0])
    assert rows.best[band] == pytest.approx(total - start - changes * metre._STEP_COST)


@pytest.mark.parametrize(("beats", "frames"), [(3, 71), (4, 90)])
def test_scores_of_bars_are_those_of_their_places(beats: int, frames: int) -> None:
    places = np.random.default_rng(2).normal(size=(3, 300))
    kind = int(np.abs(metre._BANDS.lengths - frames + 1000 * (metre._BANDS.metres != beats)).argmin())
    frames, before = int(metre._BANDS.lengths[kind]), int(metre._BANDS.lengths.max())
    found = metre._bar_scores(places, before)[:, kind]

    def at(place: int, frame: float) -> float:
        return float(places[place, round(frame)]) if 0 <= round(frame) < 300 else 0.0

    for start in (-frames + 1, 0, 17, 299):
        on = [at(min(beat, 1), start + round(beat * frames / beats)) for beat in range(beats)]
        halves = [start + round((beat + 0.5) * frames / beats) for beat in range(beats)]
        quiet, busy = (sum(at(place, half) for half in halves) for place in (2, 1))
        assert found[before + start] == pytest.approx(sum(on) + max(quiet, busy - metre._BUSY * beats))


def chords_and_strokes(beats: int, bpm: float, count: int) -> tuple[Waveform, np.ndarray]:
    """Bars of a chord that is held, another each, and strokes on the other beats, and when the bars begin."""
    step = 60 / bpm
    time = np.arange(round((count * beats + 0.5) * step * 22050)) / 22050
    samples = np.zeros(len(time))
    lines = 0.3 + np.arange(count) * beats * step
    for i, line in enumerate(lines):
        root = (48, 53, 55, 50, 57)[i % 5]
        for pitch in (root - 12, root, root + 4 - (i % 2), root + 7):
            since, on = time - line, (time >= line) & (time < line + beats * step)
            samples += on * np.exp(-since.clip(0)) * np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * since)
        for beat in range(1, beats):
            since = time - line - beat * step
            samples += 0.5 * (since >= 0) * np.exp(-30 * since.clip(0)) * np.sin(2 * np.pi * 3000 * since)
    return Waveform((0.1 * samples).astype(np.float32)[None], 22050), lines


@pytest.mark.parametrize(("beats", "bpm"), [(4, 96.0), (3, 96.0), (4, 124.0), (3, 120.0)])
def test_bars_of_three_and_four(beats: int, bpm: float) -> None:
    wave, lines = chords_and_strokes(beats, bpm, 9)
    found = rhythm.bars(wave)
    assert found is not None
    assert found.metre == beats
    assert found.bpm == pytest.approx(bpm, rel=0.015)
    assert np.abs(found.downbeats_s[None] - lines[1:-1, None]).min(axis=1).max() < 0.04
    assert set(found.downbeats_s) <= set(found.beats_s)
    np.testing.assert_array_equal(rhythm.downbeats_s(wave), found.downbeats_s)


@pytest.mark.parametrize("beats", [3, 4])
def test_rows_that_are_compared_hold_the_right_one_and_bars_takes_it(beats: int) -> None:
    wave, _ = chords_and_strokes(beats, 104.0, 9)
    rows, curves = metre.candidates(analyse(wave))
    right = [row.metre == beats and row.bpm == pytest.approx(104, rel=0.02) for row in rows]
    assert sum(right) == 1
    assert {row.metre for row in rows} == {3, 4}
    assert int(choice.likelihoods(rows, curves).argmax()) == right.index(True)


def test_each_trait_of_a_row_has_a_weight() -> None:
    rows, curves = metre.candidates(analyse(strokes(100, 8)[0]))
    assert list(choice.traits(rows[0], curves)) == list(choice.WEIGHTS)


def test_what_speaks_for_a_row_is_the_same_however_long_the_sound_is() -> None:
    short, long = (
        {(row.metre, round(row.bpm)): choice.traits(row, curves) for row in rows}
        for rows, curves in (metre.candidates(analyse(chords_and_strokes(4, 96.0, bars)[0])) for bars in (10, 20))
    )
    for name, value in short[4, 96].items():
        assert long[4, 96][name] == pytest.approx(value, abs=0.35), name


def test_beats_are_exact_to_some_milliseconds() -> None:
    wave, times = strokes(97, 20)
    off = np.array([beat - times[np.abs(times - beat).argmin()] for beat in beat_times_s(wave)])
    assert abs(np.median(off)) < 0.012
    assert np.abs(off - np.median(off)).max() < 0.006  # half a frame


def test_a_late_onset_does_not_pull_its_beat_away() -> None:
    wave, times = strokes(90, 24)
    loud, reach = wave.samples.copy(), round(0.1 * 22050)
    for time in times[5::7]:
        at = round(time * 22050)
        late = at + round(0.033 * 22050)
        loud[0, late : late + reach] += 2 * wave.samples[0, at : at + reach]
        loud[0, at:late] = 0.0
    found = beat_times_s(Waveform(loud, 22050))
    off = np.array([np.abs(found - time).min() for time in times[2:-2]])
    assert off.max() < 0.012


def test_beats_follow_a_tempo_that_drifts() -> None:
    wave, _ = strokes(2.0, 40)  # two strokes: one is laid on each beat
    stroke = wave.samples[0, round(0.2 * 22050) :][: round(0.1 * 22050)]
    steps = 0.6 * (1 + 0.04 * np.sin(np.arange(48) / 6))
    times = 0.3 + np.cumsum(steps)
    samples = np.zeros(round((times[-1] + 1) * 22050), np.float32)
    for index, time in enumerate(times):
        at = round(time * 22050)
        samples[at : at + len(stroke)] += stroke * (1.0 if index % 4 == 0 else 0.6)
    found = beat_times_s(Waveform(samples[None], 22050))
    off = np.array([np.abs(found - time).min() for time in times[2:-2]])
    assert off.max() < 0.02


def test_beats_lie_where_something_sounds() -> None:
    wave, times = strokes(100, 12)
    silent = np.zeros((1, 22050 * 4), np.float32)
    beats = beat_times_s(Waveform(np.concatenate([silent, wave.samples, silent], axis=1), 22050))
    assert beats[0] >= 4
    assert beats[-1] <= 4 + times[-1] + 0.2
    assert abs(len(beats) - len(times)) <= 2


def test_a_tempo_that_is_known_is_kept_to() -> None:
    wave, _ = strokes(120, 12)
    for bpm in (60.0, 118.0):
        found = rhythm.bars(wave, bpm)
        assert found is not None
        assert found.bpm == pytest.approx(bpm, rel=0.08)


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
