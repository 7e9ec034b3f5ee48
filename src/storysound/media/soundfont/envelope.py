"""Level over time: envelopes and slow oscillators of SoundFont 2.04, sections 9.1.6 and 9.1.7."""

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np

from storysound.media.arrays import Doubles, Samples
from storysound.media.soundfont.recent import Beginnings
from storysound.media.soundfont.zones import Envelope, Wave

FULL_DB = 100.0  # from the peak of an envelope to where it counts as nothing (section 8.1.2, 36 and 38)
OVER_DB = 72.0  # what has fallen this far below its peak is over
# Shorter than these would click. Deviation: the specification allows nothing at all.
SHORTEST_ATTACK_S, SHORTEST_RELEASE_S = 0.001, 0.0156
_NEPER = math.log(10) / 20  # of a decibel
_HELD_BYTES = 24 << 20


@lru_cache(maxsize=1024)
def audible(envelope: Envelope) -> Envelope:
    """The same, long enough at both ends to make no click."""
    return replace(
        envelope,
        attack_s=max(envelope.attack_s, SHORTEST_ATTACK_S),
        decay_s=max(envelope.decay_s, SHORTEST_RELEASE_S),
        release_s=max(envelope.release_s, SHORTEST_RELEASE_S),
    )


def fallen_db(envelope: Envelope, time_s: float) -> float:
    """How far below its peak an audible envelope is at a time before its release; infinite before it began."""
    rise = (time_s - envelope.delay_s) / envelope.attack_s
    if rise <= 0:
        return math.inf
    after_s = time_s - envelope.delay_s - envelope.attack_s - envelope.hold_s
    fall = min(max(after_s * FULL_DB / envelope.decay_s, 0.0), envelope.sustain)
    return fall - 20 * math.log10(min(rise, 1.0))


class Levels:
    """Envelopes of volume at one rate, each made once as far as notes share it."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._held = Beginnings(_HELD_BYTES, rate_hz // 2)
        self._last: tuple[tuple[Envelope, int, int], Samples] | None = None  # voices of one note often share it

    def length(self, envelope: Envelope, held: int) -> int:
        """Samples until a note is over that is held for `held` of them, its release with it."""
        envelope = audible(envelope)
        decayed_s = envelope.delay_s + envelope.attack_s + envelope.hold_s + envelope.decay_s * OVER_DB / FULL_DB
        if envelope.sustain >= OVER_DB and held > decayed_s * self._rate_hz:
            return math.ceil(decayed_s * self._rate_hz)  # it fell silent while it was held
        left_db = OVER_DB - min(fallen_db(envelope, held / self._rate_hz), OVER_DB)
        return held + math.ceil(envelope.release_s * left_db / FULL_DB * self._rate_hz)

    def of(self, envelope: Envelope, held: int, n: int) -> Samples:
        """Amplitude [n] in [0, 1] from the note's beginning, which is released at sample `held` from where it is then.

        It rises evenly in amplitude and falls evenly in decibels.
        """
        if self._last is None or self._last[0] != (envelope, held, n):
            self._last = (envelope, held, n), self._whole(audible(envelope), held, n)
        return self._last[1]

    def _whole(self, envelope: Envelope, held: int, n: int) -> Samples:
        """The same of an audible envelope."""
        shape = replace(envelope, release_s=0.0)
        body = self._held.take(shape, min(held, n), lambda asked: _body(envelope, asked, self._rate_hz))
        if n <= held:
            return body
        tail = self._held.take(
            envelope.release_s, n - held, lambda asked: _release(envelope.release_s, asked, self._rate_hz)
        )
        at_end = math.exp(-_NEPER * min(fallen_db(envelope, held / self._rate_hz), 1000.0))
        return np.concatenate([body, tail * np.float32(at_end)])


def _body(envelope: Envelope, n: int, rate_hz: int) -> Samples:
    """Amplitude [n] of an envelope while its note is held."""
    out = np.zeros(n, np.float32)
    begun = min(round(envelope.delay_s * rate_hz), n)
    time_s = np.arange(n - begun, dtype=np.float32) / np.float32(rate_hz)
    decayed_s = time_s - np.float32(envelope.attack_s + envelope.hold_s)
    fall_db = np.clip(decayed_s * np.float32(FULL_DB / envelope.decay_s), 0, np.float32(envelope.sustain))
    out[begun:] = np.exp(fall_db * np.float32(-_NEPER))
    rising = min(math.ceil(envelope.attack_s * rate_hz), n - begun)
    out[begun : begun + rising] *= np.minimum(time_s[:rising] / np.float32(envelope.attack_s), 1)
    return out


def _release(release_s: float, n: int, rate_hz: int) -> Samples:
    """Amplitude [n] of what is released at 1."""
    falls: Samples = np.exp(np.arange(n, dtype=np.float32) * np.float32(-_NEPER * FULL_DB / release_s / rate_hz))
    return falls


def swept(envelope: Envelope, time_s: Doubles) -> Doubles:
    """The envelope of modulation [n] at times [n] of a note that is held, in [0, 1].

    It rises as a sound of even decibels would (convex), and falls evenly (section 9.1.7). Deviation: it stays where it
    is when the note ends, so that notes of any length share one sound.
    """
    after_s = time_s - envelope.delay_s
    rise = np.clip(after_s / max(envelope.attack_s, 1e-4), 0, 1)
    convex = np.where(rise >= 1, 1.0, np.clip(1 + 40 / 96 * np.log10(np.maximum(rise, 1e-6)), 0, 1))
    fallen = np.clip((after_s - envelope.attack_s - envelope.hold_s) / max(envelope.decay_s, 1e-4), 0, 1)
    return np.asarray(np.minimum(convex, np.maximum(1 - fallen, 1 - envelope.sustain)))


def wave(oscillator: Wave, time_s: Doubles) -> Doubles:
    """The oscillator [n] at times [n]: 0 while it waits, then a triangle that first rises, in [-1, 1]."""
    turns = np.maximum(time_s - oscillator.delay_s, 0) * oscillator.rate_hz
    return np.asarray(2 * np.abs(2 * ((turns - 0.25) % 1.0) - 1) - 1)
