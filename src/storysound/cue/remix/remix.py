"""Makes a track exactly as long as it is wanted, by jumps from bar to bar; its beginning and its ending are its own.

What does not come out even, less than a bar, lies in the ending: the last tones ring on for less long, or a moment of
silence follows them. Nothing is stretched.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np

from storysound.cue.fit import EDGE_S, HOP_S, Fit, Track
from storysound.cue.remix.align import Aligner, by_waves
from storysound.cue.remix.arc import Arc
from storysound.cue.remix.bars import Bars, bars_of
from storysound.cue.remix.costs import WEIGHTS, Costs, Weights, costs_of
from storysound.cue.remix.path import NoWayError, Wanted, Way, cheapest
from storysound.cue.remix.structure import Structure, structure_of
from storysound.cue.score import Jump, Piece
from storysound.media import rhythm
from storysound.media.arrays import Doubles, Ints
from storysound.media.audio import Waveform

HIT_NEAR_S = 0.5  # of a part of the track from a hit, or a beat
MOST_S = 1200.0  # all pairs of a track's beats are compared
LEAD_S = 0.031  # before a beat its attack begins, and a seam is over
FADE_S = 0.03  # of the crossfade at a jump
PLAIN_FADE_S = 0.3  # where there are no beats to be kept
_MET_S = 0.05  # of a hit, and what begins there is heard as on it
_ALL_BUT_S = 0.2  # of a hit, and it is met exactly by moving all
_LOUD_SHARE = 90  # percentile of the level that counts as loud
_CALM_DB = -30.0  # an ending as soft as that needs no fade
_FADE_OUT_S = 1.5  # of an ending that is cut off


@dataclass(frozen=True)
class Landing:
    """What of the track begins next to a hit: a part, else a bar, else a beat; None where nothing does."""

    hit_s: float  # as asked
    at_s: float | None  # of the story
    turn_s: float | None  # of the track
    strength: float = 0.0  # of a turn, in [0, 1]
    begins: str = ""  # its part as `structure.Part`, "bar" or "beat"


@dataclass(frozen=True)
class Remix:
    """A track made as long as wanted: pieces with the costs of their jumps, and what came of it."""

    fit: Fit
    cut_s: float  # by which its ending is cut off
    silence_s: float  # after it, at the most a beat
    landings: tuple[Landing, ...]
    cost: float


class Remixer:
    """One track, analysed once, for any number of lengths."""

    def __init__(
        self, wave: Waveform, track: Track, weights: Weights = WEIGHTS, tracker: rhythm.Tracker = rhythm.bars
    ) -> None:
        """`track`: what the cutter knows of the same sound; `tracker`: who counts it."""
        self._wave, self._track, self._weights, self._tracker = wave, track, weights, tracker

    @cached_property
    def bars(self) -> Bars:
        """Its beats. Raises NoWayError where there are too few."""
        track = self._track
        if self.lasts_s > MOST_S:
            raise NoWayError(f"lasts longer than {MOST_S / 60:g} minutes")
        bars = bars_of(self._wave, track.first_s, track.last_s, self._tracker)
        if bars is None:
            raise NoWayError(f"lasts no more than {self.lasts_s:.1f} s")
        inner = slice(1, -2)  # it begins and ends, as everything does
        if np.ptp(bars.level_db[inner]) < 0.5 and np.ptp(bars.timbre[inner], axis=0).max() < 1.0:
            raise NoWayError("is one tone throughout")
        return bars

    @cached_property
    def structure(self) -> Structure:
        """Its form. Raises as `bars`."""
        return structure_of(self.bars)

    @cached_property
    def costs(self) -> Costs:
        """Of all jumps. Raises as `bars`."""
        return costs_of(self.bars, self.structure, self._weights)

    @cached_property
    def _aligner(self) -> Aligner:
        bars, track = self.bars, self._track
        places_s = bars.times_s - self.lead_s
        return Aligner(track.mono, track.rate_hz, places_s, bars.beat_s / 2, marked=bars.pulses)

    @cached_property
    def _search_costs(self) -> Costs:
        """Of all jumps, dear where the beat may be lost; none leads to a beat before which a crossfade has no room."""
        if not self.bars.pulses:
            return self.costs
        leave, reach = self.costs.least(self.bars.meter)
        doubted = self.costs.doubted(leave, reach, self._aligner.meet(leave, reach).likeness)
        return doubted.without(self.bars.times_s < self.lead_s + self.fade_s / 2)

    @cached_property
    def _loud_db(self) -> Doubles:
        """How loud it is every 20 ms, 0 in its loud parts: [t]."""
        level = self._track.level_db
        return np.asarray(level - np.percentile(level, _LOUD_SHARE))

    @property
    def lasts_s(self) -> float:
        """How long it sounds."""
        return self._track.last_s - self._track.first_s

    def prepare(self) -> None:
        """Analyses it now and not when it is first asked for. Raises as `bars`."""
        _ = self._search_costs

    @property
    def lead_s(self) -> float:
        """How long before a beat a seam lies."""
        return LEAD_S if self.bars.pulses else 0.0

    @property
    def fade_s(self) -> float:
        """Of its crossfades."""
        return FADE_S if self.bars.pulses else PLAIN_FADE_S

    def remix(
        self,
        length_s: float,
        *,
        at_s: float = 0.0,
        hits_s: Sequence[float] = (),
        hint_s: float | None = None,
        turns_s: Sequence[float] = (),
        may_wait: bool = True,
        arc: Arc | None = None,
    ) -> Remix:
        """Pieces over [at_s, at_s + length_s) of the story, less at the most a beat of silence at the end.

        It begins where the track begins, or at a bar near `hint_s`, and ends with its ending. `hits_s`: times of the
        story at which something new should begin, a build or a break, or a bar; for them it begins within the bar
        before or after that, and where that isn't in the track (`may_wait`) up to half a bar late. `turns_s`: at which
        something new may begin. With an `arc` of the story it begins and goes on where the track is as aroused as that
        asks. Raises NoWayError where jumps can't do it: the message says why, and `fit` can.
        """
        hits, turns = (tuple(time_s - at_s for time_s in times) for times in (hits_s, turns_s))
        latest_s = self.bars.beat_s * self.bars.meter / 2 if may_wait else 0.0
        arc = arc if arc is not None and arc.changes(at_s, at_s + length_s) else None
        wanted = Wanted(length_s, hits, hint_s, turns, latest_s, arc, at_s)
        way = cheapest(self.bars, self.structure, self._search_costs, wanted, self._loud_db)
        pieces = self._pieces(way, at_s)
        if hits_s:
            pieces = self._moved(pieces, way.late_s)
            pieces = self._moved(pieces, self._early_s(hits_s, pieces))
        end_s = pieces[-1].end_s - at_s
        late_s = end_s - length_s
        last = pieces[-1]
        if late_s < 0:  # the file may have silence of its own
            late_s += (still_s := min(-late_s, self._track.duration_s - last.out_s))
            pieces[-1] = replace(last, out_s=last.out_s + still_s)
        if late_s > 0:
            pieces[-1] = replace(last, out_s=last.out_s - late_s)
        return Remix(
            Fit(tuple(pieces), self._fade_in(pieces[0].in_s), self._fade_out(pieces[-1].out_s)),
            max(0.0, late_s),
            max(0.0, -late_s),
            tuple(self.landing(hit_s, pieces) for hit_s in hits_s),
            way.cost,
        )

    def _reach_s(self, leave: int, reach: int) -> float:
        """Where exactly the jump from before one beat to another comes in: first by the music around, then by waves."""
        leave_s, reach_s = (float(self.bars.times_s[beat]) - self.lead_s for beat in (leave, reach))
        reach_s += float(self._aligner.meet(np.array([leave]), np.array([reach])).moved_s[0])
        return reach_s + by_waves(self._track.mono, self._track.rate_hz, leave_s, reach_s, self.fade_s)

    def _pieces(self, way: Way, at_s: float) -> list[Piece]:
        """The stretches of a way, to the audible end of the track."""
        bars, half, lead = self.bars, self.fade_s / 2, self.lead_s
        start_s = max(0.0, float(bars.times_s[way.entry]) - lead) if way.entry else bars.first_s
        pieces: list[Piece] = []
        jump: Jump | None = None
        for leave, reach in way.jumps:
            pieces.append(Piece(start_s, float(bars.times_s[leave]) - lead + half, at_s, jump))
            at_s = pieces[-1].end_s - 2 * half
            start_s = max(0.0, self._reach_s(leave, reach) - half)
            jump = self.jump(leave, reach)
        pieces.append(Piece(start_s, bars.last_s, at_s, jump))
        return pieces

    def _moved(self, pieces: Sequence[Piece], late_s: float) -> list[Piece]:
        """Pieces so much later, or (negative) earlier; the first begins when it did, if the track has music there."""
        first, later = pieces[0], [replace(piece, at_s=piece.at_s + late_s) for piece in pieces[1:]]
        more_s = min(late_s, max(0.0, first.in_s - self.bars.first_s))
        return [replace(first, in_s=first.in_s - more_s, at_s=first.at_s + late_s - more_s), *later]

    def _early_s(self, hits_s: Sequence[float], pieces: Sequence[Piece]) -> float:
        """By how much what begins next to hits comes too early, in the mean of those that are all but met."""
        begins = np.union1d(np.flatnonzero(self.structure.turns), self.bars.downbeats)
        near = [(hit_s, self._nearest(hit_s, begins, pieces)) for hit_s in hits_s]
        early = [hit_s - found[0] for hit_s, found in near if found and abs(hit_s - found[0]) < _ALL_BUT_S]
        return float(np.mean(early)) if early else 0.0

    def jump(self, leave: int, reach: int) -> Jump:
        """What a jump from before one beat to another costs."""
        costs, at = self.costs, (leave, reach)
        parts = (round(float(part[at]), 3) for part in (costs.timbre, costs.harmony, costs.seam, costs.level))
        return Jump(round(float(costs.total[at]), 3), *parts)

    def _fade_in(self, start_s: float) -> float:
        return EDGE_S if start_s <= self.bars.first_s + HOP_S else 0.03

    def _fade_out(self, end_s: float) -> float:
        """None to speak of where the ending has died away, or is over as it is in the file."""
        hop = min(round(end_s / HOP_S), len(self._loud_db) - 1)
        whole = end_s >= self._track.last_s - HOP_S and self._track.last_s < self._track.duration_s - 2 * HOP_S
        soft = float(self._loud_db[hop]) < _CALM_DB
        return 0.05 if whole or soft else _FADE_OUT_S

    def landing(self, hit_s: float, pieces: Sequence[Piece]) -> Landing:
        """What begins next to a hit: a part of the track within `HIT_NEAR_S` or a beat, else a bar, else a beat.

        What begins on it, if anything does, goes before what is only near.
        """
        bars, turns = self.bars, np.flatnonzero(self.structure.turns)
        kinds = (("", turns), ("bar", bars.downbeats), ("beat", np.arange(bars.count)))
        for near_s in (_MET_S, max(HIT_NEAR_S, bars.beat_s)):
            for kind, beats in kinds:
                near = self._nearest(hit_s, beats, pieces)
                if near is not None and abs(near[0] - hit_s) <= near_s:
                    at_s, beat = near
                    strength = float(self.structure.turns[beat]) if not kind else 0.0
                    return Landing(hit_s, at_s, float(bars.times_s[beat]), strength, kind or self._part(beat))
        return Landing(hit_s, None, None)

    def _nearest(self, hit_s: float, beats: Ints, pieces: Sequence[Piece]) -> tuple[float, int] | None:
        """When the one of some beats [k] that comes nearest to a hit is heard, and which it is; None of none."""
        ends = [following.at_s for _, following in pairwise(pieces)] + [pieces[-1].end_s]
        near: list[tuple[float, float, int]] = []
        for piece, end_s in zip(pieces, ends, strict=True):
            at = piece.at_s + self.bars.times_s[beats] - piece.in_s
            heard = np.flatnonzero((at >= piece.at_s - 1e-6) & (at < end_s))
            near += [(abs(float(at[k]) - hit_s), float(at[k]), int(beats[k])) for k in heard]
        return min(near)[1:] if near else None

    def _part(self, beat: int) -> str:
        """The part that begins with a beat."""
        return next((section.part for section in self.structure.sections if section.first >= beat), "ending")
