"""Pitch classes and key of a sound."""

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
_SHORTEST_S = 1.0  # a single note or stroke has no key
_LEAST_CONFIDENCE = 0.6  # correlation with the nearest key below which a sound has none


def chroma(wave: Waveform) -> NDArray[np.float64]:
    """Strength of the twelve pitch classes from C on, [t 12], each frame's largest is 1; zeros in silence.

    Peaks of the spectrum only, at their interpolated frequency, so that noise and drums count for little; tuned to the
    sound's own pitch. Frames are STFT.hop_length apart at RATE_HZ.
    """
    spectrum = power(resample(wave.mono(), RATE_HZ).samples[0], STFT)
    frames, pitches, weights = _peaks(spectrum)
    tuning = np.angle(np.sum(weights * np.exp(2j * np.pi * pitches))) / (2 * np.pi) if len(pitches) else 0.0
    exact = pitches - tuning
    nearest = np.round(exact)
    weights = weights * np.cos(np.pi * (exact - nearest)) ** 2  # between two semitones a peak tells nothing
    classes = np.zeros((len(spectrum), 12))
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


def key(wave: Waveform) -> tuple[str, float]:
    """Key as "A minor" and how well it fits, in [0, 1]; ("", confidence) where nothing tonal sounds.

    The mean chroma is correlated with the profiles of the 24 keys (method of Krumhansl 1990, chapter 4); the
    confidence is the correlation with the best.
    """
    if wave.duration_s < _SHORTEST_S:
        return "", 0.0
    mean = chroma(wave).mean(axis=0)
    if mean.std() < 1e-9:
        return "", 0.0
    fits = {
        f"{_NAMES[tonic]} {mode}": float(np.corrcoef(mean, np.roll(profile, tonic))[0, 1])
        for mode, profile in (("major", _MAJOR), ("minor", _MINOR))
        for tonic in range(12)
    }
    name = max(fits, key=fits.__getitem__)
    confidence = max(0.0, fits[name])
    return (name if confidence >= _LEAST_CONFIDENCE else ""), confidence
