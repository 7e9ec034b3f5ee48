"""Music comes in and goes out on its pulse: a bar falls on the turn where it takes over, and it ends on a beat."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from storysound.cue.fit import EDGE_S, Fit
from storysound.cue.score import Piece
from storysound.media.arrays import Doubles

LEAD_S = 1.2  # music may begin so long before the beat that meets the turn: what leads to that is heard
REACH_S = 0.35  # a turn of the music may lie so far from that of the picture, to fall on a beat of what is left
OPENING_S = 1.5  # of a fade where music begins with no beginning of its own
LEAST_S = 1.0  # of the last stretch of a cue
LATE_S = 1.6  # after the turn, what is left may be heard for so long
NOTHING: Doubles = np.empty(0)
_OWN_END_S = 0.05 + 1e-6  # `fit` fades a sound's own ending no longer than this


@dataclass(frozen=True)
class Edges:
    """Where a stretch of music begins and ends, in seconds of the story."""

    turn_s: float | None = None  # where it takes over from other music
    end_s: float = 0.0
    gives_way: bool = False  # other sound takes over at its end; else all is silent there, and it ends by then
    latest_s: float = float("inf")  # it is over then


def on_beats(fitted: Fit, beats_s: Doubles, edges: Edges, bars_s: Doubles = NOTHING) -> Fit:
    """The fit moved so that its first bar, or beat, meets the turn, and ended on a beat: `bars_s` [b], `beats_s` [n].

    A sound without beats and the sound's own ending, which rings after its last beat, stay as they are; so does what
    has no beat near enough.
    """
    if not len(beats_s):
        return fitted
    pieces = fitted.pieces
    if edges.turn_s is not None:
        leads = (_lead(pieces[0], times_s) for times_s in (bars_s, beats_s))
        lead_s = next((lead for lead in leads if lead is not None), 0.0)
        pieces = _moved(pieces, edges.turn_s - pieces[0].at_s - lead_s)
    if fitted.fade_out_s > _OWN_END_S and pieces[-1].out_s <= beats_s[-1] + EDGE_S:
        pieces = _ended(pieces, beats_s, edges)
    length_s = pieces[-1].end_s - pieces[0].at_s
    return Fit(pieces, min(fitted.fade_in_s, length_s / 4), min(fitted.fade_out_s, length_s / 3))


def opened(fitted: Fit) -> Fit:
    """The fit, faded in slowly unless the sound begins there by itself: music out of silence has a beginning."""
    if fitted.fade_in_s <= EDGE_S:
        return fitted
    length_s = fitted.pieces[-1].end_s - fitted.pieces[0].at_s
    return replace(fitted, fade_in_s=max(fitted.fade_in_s, min(OPENING_S, length_s / 4)))


def _lead(piece: Piece, times_s: Doubles) -> float | None:
    """How long after its start a stretch has its first beat or bar [n]; None where that is too long."""
    later = times_s[times_s >= piece.in_s - EDGE_S]
    return float(later[0] - piece.in_s) if len(later) and later[0] - piece.in_s <= LEAD_S else None


def _moved(pieces: Sequence[Piece], by_s: float) -> tuple[Piece, ...]:
    """Pieces that much later, or (negative) earlier, though not before the story begins."""
    by_s = max(by_s, -pieces[0].at_s)
    return tuple(replace(piece, at_s=piece.at_s + by_s) for piece in pieces)


def _ended(pieces: tuple[Piece, ...], beats_s: Doubles, edges: Edges) -> tuple[Piece, ...]:
    """Pieces whose last one ends on the beat [n] nearest to the wanted end."""
    last = pieces[-1]
    ends = last.at_s + beats_s - last.in_s
    earliest, latest = edges.end_s - LATE_S, edges.end_s
    if edges.gives_way:
        earliest, latest = edges.end_s - LATE_S / 2, edges.end_s + LATE_S / 2
    able = (ends >= max(earliest, last.at_s + LEAST_S)) & (ends <= min(latest, edges.latest_s) + 1e-6)
    if not able.any():
        return pieces
    best = int(np.argmin(np.where(able, np.abs(ends - edges.end_s), np.inf)))
    return (*pieces[:-1], replace(last, out_s=float(beats_s[best])))


def story_beats_s(pieces: Sequence[Piece], beats_s: Doubles) -> Doubles:
    """When the beats [n] of a sound are heard in the story, [m] ascending, as its pieces play them."""
    heard = [piece.at_s + beats_s[(beats_s >= piece.in_s) & (beats_s <= piece.out_s)] - piece.in_s for piece in pieces]
    return np.unique(np.concatenate(heard)) if heard else np.empty(0)


def turn_on_beat(turn_s: float, beats_s: Doubles, bars_s: Doubles = NOTHING) -> float:
    """A turn of the picture, or the bar [b], else the beat [n] of the music before it that is near: within `REACH_S`.

    >>> turn_on_beat(10.0, np.array([9.2, 9.8, 10.4]))
    9.8
    """
    for times_s in (bars_s, beats_s):
        off = np.abs(times_s - turn_s)
        if len(off) and off.min() <= REACH_S:
            return float(times_s[int(off.argmin())])
    return turn_s
