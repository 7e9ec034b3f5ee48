"""Music of known beats laid over itself."""

import numpy as np
import pytest

from cue.remix.track_making import BEAT_S, RATE, track
from storysound.cue.remix.align import Aligner, by_waves


@pytest.mark.parametrize("off_s", [-0.06, -0.013, 0.0, 0.04])
def test_places_marked_apart_meet(off_s: float) -> None:
    """Eight beats of a section, and those of the same notes later, marked late by `off_s`."""
    wave, times = track("AA")
    places = np.concatenate([times[4:12], times[20:28] + off_s])
    leave, reach = np.arange(8), np.arange(8, 16)
    found = Aligner(wave.samples[0], RATE, places, BEAT_S / 2, marked=True).meet(leave, reach)
    assert found.moved_s == pytest.approx(-off_s, abs=0.003)
    assert found.likeness.min() > 0.6


def test_other_notes_are_less_alike_than_the_same() -> None:
    wave, times = track("AB")
    aligner = Aligner(wave.samples[0], RATE, times, BEAT_S / 2, marked=True)
    same, other = aligner.meet(np.array([8, 8]), np.array([8, 22])).likeness
    assert same == pytest.approx(1.0, abs=1e-3)
    assert other < 0.9


def test_what_is_marked_counts_only_where_it_was_said_to() -> None:
    """Chords that are struck twice, a beat's fifth apart: the nearer is meant, if beats are most likely right."""
    wave, times = track("AA")
    places = np.array([times[8], times[24] + 0.2])
    met = [
        Aligner(wave.samples[0], RATE, places, 0.3, marked=marked).meet(np.array([0]), np.array([1])).moved_s[0]
        for marked in (False, True)
    ]
    assert met[0] == pytest.approx(-0.2, abs=0.003)
    assert abs(met[1]) < 0.2


def test_nothing_moves_by_more_than_it_may() -> None:
    wave, times = track("AA")
    aligner = Aligner(wave.samples[0], RATE, times + np.linspace(0, 0.2, len(times)), 0.02, marked=True)
    leave, reach = (grid.ravel() for grid in np.mgrid[: len(times), : len(times)])
    assert np.abs(aligner.meet(leave, reach).moved_s).max() <= 0.0201


def test_silence_is_like_nothing() -> None:
    aligner = Aligner(np.zeros(10 * RATE, np.float32), RATE, np.arange(1.0, 9.0), 0.3, marked=True)
    assert aligner.meet(np.array([1]), np.array([5])).likeness[0] == 0.0


def test_waves_meet() -> None:
    t = np.arange(4 * RATE) / RATE
    wave = np.sin(2 * np.pi * 220 * t).astype(np.float32)
    reach_s = 2.0 + 0.3 / 220
    moved_s = by_waves(wave, RATE, 1.0, reach_s, 0.03)
    apart = (reach_s + moved_s - 1.0) * 220
    assert abs(apart - round(apart)) < 0.02
