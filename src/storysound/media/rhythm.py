"""Pulse of a sound: onsets, tempo, beats, and the quiet points where it is good to cut."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from storysound.media.arrays import Doubles, Ints, Reals
from storysound.media.audio import Waveform, resample
from storysound.media.spectrogram import LogMel, Stft, mel, power

RATE_HZ = 22050
HOP = 256
STFT = Stft(n_fft=1024, hop_length=HOP)
_MEL = LogMel(RATE_HZ, STFT, n_mels=40, f_min=30.0, f_max=8000.0, norm="sum")
FRAMES_PER_S = RATE_HZ / HOP

SLOWEST_BPM, FASTEST_BPM = 40.0, 220.0
_TEMPI = np.exp(np.linspace(np.log(SLOWEST_BPM), np.log(FASTEST_BPM), 600))
_USUAL_BPM = 110.0  # centre of the log-normal prior over tempo
_PRIOR_OCTAVES = 1.0  # and its width
_COMB = (1, 2, 4, 8)  # multiples of the beat that repeat in most music: beat, half bar, bar, two bars
_LEAST_PULSE = 0.22  # below this share of the onsets repeating, a sound has no tempo
# How far a better fit outweighs others in `felt_tempo`: r .65 with the starter tracks' tempi; `tempo_bpm` has .41.
_DECIDED = 15.0
_TIGHTNESS = 100.0  # weight of an even beat against strong onsets

_LEVEL_RANGE_DB = 80.0  # below the loudest moment by this much, all is silence
_QUIET_SMOOTH_S = 0.06  # longer than a period of the lowest notes
_QUIET_APART_S = 0.15
_QUIET_DEPTH_DB = 4.0  # how far the level rises on both sides of a quiet point


@dataclass(frozen=True)
class Spectrogram:
    """Power [t f] of a mono sound at RATE_HZ, one frame each HOP samples: the common ground of all rhythm functions."""

    power: NDArray[np.float32]
    duration_s: float

    @cached_property
    def onset_envelope(self) -> Doubles:
        """See the function of that name."""
        return _onset_envelope(self.power)


def analyse(wave: Waveform) -> Spectrogram:
    """The spectrogram that all functions here take in place of a waveform, so that it is made only once."""
    mono = resample(wave.mono(), RATE_HZ)
    return Spectrogram(power(mono.samples[0], STFT), wave.duration_s)


def _analysed(sound: Waveform | Spectrogram) -> Spectrogram:
    return sound if isinstance(sound, Spectrogram) else analyse(sound)


def onset_envelope(sound: Waveform | Spectrogram) -> Doubles:
    """How much begins at each frame, [t] at FRAMES_PER_S, ≥ 0: rises of the log-mel spectrum summed over the bands.

    Spectral flux after Böck and Widmer 2013 (rises are taken against the loudest neighbour band of two frames ago, so
    vibrato is not taken for onsets). The slow trend is removed and the deviation scaled to 1; zeros for steady sound.
    """
    return _analysed(sound).onset_envelope


def _onset_envelope(power_spectrum: NDArray[np.float32]) -> Doubles:
    """`onset_envelope` [t] of a power spectrum [t f]."""
    energies = mel(power_spectrum, _MEL)
    levels = np.log10(1 + 1e6 * energies / max(float(energies.max(initial=0.0)), 1e-9))
    before = scipy.ndimage.maximum_filter1d(levels, 3, axis=1)[:-2]
    flux = np.zeros(len(levels))
    flux[2:] = np.maximum(0.0, levels[2:] - before).mean(axis=1)
    trend = scipy.ndimage.uniform_filter1d(flux, round(FRAMES_PER_S) | 1, mode="nearest")
    flux = np.maximum(0.0, flux - trend)
    deviation = float(flux.std())
    return flux / deviation if deviation > 1e-4 else np.zeros_like(flux)


def _autocorrelation(envelope: Doubles) -> Doubles:
    """Share of the onsets [t] that come again after each lag, [t], 1 at lag 0; unbiased for the shrinking overlap."""
    n = len(envelope)
    spectrum = np.fft.rfft(envelope - envelope.mean(), 2 * n)
    products = np.fft.irfft(np.abs(spectrum) ** 2)[:n]
    return np.asarray(products / max(products[0], 1e-12) * n / np.arange(n, 0, -1))


def _pulse(envelope: Doubles) -> Doubles:
    """How strongly the onsets [t] repeat with each of _TEMPI and its metre, [b]; -1 where too short to tell."""
    repeats = _autocorrelation(envelope)
    lags = 60 * FRAMES_PER_S / _TEMPI[:, None] * np.array(_COMB)
    heard = lags < 0.75 * len(envelope)  # with less overlap than a quarter, chance rules
    values = np.interp(lags, np.arange(len(repeats)), repeats) * heard
    return np.where(heard[:, 0], values.sum(axis=1) / np.maximum(heard.sum(axis=1), 1), -1.0)


def pulse(envelope: Doubles) -> float:
    """Share of the onsets of an envelope [t] that come again with the beat, whatever its tempo; 0 where too short."""
    return max(float(_pulse(envelope).max()), 0.0) if envelope.any() else 0.0


def tempo_bpm(sound: Waveform | Spectrogram) -> float | None:
    """Beats a minute, in [40, 220], or None where nothing pulses (steady, too short, or irregular sound).

    Autocorrelation of the onsets summed over the beat and its binary multiples, weighted by a log-normal prior
    (after Ellis 2007, section 3.2).
    """
    envelope = onset_envelope(sound)
    if len(envelope) < 2 * FRAMES_PER_S or not envelope.any():
        return None
    pulse = _pulse(envelope)
    best = int(np.argmax(pulse * _prior()))
    return float(_TEMPI[best]) if pulse[best] >= _LEAST_PULSE else None


def felt_tempo(sound: Waveform | Spectrogram) -> float:
    """Tempo in octaves above 100 beats a minute; 0 where nothing pulses.

    Listeners differ by octaves in how they count the same music. So this is a mean over all tempi, weighed by how well
    the sound can be counted in each (softmax): what errs by an octave in `tempo_bpm` errs by less here.
    """
    if tempo_bpm(sound) is None:
        return 0.0
    fit = np.maximum(_pulse(onset_envelope(sound)), 0.0) * _prior()
    return float(np.average(np.log2(_TEMPI / 100), weights=np.exp(_DECIDED * (fit - fit.max()))))


def _prior() -> Doubles:
    """How usual each of _TEMPI is."""
    return np.asarray(np.exp(-0.5 * (np.log2(_TEMPI / _USUAL_BPM) / _PRIOR_OCTAVES) ** 2))


def beat_times_s(sound: Waveform | Spectrogram, bpm: float | None = None) -> Doubles:
    """Times of the beats in seconds, ascending, [n]; empty where nothing pulses. `bpm`: the tempo when it is known.

    The path that joins strong onsets at even steps, found by dynamic programming (Ellis 2007, section 3.3). As no step
    is shorter than half a beat, half a beat of frames is scored at once.
    """
    spectrogram = _analysed(sound)
    bpm = tempo_bpm(spectrogram) if bpm is None else bpm
    envelope = onset_envelope(spectrogram)
    if bpm is None or not envelope.any():
        return np.empty(0)
    period = 60 * FRAMES_PER_S / bpm
    local = scipy.ndimage.gaussian_filter1d(envelope, period / 32)
    score, previous = _best_paths(local / max(float(local.std()), 1e-9), period)
    beats = [int(np.argmax(score[-round(period) :])) + max(0, len(score) - round(period))]
    while previous[beats[-1]] >= 0:
        beats.append(int(previous[beats[-1]]))
    return _trim(np.array(beats[::-1]), local) / FRAMES_PER_S


def _best_paths(local: Doubles, period: float) -> tuple[Doubles, NDArray[np.int64]]:
    """Score [t] of the best beat sequence over `local` onsets [t] that ends at each frame, and the beat before it [t].

    -1: it starts there.
    """
    n = len(local)
    near, far = max(1, round(period / 2)), round(2 * period)
    steps = np.arange(far, near - 1, -1)
    cost = -_TIGHTNESS * np.log(steps / period) ** 2
    score = np.concatenate([np.full(far, -np.inf), local])  # `far` frames of nothing before the start
    previous = np.full(n, -1, np.int64)
    for start in range(0, n, near):
        count = min(near, n - start)
        window = score[start : start + count + far - near]
        candidates = np.lib.stride_tricks.sliding_window_view(window, len(steps)) + cost
        best = candidates.argmax(axis=1)
        gain = candidates[np.arange(count), best]
        better = gain > 0  # a path that costs more than it holds is not worth joining
        score[far + start : far + start + count] += np.where(better, gain, 0.0)
        previous[start : start + count] = np.where(better, start + np.arange(count) - steps[best], -1)
    return score[far:], previous


def _trim(beats: NDArray[np.int64], local: Doubles) -> NDArray[np.int64]:
    """Drops beats [n] at both ends that fall where nothing sounds: less than half the usual of `local` onsets [t]."""
    strength = local[beats]
    strong = np.flatnonzero(strength > 0.5 * np.sqrt(np.mean(strength**2)))
    return beats[strong[0] : strong[-1] + 1] if len(strong) else beats[:0]


def quiet_points_s(sound: Waveform | Spectrogram) -> Doubles:
    """Times in seconds, ascending, [n], where the level dips: between notes, words or strokes, good places to cut.

    Each is the lowest moment within 0.15 s, and the level rises by at least 4 dB on both sides of it; of a silence it
    is the middle. Empty for steady sound.
    """
    spectrogram = _analysed(sound)
    energy = spectrogram.power.sum(axis=1, dtype=np.float64)
    energy = scipy.ndimage.uniform_filter1d(energy, max(1, round(_QUIET_SMOOTH_S * FRAMES_PER_S)), mode="nearest")
    top = float(energy.max(initial=0.0))
    if top <= 0:
        return np.empty(0)
    level_db = 10 * np.log10(np.maximum(energy / top, 10 ** (-_LEVEL_RANGE_DB / 10)))
    apart = max(1, round(_QUIET_APART_S * FRAMES_PER_S))
    return find_peaks(-level_db, apart=apart, prominence=_QUIET_DEPTH_DB) / FRAMES_PER_S


def find_peaks(curve: Reals, *, apart: int, height: float | None = None, prominence: float = 0.0) -> Ints:
    """Indices [p], ascending, where a curve [n] is higher than on both sides; of a plateau its middle.

    `scipy.signal` finds the same, but to import it costs a quarter of a second of every command.
    Of peaks less than `apart` samples from each other the higher stays; each is at least `height` high, and rises at
    least by `prominence` from the higher of the two valleys that part it from what is higher than it.

    >>> find_peaks(np.array([0.0, 2, 1, 3, 3, 3, 0]), apart=1).tolist()
    [1, 4]
    """
    if len(curve) < 3:
        return np.empty(0, np.int64)
    changes = np.flatnonzero(np.diff(curve)) + 1  # where a run of equal values ends
    starts, ends = np.concatenate([[0], changes]), np.concatenate([changes, [len(curve)]])
    levels = curve[starts]
    inner = np.flatnonzero((levels[1:-1] > levels[:-2]) & (levels[1:-1] > levels[2:])) + 1
    found = (starts[inner] + ends[inner] - 1) // 2
    if height is not None:
        found = found[curve[found] >= height]
    found = found[_highest(found, curve[found], apart)]
    if prominence > 0:
        valleys = np.maximum(_valleys(curve)[found], _valleys(curve[::-1])[::-1][found])
        found = found[curve[found] - valleys >= prominence]
    return np.asarray(found, np.int64)


def _highest(places: Ints, heights: Reals, apart: int) -> Ints:
    """Which of the peaks [p] stay where none may be less than `apart` from a higher one: numbers, ascending."""
    stays = np.ones(len(places), bool)
    for number in np.argsort(heights)[::-1]:
        if stays[number]:
            first, last = np.searchsorted(places, [places[number] - apart + 1, places[number] + apart])
            stays[first:last] = False
            stays[number] = True
    return np.flatnonzero(stays)


def _valleys(curve: Reals) -> Doubles:
    """The lowest value from each of [n] back to the last one before it that is higher, or to the beginning: [n]."""
    lowest = np.empty(len(curve))
    higher: list[tuple[float, float]] = []  # values that fall, each with the lowest since the one before
    for number, value in enumerate(curve.tolist()):
        low = value
        while higher and higher[-1][0] <= value:
            low = min(low, higher.pop()[1])
        higher.append((value, low))
        lowest[number] = low
    return lowest
