"""Sound of a spectrogram that has lost its phases: Griffin and Lim's algorithm, with momentum and known bands.

Mel bands are all that a picture knows. Magnitudes between them are found together with the phases (as Masuyama et al.
2023, arXiv:2307.12232, argue; the step here is a simpler one): now and then the magnitudes of the sound found so far
are taken, scaled so that its bands are those of the picture. All of it happens at the lowest rate that holds the bands,
with transforms as long as the window: padded ones, as Riffusion's, add nothing that the frames around don't say, and
take ten times as long.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import count
from math import gcd

import numpy as np
import scipy.fft

from storysound.media.arrays import Floats, Samples
from storysound.media.layouts import resampled
from storysound.media.spectrogram import Complex, LogMel, Stft, istft, squared, stft
from storysound.media.spectrograms.form import sparse_filters
from storysound.progress import check

ITERATIONS = 32  # Riffusion's
MOMENTUM = 0.99  # Perraudin, Balazs and Søndergaard 2013: of the last step, as torchaudio and librosa count it
_FIRST_SCALED, _SCALED_EVERY = 8, 2  # iterations: chosen on clips that benchmarks/quality/spectrograms.py doesn't use
_MOST_SCALED = 10.0  # at once
_ROOM = 1.125  # of the rate above twice the highest band, for the filter that brings the rate back
_RIDGE = 1e-6  # of the largest eigenvalue
_CHUNK_S, _SHARED_S = 20.0, 0.5  # found at once; of it what the one before has found already
_TINY = np.float32(1e-12)


def griffin_lim(
    magnitudes: Floats,
    config: Stft,
    length: int,
    rng: np.random.Generator,
    *,
    iterations: int = ITERATIONS,
    scaled: Callable[[Floats], Floats] | None = None,
    known: Complex | None = None,
) -> Samples:
    """Samples [... length] whose spectrum has about these magnitudes [... t f].

    All of [...] begin with the same random phases, so that what is alike in two channels stays so. `scaled`: better
    magnitudes [... t f] from those of the sound found so far. `known`: the first frames of the spectrum [... k f],
    which are kept.
    """
    turns = rng.random(magnitudes.shape[-2:], np.float32) * np.float32(2 * np.pi)
    spectrum = magnitudes * np.exp(1j * turns).astype(np.complex64)
    before: Complex | np.float32 = np.float32(0)
    share = np.float32(MOMENTUM / (1 + MOMENTUM))
    for step in range(iterations):
        check()
        found = stft(istft(_kept(spectrum, known), config, length), config)
        if scaled is not None and step >= _FIRST_SCALED and (step - _FIRST_SCALED) % _SCALED_EVERY == 0:
            magnitudes = scaled(np.sqrt(squared(found)))
        spectrum = found - share * before
        before = found
        spectrum *= magnitudes / np.maximum(np.sqrt(squared(spectrum)), _TINY)
    return istft(_kept(spectrum, known), config, length)


def _kept(spectrum: Complex, known: Complex | None) -> Complex:
    """The spectrum [... t f] that begins as known [... k f]."""
    if known is not None:
        spectrum[..., : known.shape[-2], :] = known
    return spectrum


@dataclass(frozen=True)
class Inverse:
    """From bands back to magnitudes: at which rate; bands of magnitudes there [b f]; magnitudes of bands [f b], about.

    `back` is the pseudo-inverse of `bands`, with a small ridge.
    """

    rate_hz: float
    stft: Stft
    bands: Floats
    back: Floats

    def magnitudes(self, levels: Floats) -> Floats:
        """Magnitudes [... t f] of bands [... t b], as a start."""
        return np.asarray(np.maximum(levels @ self.back.T, 0), np.float32)

    def scaled(self, magnitudes: Floats, levels: Floats) -> Floats:
        """Magnitudes [... t f] scaled towards bands [... t b]: each by the mean of what its bands lack."""
        lacks = levels / np.maximum(magnitudes @ self.bands.T, np.float32(1e-7))
        shares = (lacks @ self.bands) / np.maximum(self.bands.sum(axis=0), np.float32(1e-6))
        return np.asarray(magnitudes * np.minimum(shares, np.float32(_MOST_SCALED)), np.float32)


@lru_cache(maxsize=4)
def inverse_of(analysis: LogMel) -> Inverse:
    """Made once for bands of magnitudes, and kept. Raises ValueError for bands of powers."""
    if analysis.power != 1:
        raise ValueError("only bands of magnitudes can be inverted")
    rate_hz, config = _lowest(analysis)
    fine = np.arange(analysis.stft.bins) * (analysis.rate_hz / analysis.stft.n_fft)
    place = fine * (config.n_fft / rate_hz)
    between = np.zeros((analysis.stft.bins, config.bins), np.float32)  # magnitudes of finer bins, about
    low = np.minimum(np.floor(place).astype(int), config.bins - 2)
    share = (place - low).astype(np.float32)
    inside = np.flatnonzero(share <= 1)
    between[inside, low[inside]] = 1 - share[inside]
    between[inside, low[inside] + 1] = share[inside]
    sums = analysis.rate_hz / rate_hz  # of more samples
    bands = np.asarray(sparse_filters(analysis) @ between * sums, np.float32)
    square = (bands @ bands.T).astype(np.float64)
    square += _RIDGE * np.linalg.eigvalsh(square)[-1] * np.eye(len(square))
    return Inverse(rate_hz, config, bands, np.linalg.solve(square, bands.astype(np.float64)).T.astype(np.float32))


def _lowest(analysis: LogMel) -> tuple[float, Stft]:
    """The lowest rate at which hop and window are whole numbers, the window quick to transform, and the bands there."""
    own = analysis.stft
    hop, length = own.hop_length, own.win_length or own.n_fft
    least_hz = 2 * _ROOM * (analysis.f_max or analysis.rate_hz / 2)
    parts = gcd(hop, length)
    for part in range(1, parts):
        rate_hz, window = analysis.rate_hz * part / parts, length * part // parts
        if _is_quick(window) and rate_hz >= least_hz:
            return rate_hz, Stft(window, hop * part // parts)
    return float(analysis.rate_hz), Stft(next(n for n in count(length) if _is_quick(n)), hop, length)


def _is_quick(length: int) -> bool:
    """Whether a transform of that length is; an even one, so that frames are counted as those of the picture."""
    return length % 2 == 0 and scipy.fft.next_fast_len(length, True) == length


def sound_of(
    levels: Floats, analysis: LogMel, length: int, *, iterations: int = ITERATIONS, seed: int = 0
) -> Iterator[Samples]:
    """Blocks [c n] of sound, `length` samples in all, with the amplitudes [c t b] that `analysis` would find in it.

    The same on one machine for the same seed. Raises ValueError for another number of bands, and as `inverse_of`.
    """
    if levels.ndim != 3 or levels.shape[2] != analysis.n_mels or not levels.shape[1]:
        raise ValueError(f"needs amplitudes [c t {analysis.n_mels}], got {levels.shape}")
    inverse = inverse_of(analysis)
    blocks = _chunks(levels, inverse, round(length * inverse.rate_hz / analysis.rate_hz), iterations, seed)
    given = 0
    for block in resampled(blocks, inverse.rate_hz, analysis.rate_hz, length):
        given += block.shape[1]
        yield block
    if given < length:
        yield np.zeros((len(levels), length - given), np.float32)


def _chunks(levels: Floats, inverse: Inverse, length: int, iterations: int, seed: int) -> Iterator[Samples]:
    """Blocks [c n] at the rate of the inverse: chunk after chunk, each beginning as the one before it ends."""
    config, hop = inverse.stft, inverse.stft.hop_length
    second = inverse.rate_hz / hop  # in columns
    step, shared = max(1, round(_CHUNK_S * second)), round(_SHARED_S * second)
    columns, ready = levels.shape[1], np.zeros((len(levels), 0), np.float32)
    for number, start in enumerate(range(0, columns, step)):
        part = levels[:, start : start + step + shared]
        last = start + step >= columns or part.shape[1] <= shared
        wanted = length - start * hop if last else (part.shape[1] - 1) * hop
        there = min(max(wanted, (part.shape[1] - 1) * hop, 1), part.shape[1] * hop - 1)  # of that many columns
        known = stft(ready, config)[:, : shared // 2] if number else None
        made = griffin_lim(
            inverse.magnitudes(part), config, there, np.random.default_rng([seed, number]), iterations=iterations,
            scaled=partial(inverse.scaled, levels=part), known=known,
        )  # fmt: skip
        made = _joined(ready, made, shared // 4 * hop)
        if last:
            yield made[:, : max(0, wanted)]
            return
        yield made[:, : step * hop]
        ready = made[:, step * hop :]


def _joined(before: Samples, after: Samples, until: int) -> Samples:
    """Sound [c n] that begins as the sound before it [c m] until sample `until`, and fades over within as many."""
    if not before.shape[1]:
        return after
    end = min(2 * until, before.shape[1], after.shape[1])
    fade = np.clip((np.arange(end, dtype=np.float32) - until) / max(1, end - until), 0, 1)
    after[:, :end] = (1 - fade) * before[:, :end] + fade * after[:, :end]
    return after
