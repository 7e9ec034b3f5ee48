"""Sounds that go on and on, as rain does: told from events and from tunes, and what they sound like where."""

from dataclasses import dataclass

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from storysound.media import rhythm
from storysound.media.arrays import Floats
from storysound.media.audio import Waveform
from storysound.media.spectrogram import LogMel, Stft, log_mel, power

HOP_S = 0.01  # between frames
LEAST_S = 2.0  # audible time below which there is too little to go on with
_BANDS = 32
_FLOOR_DB = 45.0  # this far below its loud parts the beginning or the end of a sound is silence
_SILENT_DBFS = -60.0  # a peak below this
_LEVEL_S = 0.05  # over which levels are taken
_PART_S = 0.5  # whose spectra are compared
_RANGE_DB = 50.0  # below the strongest band nothing is heard
_JUDGED_S = 60.0  # from the middle of a long sound
_LINE_S, _LINES_HZ = 0.18, (80.0, 5000.0)  # window in which lines stand out of a spectrum, and where they are sought
_LINE, _AROUND = 12.0, 40  # a line has so many times the power of the median of so many bins

# Chosen on one half of ESC-50's clips and of the starter library's tracks; figures of the other half: docs/RESULTS.md.
MOST_SWING_DB = 6.0
MOST_LINES, MOST_PULSE = 0.75, 0.55
STEADY_DB = 1.5


@dataclass(frozen=True)
class Texture:
    """The audible stretch of a sound, and its spectrum in frames HOP_S apart."""

    mono: Floats  # [n]
    rate_hz: int
    first: int  # sample of the sound with which it begins
    bands: Floats  # power in bands of equal width in mel, in dB [t b]

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.mono) / self.rate_hz

    @property
    def hop(self) -> int:
        """Samples from one frame to the next."""
        return hop_of(self.rate_hz)


@dataclass(frozen=True)
class Traits:
    """What tells textures from other sounds."""

    swing_db: float  # standard deviation of its level: single events stand out of silence
    drift_db: float  # by how much the spectra of its parts differ from that of the whole
    lines: float  # share of its power in lines of the spectrum, as tones have them, in [0, 1]
    pulse: float  # share of the onsets that come again with a beat


def hop_of(rate_hz: int) -> int:
    """Samples from one frame to the next."""
    return max(1, round(HOP_S * rate_hz))


def analyse(wave: Waveform) -> Texture:
    """What a sound sounds like where; without silence at its ends, and of no samples where all of it is silent."""
    mono = wave.mono().samples[0]
    bands = log_mel(mono, _log_mel(wave.rate_hz))
    level = _level_db(bands)
    hop = hop_of(wave.rate_hz)
    peak = float(np.abs(mono).max(initial=0.0))
    audible = np.flatnonzero(level > np.percentile(level, 95) - _FLOOR_DB)
    if peak < 10 ** (_SILENT_DBFS / 20) or not audible.size:
        return Texture(mono[:0], wave.rate_hz, 0, bands[:0])
    first, last = int(audible[0]), int(audible[-1]) + 1
    return Texture(mono[first * hop : last * hop], wave.rate_hz, first * hop, bands[first:last])


def _log_mel(rate_hz: int) -> LogMel:
    size = 1 << round(np.log2(max(64, 0.043 * rate_hz)))
    return LogMel(
        rate_hz, Stft(size, hop_of(rate_hz)), _BANDS, 60.0, max(120.0, min(16_000.0, 0.45 * rate_hz)), log="10", gain=10
    )


def _level_db(bands: Floats) -> NDArray[np.float64]:
    """Level of frames [t b] in dB, smoothed: [t]."""
    whole = np.power(10.0, bands / 10).sum(axis=1)
    smooth = scipy.ndimage.uniform_filter1d(whole, round(_LEVEL_S / HOP_S), mode="nearest")
    return np.asarray(10 * np.log10(smooth + 1e-9))


def traits(texture: Texture) -> Traits:
    """Measures a sound that is not silent, by the minute in its middle where it is longer."""
    frames, hop = round(_JUDGED_S / HOP_S), texture.hop
    first = max(0, (len(texture.bands) - frames) // 2)
    bands = texture.bands[first : first + frames]
    wave = Waveform(texture.mono[None, first * hop : (first + frames) * hop], texture.rate_hz)
    return Traits(
        swing_db=float(_level_db(bands).std()),
        drift_db=_drift_db(bands),
        lines=_lines(wave),
        pulse=rhythm.pulse(rhythm.onset_envelope(wave)),
    )


def _drift_db(bands: Floats) -> float:
    """How far the mean spectra of half seconds of [t b] are from that of all of them, where something is heard."""
    size = min(round(_PART_S / HOP_S), len(bands))
    powers = np.power(10.0, bands[: len(bands) // size * size].astype(np.float64) / 10)
    parts = 10 * np.log10(powers.reshape(-1, size, bands.shape[1]).mean(axis=1) + 1e-9)
    whole = 10 * np.log10(powers.mean(axis=0) + 1e-9)
    least = whole.max() - _RANGE_DB
    apart = np.maximum(parts, least) - np.maximum(whole, least)
    return float(np.sqrt((apart**2).mean(axis=1)).mean())


def _lines(wave: Waveform) -> float:
    """Share of the power in lines of the spectrum, at half of the moments at least that."""
    size = 1 << round(np.log2(max(256, _LINE_S * wave.rate_hz)))
    spectra = power(wave.samples[0], Stft(size, size // 2))
    heard = spectra[spectra.sum(axis=1) > 1e-3 * spectra.sum(axis=1).max()]
    hz = np.linspace(0, wave.rate_hz / 2, spectra.shape[1])
    within = heard[:, (hz > _LINES_HZ[0]) & (hz < _LINES_HZ[1])]
    around = within[:, : within.shape[1] // _AROUND * _AROUND].reshape(len(within), -1, _AROUND)
    lines = around * (around > _LINE * np.median(around, axis=2, keepdims=True))
    return float(np.median(lines.sum(axis=(1, 2)) / np.maximum(around.sum(axis=(1, 2)), 1e-12)))


def flaw(texture: Texture) -> str:
    """Why a sound can't go on without end, in words; "" where it can.

    A sound that stays as it is, as a machine does, may hum and beat: going on changes nothing about that.
    """
    if not len(texture.mono):
        return "is silent"
    if texture.duration_s < LEAST_S:
        return f"sounds for {texture.duration_s:.1f} s, and {LEAST_S:g} s of a texture are the least to go on with"
    found = traits(texture)
    if found.swing_db > MOST_SWING_DB:
        return (
            f"is made of single events: its level swings by {found.swing_db:.1f} dB, by {MOST_SWING_DB:g} at the most"
        )
    if found.drift_db > STEADY_DB and found.lines > MOST_LINES:
        return f"is a tune: {found.lines:.0%} of it are tones that change, {MOST_LINES:.0%} at the most"
    if found.drift_db > STEADY_DB and found.pulse > MOST_PULSE:
        return f"has a beat: {found.pulse:.0%} of its onsets come again, {MOST_PULSE:.0%} at the most"
    return ""


def texture_of(wave: Waveform) -> Texture | None:
    """A sound as the texture that it is, or None where it has a `flaw`."""
    texture = analyse(wave)
    return None if flaw(texture) else texture
