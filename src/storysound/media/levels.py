"""Levels, peaks and soft edges of sound, stretches of time joined: what laying, judging and drawing sounds share."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from storysound.media.arrays import Samples
from storysound.story import Span

SILENCE_LUFS = -60.0  # a sound that stays below this counts as silent
STEP_S = 0.01  # of what is drawn of a sound


def raised_cosine(n: int) -> NDArray[np.float32]:
    """Gains [n] that rise from 0 to 1 without a corner."""
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * (np.arange(n) + 0.5) / max(n, 1)), np.float32)


def loudest_db(samples: Samples, rate_hz: int, window_s: float = 0.4) -> float:
    """Level of the loudest `window_s` of [c n] in dB of power summed over channels; -inf for silence."""
    power = (samples.astype(np.float64) ** 2).sum(axis=0)
    energy = np.concatenate([[0.0], np.cumsum(power)])
    n = min(round(window_s * rate_hz), len(power))
    most = float((energy[n:] - energy[:-n]).max()) / (window_s * rate_hz) if n else 0.0
    return 10 * float(np.log10(most)) - 0.691 if most > 1e-12 else -np.inf


def bridged(spans: Sequence[Span], gap_s: float) -> list[Span]:
    """Spans in order, joined where less than `gap_s` lies between them.

    >>> bridged([Span(3, 4), Span(0, 1), Span(1.5, 2)], 0.6)
    [Span(start_s=0, end_s=2), Span(start_s=3, end_s=4)]
    """
    joined: list[Span] = []
    for span in sorted(spans, key=lambda s: s.start_s):
        if joined and span.start_s - joined[-1].end_s < gap_s:
            joined[-1] = Span(joined[-1].start_s, max(joined[-1].end_s, span.end_s))
        else:
            joined.append(span)
    return joined


class Peaks:
    """The largest magnitude of a sound over all channels in each step of 10 ms, taken block by block."""

    def __init__(self, rate_hz: int) -> None:
        self._step = max(1, round(STEP_S * rate_hz))
        self._rest = np.zeros(0, np.float32)
        self._done: list[NDArray[np.float32]] = []

    def add(self, samples: NDArray[np.float32]) -> None:
        """The next samples [c n]."""
        loudest = np.concatenate([self._rest, np.abs(samples).max(axis=0)])
        whole = len(loudest) // self._step * self._step
        self._done.append(loudest[:whole].reshape(-1, self._step).max(axis=1))
        self._rest = loudest[whole:]

    def values(self) -> NDArray[np.float32]:
        """All steps so far [t], the last one shorter."""
        rest = self._rest.max(keepdims=True) if self._rest.size else self._rest
        return np.concatenate([*self._done, rest]).astype(np.float32)


def columns(values: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """The largest of [t ...] in `count` equal stretches; where t is less, values repeat: [count ...].

    >>> columns(np.array([1, 5, 2, 3], np.float32), 2).tolist()
    [5.0, 3.0]
    """
    edges = np.arange(count) * len(values) // count
    result: NDArray[np.float32] = np.maximum.reduceat(values, edges, axis=0)
    return result
