"""Loudness, true peak, and where it goes beyond a ceiling, of sound that comes block by block."""

import math
from collections.abc import Iterator

import numpy as np

from storysound.media.arrays import Samples
from storysound.media.audio import Waveform
from storysound.media.loudness import BLOCK_S, momentary_lufs, true_peak_dbtp

_CHUNK_S = 10.0
_SETTLE_S = 0.6  # the K filter has forgotten where it began
_AROUND = 64  # samples on both sides that points between samples depend on, and as many again to fade them
_GATE_LUFS, _RELATIVE_LU = -70.0, -10.0  # BS.1770-4, Annex 1


class Meter:
    """Takes sound in order; at the end says its integrated loudness and true peak (BS.1770-4).

    `overs`: cells of `cell` samples whose true peak lies above `ceiling_dbtp`, each with its peak in dBTP.
    """

    def __init__(
        self, rate_hz: int, layout: tuple[str, ...], *, ceiling_dbtp: float = math.inf, cell: int = 240
    ) -> None:
        self._rate_hz, self._layout, self._ceiling, self._cell = rate_hz, layout, ceiling_dbtp, cell
        self._chunk = round(_CHUNK_S * 10) * max(1, round(rate_hz / 10))
        self._settle = round(_SETTLE_S * 10) * max(1, round(rate_hz / 10))
        self._overlap = round((BLOCK_S - 0.1) * rate_hz)
        self._held: list[Samples] = []
        self._length = 0  # of what is held
        self._start = 0  # of what is held, in samples from the first on
        self._energies: list[float] = []
        self.dbtp = -math.inf
        self.overs: dict[int, float] = {}

    def add(self, samples: Samples) -> None:
        """More sound, float32 [c n]."""
        self._held.append(samples)
        self._length += samples.shape[1]
        if self._length >= self._settle + self._chunk + self._overlap + _AROUND:
            self._take(is_last=False)

    def finish(self) -> None:
        """No more comes."""
        if self._length:
            self._take(is_last=True)

    @property
    def lufs(self) -> float:
        """Integrated loudness; -inf for silence."""
        energies = np.array(self._energies)
        energies = energies[energies > _energy(_GATE_LUFS)]
        if not energies.size:
            return -math.inf
        gate = _energy(_lufs(float(energies.mean())) + _RELATIVE_LU)
        return _lufs(float(energies[energies > gate].mean()))

    def _take(self, *, is_last: bool) -> None:
        """Measures what is held, and keeps as much as the next chunk needs."""
        samples = np.concatenate(self._held, axis=1)
        lead = min(self._settle, self._start)  # measured before, held for the filters' sake
        first = 0 if self._start == 0 else lead
        end = samples.shape[1] if is_last else samples.shape[1] - self._overlap - _AROUND
        step = max(1, round(self._rate_hz / 10))
        end = end if is_last else first + (end - first) // step * step
        wave = Waveform(samples[:, : end if is_last else end + self._overlap], self._rate_hz, self._layout)
        momentary = momentary_lufs(wave)[first // step :]
        self._energies += [_energy(value) for value in momentary if value > -math.inf]
        self._peaks(samples, first, end)
        keep = max(0, end - self._settle)
        self._held, self._length = [samples[:, keep:]], samples.shape[1] - keep
        self._start += keep

    def _peaks(self, samples: Samples, first: int, end: int) -> None:
        """True peak of samples [c first:end]."""
        peak = self._peak(samples, first, end)
        self.dbtp = max(self.dbtp, peak)
        if peak > self._ceiling:
            for at, over in self._beyond(samples, first, end):
                cell = (self._start + at) // self._cell
                self.overs[cell] = max(over, self.overs.get(cell, -math.inf))

    def _beyond(self, samples: Samples, first: int, end: int) -> Iterator[tuple[int, float]]:
        """Places beyond the ceiling in [c first:end], found by halving."""
        peak = self._peak(samples, first, end)
        if peak <= self._ceiling:
            return
        if end - first <= self._cell:
            yield (first + end) // 2, peak
            return
        middle = (first + end) // 2
        yield from self._beyond(samples, first, middle)
        yield from self._beyond(samples, middle, end)

    def _peak(self, samples: Samples, first: int, end: int) -> float:
        """True peak of [c first:end] with what lies around it, faded so that no edge rings."""
        low, high = max(0, first - _AROUND), min(samples.shape[1], end + _AROUND)
        part = samples[:, low:high].copy()
        ramp = np.linspace(0.0, 1.0, _AROUND // 2, dtype=np.float32)
        if low:
            part[:, : len(ramp)] *= ramp
        if high < samples.shape[1]:
            part[:, -len(ramp) :] *= ramp[::-1]
        return true_peak_dbtp(Waveform(part, self._rate_hz))


def _energy(lufs: float) -> float:
    return float(10 ** ((lufs + 0.691) / 10))


def _lufs(energy: float) -> float:
    return 10 * math.log10(energy) - 0.691
