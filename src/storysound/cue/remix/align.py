"""Where exactly a jump comes in: so that the beat goes on, and the waves as well."""

from dataclasses import dataclass

import numpy as np
import scipy.fft

from storysound.media.arrays import Doubles, Floats
from storysound.media.spectrogram import Stft, power

_HOP_S = 0.002
_AROUND_S = 1.6  # of music on either side whose onsets are laid over each other
_TAPER_S = 0.8  # what is further away than that counts for little: the tempo may be another
_USUAL_S = 0.025  # by which beats are marked apart, standard deviation
_SLIP = 0.6  # how likely it is beside that that a beat is marked where none is
_LAGS = (4, 20)  # steps over which attacks rise, hard and soft ones
_ALIKE = 0.15  # correlation of onsets from which on that may be
_WAVE_REACH_S = 0.003
_BANDS_HZ = (0, 150, 300, 600, 1200, 2500, 5000, 10_000, 24_000)


@dataclass(frozen=True)
class Meeting:
    """Where what follows a jump goes on, and how alike the onsets around there and around where it leaves are."""

    reach_s: float
    likeness: float  # correlation, in [-1, 1]


def aligned(
    mono: Floats, rate_hz: int, leave_s: float, reach_s: float, fade_s: float, *, most_s: float, marked: bool
) -> Meeting:
    """`reach_s`, moved by `most_s` at the most to where what comes there goes on from what ends at `leave_s`.

    `mono` [n]. First by the onsets around both, to 2 ms, then by the waves of a crossfade of `fade_s`. `marked`: both
    are beats, and most likely right.
    """
    moved_s, likeness = _by_onsets(mono, rate_hz, leave_s, reach_s, most_s, marked)
    reach_s += moved_s
    return Meeting(max(0.0, reach_s + _by_waves(mono, rate_hz, leave_s, reach_s, fade_s)), likeness)


def _by_onsets(
    mono: Floats, rate_hz: int, leave_s: float, reach_s: float, most_s: float, marked: bool
) -> tuple[float, float]:
    """By how many seconds `reach_s` has to move so that the onsets of `mono` [n] around both lie together; likeness."""
    here = _onsets(_around(mono, rate_hz, leave_s, _AROUND_S), rate_hz)
    there = _onsets(_around(mono, rate_hz, reach_s, _AROUND_S + most_s), rate_hz)
    most = (len(there) - len(here)) // 2
    shifts = np.arange(-most, most + 1)
    here = here * np.exp(-0.5 * (np.linspace(-1, 1, len(here)) * _AROUND_S / _TAPER_S) ** 2)[:, None]
    norm = np.linalg.norm(here)
    fits = np.array([_likeness(here, there[most + s : most + s + len(here)], float(norm)) for s in shifts])
    worth = fits
    if marked:
        slip = np.where(fits > _ALIKE, _SLIP, 0.0)
        worth = fits * np.maximum(np.exp(-0.5 * (shifts * _HOP_S / _USUAL_S) ** 2), slip)
    best = int(np.argmax(worth))
    return float(shifts[best] * _HOP_S), float(fits[best])


def _likeness(here: Doubles, there: Doubles, norm: float) -> float:
    """Correlation of two onset curves [t b]."""
    return float((here * there).sum() / max(norm * float(np.linalg.norm(there)), 1e-12))


def _around(mono: Floats, rate_hz: int, time_s: float, reach_s: float) -> Floats:
    """Samples [m] around a time, silence where there are none."""
    at, reach = round(time_s * rate_hz), round(reach_s * rate_hz)
    first, out = at - reach, np.zeros(2 * reach, mono.dtype)
    low, high = max(0, first), min(len(mono), at + reach)
    if low < high:
        out[low - first : high - first] = mono[low:high]
    return out


def _onsets(samples: Floats, rate_hz: int) -> Doubles:
    """How much begins in each band every 2 ms, mean removed: [t b] of samples [n]."""
    size = 1 << round(np.log2(0.012 * rate_hz))
    spectrum = power(samples, Stft(n_fft=size, hop_length=round(_HOP_S * rate_hz)))
    bounds = np.unique(np.clip(np.searchsorted(np.fft.rfftfreq(size, 1 / rate_hz), _BANDS_HZ), 0, size // 2))
    energies = np.add.reduceat(spectrum, bounds[:-1], axis=1, dtype=np.float64)
    levels = np.log10(1 + 1e6 * energies / max(float(energies.max(initial=0.0)), 1e-12))
    far = max(_LAGS)
    rises = np.concatenate([np.maximum(0.0, levels[far:] - levels[far - lag : -lag]) / lag for lag in _LAGS], axis=1)
    return np.asarray(rises - rises.mean(axis=0))


def _by_waves(mono: Floats, rate_hz: int, leave_s: float, reach_s: float, fade_s: float) -> float:
    """By how many seconds `reach_s` has to move for the wave of `mono` [n] there to go on from the other."""
    here = _around(mono, rate_hz, leave_s, fade_s / 2)
    there = _around(mono, rate_hz, reach_s, fade_s / 2 + _WAVE_REACH_S)
    most = (len(there) - len(here)) // 2
    if most < 1 or not here.any():
        return 0.0
    size = scipy.fft.next_fast_len(len(there) + len(here) - 1, True)
    both = scipy.fft.irfft(scipy.fft.rfft(there, size) * scipy.fft.rfft(here[::-1], size), size)
    products = both[len(here) - 1 : len(there)]
    energy = np.cumsum(np.pad(np.square(there, dtype=np.float64), (1, 0)))
    fits = products / np.sqrt(energy[len(here) :] - energy[: -len(here)] + 1e-12)
    return (int(np.argmax(fits)) - (len(there) - len(here)) / 2) / rate_hz
