"""Loudness and true peak after ITU-R BS.1770-4 and EBU Tech 3341/3342."""

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from storysound.media.arrays import Floats, Samples
from storysound.media.audio import Waveform, resample
from storysound.media.layouts import folded
from storysound.media.recording import Recording
from storysound.progress import check
from storysound.story import Span

BLOCK_S = 0.4  # gating block and momentary window (BS.1770-4, Annex 1)
STEP_S = 0.1  # blocks overlap by 75 %
_ABSOLUTE_GATE_LUFS = -70.0
_RELATIVE_GATE_LU = -10.0
_OFFSET_LU = -0.691
# Loudspeakers by number of channels where nobody names them, in FFmpeg's order.
_USUAL_LAYOUT = {
    5: ("FL", "FR", "FC", "BL", "BR"),
    6: ("FL", "FR", "FC", "LFE", "BL", "BR"),
    8: ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"),
}
_LOW = frozenset({"LFE", "LFE2"})
_SURROUND = 1.41  # weight of what stands at the sides (BS.1770-4, Annex 1 and 3)
_LEAST_RATE_HZ, _RAISED_HZ = 8000, 32_000  # below, the K filter loses its form: brought to at least the latter

OVERSAMPLING = 4  # BS.1770-4, Annex 2
_TAPS = 32  # per phase; twelve are asked for at least
REACH = _TAPS // 2  # samples to both sides that a point between samples depends on
_ROW = 32  # samples interpolated together; at least _TAPS
_LEAD = _ROW + REACH - 1  # the interpolated signal rings a row before its first sample
_BLOCK = 1 << 19  # samples measured together
_RINGS_S = 0.1  # after which the K filter has died away
_TRANSFORM = 1 << 16


@lru_cache(maxsize=16)
def _k_weighting(rate_hz: int) -> NDArray[np.float64]:
    """Second-order sections [2 6] of the K filter (BS.1770-4, Annex 1) for any rate.

    The standard tabulates 48 kHz only; both stages are re-derived from their analogue prototypes.
    """
    tan = math.tan(math.pi * 1681.974450955533 / rate_hz)  # the head: a high shelf of 4 dB
    gain, q = 10 ** (3.999843853973347 / 20), 0.7071752369554196
    middle = gain**0.4996667741545416
    norm = 1 + tan / q + tan * tan
    shelf = [(gain + middle * tan / q + tan * tan) / norm, 2 * (tan * tan - gain) / norm]
    shelf += [(gain - middle * tan / q + tan * tan) / norm, 1.0]
    shelf += [2 * (tan * tan - 1) / norm, (1 - tan / q + tan * tan) / norm]
    tan = math.tan(math.pi * 38.13547087602444 / rate_hz)  # the RLB curve: a high-pass
    q = 0.5003270373238773
    norm = 1 + tan / q + tan * tan
    high_pass = [1.0, -2.0, 1.0, 1.0, 2 * (tan * tan - 1) / norm, (1 - tan / q + tan * tan) / norm]
    return np.array([shelf, high_pass])


def _weights(layout: tuple[str, ...]) -> list[float]:
    """Of each channel: none for the low frequencies, more for the sides; the back's where there are no sides."""
    layout = _USUAL_LAYOUT.get(len(layout), layout) if set(layout) == {"?"} else layout
    sides = {"SL", "SR"} if {"SL", "SR"} & set(layout) else {"BL", "BR"}
    return [0.0 if name in _LOW else _SURROUND if name in sides else 1.0 for name in layout]


@lru_cache(maxsize=16)
def _k_response(rate_hz: int, size: int) -> NDArray[np.complex128]:
    """The K filter at the frequencies of a real transform of `size`, [f], its impulse response cut after _RINGS_S."""
    taps = round(_RINGS_S * rate_hz)
    at = np.exp(-2j * np.pi * np.arange(taps // 2 + 1) / taps)
    sections = [np.polyval(row[2::-1], at) / np.polyval(row[:2:-1], at) for row in _k_weighting(rate_hz)]
    return np.asarray(np.fft.rfft(np.fft.irfft(sections[0] * sections[1], taps), size))


class _KWeighted:
    """K-weighted energy of sound that comes block by block."""

    def __init__(self, rate_hz: int, layout: tuple[str, ...]) -> None:
        if rate_hz < _LEAST_RATE_HZ:
            raise ValueError(f"loudness needs {_LEAST_RATE_HZ} Hz at least, got {rate_hz}")
        self._rate_hz, self._weights = rate_hz, _weights(layout)
        self._before = np.zeros((len(layout), round(_RINGS_S * rate_hz)), np.float32)  # what still rings

    def __call__(self, samples: Samples) -> NDArray[np.float64]:
        """Weighted square [n] of the next samples [c n]."""
        energy, rings = np.zeros(samples.shape[1]), self._before.shape[1]
        both = np.concatenate([self._before, samples], axis=1)
        self._before = both[:, samples.shape[1] :]
        step = _TRANSFORM - rings
        for start in range(0, samples.shape[1], step):
            count = min(step, samples.shape[1] - start)
            size = 1 << (count + rings - 1).bit_length()
            for weight, channel in zip(self._weights, both[:, start : start + count + rings], strict=True):
                if weight and channel.any():
                    spectrum = np.fft.rfft(channel.astype(np.float64), size) * _k_response(self._rate_hz, size)
                    filtered = np.fft.irfft(spectrum, size)[rings : rings + count]
                    energy[start : start + count] += weight * np.square(filtered)
        return energy


class _Windows:
    """Mean energies of windows of BLOCK_S, one every `step_s`, of energy that comes block by block."""

    def __init__(self, rate_hz: int, step_s: float) -> None:
        self._rate_hz, self._step_s = rate_hz, step_s
        self._rest = np.empty(0)  # what windows that aren't over need, from sample `_first` on
        self._first = self._total = self._count = 0
        self._done: list[NDArray[np.float64]] = []

    def add(self, energy: NDArray[np.float64]) -> None:
        """The next energies [n]."""
        self._total += len(energy)
        self._rest = np.concatenate([self._rest, energy])
        over_s = (self._total - 1) / self._rate_hz - BLOCK_S  # less than a sample short is not over yet
        means = self._means(math.floor(over_s / self._step_s) + 1)
        self._done.append(means)
        self._count += len(means)
        kept = min(self._total, round(self._count * self._step_s * self._rate_hz))
        self._rest, self._first = self._rest[kept - self._first :], kept

    def _means(self, count: int) -> NDArray[np.float64]:
        """Of the windows from the first that isn't done to number `count`: [b]."""
        starts = np.round(np.arange(self._count, max(count, self._count)) * self._step_s * self._rate_hz)
        starts = starts.astype(np.int64)
        ends = np.minimum(starts + round(BLOCK_S * self._rate_hz), self._total)
        running = np.concatenate([[0.0], np.cumsum(self._rest)])
        sums = running[ends - self._first] - running[starts - self._first]
        return np.asarray(np.maximum(sums, 0.0) / (ends - starts))

    def all(self) -> NDArray[np.float64]:
        """Of all windows that fit into what came: [b]."""
        fitting = math.floor((self._total / self._rate_hz - BLOCK_S) / self._step_s + 1e-9) + 1
        return np.concatenate([*self._done, self._means(fitting)])


class LoudnessMeter:
    """Loudness of sound that comes block by block, in bounded memory.

    `layout` names the loudspeakers as in `Waveform`; "?" where nobody knows. Raises ValueError below 8 kHz.
    """

    def __init__(self, rate_hz: int, layout: tuple[str, ...]) -> None:
        self._weighted = _KWeighted(rate_hz, layout)
        self._momentary = _Windows(rate_hz, STEP_S)

    def add(self, samples: Samples) -> None:
        """The next samples [c n]."""
        self._momentary.add(self._weighted(samples))

    def energies(self) -> NDArray[np.float64]:
        """Weighted mean squares of the 0.4 s from each tenth of a second on: [b]."""
        return self._momentary.all()

    def integrated_lufs(self) -> float:
        """As `integrated_lufs` of all that came."""
        return gated_lufs(self.energies())


def _block_energies(wave: Waveform, step_s: float = STEP_S) -> NDArray[np.float64]:
    """Weighted mean square [b] of K-weighted blocks of BLOCK_S, one every `step_s`; empty when shorter than one."""
    if wave.rate_hz < _LEAST_RATE_HZ:
        wave = resample(wave, wave.rate_hz * -(-_RAISED_HZ // wave.rate_hz))
    weighted = _KWeighted(wave.rate_hz, wave.layout or ("?",) * wave.channels)
    windows = _Windows(wave.rate_hz, step_s)
    for block in _blocks(wave.samples):
        windows.add(weighted(block))
    return windows.all()


def _blocks(samples: Samples) -> Iterator[Samples]:
    """Samples [c n] in stretches that take little memory."""
    for start in range(0, samples.shape[1], _BLOCK):
        check()
        yield samples[:, start : start + _BLOCK]


def _lufs(energy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Loudness of weighted mean squares of any shape; -inf for 0."""
    with np.errstate(divide="ignore"):
        return np.asarray(_OFFSET_LU + 10 * np.log10(energy))


def gated_lufs(energy: NDArray[np.float64]) -> float:
    """Gated loudness in LUFS of weighted mean squares [b] of 0.4 s each (BS.1770-4, Eq. 7); -inf for silence."""
    energy = energy[_lufs(energy) > _ABSOLUTE_GATE_LUFS]
    if not energy.size:
        return -math.inf
    gate = _lufs(energy.mean()) + _RELATIVE_GATE_LU
    return float(_lufs(energy[_lufs(energy) > gate].mean()))


def integrated_lufs(wave: Waveform) -> float:
    """Gated loudness of the whole in LUFS (BS.1770-4, Eq. 7); -inf for silence and for less than 0.4 s.

    >>> t = np.arange(48000) / 48000
    >>> sine = np.sin(2 * np.pi * 997 * t).astype(np.float32)
    >>> round(integrated_lufs(Waveform(sine[None], 48000)), 1)
    -3.0
    """
    return gated_lufs(_block_energies(wave))


def recording_lufs(
    sound: Recording, spans: Sequence[Span] | None = None, layout: tuple[str, ...] | None = None
) -> float:
    """Gated loudness in LUFS of a recording, or of stretches of it one after the other; -inf for silence.

    `layout`: the loudspeakers on which it is heard, its own or left and right.
    """
    layout = layout or sound.layout
    meter = LoudnessMeter(sound.rate_hz, layout)
    for span in [Span(0.0, sound.duration_s)] if spans is None else spans:
        part = sound.part(round(span.start_s * sound.rate_hz), round(span.end_s * sound.rate_hz))
        for _, block in part.blocks():
            meter.add(block if layout == sound.layout else folded(block, sound.layout, 2))
    return meter.integrated_lufs()


def momentary_lufs(wave: Waveform, step_s: float = STEP_S) -> NDArray[np.float64]:
    """Ungated loudness of the 0.4 s from each k · step_s on, [b] in LUFS; -inf in silence, empty below 0.4 s."""
    return _lufs(_block_energies(wave, step_s))


def peaks_db(wave: Waveform, step_s: float = STEP_S) -> NDArray[np.float32]:
    """Sample peak of all channels in each step begun, dBFS; -inf for digital silence: [t].

    >>> peaks_db(Waveform(np.array([[0.1, 0.0, 1.0, 0.0]], np.float32), 20)).tolist()
    [-20.0, 0.0]
    """
    loudest = np.abs(wave.samples).max(axis=0)
    edges = np.round(np.arange(math.ceil(wave.duration_s / step_s - 1e-9)) * step_s * wave.rate_hz).astype(int)
    with np.errstate(divide="ignore"):
        result: NDArray[np.float32] = 20 * np.log10(np.maximum.reduceat(loudest, edges[edges < loudest.size]))
    return result


@lru_cache(maxsize=1)
def _interpolator() -> NDArray[np.float32]:
    """Windowed-sinc taps [_TAPS 3] that give the points at 1/4, 1/2, 3/4 between the two middle samples."""
    offsets = np.arange(_TAPS)[:, None] - (_TAPS // 2 - 1) - np.arange(1, OVERSAMPLING) / OVERSAMPLING
    window = np.i0(8.0 * np.sqrt(np.maximum(0.0, 1 - (offsets / (_TAPS / 2)) ** 2))) / np.i0(8.0)
    taps = np.sinc(offsets) * window
    return np.asarray(taps / taps.sum(axis=0), np.float32)


@lru_cache(maxsize=1)
def _block_interpolator() -> tuple[NDArray[np.float32], float]:
    """The interpolator as one matrix [2 · _ROW, _ROW · 3] from the samples around a row to the points in it.

    Also the most by which a point between samples can stand above the largest sample around it. Row by row this is
    twice the multiplications of a filter, but one dense product instead of millions of small ones.
    """
    taps = _interpolator()
    matrix = np.zeros((2 * _ROW, _ROW, OVERSAMPLING - 1), np.float32)
    for sample in range(_ROW):
        matrix[sample : sample + _TAPS, sample] = taps
    return matrix.reshape(2 * _ROW, -1), float(np.abs(taps).sum(axis=0).max())


def _around(samples: Samples) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Whole rows [r + 1, _ROW] of samples [n] as what each depends on, [r 2 · _ROW], and its largest magnitude [r]."""
    peaks = np.abs(samples).reshape(-1, _ROW).max(axis=1)
    around = np.lib.stride_tricks.sliding_window_view(samples, 2 * _ROW)[::_ROW]
    return around, np.maximum(peaks[:-1], peaks[1:])


def points_between(samples: Samples) -> Samples:
    """The three points after each sample: [c n + 2 · REACH] -> [c n 3]; the first and last REACH are what they need.

    n is a multiple of 32. The same samples give the same points to the bit, whatever lies around them.
    """
    matrix, _ = _block_interpolator()
    padded = np.pad(samples[:, 1:], ((0, 0), (0, 2)))  # the first point lies after sample REACH - 1 of a row
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * _ROW, axis=1)[:, ::_ROW]
    return np.asarray(np.stack([rows @ matrix for rows in around]).reshape(len(samples), -1, OVERSAMPLING - 1))


def cell_peaks(samples: Samples, cell: int) -> Floats:
    """The largest magnitude of each `cell` samples, between them included: [c n + 2 · REACH] -> [n / cell].

    n is a multiple of 32 and of `cell`; the first and last REACH are what `points_between` needs.
    """
    inner = np.abs(samples[:, REACH:-REACH]).max(axis=0)
    between = np.abs(points_between(samples)).max(axis=(0, 2))
    return np.asarray(np.maximum(inner, between).reshape(-1, cell).max(axis=1))


def peaks_above(samples: Samples, ceiling: float) -> tuple[NDArray[np.intp], Floats]:
    """Samples that stand above a ceiling, or have a point after them that does, and the larger: [m], their peaks [m].

    [c n + 2 · REACH] -> numbers in [0, n); n is a multiple of 32, the first and last REACH as in `points_between`. What
    can't stand above the ceiling is passed over.
    """
    matrix, headroom = _block_interpolator()
    rows = (samples.shape[1] - 2 * REACH) // _ROW
    places, found = [np.empty(0, np.intp)], [np.empty(0, np.float32)]
    for channel in samples:
        loudest = np.abs(channel).reshape(-1, _ROW).max(axis=1)
        near = np.maximum(loudest[:rows], loudest[1 : rows + 1])  # and one sample, which a weight of nearly 0 has
        chosen = np.flatnonzero(near * headroom > ceiling)
        if chosen.size:
            padded = np.pad(channel[1:], (0, 1))
            around = np.lib.stride_tricks.sliding_window_view(padded, 2 * _ROW)[::_ROW][chosen]
            peaks = np.abs(around[:, REACH - 1 : REACH - 1 + _ROW])
            for phase in range(OVERSAMPLING - 1):  # a maximum along three would take longer than all the rest
                peaks = np.maximum(peaks, np.abs(around @ matrix[:, phase :: OVERSAMPLING - 1]))
            row, place = np.nonzero(peaks > ceiling)
            places.append(chosen[row] * _ROW + place)
            found.append(peaks[row, place])
    return np.concatenate(places), np.concatenate(found)


def headroom() -> float:
    """The most by which a point between samples can stand above the largest sample around it, a factor."""
    return _block_interpolator()[1]


class TruePeak:
    """The largest magnitude of fourfold oversampled sound (BS.1770-4, Annex 2) that comes block by block."""

    def __init__(self, channels: int) -> None:
        self._rest = np.zeros((channels, _LEAD), np.float32)  # what the points to come depend on
        self._best = 0.0

    def add(self, samples: Samples) -> None:
        """The next samples [c n]."""
        self._best = max(self._best, float(np.abs(samples).max(initial=0.0)))
        self._rest = self._over(np.concatenate([self._rest, samples], axis=1))

    def dbtp(self) -> float:
        """True peak of all that came, dBTP; -inf for silence."""
        self._over(np.pad(self._rest, ((0, 0), (0, 3 * _ROW))))
        return 20 * math.log10(self._best) if self._best > 0 else -math.inf

    def _over(self, samples: Samples) -> Samples:
        """Looks between samples [c n]; gives those that are needed again. What can't hold the peak is passed over."""
        rows = samples.shape[1] // _ROW
        if rows < 2:
            return samples
        matrix, headroom = _block_interpolator()
        for near in (0.9, 1 / headroom):  # the loudest stretches first: most of the others then drop out
            for channel in samples:
                around, peaks = _around(channel[: rows * _ROW])
                chosen = peaks > self._best * near
                if chosen.any():
                    self._best = max(self._best, float(np.abs(around[chosen] @ matrix).max()))
        return samples[:, (rows - 1) * _ROW :].copy()


def true_peak_dbtp(wave: Waveform) -> float:
    """True peak in dBTP: the largest magnitude of the fourfold oversampled signal (BS.1770-4, Annex 2).

    -inf for silence.
    """
    peak = TruePeak(wave.channels)
    for block in _blocks(wave.samples):
        peak.add(block)
    return peak.dbtp()
