"""Envelopes against the plain reading of section 9.1.7, moment by moment."""

import math

import numpy as np
import pytest

from storysound.media.soundfont.envelope import OVER_DB, SHORTEST_ATTACK_S, Levels, swept, wave
from storysound.media.soundfont.zones import Envelope, Wave

RATE = 8000


def slow(envelope: Envelope, held_s: float, time_s: float) -> float:
    """Decibels below the peak, or infinity, of one moment."""
    if time_s > held_s:
        return slow(envelope, held_s, held_s) + (time_s - held_s) * 100 / envelope.release_s
    time_s -= envelope.delay_s
    if time_s <= 0:
        return math.inf
    if time_s < envelope.attack_s:
        return -20 * math.log10(time_s / envelope.attack_s)
    time_s -= envelope.attack_s + envelope.hold_s
    return min(max(time_s, 0) * 100 / envelope.decay_s, envelope.sustain)


@pytest.mark.parametrize("held_s", [0.05, 0.15, 0.25, 0.6, 2.0])
def test_levels_follow_every_phase(held_s: float) -> None:
    envelope, levels = Envelope(0.1, 0.1, 0.1, 2.0, 30.0, 0.8), Levels(RATE)
    held = round(held_s * RATE)
    n = levels.length(envelope, held)
    made = levels.of(envelope, held, n)
    assert made.shape == (n,)
    wanted = np.array([10 ** (-slow(envelope, held_s, at / RATE) / 20) for at in range(n)])
    np.testing.assert_allclose(made, wanted, atol=2e-6)


def test_times_of_an_envelope_are_those_it_was_given() -> None:
    made = Levels(RATE).of(Envelope(0.0, 0.5, 0.25, 2.0, 40.0, 1.0), 3 * RATE, 4 * RATE)
    db = 20 * np.log10(np.maximum(made, 1e-9))
    assert made[RATE // 4] == pytest.approx(0.5, abs=1e-3)  # half way up, in amplitude
    assert db[RATE // 2 : RATE * 3 // 4].max() - db[RATE // 2 : RATE * 3 // 4].min() == pytest.approx(0, abs=1e-3)
    assert db[RATE * 3 // 4 + RATE // 2] == pytest.approx(-25, abs=0.05)  # 100 dB in 2 s
    assert db[2 * RATE] == pytest.approx(-40, abs=1e-3)
    assert db[3 * RATE + RATE // 4] == pytest.approx(-65, abs=0.05)  # 100 dB in 1 s


def test_a_note_is_over_where_it_has_fallen_far_enough() -> None:
    levels = Levels(RATE)
    open_end = Envelope(0, 0, 0, 0, 0.0, 1.0)
    assert levels.length(open_end, RATE) == RATE + math.ceil(OVER_DB / 100 * RATE)
    plucked = Envelope(0, 0, 0, 1.0, 100.0, 1.0)
    assert levels.length(plucked, 10 * RATE) == math.ceil((SHORTEST_ATTACK_S + OVER_DB / 100) * RATE)
    never = Envelope(5.0, 0, 0, 0, 0.0, 1.0)
    assert levels.length(never, RATE) == RATE


def test_what_is_instantaneous_makes_no_click() -> None:
    made = Levels(48_000).of(Envelope(0, 0, 0, 0, 0, 0), 4800, 4800 + 600)
    assert np.abs(np.diff(made)).max() < 0.03


def test_an_envelope_does_not_depend_on_what_was_asked_before() -> None:
    envelope = Envelope(0.01, 0.02, 0.03, 1.0, 20.0, 0.5)
    used = Levels(RATE)
    for held in (17_000, 100, 4001):
        used.of(envelope, held, held + 900)
    assert np.array_equal(used.of(envelope, 5000, 7000), Levels(RATE).of(envelope, 5000, 7000))


def test_the_envelope_of_modulation_rises_convex_and_falls_evenly() -> None:
    envelope = Envelope(0.5, 1.0, 0.5, 2.0, 0.6, 1.0)
    made = swept(envelope, np.array([0.0, 0.5, 1.0, 1.5, 1.99, 3.0, 9.0]))
    assert made.tolist() == pytest.approx([0, 0, 1 + 40 / 96 * math.log10(0.5), 1, 1, 0.5, 0.4])


def test_oscillators_are_triangles_that_wait() -> None:
    made = wave(Wave(1.0, 2.0), np.array([0, 1.0, 1.0625, 1.125, 1.25, 1.375, 1.5]))
    assert made.tolist() == pytest.approx([0, 0, 0.5, 1, 0, -1, 0])
