"""Ducks what is added under speech: its level, and its 1 to 3 kHz, where words are told apart.

Nothing of it depends on other cues, and nothing of a cue leaves its span: the level follows the speech alone, and the
band is taken from the cue before its fades.
"""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from storysound.cue.levels import Levels
from storysound.cue.playback import CuePlayer
from storysound.media.arrays import RATE_HZ, Doubles, Floats, Samples
from storysound.media.levels import bridged
from storysound.media.recording import Recording
from storysound.story import Span

CHUNK = 1 << 15  # samples worked on together, each from a multiple of it on: nothing depends on where one began
HOP = 1 << 12  # within which the level of a band counts as one; divides CHUNK
_STEP = 64  # between the points of a gain; a straight line between them
BAND_HZ = (1000.0, 3000.0)
_HALF_HZ = (900.0, 3200.0)  # half of the band's edges is outside it: inside, all of it is dipped
_TAPS = 1023  # odd: the delay is whole samples, and taken off
_TRANSFORM = 33_792  # CHUNK + _TAPS - 1 at least, of small factors
_MEET_DB = (-24.0, -9.0)  # bed beside voice in the band: where they hardly meet, and where they meet most
_LONG_AGO_S = 1e9
_BED_HOPS, _VOICE_HOPS = 2, 4  # to both sides, over which levels of the band are averaged


class DuckCurve:
    """How far the bed is ducked at any time: 0 away from speech, 1 under it.

    It is down `attack_s` after it began to fall ahead of a word, and comes back within `release_s`: in a long silence
    wholly, in a pause the less the shorter that is, with no step from one length to the next.
    """

    def __init__(self, speech: Sequence[Span], levels: Levels) -> None:
        spans = bridged(speech, levels.closed_pause_s + 2 * levels.lead_s)
        starts = [span.start_s - levels.lead_s for span in spans]
        ends = [span.end_s + levels.lead_s for span in spans]
        times, amounts = [-_LONG_AGO_S], [0.0]
        was = 0.0  # how far it is ducked before the next word
        for i, (start_s, end_s) in enumerate(zip(starts, ends, strict=True)):
            times += [max(start_s - levels.attack_s, times[-1]), start_s]
            amounts += [was, 1.0]
            next_s = starts[i + 1] if i + 1 < len(starts) else math.inf
            falls_s = max(end_s, next_s - levels.attack_s)
            length = (next_s - end_s - levels.closed_pause_s) / (levels.open_pause_s - levels.closed_pause_s)
            was = 1.0 - float(_smooth(np.array(length)))
            held_s = min(end_s + levels.hold_s, falls_s)
            times += [held_s, min(held_s + levels.release_s, falls_s)]
            amounts += [1.0, was]
        self._times, self._amounts = np.array(times), np.array(amounts)

    def amount(self, times_s: Doubles) -> Doubles:
        """At each of the times [t]: [t]."""
        after = np.searchsorted(self._times, times_s, side="right")
        before = after - 1
        after = np.minimum(after, len(self._times) - 1)
        start_s, low, high = self._times[before], self._amounts[before], self._amounts[after]
        way = (times_s - start_s) / np.maximum(self._times[after] - start_s, 1e-9)
        return np.asarray(low + (high - low) * _smooth(way))


def _smooth(way: Doubles) -> Doubles:
    """From 0 to 1 without a corner, for shares of the way of any shape."""
    way = np.clip(way, 0.0, 1.0)
    return np.asarray(way * way * (3.0 - 2.0 * way))


class Voice:
    """How loud the original is in the band of the dip, for each hop of film."""

    def __init__(self, original: Recording) -> None:
        self._original = original
        self._centre = original.layout.index("FC") if "FC" in original.layout else None

    def read(self, start: int, end: int) -> Samples:
        """The voice of film samples [start, end), [1 end - start]: the centre, or the mean of all loudspeakers."""
        samples = self._original.read(start, end)
        if self._centre is not None:
            samples = samples[self._centre : self._centre + 1]
        mean: Samples = samples.mean(axis=0, keepdims=True, dtype=np.float32)
        return mean

    def power(self, chunk: int) -> Doubles:
        """Mean square of the band in each hop of a chunk, [CHUNK / HOP]."""
        return _hop_power(_band(self.read, chunk))


class DuckedCue:
    """A cue as it lies in the mix before the one gain: with its own gain and fades, and ducked.

    `curve` [CHUNK / 64 + 1] gives how far a chunk is ducked, `voice` [CHUNK / HOP] the power it meets; the same for
    all cues.
    """

    def __init__(
        self,
        player: CuePlayer,
        levels: Levels,
        curve: Callable[[int], Doubles],
        voice: Callable[[int], Doubles] | None,
    ) -> None:
        self.player, self._levels, self._curve, self._voice = player, levels, curve, voice
        self._band = band = lru_cache(maxsize=4)(lambda chunk: _band(player.unfaded, chunk))
        self._power = lru_cache(maxsize=4)(lambda chunk: _hop_power(band(chunk)))
        self._gain = float(player.gain) * 10 ** (-levels.duck_db / 20)  # under speech

    def read(self, chunk: int) -> tuple[Samples, Samples]:
        """Samples of a chunk [2 CHUNK], ducked and as they are without."""
        start, end = chunk * CHUNK, (chunk + 1) * CHUNK
        unfaded, gains = self.player.unfaded(start, end), self.player.gains(start, end)
        amount = self._curve(chunk)
        if not amount.any():
            return (dry := unfaded * gains), dry
        taken = _fine(1.0 - 10.0 ** (-self._depth_db(chunk) * amount / 20))
        ducked = _fine(10.0 ** (-self._levels.duck_db / 20 * amount))
        return (unfaded - taken * self._band(chunk)) * (gains * ducked), unfaded * gains

    def _depth_db(self, chunk: int) -> Doubles:
        """How deep the dip is under speech, at the points of a gain [CHUNK / 64 + 1]: by how bed and voice meet."""
        levels = self._levels
        hops = CHUNK // HOP
        if self._voice is None:
            return np.full(CHUNK // _STEP + 1, levels.dip_db)
        near = (chunk - 1, chunk, chunk + 1)
        bed = _averaged(np.concatenate([self._power(c) for c in near]), _BED_HOPS) * self._gain**2
        voice = _averaged(np.concatenate([self._voice(c) for c in near]), _VOICE_HOPS)
        meet_db = 10 * np.log10((bed + 1e-12) / (voice + 1e-12))
        share = np.clip((meet_db - _MEET_DB[0]) / (_MEET_DB[1] - _MEET_DB[0]), 0.0, 1.0)
        depth_db = levels.dip_db + (levels.deepest_dip_db - levels.dip_db) * share
        centres = (np.arange(3 * hops) - hops + 0.5) * HOP
        return np.asarray(np.interp(np.arange(CHUNK // _STEP + 1) * _STEP, centres, depth_db))


def points_s(chunk: int) -> Doubles:
    """When the points of a chunk's gain are, the next chunk's first among them: [CHUNK / 64 + 1]."""
    return np.asarray((chunk * CHUNK + np.arange(CHUNK // _STEP + 1) * _STEP) / RATE_HZ)


def _fine(points: Doubles) -> Floats:
    """A gain [CHUNK] from its points [CHUNK / 64 + 1]."""
    ramp = np.arange(_STEP) / _STEP
    return np.asarray((points[:-1, None] + np.diff(points)[:, None] * ramp).reshape(-1), np.float32)


@lru_cache(maxsize=1)
def _response() -> tuple[int, NDArray[np.complex64]]:
    """Length of the transform of a chunk, and the response [f] of the linear-phase band-pass."""
    low, high = (hz / (RATE_HZ / 2) for hz in _HALF_HZ)
    at = np.arange(_TAPS) - _TAPS // 2
    taps = (high * np.sinc(high * at) - low * np.sinc(low * at)) * np.kaiser(_TAPS, 6.0)
    taps /= float((taps * np.cos(np.pi * (low + high) / 2 * at)).sum())  # 0 dB in the band's middle
    return _TRANSFORM, np.asarray(np.fft.rfft(taps.astype(np.float32), _TRANSFORM), np.complex64)


def _band(read: Callable[[int, int], Samples], chunk: int) -> Samples:
    """The band of 1 to 3 kHz of a chunk, in step with the sound itself: [c CHUNK]."""
    length, response = _response()
    half = _TAPS // 2
    samples = read(chunk * CHUNK - half, (chunk + 1) * CHUNK + half)
    if not samples.any():
        return np.zeros((len(samples), CHUNK), np.float32)
    filtered = np.fft.irfft(np.fft.rfft(samples, length) * response, length)
    return np.asarray(filtered[:, _TAPS - 1 : _TAPS - 1 + CHUNK], np.float32)


def _hop_power(band: Samples) -> Doubles:
    """Mean square over channels in each hop of a chunk [c CHUNK]: [CHUNK / HOP]."""
    return np.asarray(np.square(band.reshape(len(band), -1, HOP), dtype=np.float64).mean(axis=(0, 2)))


def _averaged(power: Doubles, hops: int) -> Doubles:
    """Powers [h], each the mean of those up to `hops` away."""
    width = 2 * hops + 1
    padded = np.pad(power, hops, mode="edge")
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, width).mean(axis=1))
