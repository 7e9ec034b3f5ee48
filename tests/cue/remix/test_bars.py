"""Beats, bars and turns of tracks that are known; what has no beats gets a plain grid."""

import numpy as np
import pytest

from cue.remix.track_making import BEAT_S, RATE, track
from storysound.cue.remix.bars import GRID_S, Bars, bars_of, is_even
from storysound.cue.remix.structure import structure_of
from storysound.media.audio import Waveform


@pytest.fixture(scope="module")
def known() -> tuple[Bars, np.ndarray]:
    wave, times = track()
    bars = bars_of(wave, 0.2, wave.duration_s)
    assert bars is not None
    return bars, times


def test_beats_and_bar_lines_are_where_they_are_struck(known: tuple[Bars, np.ndarray]) -> None:
    bars, times = known
    assert bars.pulses
    assert bars.meter == 4
    nearest = np.abs(bars.times_s[:, None] - times).argmin(axis=1)
    assert np.abs(bars.times_s - times[nearest]).max() < 0.05
    assert np.all(np.diff(nearest) == 1)
    assert set(nearest[bars.downbeats] % 4) == {0}


def test_alike_beats_look_alike(known: tuple[Bars, np.ndarray]) -> None:
    """Sections A of the track are the same notes; C is another sound."""
    bars, times = known
    first = int(np.abs(bars.times_s - times[4]).argmin())
    again, other = first + 32, first + 64
    apart = [float(np.linalg.norm(bars.timbre[first] - bars.timbre[n])) for n in (again, other)]
    assert apart[0] < 0.3 * apart[1]


def test_turns_are_where_the_sound_changes(known: tuple[Bars, np.ndarray]) -> None:
    bars, times = known
    structure = structure_of(bars)
    strongest = np.argsort(structure.turns)[-2:]
    for turn in (times[64], times[80]):  # into C, and out of it
        assert np.abs(bars.times_s[strongest] - turn).min() < BEAT_S / 2
    assert structure.sections[0].start_s == bars.first_s
    assert structure.sections[-1].part == "ending"
    for before, after in zip(structure.sections, structure.sections[1:], strict=False):
        assert before.end == after.first


def test_evenness() -> None:
    even = np.arange(40) * 0.5
    assert is_even(even)
    assert is_even(np.cumsum(np.linspace(0.4, 0.6, 60)))  # slows down
    rng = np.random.default_rng(0)
    assert not is_even(np.cumsum(rng.uniform(0.3, 0.9, 60)))
    assert not is_even(even[:10])


def test_without_beats_places_are_a_plain_grid() -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal(30 * RATE)
    slow = noise * (1 + 0.3 * np.sin(np.arange(len(noise)) / RATE / 3))
    bars = bars_of(Waveform(slow.astype(np.float32)[None], RATE), 0.0, 30.0)
    assert bars is not None
    assert not bars.pulses
    assert bars.meter == 1
    np.testing.assert_allclose(np.diff(bars.times_s), GRID_S)


def test_too_little_has_no_bars() -> None:
    wave, _ = track("A", ring_s=0.5)
    assert bars_of(wave.cut(0.0, 5.0), 0.2, 5.0) is None
