"""Music as long as its cue: jumps from bar to bar in place of loops and trimming, with the track's own ending."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from storysound.cue.fit import Fit, Track
from storysound.cue.remix.arc import LEAST_RANGE, Arc, agreement
from storysound.cue.remix.path import NoWayError
from storysound.cue.remix.remix import FADE_S, Landing, Remixer
from storysound.cue.score import MusicHit, Piece, Scene
from storysound.draw.shapes import clock
from storysound.jobs.plan.choice import Draft
from storysound.media.arrays import Doubles
from storysound.story import MoodCurve

SHORTEST_S = 16.0  # of a cue with a beginning and an ending: of less, one is over when the other begins
ON_S = 0.02  # of a hit, and it is met
FOLLOWS = 0.15  # of correlation that a way has to gain by going along with the arc
SHIFTED_S = 1.0  # from its beginning on a track begins elsewhere
TURN_S = 4.0  # from the ends of music a scene's edge lies so far or more, to be a turn of it


def with_turns(drafts: Sequence[Draft], scenes: Sequence[Scene], hits: Sequence[MusicHit] = ()) -> list[Draft]:
    """Drafts of music with the edges of scenes under them: something new may begin there; and with their hits."""
    return [
        replace(
            draft,
            scene_starts_s=_turns(draft, scenes),
            hits_s=tuple(hit.at_s for hit in hits if draft.start_s <= hit.at_s < draft.end_s),
        )
        for draft in drafts
    ]


def with_arcs(drafts: Sequence[Draft], scenes: Sequence[Scene], mood: MoodCurve) -> list[Draft]:
    """Drafts of music with the arousal of the story under them, by its `mood` over time and that of its scenes."""
    points = [(time_s, arousal) for time_s, _, arousal in mood]
    arcs: list[tuple[float, float]] = []
    for scene in scenes:  # a scene whose mood was changed by hand goes up and down with it
        own = [point for point in points if scene.start_s <= point[0] < scene.end_s]
        shift = scene.mood.arousal - float(np.mean([arousal for _, arousal in own])) if own else 0.0
        arcs += [(time_s, round(arousal + shift, 6)) for time_s, arousal in own]
    return [replace(draft, arc=_arc(draft, arcs)) for draft in drafts]


def _arc(draft: Draft, points: Sequence[tuple[float, float]]) -> Arc | None:
    own = [point for point in points if draft.start_s <= point[0] < draft.end_s]
    if len(own) < 2 or float(np.std([arousal for _, arousal in own])) < LEAST_RANGE:
        return None
    times_s, arousal = zip(*own, strict=True)
    return Arc(times_s, arousal)


def _turns(draft: Draft, scenes: Sequence[Scene]) -> tuple[float, ...]:
    low, high = draft.start_s + TURN_S, draft.end_s - TURN_S
    return tuple(scene.start_s for scene in scenes if low <= scene.start_s <= high)


def remixed(
    remixer: Remixer,
    length_s: float,
    *,
    at_s: float,
    hint_s: float,
    turns_s: Sequence[float] = (),
    hits_s: Sequence[float] = (),
    arc: Arc | None = None,
    may_wait: bool = True,
) -> tuple[Fit | None, str]:
    """The pieces of a track that cover [at_s, at_s + length_s), but for at the most a beat of silence at the end.

    `hint_s`: where in the track it should begin, 0: where it begins. `turns_s`: times of the story at which something
    new may begin; `hits_s`: at which it should, and for which it `may_wait` with its beginning. None where that can't
    be, and why, where another way is heard.
    """
    if length_s < SHORTEST_S:
        return None, ""
    lasts_s = remixer.lasts_s
    try:
        hint = hint_s if hint_s > 0 and length_s < lasts_s else None
        way = partial(
            remixer.remix, length_s, at_s=at_s, hits_s=hits_s, hint_s=hint, turns_s=turns_s, may_wait=may_wait
        )
        made = way().fit
        if arc is None:
            return made, ""
        along = way(arc=arc).fit
    except NoWayError as error:
        return None, f"looped, for it {error}" if length_s > lasts_s else ""
    before, after = (agreement(arc, remixer.bars, each.pieces) for each in (made, along))
    if after < before + FOLLOWS:
        return made, ""
    begins_s = along.pieces[0].in_s
    where = f"begins at {clock(begins_s)}" if begins_s - remixer.bars.first_s > SHIFTED_S else "goes through its parts"
    return along, f"{where}: {arc.trend} with the scene"


def on_hit(fitted: Fit, hits_s: Sequence[float], bars_s: Doubles, track: Track) -> Fit:
    """Music of one piece entered earlier or later, so that one of its bars [b] meets the first hit: the nearest it can.

    Music that is looped stays as it is.
    """
    piece = fitted.pieces[0]
    if not hits_s or len(fitted.pieces) > 1:
        return fitted
    ways_s = bars_s - (piece.in_s + hits_s[0] - piece.at_s)
    ways_s = ways_s[(piece.in_s + ways_s >= track.first_s) & (piece.out_s + ways_s <= track.last_s)]
    if not len(ways_s):
        return fitted
    by_s = float(ways_s[np.abs(ways_s).argmin()])
    moved = replace(piece, in_s=piece.in_s + by_s, out_s=piece.out_s + by_s)
    return replace(fitted, pieces=(moved,), fade_in_s=max(fitted.fade_in_s, FADE_S))


def landings(remixer: Remixer, hits_s: Sequence[float], pieces: Sequence[Piece]) -> tuple[str, ...]:
    """What of a track begins next to each hit, and how far off, in words."""
    lines = []
    for hit_s in hits_s:
        try:
            found = remixer.landing(hit_s, pieces)
        except NoWayError:
            found = Landing(hit_s, None, None)
        if found.at_s is None:
            lines.append(f"hit at {hit_s:.2f} s: nothing of the track begins near it")
            continue
        off_s = found.at_s - hit_s
        where = "on it" if abs(off_s) < ON_S else f"{abs(off_s):.2f} s {'after' if off_s > 0 else 'before'} it"
        lines.append(f"hit at {hit_s:.2f} s: the {found.begins} at {found.turn_s:.1f} s of the track begins {where}")
    return tuple(lines)
