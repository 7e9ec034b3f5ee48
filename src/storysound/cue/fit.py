"""Cuts a sound to the length of a cue: where to enter, where to loop, how to leave. Never clicks.

A cut sounds right where the music breathes: at a quiet point, or just before a beat. So every entry and exit is
looked for among those, and a sound that is too short is looped from one place to an earlier one that sounds alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from storysound.cue.score import Piece
from storysound.cue.texture import Texture
from storysound.cue.walk import LEAST_LENGTH_S, walk
from storysound.media.arrays import Doubles
from storysound.media.audio import Waveform
from storysound.progress import check
from storysound.story import Span

EDGE_S = 0.008  # shortest fade at any edge; 5 ms is the least that hides a step
HOP_S = 0.02  # grid on which levels and spectra are known
_BANDS = 24
_QUIET_DB = 30.0  # this far below the sound's loud parts counts as silence between notes
_SILENT_DBFS = -60.0
_REACH_S = 0.5  # as exactly as detectors place what they hear
_ONSET_DB, _GONE_DB = 25.0, 40.0  # below the loudest of an event: where it has begun, and where it has died away
_ATTACK_DB = 12.0  # rises faster than this within a tenth of a second need no fade
_TAIL_S = 1.5  # longest dying away
_CONTEXT_S = (0.5, 1.0)  # what is compared before and after a loop point
_FAINT_COST = 3.0  # of a stretch that is silent throughout, in the units of `_entry`
_MAX_POINTS = 400  # loop candidates; their pairs are compared exhaustively


@dataclass(frozen=True)
class Track:
    """What the cutter knows of one sound."""

    duration_s: float
    first_s: float  # where it becomes audible
    last_s: float  # after this it is silent
    points_s: Doubles  # where a cut sounds right: beats and quiet points [n], ascending
    level_db: Doubles  # per hop [t]
    calm: Doubles  # likewise, 0 in the loud parts .. 1 where it is as good as silent
    bands: Doubles  # per hop [t b], log spectrum of unit length
    mono: NDArray[np.float32]  # [n]
    rate_hz: int


@dataclass(frozen=True)
class Fit:
    """How a sound fills a cue."""

    pieces: tuple[Piece, ...]
    fade_in_s: float
    fade_out_s: float


def analyse(wave: Waveform, points_s: Sequence[float] | Doubles) -> Track:
    """Levels and spectra of a sound; `points_s` [n] are its beats and quiet points in any order."""
    mono = wave.mono().samples[0]
    level_db, bands = _levels_and_bands(mono, wave.rate_hz)
    loud_db = float(np.percentile(level_db, 90))
    audible = np.flatnonzero(level_db > max(_SILENT_DBFS, loud_db - 50))
    first, last = (int(audible[0]), int(audible[-1]) + 1) if audible.size else (0, len(level_db))
    duration = wave.duration_s
    points = np.unique(np.asarray(points_s, dtype=float))
    return Track(
        duration_s=duration,
        first_s=max(0.0, first * HOP_S - HOP_S),
        last_s=min(duration, last * HOP_S + HOP_S),
        points_s=points[(points >= 0) & (points < duration)],
        level_db=level_db,
        calm=np.clip((loud_db - level_db) / _QUIET_DB, 0.0, 1.0),
        bands=bands,
        mono=mono,
        rate_hz=wave.rate_hz,
    )


def _levels_and_bands(mono: NDArray[np.float32], rate_hz: int) -> tuple[Doubles, Doubles]:
    """Per hop the level in dBFS [t] and the log power in bands of equal ratio [t b] (mean removed, unit length).

    Frames of two hops are centred on each hop; taken in blocks, as a long track's spectra would fill the memory.
    """
    hop = max(1, round(HOP_S * rate_hz))
    count = max(1, -(-len(mono) // hop))
    padded = np.pad(mono, (hop, (count + 1) * hop - len(mono)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, 2 * hop)[: count * hop : hop]
    window = np.hanning(2 * hop).astype(np.float32)
    window /= np.float32(np.sqrt(float((window**2).sum())))
    edges_hz = np.geomspace(60.0, min(12_000.0, 0.45 * rate_hz), _BANDS + 1)[:-1]
    edges = np.maximum(np.searchsorted(np.linspace(0, rate_hz / 2, hop + 1), edges_hz), np.arange(1, _BANDS + 1))
    edges = np.minimum(edges, hop)
    level_db, bands = np.empty(count), np.empty((count, _BANDS))
    for low in range(0, count, 512):
        check()
        block = slice(low, min(low + 512, count))
        power = np.abs(np.fft.rfft(frames[block] * window, axis=1)) ** 2
        level_db[block] = 10 * np.log10(power.mean(axis=1) + 1e-12)
        bands[block] = np.log10(np.add.reduceat(power, edges, axis=1) + 1e-9)
    bands -= bands.mean(axis=1, keepdims=True)
    bands /= np.maximum(np.linalg.norm(bands, axis=1, keepdims=True), 1e-9)
    return level_db, bands


def sounding(track: Track, span: Span) -> Track:
    """The track as if nothing sounded but the event in `span`: from its onset to where it has died away.

    Where silence goes before it the onset is the end of that, else the steepest rise near the span's start.
    """
    reach = round(_REACH_S / HOP_S)
    low = min(max(0, int(span.start_s / HOP_S) - reach), len(track.level_db) - 1)
    high = min(max(low + 1, int(span.end_s / HOP_S) + reach), len(track.level_db))
    loudest = float(track.level_db[low:high].max())
    heard = np.flatnonzero(track.level_db[low:high] > loudest - _ONSET_DB) + low
    onset, last = int(heard[0]), int(heard[-1]) + 1
    if onset == low > 0:
        onset = _steepest(track.level_db[: int(span.start_s / HOP_S) + reach], low, loudest - _GONE_DB)
    gone = np.flatnonzero(track.level_db[last : last + round(_TAIL_S / HOP_S)] < loudest - _GONE_DB)
    last += int(gone[0]) if gone.size else round(_TAIL_S / HOP_S)
    first_s = max(track.first_s, (onset - 1) * HOP_S)
    return replace(track, first_s=first_s, last_s=max(min(track.last_s, last * HOP_S), first_s + HOP_S))


def _steepest(level_db: Doubles, low: int, floor_db: float) -> int:
    """The hop from `low` on before which the level [t] rises most within three hops."""
    level = np.maximum(level_db[max(0, low - 3) :], floor_db)
    return int(np.argmax(level[3:] - level[:-3])) + max(3, low) if len(level) > 3 else low


def fit(
    track: Track,
    length_s: float,
    *,
    at_s: float = 0.0,
    hint_s: float = 0.0,
    once: bool = False,
    texture: Texture | None = None,
    seed: int = 0,
) -> Fit:
    """Pieces of the sound that cover exactly [at_s, at_s + length_s) of the story.

    `hint_s`: where in the sound its best-fitting segment starts; the entry stays near unless a better cut is close.
    A sound shorter than the cue is looped, or walked through where it is a `texture`, another way for each `seed`. With
    `once` it is played once from where it begins, and may end earlier.
    Raises ValueError for a length that is not positive.
    """
    if length_s <= 0:
        raise ValueError(f"a cue needs a positive length, got {length_s}")
    room_s = track.last_s - track.first_s
    if once or room_s < 4 * HOP_S:
        pieces: tuple[Piece, ...] = (Piece(track.first_s, track.first_s + min(room_s, length_s), at_s),)
    elif room_s >= length_s:
        entry = _entry(track, length_s, hint_s)
        pieces = (Piece(entry, entry + length_s, at_s),)
    elif texture and length_s >= LEAST_LENGTH_S:
        pieces = walk(texture, length_s, seed=seed, at_s=at_s)
    else:
        pieces = _looped(track, length_s, at_s)
    length_s = pieces[-1].end_s - at_s
    calm_in, calm_out = _calm(track, np.array([pieces[0].in_s, pieces[-1].out_s])).tolist()
    end_s = pieces[-1].out_s
    natural_end = end_s >= track.last_s - HOP_S and (calm_out > 0.9 or end_s >= track.duration_s - 2 * HOP_S)
    natural_start = pieces[0].in_s <= track.first_s + HOP_S and _rises(track, pieces[0].in_s)
    fade_in = EDGE_S if natural_start else 0.03 + 0.6 * (1 - calm_in)
    fade_out = 0.05 if natural_end else 0.3 + 2.0 * (1 - calm_out)
    return Fit(pieces, max(EDGE_S, min(fade_in, length_s / 4)), max(EDGE_S, min(fade_out, length_s / 3)))


def _rises(track: Track, time_s: float) -> bool:
    """Whether a sound begins there: the file does, or the level goes up at once."""
    hop = round(time_s / HOP_S)
    before, after = track.level_db[max(0, hop - 2) : hop + 1], track.level_db[hop : hop + 5]
    return hop <= 2 or not after.size or float(after.max() - before.min()) > _ATTACK_DB


def _calm(track: Track, times_s: Doubles) -> Doubles:
    """How silent it is at each of the times [n], the better of the two hops around it."""
    at = np.clip(times_s / HOP_S, 0, len(track.calm) - 1)
    return np.asarray(np.maximum(track.calm[np.floor(at).astype(int)], track.calm[np.ceil(at).astype(int)]))


def _before_onset(track: Track, points_s: Doubles) -> Doubles:
    """Moves points [n] to the calmest hop from 80 ms before to 20 ms after: a beat is marked on its attack."""
    around = np.arange(-4, 2)
    hops = np.clip(np.round(points_s / HOP_S).astype(int)[:, None] + around, 0, len(track.calm) - 1)
    calmest = np.argmax(track.calm[hops] + 1e-6 * np.arange(len(around)), axis=1)
    return np.asarray(np.clip(hops[np.arange(len(hops)), calmest] * HOP_S, 0.0, track.duration_s))


def _entry(track: Track, length_s: float, hint_s: float) -> float:
    """Where to enter a sound that is long enough: calm at both ends of the cue, on a good point, near the hint."""
    latest = track.last_s - length_s
    hint = min(max(hint_s, track.first_s), latest)
    points = np.concatenate([[track.first_s, hint, latest], _before_onset(track, track.points_s)])
    good = np.concatenate([[track.first_s < 1e-3 + HOP_S, False, False], np.full(len(track.points_s), True)])
    inside = (points >= track.first_s) & (points <= latest)
    points, good = points[inside], good[inside]
    ends = points + length_s
    # An ending where the sound itself ends needs no fade; a beat there lets the fade fall on the music's own pulse.
    cost = 1.0 - _calm(track, points) + 0.7 * (1.0 - _calm(track, ends)) * (ends < track.last_s - HOP_S)
    cost += np.minimum(0.08 * np.abs(points - hint), 3.0) - 0.4 * good - 0.3 * (points == track.first_s)
    # A stretch that is faint for its track (a long intro) would have to be turned up, noise and all.
    running = np.concatenate([[0.0], np.cumsum(track.calm)])
    low, high = (np.clip(np.round(t / HOP_S).astype(int), 0, len(track.calm)) for t in (points, ends))
    cost += _FAINT_COST * (running[high] - running[low]) / np.maximum(high - low, 1)
    return float(points[int(np.argmin(cost))])


def _looped(track: Track, length_s: float, at_s: float) -> tuple[Piece, ...]:
    """Plays from the start, jumps back from the loop's end to its start until the length is filled."""
    start, end, fade = loop_points(track)
    pieces = [Piece(track.first_s, end + fade / 2, at_s)]
    stop = at_s + length_s
    while pieces[-1].end_s < stop:
        pieces.append(Piece(start - fade / 2, end + fade / 2, pieces[-1].end_s - fade))
    last = pieces[-1]
    if stop - last.at_s < fade and len(pieces) > 1:  # nothing of it would be heard but half a crossfade
        pieces.pop()
        last = pieces[-1]
    pieces[-1] = Piece(last.in_s, last.in_s + stop - last.at_s, last.at_s)
    return tuple(pieces)


def loop_points(track: Track) -> tuple[float, float, float]:
    """(start_s, end_s, crossfade_s): the place to jump back to, the place to jump from, and the overlap.

    Of all pairs of points far enough apart, the one whose surroundings sound most alike; long loops are preferred.
    The start is then moved by up to 10 ms so that the waves line up.
    """
    room = track.last_s - track.first_s
    textured = len(track.points_s) < 4  # no pulse to keep: a long crossfade hides the seam best
    fade = min(1.5 if textured else 0.12, room / 6)
    points = _before_onset(track, track.points_s) if not textured else np.arange(track.first_s, track.last_s, 0.1)
    points = np.unique(points[(points >= track.first_s + fade / 2) & (points <= track.last_s - fade / 2)])
    points = np.union1d(points, [track.first_s + fade / 2, track.last_s - fade / 2])
    if len(points) > _MAX_POINTS:
        points = points[np.linspace(0, len(points) - 1, _MAX_POINTS).astype(int)]
    around = np.arange(-round(_CONTEXT_S[0] / HOP_S), round(_CONTEXT_S[1] / HOP_S), 4)
    hops = np.clip(np.round(points / HOP_S).astype(int)[:, None] + around, 0, len(track.bands) - 1)
    looks = track.bands[hops].reshape(len(points), -1)
    looks /= np.maximum(np.linalg.norm(looks, axis=1, keepdims=True), 1e-9)
    apart = points[None, :] - points[:, None]
    merit = looks @ looks.T + 0.3 * apart / room
    merit[apart < max(0.4 * room, 2 * fade)] = -np.inf
    start, end = (float(points[i]) for i in np.unravel_index(int(np.argmax(merit)), merit.shape))
    return _aligned(track, start, end, fade), end, fade


def _aligned(track: Track, start_s: float, end_s: float, fade_s: float) -> float:
    """The loop's start, moved by up to 10 ms to where its wave best continues the one at the loop's end."""
    rate = track.rate_hz
    half, reach = round(min(fade_s, 0.1) / 2 * rate), round(0.01 * rate)
    a, b = round(start_s * rate), round(end_s * rate)
    low = max(0, a - half - reach)
    there, here = track.mono[low : a + half + reach], track.mono[max(0, b - half) : b + half]
    if len(here) < 16 or len(there) <= len(here):
        return start_s
    shift = low + int(np.argmax(np.correlate(there, here, mode="valid"))) + half
    moved = shift / rate
    return moved if moved - fade_s / 2 >= track.first_s else start_s
