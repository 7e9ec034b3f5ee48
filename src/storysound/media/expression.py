"""What carries the feeling of music, measured on the signal.

The cues are those that listeners were found to go by: tempo, mode, register, loudness, articulation and timbre
(Gabrielsson and Lindström 2010, "The role of structure in the musical expression of emotions"; Eerola, Friberg and
Bresin 2013, "Emotional expression in music: contribution, linearity, and additivity of primary musical cues").
What they say of valence and arousal is learned elsewhere: `encode/mood.py`.

Loudness is none of them: how loud a file is says how it was mastered, not how it was played. So all are measured at one
loudness, and of a stretch from the same place.
"""

import math
from dataclasses import astuple, dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from storysound.media import rhythm, tonality
from storysound.media.audio import Waveform
from storysound.media.loudness import integrated_lufs

LEVEL_LUFS = -18.0  # at which a sound is measured
FROM_S, STRETCH_S = 20.0, 45.0  # of music that its mood is judged by: what comes before may be an introduction
_LOWEST_HZ, _HIGHEST_HZ = 30.0, 7800.0  # of timbre: what old and what new recordings hold
_BASS_HZ = 150.0
_EVERY = 4  # frames from one that timbre is taken from to the next
_AUDIBLE = 1e-4  # of the loudest frame's power
_ONSET, _ONSET_APART_S = 1.0, 0.07  # deviations of the envelope from which a rise is an onset


@dataclass(frozen=True)
class Expression:
    """The cues of one sound."""

    tempo: float  # see `rhythm.felt_tempo`
    pulse: float  # share of the onsets that repeat with the beat, in [-1, 1]
    onsets: float  # octaves above one a second
    flux: float  # how fast the spectrum rises, mean of all bands
    dynamics: float  # deviation of the level of frames, dB
    brightness: float  # centroid of the magnitudes, octaves above 1 kHz
    breadth: float  # their spread around it, octaves above 1 kHz
    noise: float  # spectral flatness, nepers below white noise
    bass: float  # power below 150 Hz, dB beside all
    density: float  # octaves of tones that sound at once
    register: float  # mean height of the tones, MIDI number
    roughness: float  # see `tonality.roughness`
    clarity: float  # correlation with the nearest key
    majorness: float  # see `tonality.majorness`

    def vector(self) -> NDArray[np.float64]:
        """The cues in the order of `CUES`: [14]."""
        return np.array(astuple(self))


CUES = tuple(field.name for field in fields(Expression))


def stretch(wave: Waveform) -> Waveform:
    """The stretch of music that its mood is judged by: `STRETCH_S` from `FROM_S` on, earlier where it ends before that.

    >>> stretch(Waveform(np.zeros((1, 600), np.float32), 10)).duration_s
    45.0
    """
    start_s = max(0.0, min(FROM_S, wave.duration_s - STRETCH_S))
    first = round(start_s * wave.rate_hz)
    return replace(wave, samples=wave.samples[:, first : first + round(STRETCH_S * wave.rate_hz)])


def expression(wave: Waveform) -> Expression:
    """The cues of a sound of any length but 0, brought to `LEVEL_LUFS`; silence stays as it is."""
    wave = _levelled(wave.mono())
    spectrogram, peaks = rhythm.analyse(wave), tonality.analyse(wave)
    envelope = rhythm.onset_envelope(spectrogram)
    apart = math.ceil(_ONSET_APART_S * rhythm.FRAMES_PER_S)
    rises = rhythm.find_peaks(envelope, apart=apart, height=_ONSET)
    fits = tonality.key_fits(peaks)
    return Expression(
        tempo=rhythm.felt_tempo(spectrogram),
        pulse=rhythm.pulse(envelope),
        onsets=math.log2(max(len(rises) / max(wave.duration_s, 1e-3), 0.25)),
        **_timbre(spectrogram.power),
        density=math.log2(1 + len(peaks.frames) / max(peaks.count, 1)),
        register=tonality.register(peaks),
        roughness=tonality.roughness(peaks),
        clarity=max(fits.values(), default=0.0),
        majorness=tonality.majorness(peaks),
    )


def _levelled(wave: Waveform) -> Waveform:
    lufs = integrated_lufs(wave)
    gain = 10 ** ((LEVEL_LUFS - lufs) / 20) if math.isfinite(lufs) else 1.0
    return replace(wave, samples=wave.samples * np.float32(gain))


def _timbre(power: NDArray[np.float32]) -> dict[str, float]:
    """Cues of a power spectrogram [t f] of `rhythm`."""
    hertz = np.arange(power.shape[1]) * rhythm.RATE_HZ / rhythm.STFT.n_fft
    heard = (hertz >= _LOWEST_HZ) & (hertz <= _HIGHEST_HZ)
    hertz = hertz[heard]
    first, second = power[::_EVERY, heard] + 1e-12, power[1::_EVERY, heard] + 1e-12
    total = first.sum(axis=1)
    audible = total >= _AUDIBLE * total.max()
    bands, energy = first[audible], total[audible]
    magnitude = np.sqrt(bands)
    weight = magnitude.sum(axis=1)
    centre = magnitude @ hertz / weight
    spread = np.sqrt(np.maximum(magnitude @ hertz**2 / weight - centre**2, 1.0))
    level_db = 10 * np.log10(energy)
    return {
        "flux": _flux(first[: len(second)], second, float(bands.max())),
        "dynamics": float(level_db.std()),
        "brightness": float(np.log2(centre / 1000).mean()),
        "breadth": float(np.log2(spread / 1000).mean()),
        "noise": float((np.log(bands).mean(axis=1) - np.log(bands.mean(axis=1))).mean()),
        "bass": float(10 * np.log10(bands[:, hertz < _BASS_HZ].sum() / energy.sum())),
    }


def _flux(before: NDArray[np.float32], after: NDArray[np.float32], loudest: float) -> float:
    """Mean rise of the levels of bands [t f] from a frame to the next, in tens of decibels over 60 dB."""
    if not len(after):
        return 0.0
    rise = np.log10(1 + 1e6 * after / loudest) - np.log10(1 + 1e6 * before / loudest)
    return float(np.maximum(rise, 0).mean())
