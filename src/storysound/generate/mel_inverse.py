"""From the mel bands of a sound back to a sound: phases found by Griffin and Lim's algorithm.

Griffin and Lim 1984; with momentum, Perraudin et al. 2013, "A fast Griffin-Lim algorithm".
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from storysound.media.arrays import Floats, Samples
from storysound.media.spectrogram import LogMel, istft, stft

MOMENTUM = np.float32(0.99)
_LEAST = np.float32(1e-9)


@lru_cache(maxsize=4)
def _inverse(config: LogMel) -> Floats:
    """Pseudo-inverse [n_mels f] of the filters."""
    return np.linalg.pinv(config.filters()).T.astype(np.float32)


def magnitudes(bands: Floats, config: LogMel, rounds: int = 12) -> Floats:
    """Magnitudes [t f], none negative, whose bands of power 1 are near to `bands` [t n_mels].

    The pseudo-inverse, then multiplicative updates (Lee and Seung 2001), which stay above zero.
    """
    filters = config.filters()
    found = np.maximum(bands @ _inverse(config), _LEAST)
    weight = filters.sum(0) + _LEAST
    for _ in range(rounds):
        found *= ((bands / (found @ filters.T + _LEAST)) @ filters) / weight
    return np.asarray(found, np.float32)


def griffin_lim(
    magnitude: Floats,
    config: LogMel,
    length: int,
    seed: int,
    rounds: int = 32,
    check: Callable[[], None] = lambda: None,
) -> Samples:
    """Samples [length] whose short-time spectrum has about the magnitudes [t f]; `check` is called in each round."""
    turn = np.random.default_rng(seed).uniform(0, 2 * np.pi, magnitude.shape).astype(np.float32)
    phases = np.exp(1j * turn).astype(np.complex64)
    before = np.zeros_like(phases)
    for _ in range(rounds):
        check()
        again = stft(istft(magnitude * phases, config.stft, length), config.stft)[: len(magnitude)]
        moved = again + MOMENTUM * (again - before)
        before = again
        phases = moved / (np.abs(moved) + _LEAST)
    return istft(magnitude * phases, config.stft, length)
