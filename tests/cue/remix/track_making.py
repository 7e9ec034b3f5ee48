"""Tracks whose beats, bars and form are known: struck chords over bars of four, in sections of their own sound."""

import numpy as np
from numpy.typing import NDArray

from storysound.media.audio import Waveform

RATE = 22_050
BEAT_S = 0.5
LEAD_IN_S = 0.25  # before the first beat
_CHORDS = {
    "A": (220.0, 277.2, 329.6),
    "B": (196.0, 246.9, 293.7),
    "C": (174.6, 220.0, 261.6),
    "D": (164.8, 207.7, 246.9),
}


def track(sections: str = "ABABCABAB", ring_s: float = 2.0, seed: int = 0) -> tuple[Waveform, NDArray[np.float64]]:
    """Four bars a section, and a last chord that rings out; and when the beats are [n].

    "A" and "B" are soft and change chords bar by bar, "C" is loud and bright.
    """
    beats = 16 * len(sections)
    times = LEAD_IN_S + BEAT_S * np.arange(beats + 1)
    out = np.zeros(round((times[-1] + ring_s) * RATE))
    for number, time_s in enumerate(times):
        section = sections[min(number // 16, len(sections) - 1)]
        _strike(out, time_s, section, number % 16, ring_s if number == beats else 0.6)
    noise = 0.0005 * np.random.default_rng(seed).standard_normal(len(out))
    return Waveform((out + noise).astype(np.float32)[None], RATE), times


def _strike(out: NDArray[np.float64], time_s: float, section: str, beat: int, length_s: float) -> None:
    """A chord on a beat, with a low note where the bar begins, and a drum in "C"."""
    first = round(time_s * RATE)
    t = np.arange(min(round(length_s * RATE), len(out) - first)) / RATE
    order = "ABDC" if section == "A" else "BDAC"
    chord = _CHORDS[order[beat // 4] if section != "C" else "C"]
    loud = 0.12 if section == "C" else 0.06
    fall = np.exp(-t / (0.35 * length_s)) * np.minimum(t / 0.004, 1.0)
    for tone in chord:
        out[first : first + len(t)] += loud * np.sin(2 * np.pi * tone * t) * fall
    if beat % 4 == 0:
        out[first : first + len(t)] += 0.15 * np.sin(2 * np.pi * chord[0] / 4 * t) * np.exp(-t / 0.2)
    if section == "C":
        noise = np.random.default_rng(beat).standard_normal(len(t))
        out[first : first + len(t)] += 0.1 * noise * np.exp(-t / 0.04)
