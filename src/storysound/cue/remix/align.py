"""Where exactly a jump comes in: so that the beat goes on, and the waves as well.

What is laid over each other is how the level of each semitone changes: where the same notes come again, their changes
fall together to a few milliseconds, however soft they begin; and how alike they are says how sure that is.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.fft

from storysound.media.arrays import Doubles, Floats, Ints
from storysound.media.spectrogram import Complex, Stft, power_blocks
from storysound.progress import check

_HOP_S, _FRAME_S = 0.01, 0.093  # of the spectra
_LAG_S = 0.04  # over which levels change
_LOWEST_HZ, _HIGHEST_HZ = 55.0, 5000.0
_FLOOR = 1e-5  # of the loudest semitone: 50 dB below it nothing is heard to change
_AROUND_S = 4.5  # of music on either side that is compared; what is far away counts for little
_FASTEST_HZ = 12.0  # of the changes
_STEP_S = 0.0025  # of places that are compared
_TOP = 4  # steps to either side of a top
_MOST_S = 0.3  # by which beats are marked apart
_USUAL_S = 0.07  # the same, standard deviation
_AT_ONCE = 64  # places whose surroundings are transformed together
_WAVE_REACH_S = 0.003


@dataclass(frozen=True)
class Meetings:
    """By how much later than marked what follows each of c jumps goes on, and how alike the music around it is."""

    moved_s: Doubles  # [c]
    likeness: Doubles  # correlation, in [-1, 1] [c]


class Aligner:
    """The music around the n places of a track that jumps leave and reach."""

    def __init__(self, samples: Floats, rate_hz: int, places_s: Doubles, most_s: float, *, marked: bool) -> None:
        """`samples` [m]. `most_s`: by how much places may be moved; `marked`: they are beats, most likely right."""
        changes, per_s = _changes(samples, rate_hz)
        self._around, self._turns = _surroundings(changes, per_s, places_s)
        most = round(min(most_s, _MOST_S) / _STEP_S)
        self._lags_s = np.arange(-most, most + 1) * _STEP_S
        self._usual = np.exp(-0.5 * (self._lags_s / _USUAL_S) ** 2) if marked else np.ones(len(self._lags_s))

    def meet(self, leave: Ints, reach: Ints) -> Meetings:
        """Where jumps from before some places come in that lead to others, numbers [c] each."""
        fits = np.empty((len(leave), len(self._lags_s)))
        waves = np.exp(1j * np.outer(self._turns, self._lags_s))
        for to in np.unique(reach):
            own = np.flatnonzero(reach == to)
            check()
            both = np.einsum("cfk,fk->cf", self._around[leave[own]].conj(), self._around[to])
            fits[own] = (both @ waves).real.round(4)  # so that the last bits decide nothing
        at = np.arange(len(fits))
        meant = (fits * self._usual).argmax(axis=1)  # which top; where exactly that is, is of the music alone
        near = np.clip(meant[:, None] + np.arange(-_TOP, _TOP + 1), 0, fits.shape[1] - 1)
        best = near[at, fits[at[:, None], near].argmax(axis=1)]
        return Meetings(self._lags_s[best], fits[at, best])


def _changes(samples: Floats, rate_hz: int) -> tuple[Floats, float]:
    """How much the level of each semitone changes, a frame each _HOP_S: [t k] of samples [m]; exact frames a second."""
    config = Stft(n_fft=1 << round(np.log2(_FRAME_S * rate_hz)), hop_length=round(_HOP_S * rate_hz))
    weights = _semitones(config.n_fft, rate_hz)
    energies = np.concatenate([powers @ weights for _, powers in power_blocks(samples, config)])
    per_s = rate_hz / config.hop_length
    top = max(float(np.percentile(energies.max(axis=1), 95)), 1e-12)
    levels = np.log10(_FLOOR + energies / top)
    half = max(1, round(_LAG_S * per_s / 2))
    padded = np.pad(levels, ((half, half), (0, 0)), mode="edge")
    return np.asarray(padded[2 * half :] - padded[: -2 * half], np.float32), per_s


@lru_cache(maxsize=4)
def _semitones(n_fft: int, rate_hz: int) -> Floats:
    """Weights of frequencies in semitones, triangles as wide as one to either side, or as a frequency: [f k]."""
    hertz = np.fft.rfftfreq(n_fft, 1 / rate_hz)
    middles = _LOWEST_HZ * 2 ** (np.arange(0, 12 * np.log2(_HIGHEST_HZ / _LOWEST_HZ)) / 12)
    widths = np.maximum(middles * (2 ** (1 / 12) - 1), hertz[1])
    return np.asarray(np.maximum(0, 1 - np.abs(hertz[:, None] - middles) / widths), np.float32)


def _surroundings(changes: Floats, per_s: float, places_s: Doubles) -> tuple[Complex, Doubles]:
    """Spectra of unit length of changes [t k] around places [n]: [n f k]; and their frequencies in radians a second."""
    reach = round(_AROUND_S * per_s)
    near = np.arange(-reach, reach + 1)
    padded = np.pad(changes, ((reach, reach), (0, 0)))
    at = np.clip(np.round(places_s * per_s).astype(np.int64), 0, len(changes) - 1)
    taper = np.cos(0.5 * np.pi * near / (reach + 1)).astype(np.float32)[:, None] ** 2
    size = scipy.fft.next_fast_len(len(near) + round(2 * _MOST_S * per_s), True)
    count = int(_FASTEST_HZ * size / per_s) + 1
    turns = 2 * np.pi * np.arange(count) * per_s / size
    found = np.empty((len(at), count, changes.shape[1]), np.complex64)
    for first in range(0, len(at), _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        around = padded[at[part, None] + reach + near] * taper
        found[part] = scipy.fft.rfft(around, size, axis=1)[:, :count]
    found[:, 1:] *= np.float32(np.sqrt(2))  # once more for their negative frequencies
    found *= np.exp(1j * turns * (places_s - at / per_s)[:, None])[..., None].astype(np.complex64)
    found /= np.maximum(np.sqrt((np.abs(found) ** 2).sum(axis=(1, 2), keepdims=True)), 1e-9)
    return found, turns


def by_waves(mono: Floats, rate_hz: int, leave_s: float, reach_s: float, fade_s: float) -> float:
    """By how many seconds `reach_s` has to move for the wave of `mono` [m] to go on there; `fade_s`: of crossfades."""
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


def _around(mono: Floats, rate_hz: int, time_s: float, reach_s: float) -> Floats:
    """Samples [m] around a time, silence where there are none."""
    at, reach = round(time_s * rate_hz), round(reach_s * rate_hz)
    first, out = at - reach, np.zeros(2 * reach, mono.dtype)
    low, high = max(0, first), min(len(mono), at + reach)
    if low < high:
        out[low - first : high - first] = mono[low:high]
    return out
