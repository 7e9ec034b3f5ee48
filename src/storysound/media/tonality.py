"""Pitch classes, key, mode, register and roughness of a sound."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from storysound.media.audio import Waveform, resample
from storysound.media.spectrogram import Stft, power

RATE_HZ = 11025
STFT = Stft(n_fft=4096, hop_length=2048)
_LOWEST_HZ, _HIGHEST_HZ = 45.0, 1000.0  # the notes of bass and chords; above, overtones rule
_A4_HZ = 440.0
_NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
# Share of passages in which each degree of the scale occurs (Temperley 2007, chapter 6: Kostka-Payne corpus).
_MAJOR = (0.748, 0.060, 0.488, 0.082, 0.670, 0.460, 0.096, 0.715, 0.104, 0.366, 0.057, 0.400)
_MINOR = (0.712, 0.084, 0.474, 0.618, 0.049, 0.460, 0.105, 0.747, 0.404, 0.067, 0.133, 0.330)
# How often each degree occurs in music of known key (Albrecht & Shanahan 2013, "The use of large corpora to train a new
# type of key-finding algorithm", Music Perception 31(1), table 1).
_MAJOR_SHARES = (0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081)
_MINOR_SHARES = (0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052)
_MAJOR_TRIAD = (1.0, 0.0, 0.0, 0.0, 0.6, 0.0, 0.0, 0.8, 0.0, 0.0, 0.0, 0.0)
_MINOR_TRIAD = (1.0, 0.0, 0.0, 0.6, 0.0, 0.0, 0.0, 0.8, 0.0, 0.0, 0.0, 0.0)
_BASS_PITCH = 55.0  # the bass is below this
# What the bass and the end add to a key's correlation, chosen on made music (`benchmarks.quality.beats_and_keys`).
_BASS_WEIGHT, _END_WEIGHT = 0.5, 0.3
_END_S = 3.0  # music ends on its tonic; where an excerpt stops tells little, and weighs little
_SOUNDING = 0.25  # of the usual weight of a frame's tones: softer ones at the end are its decay
_SHORTEST_S = 1.0  # a single note or stroke has no key
_LEAST_CONFIDENCE = 0.6  # correlation with the nearest key below which a sound has none
_PARTIALS = 20  # of a frame, the strongest, that may beat against each other


@dataclass(frozen=True)
class Peaks:
    """The spectral peaks of `count` frames: of each its frame, pitch (MIDI number) and weight (root of the magnitude).

    Frames are STFT.hop_length apart at RATE_HZ. The common ground of all functions here.
    """

    count: int
    frames: NDArray[np.int64]
    pitches: NDArray[np.float64]
    weights: NDArray[np.float64]

    def chosen(self, which: NDArray[np.bool_]) -> "Peaks":
        """Those [p] of its peaks."""
        return Peaks(self.count, self.frames[which], self.pitches[which], self.weights[which])

    @cached_property
    def key_fits(self) -> dict[str, float]:
        """See the function of that name."""
        return _key_fits(self)


def analyse(wave: Waveform) -> Peaks:
    """The peaks that all functions here take in place of a waveform, so that they are found only once."""
    spectrum = power(resample(wave.mono(), RATE_HZ).samples[0], STFT)
    return Peaks(len(spectrum), *_peaks(spectrum))


def _analysed(sound: Waveform | Peaks) -> Peaks:
    return sound if isinstance(sound, Peaks) else analyse(sound)


def chroma(sound: Waveform | Peaks) -> NDArray[np.float64]:
    """Strength of the twelve pitch classes from C on, [t 12], each frame's largest is 1; zeros in silence.

    Peaks of the spectrum only, at their interpolated frequency, so that noise and drums count for little; tuned to the
    sound's own pitch. Frames are STFT.hop_length apart at RATE_HZ.
    """
    peaks = _analysed(sound)
    frames, pitches, weights = peaks.frames, peaks.pitches, peaks.weights
    tuning = np.angle(np.sum(weights * np.exp(2j * np.pi * pitches))) / (2 * np.pi) if len(pitches) else 0.0
    exact = pitches - tuning
    nearest = np.round(exact)
    weights = weights * np.cos(np.pi * (exact - nearest)) ** 2  # between two semitones a peak tells nothing
    classes = np.zeros((peaks.count, 12))
    np.add.at(classes, (frames, nearest.astype(np.int64) % 12), weights)
    return np.asarray(classes / np.maximum(classes.max(axis=1, keepdims=True), 1e-12))


def _peaks(spectrum: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Frame, pitch (MIDI number) and weight of each spectral peak of a power spectrum [t f] that stands out."""
    bin_hz = RATE_HZ / STFT.n_fft
    low, high = int(_LOWEST_HZ / bin_hz), int(_HIGHEST_HZ / bin_hz)
    level = np.log(spectrum[:, low - 1 : high + 1] + 1e-12)
    left, here, right = level[:, :-2], level[:, 1:-1], level[:, 2:]
    floor = level.max(axis=1, keepdims=True) - np.log(10.0) * 5  # 50 dB below the loudest
    frames, bins = np.nonzero((here > left) & (here >= right) & (here > np.maximum(floor, -20.0)))
    a, b, c = (part[frames, bins].astype(np.float64) for part in (left, here, right))
    shift = 0.5 * (a - c) / np.minimum(a - 2 * b + c, -1e-9)  # the top of a parabola through three points
    pitch = 69 + 12 * np.log2((bins + low + shift) * bin_hz / _A4_HZ)
    return frames, pitch, np.exp(b / 4)  # square root of the magnitude


def key_fits(sound: Waveform | Peaks) -> dict[str, float]:
    """How well each of the 24 keys fits: name as "A minor" -> correlation in [-1, 1]; empty where nothing tonal sounds.

    The mean chroma is correlated with the profiles of the keys (method of Krumhansl 1990, chapter 4).
    """
    return _analysed(sound).key_fits


def _key_fits(peaks: Peaks) -> dict[str, float]:
    if peaks.count * STFT.hop_length < _SHORTEST_S * RATE_HZ:
        return {}
    mean = chroma(peaks).mean(axis=0)
    if mean.std() < 1e-9:
        return {}
    return {
        f"{_NAMES[tonic]} {mode}": float(np.corrcoef(mean, np.roll(profile, tonic))[0, 1])
        for mode, profile in (("major", _MAJOR), ("minor", _MINOR))
        for tonic in range(12)
    }


def key(sound: Waveform | Peaks) -> tuple[str, float]:
    """Key as "A minor" and how tonal the sound is, in [0, 1]; ("", confidence) where nothing tonal sounds.

    The pitch classes are correlated with what is usual in each key; the bass speaks for keys whose tonic or fifth it
    plays, the last seconds for the key whose tonic triad they are.
    The confidence is the correlation with the nearest key of `key_fits`.
    """
    peaks = _analysed(sound)
    fits = peaks.key_fits
    if not fits:
        return "", 0.0
    evidence = _key_evidence(peaks)
    confidence = max(0.0, *fits.values())
    return (max(evidence, key=evidence.__getitem__) if confidence >= _LEAST_CONFIDENCE else ""), confidence


def _key_evidence(peaks: Peaks) -> dict[str, float]:
    """What speaks for each of the 24 keys, about in [-1, 2]; of tonal sound."""
    classes = chroma(peaks)
    bass = chroma(peaks.chosen(peaks.pitches < _BASS_PITCH)).mean(axis=0)
    bass = bass / max(float(bass.sum()), 1e-9)
    whole, end = classes.mean(axis=0), _end(peaks, classes)
    return {
        f"{_NAMES[tonic]} {mode}": _likeness(whole, np.roll(shares, tonic))
        + _BASS_WEIGHT * float(bass[tonic] + bass[(tonic + 7) % 12] / 2)
        + _END_WEIGHT * _likeness(end, np.roll(triad, tonic))
        for mode, shares, triad in (("major", _MAJOR_SHARES, _MAJOR_TRIAD), ("minor", _MINOR_SHARES, _MINOR_TRIAD))
        for tonic in range(12)
    }


def _likeness(classes: NDArray[np.float64], profile: NDArray[np.float64]) -> float:
    """Correlation of pitch classes [12] with a profile [12]; 0 where all are alike."""
    return float(np.corrcoef(classes, profile)[0, 1]) if classes.std() > 1e-9 else 0.0


def _end(peaks: Peaks, classes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean [12] of the pitch classes [t 12] in the last seconds in which tones sound."""
    weights = np.bincount(peaks.frames, peaks.weights, minlength=peaks.count)
    sounding = np.flatnonzero(weights > _SOUNDING * np.median(weights))
    last = int(sounding[-1]) + 1 if len(sounding) else peaks.count
    first = max(0, last - round(_END_S * RATE_HZ / STFT.hop_length))
    return np.asarray(classes[first:last].mean(axis=0))


def majorness(sound: Waveform | Peaks) -> float:
    """How much better the nearest major key fits than the nearest minor one, in [-1, 1] or so; 0 for no tones."""
    fits = key_fits(sound)
    major, minor = (max((f for name, f in fits.items() if mode in name), default=0.0) for mode in ("major", "minor"))
    return major - minor


def register(sound: Waveform | Peaks) -> float:
    """Mean height of the tones as MIDI number, 60 being the middle C; 60 for no tones."""
    peaks = _analysed(sound)
    return float(np.average(peaks.pitches, weights=peaks.weights)) if len(peaks.pitches) else 60.0


def roughness(sound: Waveform | Peaks) -> float:
    """How much the partials of a frame beat against each other, ≥ 0, mean over the frames.

    Plomp and Levelt's curve as Sethares 1993 ("Local consonance and the relationship between timbre and scale") puts
    it, over all pairs of the 20 strongest partials, divided by the sum of their amplitudes.
    """
    peaks = _analysed(sound)
    if not len(peaks.frames):
        return 0.0
    loudest_first = np.lexsort((-peaks.weights, peaks.frames))
    frames = peaks.frames[loudest_first]
    rank = np.arange(len(frames)) - np.searchsorted(frames, frames)
    kept = rank < _PARTIALS
    at = frames[kept], rank[kept]
    amplitude, hertz = np.zeros((2, peaks.count, _PARTIALS), np.float32)
    amplitude[at] = peaks.weights[loudest_first][kept] ** 2
    hertz[at] = _A4_HZ * 2 ** ((peaks.pitches[loudest_first][kept] - 69) / 12)
    i, j = np.triu_indices(_PARTIALS, 1)
    lower = np.minimum(hertz[:, i], hertz[:, j])
    apart = 0.24 / (0.0207 * lower + 18.96) * np.abs(hertz[:, i] - hertz[:, j])
    beating = np.minimum(amplitude[:, i], amplitude[:, j]) * (np.exp(-3.51 * apart) - np.exp(-5.75 * apart))
    return float((beating.sum(axis=1) / np.maximum(amplitude.sum(axis=1), 1e-12)).mean())
