"""Which of several rows of bars a sound has: a linear model of what speaks for a tempo and its metre.

Rows that are good alike differ in whether three or four beats fill a bar, and by octaves. What tells them apart: how
alike the sound is a bar, two and four bars later (Foote & Uchihashi 2001, "The Beat Spectrum", section 2, by timbre and
by pitch classes), how many tones begin in a beat, and where in a bar they do. Weights are of a conditional logit, which
of a sound's rows is the right one (McFadden 1974), on made music and others: `benchmarks.quality.metre_weights`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.fft
import scipy.ndimage

from storysound.media.arrays import Doubles, Ints
from storysound.media.rhythm.quiet import find_peaks

USUAL_BPM = 94.0
_ALIKE_S = (0.12, 0.21)  # over which the spectrum and the pitch classes are smoothed before they are compared
_APART = 8  # frames between tones that are counted
_SHOWN = 0.75  # of a curve: with less overlap than a quarter, chance rules
WEIGHTS = {  # of the traits, in their order
    "evidence": 1.59,
    "value": 0.812,
    "octaves": 0.266,
    "octaves squared": -6.08,
    "three": -2.2,
    "tones a beat": -0.153,
    "tones a beat, three": -0.43,
    "tones, octaves": 4.83,
    "onsets, 1 beats": 2.42,
    "onsets, 2 beats": 4.5,
    "onsets, 1 bars": 2.47,
    "onsets, 2 bars": -0.829,
    "spectrum, 1 bars": 14.6,
    "spectrum, 2 bars": 5.16,
    "spectrum, 4 bars": 0.395,
    "chroma, 1 bars": -3.23,
    "chroma, 2 bars": -1.59,
    "chroma, 4 bars": 2.41,
    "chords, 1 bars": 2.95,
    "chords, 2 bars": 2.08,
    "chords, 4 bars": 4.73,
    "new tones, downbeats": 1.43,
    "new tones, beats": -1.38,
    "new tones, halves": -5.6,
    "onsets, thirds": -5.28,
    "onsets, middle": -2.25,
    "bass, middle": -1.04,
    "chords, middle": 1.59,
}


@dataclass(frozen=True)
class Row:
    """Bars of `metre` beats between lines [d+1], in frames of the evidence; `evidence`, `value`: what speaks for it."""

    metre: int
    bpm: float
    lines: Ints
    evidence: float
    value: float  # weighed by how usual its tempo is


@dataclass(frozen=True, eq=False)
class Curves:
    """A sound by frames, `rate_hz` a second: onsets, those of the bass, new tones and chord changes `begins` [4 t].

    Levels of its spectrum in bands `levels` [t b], and its pitch classes `chroma` [t 12].
    """

    begins: Doubles
    levels: Doubles
    chroma: Doubles
    rate_hz: float

    @property
    def duration_s(self) -> float:
        """In seconds."""
        return float(self.begins.shape[1] / self.rate_hz)

    @cached_property
    def smooth(self) -> Doubles:
        """What begins around each frame, less the mean: [4 t]."""
        near = scipy.ndimage.uniform_filter1d(self.begins, 3)
        return np.asarray(near - near.mean(axis=1, keepdims=True))

    @cached_property
    def tones_per_s(self) -> float:
        """How many begin, one at the least in all."""
        rises = self.smooth[0] + self.smooth[2]
        peaks = find_peaks(rises, apart=_APART, height=float(rises.mean() + rises.std()))
        return float((len(peaks) + 1) / self.duration_s)

    @cached_property
    def again(self) -> Doubles:
        """How alike the sound is after each lag, by onsets, spectrum, pitch classes and chord changes: [4 t]."""
        spectrum_s, chroma_s = (round(seconds * self.rate_hz) for seconds in _ALIKE_S)
        curves = (
            self.begins[:2].sum(axis=0)[:, None],
            scipy.ndimage.uniform_filter1d(self.levels, spectrum_s, axis=0),
            scipy.ndimage.uniform_filter1d(self.chroma, chroma_s, axis=0),
            self.begins[3][:, None],
        )
        return np.array([_again(curve) for curve in curves])


def likelihoods(rows: Sequence[Row], curves: Curves) -> Doubles:
    """How likely each of a sound's rows of bars is, beside the others: logarithms, their sum unknown, [r]."""
    return np.array([sum(WEIGHTS[name] * value for name, value in traits(row, curves).items()) for row in rows])


def _again(curve: Doubles) -> Doubles:
    """Correlation of a curve [t d] with itself after each lag, [t], 1 at lag 0; unbiased for the shrinking overlap."""
    count = len(curve)
    size = scipy.fft.next_fast_len(2 * count, real=True)
    spectrum = scipy.fft.rfft(curve - curve.mean(axis=0), size, axis=0)
    products = scipy.fft.irfft((np.abs(spectrum) ** 2).sum(axis=1), size)[:count]
    if products[0] <= 1e-12:
        return np.zeros(count)
    return np.asarray(products / products[0] * count / np.arange(count, 0, -1))


def traits(row: Row, curves: Curves) -> dict[str, float]:
    """What speaks for or against a row of bars, by name; none depends on how long the sound is."""
    octaves, three = float(np.log2(row.bpm / USUAL_BPM)), float(row.metre == 3)
    a_beat = float(np.log2(curves.tones_per_s * 60 / row.bpm))
    found = {
        "evidence": row.evidence / curves.duration_s,
        "value": row.value / curves.duration_s,
        "octaves": octaves,
        "octaves squared": octaves**2,
        "three": three,
        "tones a beat": a_beat,
        "tones a beat, three": a_beat * three,
        "tones, octaves": float(np.log2(curves.tones_per_s)) * octaves,
    }
    return found | _repeats(row, curves) | _places(row, curves)


def _repeats(row: Row, curves: Curves) -> dict[str, float]:
    """How alike the sound is some beats and bars later."""
    count = curves.begins.shape[1]
    beat = float(np.diff(row.lines).mean()) / row.metre
    onsets, spectrum, chroma, chords = curves.again

    def after(again: Doubles, beats: int) -> float:
        lag = beat * beats
        return float(np.interp(lag, np.arange(count), again)) if lag < _SHOWN * count else 0.0

    found = {f"onsets, {beats} beats": after(onsets, beats) for beats in (1, 2)}
    found |= {f"onsets, {bars} bars": after(onsets, bars * row.metre) for bars in (1, 2)}
    for name, again in (("spectrum", spectrum), ("chroma", chroma), ("chords", chords)):
        found |= {f"{name}, {bars} bars": after(again, bars * row.metre) for bars in (1, 2, 4)}
    return found


def _places(row: Row, curves: Curves) -> dict[str, float]:
    """What begins at the places of a bar."""
    starts, lengths = row.lines[:-1], np.diff(row.lines)
    inside = (starts > -lengths / 2) & (starts < curves.begins.shape[1])
    inside |= not inside.any()
    starts, lengths = starts[inside], lengths[inside]

    def at(shares: Doubles) -> Doubles:
        frames = np.round(starts[:, None] + lengths[:, None] * shares).astype(np.int64)
        return np.asarray(curves.smooth[:, np.clip(frames, 0, curves.begins.shape[1] - 1)].mean(axis=(1, 2)))

    beats = np.arange(row.metre) / row.metre
    halves, thirds = beats + 0.5 / row.metre, np.concatenate([beats + third / row.metre for third in (1 / 3, 2 / 3)])
    middle = at(np.array([0.5])) - at(np.array([0.25, 0.75])) if row.metre == 4 else np.zeros(4)
    onsets, bass, _, chords = middle.tolist()
    return {
        "new tones, downbeats": float(at(beats[:1])[2]),
        "new tones, beats": float(at(beats[1:])[2]),
        "new tones, halves": float(at(halves)[2]),
        "onsets, thirds": float(at(thirds)[0]),
        "onsets, middle": onsets,
        "bass, middle": bass,
        "chords, middle": chords,
    }
