"""Textures are told from events, tunes, beats and silence."""

import re

import numpy as np
import pytest

from storysound.cue.texture import HOP_S, analyse, flaw, texture_of, traits
from storysound.media.arrays import Floats
from storysound.media.audio import Waveform

RATE = 22_050


def wave(samples: Floats) -> Waveform:
    return Waveform(np.asarray(samples, np.float32)[None], RATE)


def noise(seconds: float, seed: int = 0) -> Floats:
    return np.float32(0.1) * np.random.default_rng(seed).standard_normal(round(seconds * RATE)).astype(np.float32)


def notes(seconds: float, *hertz: float) -> Floats:
    """One after the other, each with two overtones."""
    t = np.arange(round(seconds * RATE)) / RATE
    each_s = seconds / len(hertz)
    pitch = np.array(hertz)[np.minimum((t / each_s).astype(int), len(hertz) - 1)]
    partials = [np.sin(2 * np.pi * number * pitch * (t % each_s)) / number for number in (1, 2, 3)]
    return np.asarray(0.2 * np.sum(partials, axis=0) * np.minimum(1, t % each_s / 0.01), np.float32)


def strokes(seconds: float, every_s: float) -> Floats:
    """Bursts of noise that die away in a hundredth of a second."""
    t = np.arange(round(seconds * RATE)) / RATE
    return np.asarray(5 * noise(seconds, 3) * np.exp(-(t % every_s) / 0.01), np.float32)


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (np.zeros(5 * RATE), "is silent"),
        (1e-3 * noise(5), "is silent"),
        (noise(1.5), r"sounds for 1\.5 s"),
        (np.concatenate([np.zeros(2 * RATE), noise(1.2), np.zeros(2 * RATE)]), r"sounds for 1\.3"),
        (strokes(5, 1.7), "is made of single events"),
        (notes(6, 262, 330, 392, 330, 294, 349, 440, 262), "is a tune"),
        (noise(5), "$"),
        (noise(5) + notes(5, 120.0), "$"),
        (notes(5, 120.0) + 0.02 * noise(5), "$"),  # a hum that doesn't change
    ],
)
def test_what_a_sound_is(samples: Floats, words: str) -> None:
    assert re.match(words, flaw(analyse(wave(samples))))
    assert (texture_of(wave(samples)) is None) == (words != "$")


def test_the_audible_stretch_is_found() -> None:
    found = analyse(wave(np.concatenate([np.zeros(RATE), noise(3.0), 1e-4 * noise(2.0)])))
    assert found.first / RATE == pytest.approx(1.0, abs=0.06)
    assert found.duration_s == pytest.approx(3.0, abs=0.12)
    assert len(found.bands) == pytest.approx(found.duration_s / HOP_S, abs=1)


def test_traits_by_hand() -> None:
    step = np.repeat(np.float32([1.0, 0.1]), round(2.5 * RATE))  # 20 dB apart, half of the time each
    found = traits(analyse(wave(noise(5) * step)))
    assert found.swing_db == pytest.approx(10.0, abs=0.3)
    # Power means: the whole is 3 dB below the loud half, so its parts are 3 and 17 dB from it.
    assert found.drift_db == pytest.approx((2.97 + 17.03) / 2, abs=0.6)
    assert traits(analyse(wave(noise(5)))).lines < 0.02
    assert traits(analyse(wave(notes(5, 220.0)))).lines > 0.95
    beat = traits(analyse(wave(noise(8) + strokes(8, 0.5))))
    assert beat.pulse > 0.8
    assert traits(analyse(wave(noise(8)))).pulse < 0.3
