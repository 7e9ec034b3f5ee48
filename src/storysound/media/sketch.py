"""What a sound looks like, coarsely: its envelope and its mel spectrum, small enough for hours of sound."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storysound.media.audio import Waveform, resample
from storysound.media.levels import STEP_S
from storysound.media.spectrogram import LogMel, Stft, hz_to_mel, log_mel

RATE_HZ = 32000
_STFT = Stft(1024, round(STEP_S * RATE_HZ), pad="constant")
_MELS = LogMel(RATE_HZ, _STFT, 80, f_min=40.0, norm="sum", log="10", floor=1e-12, gain=10.0)
FLOOR_DB, _CEILING_DB = -100.0, 27.5  # of the mel levels that are told apart, in half decibels


@dataclass(frozen=True)
class Sketch:
    """In steps of 10 ms: `peaks` [t] in [0, 1], the largest magnitude; `mels` [t m], half decibels above -100."""

    peaks: NDArray[np.float32]
    mels: NDArray[np.uint8]

    @property
    def duration_s(self) -> float:
        """Length of what is drawn."""
        return len(self.peaks) * STEP_S


def height_of(frequency_hz: float) -> float:
    """Where a frequency lies among the mel levels: 0 at the lowest, 1 at the highest.

    >>> height_of(40.0), round(height_of(1000.0), 2)
    (0.0, 0.27)
    """
    low, here, high = hz_to_mel([_MELS.f_min, frequency_hz, RATE_HZ / 2], _MELS.scale).tolist()
    return float((here - low) / (high - low))


def sketch(wave: Waveform) -> Sketch:
    """The sketch of a sound of any rate; channels are mixed."""
    samples = resample(wave.mono(), RATE_HZ).samples[0]
    hop = _MELS.stft.hop_length
    count = -(-len(samples) // hop)
    peaks = np.maximum.reduceat(np.abs(samples), np.arange(count) * hop)
    levels = 2 * (np.clip(log_mel(samples, _MELS)[:count], FLOOR_DB, _CEILING_DB) - FLOOR_DB)
    return Sketch(np.minimum(peaks, 1.0), levels.astype(np.uint8))


def joined(parts: Sequence[Sketch]) -> Sketch:
    """Sketches one after the other."""
    return Sketch(np.concatenate([part.peaks for part in parts]), np.concatenate([part.mels for part in parts]))
