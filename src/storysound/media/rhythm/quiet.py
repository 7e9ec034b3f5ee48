"""Peaks of curves, and the quiet points of a sound where it is good to cut."""

import numpy as np
import scipy.ndimage

from storysound.media.arrays import Doubles, Ints, Reals
from storysound.media.audio import Waveform
from storysound.media.rhythm.onsets import FRAMES_PER_S, Spectrogram, analysed

_LEVEL_RANGE_DB = 80.0  # below the loudest moment by this much, all is silence
_QUIET_SMOOTH_S = 0.06  # longer than a period of the lowest notes
_QUIET_APART_S = 0.15
_QUIET_DEPTH_DB = 4.0  # how far the level rises on both sides of a quiet point


def quiet_points_s(sound: Waveform | Spectrogram) -> Doubles:
    """Times in seconds, ascending, [n], where the level dips: between notes, words or strokes, good places to cut.

    Each is the lowest moment within 0.15 s, and the level rises by at least 4 dB on both sides of it; of a silence it
    is the middle. Empty for steady sound.
    """
    spectrogram = analysed(sound)
    energy = spectrogram.power.sum(axis=1, dtype=np.float64)
    energy = scipy.ndimage.uniform_filter1d(energy, max(1, round(_QUIET_SMOOTH_S * FRAMES_PER_S)), mode="nearest")
    top = float(energy.max(initial=0.0))
    if top <= 0:
        return np.empty(0)
    level_db = 10 * np.log10(np.maximum(energy / top, 10 ** (-_LEVEL_RANGE_DB / 10)))
    apart = max(1, round(_QUIET_APART_S * FRAMES_PER_S))
    return find_peaks(-level_db, apart=apart, prominence=_QUIET_DEPTH_DB) / FRAMES_PER_S


def find_peaks(curve: Reals, *, apart: int, height: float | None = None, prominence: float = 0.0) -> Ints:
    """Indices [p], ascending, where a curve [n] is higher than on both sides; of a plateau its middle.

    `scipy.signal` finds the same, but to import it costs a quarter of a second of every command.
    Of peaks less than `apart` samples from each other the higher stays; each is at least `height` high, and rises at
    least by `prominence` from the higher of the two valleys that part it from what is higher than it.

    >>> find_peaks(np.array([0.0, 2, 1, 3, 3, 3, 0]), apart=1).tolist()
    [1, 4]
    """
    if len(curve) < 3:
        return np.empty(0, np.int64)
    changes = np.flatnonzero(np.diff(curve)) + 1  # where a run of equal values ends
    starts, ends = np.concatenate([[0], changes]), np.concatenate([changes, [len(curve)]])
    levels = curve[starts]
    inner = np.flatnonzero((levels[1:-1] > levels[:-2]) & (levels[1:-1] > levels[2:])) + 1
    found = (starts[inner] + ends[inner] - 1) // 2
    if height is not None:
        found = found[curve[found] >= height]
    found = found[_highest(found, curve[found], apart)]
    if prominence > 0:
        valleys = np.maximum(_valleys(curve)[found], _valleys(curve[::-1])[::-1][found])
        found = found[curve[found] - valleys >= prominence]
    return np.asarray(found, np.int64)


def _highest(places: Ints, heights: Reals, apart: int) -> Ints:
    """Which of the peaks [p] stay where none may be less than `apart` from a higher one: numbers, ascending."""
    stays = np.ones(len(places), bool)
    for number in np.argsort(heights)[::-1]:
        if stays[number]:
            first, last = np.searchsorted(places, [places[number] - apart + 1, places[number] + apart])
            stays[first:last] = False
            stays[number] = True
    return np.flatnonzero(stays)


def _valleys(curve: Reals) -> Doubles:
    """The lowest value from each of [n] back to the last one before it that is higher, or to the beginning: [n]."""
    lowest = np.empty(len(curve))
    higher: list[tuple[float, float]] = []  # values that fall, each with the lowest since the one before
    for number, value in enumerate(curve.tolist()):
        low = value
        while higher and higher[-1][0] <= value:
            low = min(low, higher.pop()[1])
        higher.append((value, low))
        lowest[number] = low
    return lowest
