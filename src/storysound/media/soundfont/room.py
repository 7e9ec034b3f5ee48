"""A room around music: its reverberation, by convolution with noise that dies away (Moorer 1979).

Blocks begin anew at the edges that are given, so that what comes before an edge is the same, bit for bit, whatever
follows; and each block has one length, so that the same sound gives the same echo wherever it stands.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.fft

from storysound.errors import UsageError
from storysound.media.arrays import RATE_HZ, Floats, Samples

# Bands of the echo in hertz, how long each sounds as a share of the whole, and how loud it is: air and walls take the
# heights first, and lows are held back so that basses stay clear.
_BANDS = (
    (60, 250, 0.9, 0.5),
    (250, 1000, 1.0, 1.0),
    (1000, 3000, 0.85, 1.0),
    (3000, 7000, 0.6, 0.8),
    (7000, 12_000, 0.35, 0.5),
)
_BUILD_S = 0.02  # in which the echo becomes dense
_FIRST_S = (0.008, 0.06)  # when the first reflections come
_REFLECTIONS, _REFLECTION_GAIN = 8, 8.0  # how many, and how much they stand out of the noise
_DROP_DB = 60.0  # what "dies away" means (ISO 3382)
_BLOCK = 1 << 16  # samples that are convolved at once


@dataclass(frozen=True)
class Room:
    """How a room sounds."""

    decay_s: float = 1.6  # until an echo has fallen by 60 dB
    wet_db: float = -12.0  # power of the echo beside that of the sound itself
    seed: int = 1

    def __post_init__(self) -> None:
        if not 0.1 <= self.decay_s <= 12:
            raise UsageError(f"must be 0.1 to 12 s, got {self.decay_s}", field="decay_s")
        if not -100 <= self.wet_db <= 12:
            raise UsageError(f"must be -100 to 12 dB, got {self.wet_db}", field="wet_db")


def impulse(room: Room, rate_hz: int = RATE_HZ) -> Samples:
    """The room's answer [2 n] to a click, of power 1 in each ear, without the click itself."""
    n = round(room.decay_s * 1.1 * rate_hz)
    rng = np.random.default_rng(room.seed)
    spectrum = scipy.fft.rfft(rng.standard_normal((2, n)))
    hertz, time_s = scipy.fft.rfftfreq(n, 1 / rate_hz), np.arange(n) / rate_hz
    echo = np.zeros((2, n))
    for low, high, share, gain in _BANDS:
        band = scipy.fft.irfft(spectrum * ((hertz >= low) & (hertz < high)), n)
        echo += gain * band * 10 ** (-_DROP_DB / 20 * time_s / (room.decay_s * share))
    echo *= 1 - np.exp(-time_s / _BUILD_S)
    level = math.sqrt(float(np.mean(echo[:, : max(1, n // 10)] ** 2)))
    for ear in rng.integers(2, size=_REFLECTIONS):
        at = round(rng.uniform(*_FIRST_S) * rate_hz)
        echo[ear, min(at, n - 1)] += _REFLECTION_GAIN * level * rng.choice([-1, 1])
    return np.asarray(echo / np.sqrt((echo**2).sum(axis=1, keepdims=True)), np.float32)


def in_room(
    blocks: Iterable[Samples], room: Room, rate_hz: int = RATE_HZ, edges_s: Sequence[float] = ()
) -> Iterator[Samples]:
    """Sound [2 n] with its room, as many samples as came; the echo's end is cut where the sound ends.

    `edges_s`: where scenes begin, in seconds. A change after one leaves all before it as it was, bit for bit; a change
    before one reaches as far as its echo.
    """
    answer = impulse(room, rate_hz) * np.float32(10 ** (room.wet_db / 20))
    size: int = scipy.fft.next_fast_len(_BLOCK + answer.shape[1] - 1, real=True)
    spectrum = scipy.fft.rfft(answer, size)
    ahead = np.zeros((2, size), np.float32)
    for block in _pieces(blocks, [round(edge * rate_hz) for edge in edges_s]):
        n = block.shape[1]
        if block.any():
            echo: Floats = scipy.fft.irfft(scipy.fft.rfft(block, size) * spectrum, size)
            reach = n + answer.shape[1] - 1  # beyond is nothing but what the transform rounds
            ahead[:, :reach] += echo[:, :reach]
        yield block + ahead[:, :n]
        ahead = np.concatenate([ahead[:, n:], np.zeros((2, n), np.float32)], axis=1)


def _pieces(blocks: Iterable[Samples], edges: Sequence[int]) -> Iterator[Samples]:
    """The same sound [2 n] in pieces of one length, counted anew from each edge."""
    waiting, start = np.zeros((2, 0), np.float32), 0
    marks = sorted({edge for edge in edges if edge > 0})

    def length() -> int:
        """Of the piece that begins at `start`."""
        return min([_BLOCK, *(mark - start for mark in marks if mark > start)])

    for block in blocks:
        waiting = np.concatenate([waiting, block], axis=1)
        while waiting.shape[1] >= (n := length()):
            yield waiting[:, :n]
            waiting, start = waiting[:, n:], start + n
    if waiting.shape[1]:
        yield waiting
