"""What audio encoders do to a sound before they listen to it."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from storysound.encode.encoder import Encoding
from storysound.media.arrays import Samples
from storysound.media.audio import Waveform, resample
from storysound.progress import unless_stopped


def samples_at(wave: Waveform, rate_hz: int) -> Samples:
    """The samples float32 [n] of a mono waveform at `rate_hz`.

    Raises ValueError for more than one channel, no samples at all, and NaN or infinite samples.
    """
    if wave.channels != 1:
        raise ValueError(f"an audio encoder takes one channel, got {wave.channels}: use Waveform.mono()")
    if not wave.samples.size:
        raise ValueError("an audio encoder needs at least one sample, got none")
    if not np.isfinite(wave.samples).all():
        raise ValueError("an audio encoder needs finite samples, got NaN or infinity")
    samples: Samples = resample(wave, rate_hz).samples[0]
    return samples


@torch.inference_mode()
def each_alone(sounds: Sequence[Waveform], rate_hz: int, hear: Callable[[Samples], Encoding]) -> list[Encoding]:
    """One encoding a sound from its samples [n] at `rate_hz`, each run alone so that none depends on its neighbours.

    Raises ValueError for anything but finite samples of one channel, one sample at least; Cancelled.
    """
    samples = [samples_at(sound, rate_hz) for sound in sounds]  # all are checked before the first is heard
    return [hear(each) for each in unless_stopped(samples)]


def looped(samples: Samples, least: int) -> Samples:
    """The samples [n] as they are when n >= `least`, else repeated and cut to exactly `least`.

    >>> looped(np.array([1, 2, 3], np.float32), 5).tolist()
    [1.0, 2.0, 3.0, 1.0, 2.0]
    """
    return samples if len(samples) >= least else np.resize(samples, least)


def blocks(frames: NDArray[np.float32], length: int, hop: int) -> NDArray[np.float32]:
    """Spectrogram frames [t m] cut into blocks [b length m], one every `hop` frames.

    Less than a block is repeated to fill one: with silence instead, aiSFX names 1-s sounds right a third less often.
    A rest of half a hop or more behind the last block gets one more block, which ends where the sound ends.
    """
    if len(frames) < length:
        return np.resize(frames, (1, length, frames.shape[1]))
    last = len(frames) - length
    starts = list(range(0, last + 1, hop))
    if 2 * (last - starts[-1]) >= hop:
        starts.append(last)
    return np.stack([frames[start : start + length] for start in starts])
