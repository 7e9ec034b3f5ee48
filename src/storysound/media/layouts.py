"""Loudspeakers: where they stand, and how the sound of many is folded down to few; rates changed without a seam."""

import math
from collections.abc import Iterable, Iterator

import numpy as np
import soxr

from storysound.media.arrays import Floats, Samples

_HALF_POWER = math.sqrt(0.5)
# Where each loudspeaker goes in (left, right); the low-frequency channel is left out (ITU-R BS.775-3, table 2).
_TO_STEREO = {
    "FL": (1.0, 0.0), "FR": (0.0, 1.0), "FC": (_HALF_POWER, _HALF_POWER), "LFE": (0.0, 0.0), "LFE2": (0.0, 0.0),
    "BL": (_HALF_POWER, 0.0), "BR": (0.0, _HALF_POWER), "SL": (_HALF_POWER, 0.0), "SR": (0.0, _HALF_POWER),
    "FLC": (1.0, 0.0), "FRC": (0.0, 1.0), "BC": (0.5, 0.5), "DL": (1.0, 0.0), "DR": (0.0, 1.0),
}  # fmt: skip
STEREO = ("FL", "FR")
OPPOSED = 10.0  # sides whose difference is stronger than their sum by this much of power cancel each other out


def usual_layout(channels: int) -> tuple[str, ...]:
    """Where loudspeakers stand that nobody names: two are left and right, of more nobody knows."""
    return STEREO if channels == 2 else ("?",) * channels


def weighted(samples: Samples, shares: Floats) -> Samples:
    """Sums of loudspeakers [c n] by their shares [d c]: [d n].

    They are added up one after the other: a matrix product does it in an order of the processor's own.
    """
    out = np.zeros((len(shares), samples.shape[1]), np.float32)
    for row, of_row in zip(out, shares, strict=True):
        for share, loudspeaker in zip(of_row, samples, strict=True):
            if share:
                row += share * loudspeaker
    return out


def folded(samples: Samples, layout: tuple[str, ...], channels: int) -> Samples:
    """Brings [c n] of a loudspeaker layout to `channels`; weights sum to 1, so nothing can clip.

    Where left and right are opposed, as of a microphone that was wired the wrong way, one channel is half their
    difference.
    """
    if len(layout) == channels and (channels != 2 or layout == STEREO):
        return samples
    if len(layout) == 1:
        return np.repeat(samples, channels, axis=0)
    if channels == 1 and layout != STEREO and "?" not in layout:
        return folded(folded(samples, layout, 2), STEREO, 1)
    if channels > 2:  # a layout that changed inside the file, to a form we can't place: the mean goes everywhere
        return np.repeat(samples.mean(axis=0, keepdims=True, dtype=np.float32), channels, axis=0)
    weights = np.array([_TO_STEREO.get(name, (1.0, 1.0)) for name in layout], np.float64).T
    weights /= weights.sum(axis=1, keepdims=True)
    if channels == 1:
        weights = weights.mean(axis=0, keepdims=True)
    mixed = weighted(samples, weights.astype(np.float32))
    if channels == 1 and layout == STEREO:
        side = (samples[:1] - samples[1:]) * np.float32(0.5)
        if np.vdot(side, side) > OPPOSED * np.vdot(mixed, mixed):
            return side
    return mixed


def resampled(blocks: Iterable[Samples], rate_hz: float, to_hz: float, length: int) -> Iterator[Samples]:
    """Blocks [c n] of a sound at another rate, `length` samples in all: as if it had been one block."""
    given, stream = 0, None
    for block in blocks:
        if rate_hz == to_hz:
            yield block
            continue
        stream = stream or soxr.ResampleStream(rate_hz, to_hz, len(block), dtype="float32", quality="HQ")
        out = stream.resample_chunk(np.ascontiguousarray(block.T)).T[:, : length - given]  # soxr takes frames first
        given += out.shape[1]
        yield out
    if stream is not None:
        out = stream.resample_chunk(np.zeros((0, len(block)), np.float32), last=True).T[:, : length - given]
        # It may give a sample more or less than the exact length.
        yield np.asarray(np.pad(out, ((0, 0), (0, length - given - out.shape[1]))), np.float32)
