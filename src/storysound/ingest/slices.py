"""Slices of a story's background for generation (Sound of Story, 4.2.2): about 15 s each, none nearly silent."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from storysound.media.audio import Waveform
from storysound.story import Span

LONGEST_S = 15.0
FLOOR_HZ = 78.0


@dataclass(frozen=True)
class Slice:
    """A stretch of the background that changes little to the eye, and the mean frequency of its sound."""

    span: Span
    mean_hz: float


def spans(key_times_s: Sequence[float], duration_s: float, longest_s: float = LONGEST_S) -> tuple[Span, ...]:
    """Slices that tile [0, duration_s): units between two key frames, as many as fit into `longest_s`.

    A slice closes before it would exceed `longest_s`; a single unit that is longer is kept whole (erratum 5). The
    first unit begins with the story. `key_times_s` are in order.

    >>> [(span.start_s, span.end_s) for span in spans([1.0, 8.0, 14.0, 20.0, 40.0], 45.0)]
    [(0.0, 14.0), (14.0, 20.0), (20.0, 40.0), (40.0, 45.0)]
    """
    inner = [time_s for time_s in key_times_s[1:] if 0 < time_s < duration_s]
    if list(inner) != sorted(set(inner)):
        raise ValueError("key frames must be in time order, each at its own time")
    found: list[Span] = []
    for start_s, end_s in pairwise([0.0, *inner, duration_s]):
        if found and end_s - found[-1].start_s <= longest_s + 1e-9:
            found[-1] = Span(found[-1].start_s, end_s)
        else:
            found.append(Span(start_s, end_s))
    return tuple(span for span in found if span.duration_s > 0)


def mean_frequency_hz(wave: Waveform) -> float:
    """Power-weighted mean frequency: the centroid of the power spectrum, all channels together (erratum 4).

    Digital silence has 0.

    >>> time_s = np.arange(8000) / 8000
    >>> round(mean_frequency_hz(Waveform(np.sin(2 * np.pi * 440 * time_s)[None].astype(np.float32), 8000)), 3)
    440.0
    """
    if wave.samples.shape[1] == 0:
        return 0.0
    power = (np.abs(np.fft.rfft(wave.samples.astype(np.float64), axis=1)) ** 2).sum(axis=0)
    total = float(power.sum())
    frequencies = np.fft.rfftfreq(wave.samples.shape[1], 1 / wave.rate_hz)
    return float(frequencies @ power) / total if total > 0 else 0.0


def slices(
    background: Waveform, key_times_s: Sequence[float], longest_s: float = LONGEST_S, floor_hz: float = FLOOR_HZ
) -> tuple[Slice, ...]:
    """Slices of a background without those that hold little sound: a mean frequency below `floor_hz`."""
    all_spans = spans(key_times_s, background.duration_s, longest_s)
    found = [Slice(span, mean_frequency_hz(background.cut(span.start_s, span.end_s))) for span in all_spans]
    return tuple(each for each in found if each.mean_hz >= floor_hz)
