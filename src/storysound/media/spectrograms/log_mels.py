"""Log-mel frames about of mean 0 and strength 1, as networks take and make them, and the sound of such frames."""

from dataclasses import dataclass

import numpy as np

from storysound.media.arrays import Floats, Samples
from storysound.media.spectrogram import LogMel, log_mel
from storysound.media.spectrograms.griffin_lim import sound_of

_LOUDEST = 5.0  # logarithm of what a band may be
_SILENT = 2e-5


@dataclass(frozen=True)
class LogMelForm:
    """How frames are measured and scaled."""

    bands: LogMel
    centre: float = -5.0  # of values of most sounds, about
    spread: float = 2.0

    def frames(self, samples: Samples, count: int) -> Floats:
        """Frames [count m] of samples [n] at the bands' rate, of their beginning; silence follows what is too short."""
        length = (count - 1) * self.bands.stft.hop_length
        samples = np.pad(samples[:length], (0, max(0, length - len(samples))))
        return (log_mel(samples, self.bands) - np.float32(self.centre)) / np.float32(self.spread)

    def sounding(self, frames: Floats, seed: int) -> Samples:
        """Samples [(t - 1) · hop] at the bands' rate of frames [t m], by Griffin and Lim's algorithm."""
        levels = np.exp(np.minimum(frames * np.float32(self.spread) + np.float32(self.centre), _LOUDEST))
        levels = np.where(levels < _SILENT, 0.0, levels).astype(np.float32)
        length = (len(frames) - 1) * self.bands.stft.hop_length
        blocks = list(sound_of(levels[None], self.bands, length, seed=seed))
        return np.asarray(np.concatenate(blocks, axis=1)[0], np.float32)

    def at_once(self, one: Floats, other: Floats) -> Floats:
        """Frames [t m] of two sounds that are heard together: what is in the bands adds up."""
        both = np.logaddexp(one.astype(np.float32) * self.spread, other.astype(np.float32) * self.spread)
        return np.asarray(both / self.spread, np.float32)
