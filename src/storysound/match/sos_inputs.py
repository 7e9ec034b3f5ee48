"""Which frames and which part of a sound Sound of Story looks at (Bae et al. 2023, section 4.1.2)."""

import numpy as np
from numpy.typing import NDArray

from storysound.media.audio import Waveform, resample
from storysound.media.spectrogram import Stft, stft

FRAMES = 40
_RATE_HZ = 16000
_FLUX = Stft(n_fft=400, hop_length=160, centre=False)  # 25 ms every 10 ms, as the log-mel bands of AST


def frame_indices(count: int, wanted: int = FRAMES) -> NDArray[np.int64]:
    """Which of `count` frames to take, `wanted` of them in order of time: evenly spread, or evenly repeated.

    >>> frame_indices(3, 7).tolist(), frame_indices(7, 3).tolist()
    ([0, 0, 1, 1, 1, 2, 2], [1, 3, 5])
    """
    if count < 1 or wanted < 1:
        raise ValueError(f"needs at least one frame and one place, got {count} and {wanted}")
    return np.arange(1, 2 * wanted, 2) * count // (2 * wanted)


def random_crop_s(duration_s: float, length_s: float, rng: np.random.Generator) -> float:
    """Where a stretch of `length_s` begins in training: anywhere; 0 where the sound isn't longer."""
    return float(rng.uniform(0.0, max(0.0, duration_s - length_s)))


def informative_crop_s(wave: Waveform, length_s: float) -> float:
    """Where the stretch of `length_s` with the most energy of spectral flux begins, to 10 ms; the first of several.

    The paper's "information-rich area" is not defined (erratum 6). Here it is where most begins to sound: flux is the
    sum over frequencies of the squared rise in magnitude from one frame to the next. The same sound always gives the
    same stretch. 0 where the sound isn't longer than the stretch.
    """
    mono = resample(wave.mono(), _RATE_HZ).samples[0]
    hop_s = _FLUX.hop_length / _RATE_HZ
    if len(mono) <= length_s * _RATE_HZ:
        return 0.0
    magnitude = np.abs(stft(mono, _FLUX))
    flux = np.maximum(np.diff(magnitude, axis=0), 0.0)
    total = np.concatenate([[0.0], np.cumsum(np.square(flux, dtype=np.float64).sum(axis=1))])
    frames = max(1, round(length_s / hop_s))
    if frames >= len(total):
        return 0.0
    energy = total[frames:] - total[:-frames]
    # Sums differ in their last digits; what is as good as the best is the best.
    return float(np.flatnonzero(energy >= energy.max() - 1e-9 * total[-1])[0]) * hop_s
