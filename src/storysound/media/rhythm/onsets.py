"""What begins when in a sound: its onsets, all of them and those of the bass, its new tones, its changes of harmony."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from storysound.media.arrays import Doubles, Floats
from storysound.media.audio import Waveform, resample
from storysound.media.spectrogram import LogMel, Stft, mel, power

RATE_HZ = 22050
HOP = 256
STFT = Stft(n_fft=1024, hop_length=HOP)
FRAMES_PER_S = RATE_HZ / HOP
_MEL = LogMel(RATE_HZ, STFT, n_mels=40, f_min=30.0, f_max=8000.0, norm="sum")
_BASS = 6  # bands, up to about 250 Hz
_TONES = Stft(n_fft=4096, hop_length=1024)  # fine enough to part tones
_LOWEST, _HIGHEST = 40, 96  # tones heard, MIDI numbers, the last excluded
_AUDIBLE_DB = 40.0  # below the loudest semitone: softer frames don't count
_TONE_S, _CHORD_S = 0.2, 1.0  # what is before and after a moment, where tones and chords are compared


@dataclass(frozen=True)
class Spectrogram:
    """Power [t f] of a mono sound at RATE_HZ, one frame each HOP samples: the common ground of all rhythm functions."""

    power: NDArray[np.float32]
    duration_s: float
    samples: Floats  # [n], what it was made of

    @cached_property
    def onset_envelope(self) -> Doubles:
        """See the function of that name."""
        return _onset_envelope(self.power)

    @cached_property
    def semitones(self) -> Doubles:
        """Power of each semitone from _LOWEST to _HIGHEST: [u 56], a frame each _TONES.hop_length samples."""
        return power(self.samples, _TONES) @ _semitone_weights()


def analyse(wave: Waveform) -> Spectrogram:
    """The spectrogram that all functions here take in place of a waveform, so that it is made only once."""
    mono = resample(wave.mono(), RATE_HZ)
    return Spectrogram(power(mono.samples[0], STFT), wave.duration_s, mono.samples[0])


def analysed(sound: Waveform | Spectrogram) -> Spectrogram:
    """The spectrogram of either."""
    return sound if isinstance(sound, Spectrogram) else analyse(sound)


def onset_envelope(sound: Waveform | Spectrogram) -> Doubles:
    """How much begins at each frame, [t] at FRAMES_PER_S, ≥ 0: rises of the log-mel spectrum summed over the bands.

    Spectral flux after Böck and Widmer 2013 (rises are taken against the loudest neighbour band of two frames ago, so
    vibrato is not taken for onsets). The slow trend is removed and the deviation scaled to 1; zeros for steady sound.
    """
    return analysed(sound).onset_envelope


def _onset_envelope(power_spectrum: NDArray[np.float32]) -> Doubles:
    """`onset_envelope` [t] of a power spectrum [t f]."""
    levels = spectrum_levels(power_spectrum)
    before = scipy.ndimage.maximum_filter1d(levels, 3, axis=1)[:-2]
    flux = np.zeros(len(levels))
    flux[2:] = np.maximum(0.0, levels[2:] - before).mean(axis=1)
    trend = scipy.ndimage.uniform_filter1d(flux, round(FRAMES_PER_S) | 1, mode="nearest")
    flux = np.maximum(0.0, flux - trend)
    deviation = float(flux.std())
    return flux / deviation if deviation > 1e-4 else np.zeros_like(flux)


def spectrum_levels(power_spectrum: NDArray[np.float32]) -> Doubles:
    """How loud each band of 40 from 30 Hz to 8 kHz is, logarithms in [0, 6], of a power spectrum [t f]: [t 40]."""
    energies = mel(power_spectrum, _MEL)
    return np.asarray(np.log10(1 + 1e6 * energies / max(float(energies.max(initial=0.0)), 1e-9)))


def bass_onsets(spectrogram: Spectrogram) -> Doubles:
    """How much begins in the bass at each frame, [t] at FRAMES_PER_S, as `onset_envelope` has it."""
    energies = mel(spectrogram.power, _MEL)
    top = max(float(energies.max(initial=0.0)), 1e-9)
    levels = np.log10(1 + 1e6 * energies[:, :_BASS] / top)
    flux = np.zeros(len(levels))
    flux[2:] = np.maximum(0.0, levels[2:] - levels[:-2]).mean(axis=1)
    return _without_trend(flux, round(FRAMES_PER_S) | 1)


def tone_onsets(spectrogram: Spectrogram) -> Doubles:
    """How much louder tones are in the fifth of a second after each frame than before it, [t] at FRAMES_PER_S, ≥ 0.

    Slow attacks, as of strings and voices, begin here while the spectral flux shows noise.
    """
    tones = spectrogram.semitones
    before, after = _means(np.log10(1 + 1e5 * tones / max(float(tones.max(initial=0.0)), 1e-12)), _TONE_S)
    rises = np.maximum(0.0, after - before).mean(axis=1)
    rises[:2] = rises[-2:] = 0.0
    return _on_frames(_without_trend(rises, round(_tones_per_s()) * 2 | 1), spectrogram)


def chord_changes(spectrogram: Spectrogram) -> Doubles:
    """How unlike the pitch classes of the second after each frame are to those before, [t] at FRAMES_PER_S, in [0, 1].

    One less the cosine of the two.
    """
    classes = _pitch_classes(spectrogram)
    before, after = (
        _of_length_1(side) for side in _means(classes / max(float(classes.max(initial=0.0)), 1e-9), _CHORD_S)
    )
    changes = 1 - (before * after).sum(axis=1)
    changes[:2] = changes[-2:] = 0.0
    return _on_frames(changes, spectrogram)


def chroma(spectrogram: Spectrogram) -> Doubles:
    """Strength of the pitch classes from C on, unit length or 0, [t 12] at FRAMES_PER_S."""
    classes = _of_length_1(_pitch_classes(spectrogram))
    times, places = np.arange(len(spectrogram.power)) / FRAMES_PER_S, np.arange(len(classes)) / _tones_per_s()
    return np.array([np.interp(times, places, each) for each in classes.T]).T


def _pitch_classes(spectrogram: Spectrogram) -> Doubles:
    """Magnitude of the pitch classes from C on in each frame of tones: [u 12]."""
    tones = spectrogram.semitones
    classes = np.zeros((len(tones), 12))
    np.add.at(classes.T, np.arange(_LOWEST, _HIGHEST) % 12, np.sqrt(tones).T)
    return classes


def tonal_clarity_db(spectrogram: Spectrogram) -> float:
    """By how much the clearest semitone stands out of those around it, median over the frames that are loud enough."""
    levels_db = 10 * np.log10(spectrogram.semitones + 1e-12)
    loud = levels_db.max(axis=1) > levels_db.max() - _AUDIBLE_DB
    around = scipy.ndimage.median_filter(levels_db, (1, 9), mode="nearest")
    return float(np.median((levels_db - around).max(axis=1)[loud]))


def _semitone_weights() -> Doubles:
    """Of each bin of _TONES in each semitone: [f 56]; a triangle a semitone to either side, or the two next bins."""
    hertz = np.arange(_TONES.n_fft // 2 + 1) * RATE_HZ / _TONES.n_fft
    pitches = 69 + 12 * np.log2(np.maximum(hertz, 1e-3) / 440)
    weights = np.maximum(0.0, 1 - np.abs(pitches[:, None] - np.arange(_LOWEST, _HIGHEST)))
    for column, pitch in enumerate(range(_LOWEST, _HIGHEST)):
        if weights[:, column].sum() < 0.5:
            place = 440 * 2 ** ((pitch - 69) / 12) / RATE_HZ * _TONES.n_fft
            weights[:, column] = np.maximum(0.0, 1 - np.abs(np.arange(len(hertz)) - place))
    return np.asarray(weights / weights.sum(axis=0))


def _tones_per_s() -> float:
    return RATE_HZ / _TONES.hop_length


def _means(rows: Doubles, seconds: float) -> tuple[Doubles, Doubles]:
    """Means of rows [u d] over so long before and after each of the u + 1 borders between them: two of [u+1 d]."""
    reach, borders = max(1, round(seconds * _tones_per_s())), np.arange(len(rows) + 1)
    sums = np.concatenate([np.zeros((1, rows.shape[1])), np.cumsum(rows, axis=0)])
    first, last = np.maximum(0, borders - reach), np.minimum(len(rows), borders + reach)
    before = (sums - sums[first]) / np.maximum(1, borders - first)[:, None]
    return before, (sums[last] - sums) / np.maximum(1, last - borders)[:, None]


def _of_length_1(rows: Doubles) -> Doubles:
    """Rows [u d] of length 1, or 0 where they were."""
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9))


def _without_trend(flux: Doubles, frames: int) -> Doubles:
    """What of a curve [u] is above its mean over so many frames."""
    return np.asarray(np.maximum(0.0, flux - scipy.ndimage.uniform_filter1d(flux, frames, mode="nearest")))


def _on_frames(curve: Doubles, spectrogram: Spectrogram) -> Doubles:
    """A curve [u+1] over the borders between tones' frames as one over the spectrogram's: [t]."""
    times = (np.arange(len(curve)) - 0.5) / _tones_per_s()
    return np.asarray(np.interp(np.arange(len(spectrogram.power)) / FRAMES_PER_S, times, curve))
