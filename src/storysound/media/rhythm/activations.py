"""Where a network hears beats and bar lines, as evidence for rows of bars.

A frame in which a beat is expected has what the network says of it, any other its share of "none": the observation
model of Böck, Krebs & Widmer, "Joint beat and downbeat tracking with recurrent neural networks", ISMIR 2016.
"""

from dataclasses import dataclass

import numpy as np
import scipy.ndimage

from storysound.media.arrays import Doubles

_OTHERS = 5  # frames without a beat for one with it: of 23 ms, and a beat of 120 a minute has 21 of them
_LEAST = 0.005  # likelihood of anything
_NEAR = 3  # frames around one in which a beat may be heard
_LATE_S = 0.01  # by which beats are heard late


@dataclass(frozen=True, eq=False)
class Activations:
    """How likely a beat is heard that begins no bar, and one that does: frames [t] from 0 s on, in [0, 1]."""

    beats: Doubles
    downbeats: Doubles
    rate_hz: float


def evidence_of(heard: Activations, count: int, rate_hz: float) -> Doubles:
    """What speaks for a downbeat, another beat and a half of one in each of so many frames at a rate: [3 count]."""
    times_s = np.arange(count) / rate_hz + _LATE_S
    frames_s = np.arange(len(heard.beats)) / heard.rate_hz
    beats, downbeats = (np.interp(times_s, frames_s, curve) for curve in (heard.beats, heard.downbeats))
    none = np.log(np.maximum(1 - beats - downbeats, _LEAST) / _OTHERS)
    said = np.array([np.log(np.maximum(curve, _LEAST)) - none for curve in (downbeats, beats)])
    near = scipy.ndimage.maximum_filter1d(said, _NEAR, axis=1)
    return np.concatenate([near, np.zeros((1, count))])
