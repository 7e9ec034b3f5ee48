"""One short-time Fourier transform and one mel filterbank for analysis and all encoders."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike, NDArray

from storysound.media.arrays import Floats

Complex = NDArray[np.complex64]
MelScale = Literal["htk", "slaney"]
MelNorm = Literal["slaney", "sum"] | None

AT_ONCE = 1 << 16  # samples of frames that log_mel takes through all its steps together


@dataclass(frozen=True)
class Stft:
    """Parameters of a short-time Fourier transform."""

    n_fft: int  # samples per transform
    hop_length: int  # samples from one frame to the next
    win_length: int = 0  # samples of the window, centred in n_fft; 0: n_fft
    window: str = "hann"  # scipy's name; the periodic form
    centre: bool = True  # frame t is centred on sample t · hop_length; otherwise it starts there
    pad: Literal["reflect", "constant"] = "reflect"  # what stands outside the signal when centred

    def __post_init__(self) -> None:
        if self.n_fft < 1 or self.hop_length < 1 or not 0 <= self.win_length <= self.n_fft:
            raise ValueError(f"needs n_fft, hop_length >= 1 and win_length <= n_fft, got {self}")

    @property
    def bins(self) -> int:
        """Frequencies from 0 to half the rate."""
        return self.n_fft // 2 + 1

    def frames(self, n: int) -> int:
        """Frames of a signal of n samples.

        >>> Stft(2048, 1024).frames(44100)
        44
        """
        whole = n + 2 * (self.n_fft // 2) if self.centre else n
        return 1 + max(0, whole - self.n_fft) // self.hop_length

    def window_samples(self) -> Floats:
        """The window, float32 [n_fft]."""
        return _window(self.window, self.win_length or self.n_fft, self.n_fft)


@lru_cache(maxsize=32)
def _window(name: str, length: int, n_fft: int) -> Floats:
    left = (n_fft - length) // 2
    if name == "hann":
        window = (0.5 + 0.5 * np.cos(np.linspace(-np.pi, np.pi, length + 1)))[:-1]
    else:  # seldom, and dear to import
        from scipy.signal import get_window

        window = get_window(name, length, fftbins=True)
    return np.pad(window, (left, n_fft - length - left)).astype(np.float32)


def stft(samples: ArrayLike, config: Stft) -> Complex:
    """Complex spectrum [... t f] of real samples [... n]; time before frequency, unscaled as in numpy's rfft.

    A signal shorter than one frame is padded with zeros to one.
    """
    return _spectra(_frames(samples, config), config)


def _frames(samples: ArrayLike, config: Stft) -> Floats:
    """The stretches [... t n_fft] that are transformed: a view into the padded samples [... n]."""
    signal = np.asarray(samples, np.float32)
    if signal.shape[-1] == 0:
        raise ValueError("no samples to transform")
    if config.centre:
        signal = _pad(signal, config.n_fft // 2, config.pad)
    if signal.shape[-1] < config.n_fft:
        signal = _extend(signal, 0, config.n_fft - signal.shape[-1], "constant")
    return np.lib.stride_tricks.sliding_window_view(signal, config.n_fft, axis=-1)[..., :: config.hop_length, :]


def _spectra(frames: Floats, config: Stft) -> Complex:
    """Spectra [... t f] of frames [... t n_fft]."""
    return np.asarray(scipy.fft.rfft(frames * config.window_samples(), axis=-1), np.complex64)


def _extend(signal: Floats, left: int, right: int, mode: Literal["reflect", "constant"]) -> Floats:
    """Samples [... n] with so many more on either side."""
    return np.pad(signal, [(0, 0)] * (signal.ndim - 1) + [(left, right)], mode=mode)


def _pad(signal: Floats, side: int, mode: Literal["reflect", "constant"]) -> Floats:
    """Pads samples [... n] on both sides; a single sample has nothing to reflect and is padded with zeros."""
    return _extend(signal, side, side, mode if signal.shape[-1] > 1 else "constant")


def istft(spectrum: Complex, config: Stft, length: int) -> Floats:
    """Samples float32 [... length] whose transform is nearest to `spectrum` [... t f] (overlap-add, Griffin 1984).

    Exact for an unchanged spectrum wherever windows cover the signal.
    """
    frames = scipy.fft.irfft(spectrum, n=config.n_fft, axis=-1).astype(np.float32, copy=False)
    window = config.window_samples()
    frames *= window
    signal = _overlapped(frames, config.hop_length)
    weight = _overlapped(np.broadcast_to(window * window, frames.shape[-2:]), config.hop_length)
    start = config.n_fft // 2 if config.centre else 0
    signal = np.asarray(signal / np.maximum(weight, np.float32(1e-8)), np.float32)[..., start : start + length]
    return _extend(signal, 0, length - signal.shape[-1], "constant") if signal.shape[-1] < length else signal


def _overlapped(frames: Floats, hop: int) -> Floats:
    """Frames [... t n], each `hop` after the one before it, added up: [... n + (t - 1) hop]."""
    count, n = frames.shape[-2:]
    parts = -(-n // hop)  # of a frame, each as long as a hop, the last one padded
    padded = frames if n == parts * hop else _extend(frames, 0, parts * hop - n, "constant")
    total = np.zeros((*frames.shape[:-2], count + parts - 1, hop), np.float32)
    for part in reversed(range(parts)):  # so that each sample gets the first frame first
        total[..., part : part + count, :] += padded[..., part * hop : (part + 1) * hop]
    return total.reshape(*frames.shape[:-2], -1)[..., : n + (count - 1) * hop]


def power(samples: ArrayLike, config: Stft) -> Floats:
    """Squared magnitude [... t f] of the short-time spectrum of samples [... n]."""
    return squared(stft(samples, config))


def squared(spectrum: Complex) -> Floats:
    """Squared magnitude of a complex spectrum, of the same shape."""
    return np.asarray(spectrum.real**2 + spectrum.imag**2, np.float32)


def hz_to_mel(hz: ArrayLike, scale: MelScale = "htk") -> NDArray[np.float64]:
    """Mel of frequencies of any shape.

    "htk": O'Shaughnessy's 2595 log10(1 + f / 700); "slaney": linear below 1 kHz, log above.

    >>> round(float(hz_to_mel(1000.0, "slaney")), 6)
    15.0
    """
    f = np.asarray(hz, np.float64)
    if scale == "htk":
        return np.asarray(2595.0 * np.log10(1.0 + f / 700.0))
    return np.where(f < 1000.0, f * 3 / 200, 15.0 + np.log(np.maximum(f, 1e-9) / 1000.0) * 27 / np.log(6.4))


def mel_to_hz(mel: ArrayLike, scale: MelScale = "htk") -> NDArray[np.float64]:
    """Inverse of `hz_to_mel`, of any shape too."""
    m = np.asarray(mel, np.float64)
    if scale == "htk":
        return np.asarray(700.0 * (10.0 ** (m / 2595.0) - 1.0))
    return np.where(m < 15.0, m * 200 / 3, 1000.0 * np.exp((np.maximum(m, 15.0) - 15.0) * np.log(6.4) / 27))


@lru_cache(maxsize=32)
def mel_filterbank(
    rate_hz: int,
    n_fft: int,
    n_mels: int,
    f_min: float = 0.0,
    f_max: float | None = None,
    scale: MelScale = "htk",
    norm: MelNorm = None,
    slopes: Literal["hz", "mel"] = "hz",
) -> Floats:
    """Triangular filters float32 [n_mels f], spaced evenly in mel from f_min to f_max (None: half the rate).

    `norm`: None for triangles of height 1, "slaney" for equal area (2 / width in hertz), "sum" for weights that add
    up to 1. `slopes`: whether the sides of a triangle are straight over hertz or over mel. Read-only and shared
    between calls.
    """
    top = rate_hz / 2 if f_max is None else f_max
    if not 0 <= f_min < top or n_mels < 1:
        raise ValueError(f"needs 0 <= f_min < f_max and n_mels >= 1, got {f_min}..{top}, {n_mels}")
    bins = np.linspace(0, rate_hz / 2, n_fft // 2 + 1)
    edges = np.linspace(hz_to_mel(f_min, scale), hz_to_mel(top, scale), n_mels + 2)
    if slopes == "hz":
        edges = mel_to_hz(edges, scale)
    else:
        bins = hz_to_mel(bins, scale)
    low, peak, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    filters = np.maximum(0.0, np.minimum((bins - low) / (peak - low), (high - bins) / (high - peak)))
    if norm == "slaney":
        filters *= 2.0 / (high - low)
    elif norm == "sum":
        filters /= np.maximum(filters.sum(axis=1, keepdims=True), 1e-12)
    result = filters.astype(np.float32)
    result.setflags(write=False)
    return result


def kaldi_fbank(samples: ArrayLike, rate_hz: int, n_mels: int) -> Floats:
    """Log-mel energies float32 [t n_mels] as Kaldi makes them for AST: of samples [n], every 10 ms over 25 ms.

    Every frame loses its mean, is pre-emphasised by .97 and weighted with a symmetric Hann window; filters from 20 Hz
    to half the rate, straight over mel; natural logarithm, floored at the smallest step of float32. A signal shorter
    than a frame is padded with zeros to one.
    """
    signal = np.asarray(samples, np.float64)
    length, hop = round(0.025 * rate_hz), round(0.010 * rate_hz)
    signal = np.pad(signal, (0, max(0, length - len(signal))))
    n_fft = 1 << (length - 1).bit_length()
    filters = mel_filterbank(rate_hz, n_fft, n_mels, 20.0, slopes="mel").T.astype(np.float64)
    frames = np.lib.stride_tricks.sliding_window_view(signal, length)[::hop]
    energies = np.empty((len(frames), n_mels), np.float32)
    step = max(1, AT_ONCE // n_fft)
    for start in range(0, len(frames), step):
        block = frames[start : start + step]
        block = block - block.mean(axis=1, keepdims=True)
        block = block - 0.97 * np.concatenate([block[:, :1], block[:, :-1]], axis=1)
        spectra = scipy.fft.rfft(block * np.hanning(length), n_fft, axis=1)
        energies[start : start + step] = (spectra.real**2 + spectra.imag**2) @ filters
    return np.asarray(np.log(np.maximum(energies, np.finfo(np.float32).eps)), np.float32)


@dataclass(frozen=True)
class LogMel:
    """Parameters of a log-mel front end; the output is (log(amplify · x + offset, floor at `floor`)) · gain."""

    rate_hz: int
    stft: Stft
    n_mels: int
    f_min: float = 0.0
    f_max: float | None = None  # None: half the rate
    scale: MelScale = "htk"
    norm: MelNorm = None
    slopes: Literal["hz", "mel"] = "hz"
    power: Literal[1, 2] = 2  # of the magnitude, before the filters
    log: Literal["e", "10"] = "e"
    amplify: float = 1.0
    offset: float = 0.0
    floor: float = 1e-10  # least value the logarithm sees
    gain: float = 1.0

    def filters(self) -> Floats:
        """The mel filters [n_mels f]."""
        return mel_filterbank(
            self.rate_hz, self.stft.n_fft, self.n_mels, self.f_min, self.f_max, self.scale, self.norm, self.slopes
        )


def mel(power_spectrum: Floats, config: LogMel) -> Floats:
    """Mel energies [... t n_mels] of a power spectrum [... t f]."""
    spectrum = np.sqrt(power_spectrum) if config.power == 1 else power_spectrum
    return np.asarray(spectrum @ config.filters().T, np.float32)


def power_blocks(samples: ArrayLike, config: Stft) -> Iterator[tuple[slice, Floats]]:
    """The squared magnitudes [... t f] of samples [... n], few frames at a time, and which frames they are.

    Frame by frame, what stands in between stays in the cache, and of a long sound little is held at once.
    """
    frames = _frames(samples, config)
    step = max(1, AT_ONCE // config.n_fft)
    for start in range(0, frames.shape[-2], step):
        block = slice(start, start + step)
        yield block, squared(_spectra(frames[..., block, :], config))


def log_mel(samples: ArrayLike, config: LogMel) -> Floats:
    """Log-mel spectrogram float32 [... t n_mels] of samples [... n] at `config.rate_hz`."""
    shape = np.shape(samples)
    energies = np.empty((*shape[:-1], config.stft.frames(shape[-1]), config.n_mels), np.float32)
    for block, powers in power_blocks(samples, config.stft):
        energies[..., block, :] = mel(powers, config)
    energies *= config.amplify
    energies += config.offset
    np.maximum(energies, config.floor, out=energies)
    (np.log10 if config.log == "10" else np.log)(energies, out=energies)
    energies *= config.gain
    return energies
