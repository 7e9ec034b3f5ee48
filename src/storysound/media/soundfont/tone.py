"""A sample at the pitch of a key: read at another speed, looped, filtered (SoundFont 2.04, sections 9.1.1 to 9.1.3).

What is made is the same for its first samples whatever its length: each depends on those before it alone, and blocks
lie on a grid that begins with the note. So a sound can be kept and cut for shorter notes.
"""

import math
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import pairwise

import numpy as np

from storysound.media.arrays import Doubles, Ints, Samples
from storysound.media.soundfont.envelope import swept, wave
from storysound.media.soundfont.font import Sample
from storysound.media.soundfont.generators import LIMITS, Kind
from storysound.media.soundfont.lowpass import ROW, lowpass
from storysound.media.soundfont.zones import CUTOFF_STEP, Tone, hertz

_BLOCK = 4096  # samples that are interpolated at once: they fit in the processor's cache
_FURTHEST = 2.0**5  # times faster or slower than recorded: what goes further was never meant to be heard
_STEP = ROW  # samples after which a moving pitch or filter takes a new value, at first
_LONGEST_STEP = 1024  # and later, when envelopes have become slow
_WHOLE = 32  # bits of a place between samples
_MARGIN = 4  # samples beyond a place that are looked at there

Reader = Callable[[int], Samples]


def play(tone: Tone, sample: Sample, read: Reader, n: int, held: int, rate_hz: int) -> Samples:
    """At most n samples [n] of a sample at the tone's pitch, fewer where it ends, before its filter.

    `read` gives the first samples of the recording, as many as it is asked for or as there are; `held`: where the note
    is released. The envelope of volume is not in it.
    """
    ratio = speed(tone, sample, rate_hz)
    places = _bent_places(tone, ratio, n, rate_hz) if tone.bent else None
    last = int(n * ratio) if places is None else int(places[-1] >> _WHOLE)
    source, length = _source(sample, tone, read, last, held * ratio if tone.until_release else math.inf)
    out = _straight(source, ratio, n, length) if places is None else _read(source, places, length)
    if tone.waver.to_volume_db:
        swings = wave(tone.waver, np.arange(len(out)) / rate_hz)
        out *= np.exp(swings * (tone.waver.to_volume_db * math.log(10) / 20)).astype(np.float32)
    return out


def speed(tone: Tone, sample: Sample, rate_hz: int) -> float:
    """Samples of the recording for each that is played: by key, root key and tuning (section 9.1.1)."""
    root = tone.root if tone.root >= 0 else sample.key
    cents = (tone.key - root) * tone.scale + tone.tuning_cents + sample.correction_cents
    return float(min(max(sample.rate_hz / rate_hz * 2.0 ** (cents / 1200), 1 / _FURTHEST), _FURTHEST))


def _source(sample: Sample, tone: Tone, read: Reader, last: int, ends_at: float) -> tuple[Samples, int]:
    """The recording unrolled [m], a sample of nothing before it and three after; and how many of it can be played.

    Loops are written out as often as they are heard up to place `last`; after `ends_at` follows what lies behind them.
    """
    reached, released = min(float(last), ends_at), ends_at <= last
    looped = tone.looped and sample.loop_end - sample.loop_start >= 2
    wanted = min(last + _MARGIN, sample.loop_end) if looped and not released else last + _MARGIN
    own = read(wanted)
    loop_end = min(sample.loop_end, len(own)) if len(own) < wanted else sample.loop_end  # of a loop that goes too far
    loop = own[sample.loop_start : loop_end]
    if not looped or len(loop) < 2 or reached + _MARGIN < loop_end:
        return np.pad(own, (1, 3)), len(own)
    rounds = max(0, math.ceil((reached + 1 - loop_end) / len(loop)))
    rest = own[loop_end:] if released else np.resize(loop, _MARGIN)
    whole = np.concatenate([own[:loop_end], np.tile(loop, rounds), rest])
    return np.pad(whole, (1, 3)), len(whole)


def _straight(source: Samples, ratio: float, n: int, length: int) -> Samples:
    """The source [m] read at an even speed: at most n samples, and none past its `length`."""
    step = round(ratio * 2.0**_WHOLE)
    n = min(n, ((length << _WHOLE) - 1) // step + 1 if length else 0)
    grid = np.arange(min(_BLOCK, n), dtype=np.int64) * step
    out = np.empty(n, np.float32)
    for start in range(0, n, _BLOCK):
        count = min(_BLOCK, n - start)
        _interpolate(source, grid[:count] + start * step, out[start : start + count])
    return out


def _read(source: Samples, places: Ints, length: int) -> Samples:
    """The source [m] at places [n], up to its `length`."""
    n = int(np.searchsorted(places, length << _WHOLE))
    out = np.empty(n, np.float32)
    for start in range(0, n, _BLOCK):
        _interpolate(source, places[start : min(start + _BLOCK, n)], out[start : start + _BLOCK])
    return out


def _interpolate(source: Samples, places: Ints, out: Samples) -> None:
    """Into out [n] the source [m] at places [n], in 2⁻³² of a sample: Catmull and Rom's cubic of four neighbours."""
    at = places >> _WHOLE
    x = (places & ((1 << _WHOLE) - 1)).astype(np.float32)
    x *= np.float32(2.0**-_WHOLE)
    first = int(at[0])
    at -= first
    near = source[first:]
    a, b, c, d = (near[shift:].take(at) for shift in range(4))  # source[0] lies one before place 0
    cubic = b - c
    cubic *= 1.5
    cubic += (d - a) * np.float32(0.5)
    cubic *= x
    cubic += a
    cubic -= 2.5 * b
    cubic += 2 * c
    cubic -= np.float32(0.5) * d
    cubic *= x
    cubic += (c - a) * np.float32(0.5)
    cubic *= x
    np.add(cubic, b, out=out)


def _bent_places(tone: Tone, ratio: float, n: int, rate_hz: int) -> Ints:
    """Places [n] in the recording, in 2⁻³² of a sample, where the pitch moves."""
    edges = _edges(n)
    cents = _bend(tone, edges / rate_hz)
    speeds = np.clip(ratio * np.exp2(cents / 1200), 1 / _FURTHEST, _FURTHEST)
    steps = np.rint(np.interp(np.arange(n), edges, speeds) * 2.0**_WHOLE).astype(np.int64)
    return np.asarray(np.concatenate([np.zeros(1, np.int64), np.cumsum(steps)])[:n])


@lru_cache(maxsize=64)
def _edges(n: int) -> Ints:
    """Where moving things take new values [k], from 0 to at least n: on a grid that is the same for every length."""
    edges, step = [0], _STEP
    while edges[-1] < n:
        edges.append(edges[-1] + step)
        step = min(_LONGEST_STEP, step + _STEP)
    return np.array(edges, np.int64)


def _bend(tone: Tone, time_s: Doubles) -> Doubles:
    """Cents [n] that the pitch is moved by at times [n]."""
    cents = tone.sweep_to_pitch_cents * swept(tone.sweep, time_s)
    cents = cents + tone.waver.to_pitch_cents * wave(tone.waver, time_s)
    return np.asarray(cents + tone.vibrato.to_pitch_cents * wave(tone.vibrato, time_s))


def filtered(samples: Samples, tone: Tone, rate_hz: int) -> Samples:
    """Samples [n] through the tone's low-pass filter, whose cutoff moves from stretch to stretch if at all."""
    return lowpass(samples, _cutoffs(tone, len(samples), rate_hz), tone.resonance_db, rate_hz)


def _cutoffs(tone: Tone, n: int, rate_hz: int) -> Iterator[tuple[int, int, float]]:
    """Stretches of n samples and the cutoff of each, in hertz: a new one where it has moved by a step."""
    edges = _edges(n)
    time_s = (edges[:-1] + edges[1:]) / 2 / rate_hz
    moved = tone.sweep_to_filter_cents * swept(tone.sweep, time_s)
    if tone.waver.to_filter_cents:
        moved = moved + tone.waver.to_filter_cents * wave(tone.waver, time_s)
    cents = np.clip(tone.cutoff_cents + moved, *LIMITS[Kind.FILTER_CUTOFF][:2])
    cents = np.rint(cents / CUTOFF_STEP) * CUTOFF_STEP
    changes = [0, *(np.flatnonzero(np.diff(cents)) + 1).tolist(), len(cents)]
    for first, last in pairwise(changes):
        if last > first:
            yield int(edges[first]), min(int(edges[last]), n), hertz(float(cents[first]))
