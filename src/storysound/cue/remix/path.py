"""The cheapest way through a track that takes as long as is wanted: dynamic programming over beats and time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from storysound.cue.fit import HOP_S
from storysound.cue.remix.arc import Arc, arousal_of
from storysound.cue.remix.bars import Bars
from storysound.cue.remix.costs import Costs
from storysound.cue.remix.structure import Structure
from storysound.media.arrays import Doubles, Floats, Ints, Reals
from storysound.progress import check

_STEP_S = (0.02, 0.1)  # of the grid of time, finest and coarsest
_STEPS = 5000  # in the time that is wanted
_MOST_NODES = 40_000_000
LEAST_STRETCH_S = 4.0  # between two jumps, from the beginning and to the end; whole bars, two or more
_OWN, _OTHER = 10, 3  # ways kept to each beat: from the same place in the bar, and from each other one
_LATE_S = 4.0  # by which the ending may be cut off, where little is heard of it
_LATE_COST = 0.8  # of cutting off what is as loud as the track
_FADED_COST = 0.1  # per second, of music that has no ending and is faded out anyway
_FAINT_DB = 45.0  # below the track's loud parts nothing is missed
_FALLEN_DB, _GONE_DB = -20.0, -35.0  # music that stops louder has no ending; stops louder than that and breaks off
_LOST_COST, _RING_S = 3.0, 0.5  # of an ending whose last tone is heard for less than so long
_EARLY_COST = 0.5  # per second of silence after the ending
_BREAK_COST = 4.0  # the same, of music that breaks off
_ENTRY_COST = 0.5  # of entering elsewhere than at the beginning
_FAR_COST, _FAR_S = 1.5, 40.0  # of entering so far from where it should be, and more
HIT_WORTH = 6.0  # of the strongest turn right on a hit: what jumps may cost for it
BAR_WORTH = 0.75  # of a bar line right on a hit, beside the strongest turn
_MOVED_COST = 0.2  # per second by which all is moved for a hit
TURN_WORTH = 2.0  # of the strongest turn where it is welcome but not asked for: about as much as two good jumps cost
ARC_WORTH = 6.0  # of music that goes along with a wide arc from beginning to end
_HIT_NEAR, _TURN_NEAR = 0.5, 1.0  # beats from a hit, and from where a turn is welcome, at which one is worth nothing
_ON, _ENTER = -1, -2  # ways to a node: played on, entered there; others are numbers of jumps


class NoWayError(ValueError):
    """A track can't be made so long by jumps; the message says why, as what follows "it"."""


@dataclass(frozen=True)
class Way:
    """Which beats are played: from `entry` on, each jump from before one beat to another, then to the end."""

    entry: int
    jumps: tuple[tuple[int, int], ...]
    cost: float
    late_s: float = 0.0  # by which all of it comes later than it would, for a hit; or (negative) earlier


@dataclass(frozen=True)
class Wanted:
    """What is wanted of a way. `hint_s`: where in the track it should enter, None: at the beginning.

    Times count from the beginning of what is made.
    """

    length_s: float
    hits_s: tuple[float, ...] = ()  # when something new should begin, or a bar
    hint_s: float | None = None
    turns_s: tuple[float, ...] = ()  # when something new may begin
    latest_s: float = 0.0  # for a hit all may come so much later, and silence or what went before in the track be first
    arc: Arc | None = None  # how aroused it should be; it may enter at any bar then
    at_s: float = 0.0  # of the beginning, in seconds of the arc's story


def stretch_beats(bars: Bars) -> int:
    """How many beats are played between two jumps, at least: whole bars."""
    bar_s = bars.beat_s * bars.meter
    return bars.meter * max(2, int(np.ceil(LEAST_STRETCH_S / bar_s)))


def cheapest(bars: Bars, structure: Structure, costs: Costs, wanted: Wanted, loud_db: Doubles) -> Way:
    """The way that costs least. `loud_db` [t]: how loud the track is every 20 ms, 0 in its loud parts.

    Raises NoWayError where it is too short for a beginning and an ending.
    """
    least = stretch_beats(bars)
    tail_s = bars.last_s - float(bars.times_s[-1])
    shortest_s = float(bars.times_s[min(least, bars.count - 1)]) - bars.first_s
    shortest_s += bars.last_s - float(bars.times_s[-1 - min(least, bars.count - 1)])
    if bars.count < 2 * least + 2:
        raise NoWayError(f"has no more than {bars.count} beats")
    if wanted.length_s < shortest_s - _LATE_S:
        raise NoWayError(f"needs {shortest_s:.1f} s for its beginning and its ending")
    step_s = min(max(wanted.length_s / _STEPS, _STEP_S[0]), _STEP_S[1])
    step_s = max(step_s, wanted.length_s * bars.count / _MOST_NODES)
    places = np.round(bars.times_s / step_s).astype(np.int64)
    jumps = _jumps(bars, costs, least, places)
    search = _Search(places, jumps, round((wanted.length_s + _LATE_S + bars.beat_s) / step_s) + 2)
    marked = wanted.hits_s or wanted.turns_s or wanted.arc
    worth = _worth(bars, structure, wanted, search.rows, step_s) if marked else None
    search.enter(_entries(bars, wanted, least, places, step_s), worth)
    search.run(worth)
    ends_s = np.arange(search.rows) * step_s + tail_s
    total = np.add(search.last, _ending(ends_s - wanted.length_s, bars, loud_db))
    if worth is not None:
        total -= worth[:, -1]
    if not np.isfinite(total.min()):
        raise NoWayError("has no way of jumps of that length")
    row = int(np.argmin(total))
    return replace(search.way(row), cost=float(total[row]))


@dataclass(frozen=True)
class _Jumps:
    """The w best ways to jump to each beat, after which `least` beats are played before the next jump."""

    least: int
    sources: Ints  # beats before which they leave [w n - least]; the column is the beat they reach
    costs: Reals  # inf where there is none


def _jumps(bars: Bars, costs: Costs, least: int, places: Ints) -> _Jumps:
    """The jumps worth looking at between beats at `places` [n], in rows of the grid of time."""
    total = costs.total.astype(np.float64)
    beats = np.arange(bars.count)
    apart = np.abs(places[:, None] - places) < np.median(np.diff(places)) * bars.meter
    total[apart] = np.inf
    total[:least] = np.inf  # a beginning is played
    total = total[:, : bars.count - least]  # and so is the ending
    sources, prices = [], []
    for shift in range(bars.meter):
        same = (beats[:, None] - beats[: bars.count - least]) % bars.meter == shift
        part = np.where(same, total, np.inf)
        kept = min(_OTHER if shift else _OWN, bars.count)
        best = np.argsort(part, axis=0, kind="stable")[:kept]  # of equals the same on all machines
        sources.append(best)
        prices.append(np.take_along_axis(part, best, axis=0))
    return _Jumps(least, np.concatenate(sources), np.concatenate(prices))


@dataclass(frozen=True)
class _Entry:
    """Where a way may begin."""

    beat: int
    row: int  # of time at which it has been played for the least stretch
    cost: float
    late_s: float = 0.0  # by which it comes later than it would


def _entries(bars: Bars, wanted: Wanted, least: int, places: Ints, step_s: float) -> list[_Entry]:
    """Where a way may begin, the beats at `places` [n]."""
    lead = round((float(bars.times_s[0]) - bars.first_s) / step_s)
    begin = int(places[least] - places[0])
    entries = [_Entry(0, lead + begin, _far(float(bars.times_s[0]), wanted.hint_s))]
    if wanted.hint_s is not None or wanted.arc is not None:
        for beat in bars.downbeats.tolist():
            if 0 < beat < bars.count - 2 * least:
                cost = _ENTRY_COST + _far(float(bars.times_s[beat]), wanted.hint_s)
                entries.append(_Entry(beat, int(places[beat + least] - places[beat]), cost))
    if not wanted.hits_s:
        return entries
    bar_s = bars.beat_s * bars.meter
    latest, earliest = (round(s / step_s) for s in (wanted.latest_s, max(0.0, bar_s - wanted.latest_s)))
    return [
        replace(entry, row=entry.row + late, cost=entry.cost + _MOVED_COST * abs(late) * step_s, late_s=late * step_s)
        for entry in entries
        for late in range(-earliest, latest + 1)
    ]


def _far(time_s: float, hint_s: float | None) -> float:
    return 0.0 if hint_s is None else _FAR_COST * min(abs(time_s - hint_s) / _FAR_S, 1.0)


def _ending(late_s: Reals, bars: Bars, loud_db: Doubles) -> Doubles:
    """What it costs that the track would end so much later than wanted, or (negative) earlier: [t]."""
    gone_s = bars.last_s - late_s  # where it is cut off
    hops = np.clip(np.round(gone_s / HOP_S).astype(int), 0, len(loud_db) - 1)
    late = _FADED_COST * late_s
    if _end_db(bars, loud_db) < _FALLEN_DB:
        heard = np.clip(1 + loud_db[hops] / _FAINT_DB, 0.0, 1.0)
        late = _LATE_COST * heard * np.minimum(1.0, 0.2 + late_s) + _LOST_COST * (gone_s < bars.struck_s + _RING_S)
    early = -late_s * (_EARLY_COST if _end_db(bars, loud_db) < _GONE_DB else _BREAK_COST)
    cost = np.where(late_s > 0, late, early)
    silent_s = max(0.6, bars.beat_s)
    return np.asarray(np.where((late_s > _LATE_S) | (late_s < -silent_s), np.inf, cost))


def _end_db(bars: Bars, loud_db: Doubles) -> float:
    """How loud a track is right before it ends; `loud_db` [t] as in `cheapest`."""
    return float(loud_db[min(round(bars.last_s / HOP_S), len(loud_db)) - 3])


def _worth(bars: Bars, structure: Structure, wanted: Wanted, rows: int, step_s: float) -> Floats:
    """What it is worth that each beat comes at each time, for the turns that it begins and for the arc: [rows n]."""
    worth = np.zeros((rows, bars.count), np.float32)
    struck = structure.turns.copy()
    struck[bars.downbeats] = np.maximum(struck[bars.downbeats], BAR_WORTH)
    asked = [(hit_s, HIT_WORTH * struck, _HIT_NEAR) for hit_s in wanted.hits_s]
    welcome = [(turn_s, TURN_WORTH * structure.turns, _TURN_NEAR) for turn_s in wanted.turns_s]
    for time_s, of_beats, near in (*asked, *welcome):
        off = np.abs(np.arange(rows) * step_s - time_s) / (near * bars.beat_s)
        close = np.flatnonzero(off < 1)
        worth[close] += ((1 - off[close])[:, None] * of_beats).astype(np.float32)
    if wanted.arc is not None:
        times_s = np.arange(min(rows, round(wanted.length_s / step_s) + 1)) * step_s
        more = wanted.arc.asked(np.asarray(wanted.at_s + times_s, np.float64))
        share = np.append(np.diff(bars.times_s), bars.beat_s) / wanted.length_s
        worth[: len(more)] += (ARC_WORTH * more[:, None] * (share * arousal_of(bars))).astype(np.float32)
    return worth


class _Search:
    """Costs of all nodes: beat b about to be played at a time, in rows of the grid."""

    def __init__(self, places: Ints, jumps: _Jumps, rows: int) -> None:
        """`places`: of the beats [n], in rows of the grid of time."""
        self._jumps, self.rows, self._places = jumps, rows, places
        self._steps = np.diff(places)
        self._spans = places[jumps.least :] - places[: -jumps.least]  # of what is played after each jump
        self._above = int(max(self._steps.max(), self._spans.max()))  # rows before the first, where nothing is
        count = len(places)
        self._cost = np.full((self._above + rows, count), np.inf, np.float32)
        self._way = np.full((self._above + rows, count), _ENTER, np.int16)
        self._late_s: dict[tuple[int, int], float] = {}  # of nodes where ways begin

    def enter(self, entries: Sequence[_Entry], worth: Floats | None) -> None:
        """Lets ways begin; `worth` [rows n] of beats lowers costs."""
        for entry in entries:
            row, beat = entry.row, entry.beat + self._jumps.least
            if not 0 <= row < self.rows:
                continue
            cost = entry.cost
            if worth is not None:
                beats = np.arange(entry.beat, beat)
                rows = row - self._places[beat] + self._places[beats]
                cost -= float(worth[rows[rows >= 0], beats[rows >= 0]].sum())
            if cost < self._cost[self._above + row, beat]:
                self._cost[self._above + row, beat] = cost
                self._late_s[row, beat] = entry.late_s

    @property
    def last(self) -> Doubles:
        """The cost of being at the last beat in each row: [rows]."""
        return np.asarray(self._cost[self._above :, -1], np.float64)

    def run(self, worth: Floats | None) -> None:
        """Fills the nodes, as many rows at once as no step is shorter than; `worth` [rows n] lowers costs."""
        count, least = len(self._places), self._jumps.least
        flat = self._cost.reshape(-1)
        on = (self._above - self._steps) * count + np.arange(count - 1)
        jump = (self._above - self._spans) * count + self._jumps.sources
        prices = self._jumps.costs.astype(np.float32)
        earned = None if worth is None else _Earned(worth, self._steps, self._spans, least)
        together = int(max(1, min(self._steps.min(), self._spans.min())))
        for first in range(0, self.rows, together):
            check()
            rows = np.arange(first, min(first + together, self.rows))
            node = self._cost[self._above + rows]
            way = np.full(node.shape, _ENTER, np.int16)
            played = flat[on + rows[:, None] * count]
            reached = flat[jump + rows[:, None, None] * count] + prices
            if earned is not None:
                played = played - earned.on(rows)
                reached = reached - earned.jump(rows)[:, None]
            better = played < node[:, 1:]
            node[:, 1:][better], way[:, 1:][better] = played[better], _ON
            best = reached.argmin(axis=1)
            cheapest_jump = np.take_along_axis(reached, best[:, None], axis=1)[:, 0]
            better = cheapest_jump < node[:, least:]
            node[:, least:][better], way[:, least:][better] = cheapest_jump[better], best[better]
            self._cost[self._above + rows], self._way[self._above + rows] = node, way

    def way(self, row: int) -> Way:
        """The cheapest way that reaches the last beat in a row."""
        beat, jumps = len(self._places) - 1, list[tuple[int, int]]()
        while (kind := int(self._way[self._above + row, beat])) != _ENTER:
            if kind == _ON:
                row -= int(self._steps[beat - 1])
                beat -= 1
            else:
                reached = beat - self._jumps.least
                row -= int(self._spans[reached])
                beat = int(self._jumps.sources[kind, reached])
                jumps.append((beat, reached))
        return Way(beat - self._jumps.least, tuple(jumps[::-1]), 0.0, self._late_s[row, beat])


class _Earned:
    """What turns on hits are worth that are played: of beats one by one, and of those after a jump.

    A beat before which a jump leaves isn't heard, and is worth nothing.
    """

    def __init__(self, worth: Floats, steps: Ints, spans: Ints, least: int) -> None:
        """`worth` [rows n] of each beat alone; rows from beat to beat [n - 1], and that a jump plays [n - least]."""
        self._worth, self._steps, self._spans, self._least = worth, steps, spans, least
        self._sums = worth.copy()  # along what is played on: [rows n]
        for row in range(1, len(worth)):
            before = row - steps
            inside = np.flatnonzero(before >= 0)
            self._sums[row, inside + 1] += self._sums[before[inside], inside]

    def on(self, rows: Ints) -> Floats:
        """Of each beat but the last, played up to the next one: [r n - 1]."""
        before = rows[:, None] - self._steps
        return np.where(before >= 0, self._worth[np.maximum(before, 0), np.arange(len(self._steps))], np.float32(0.0))

    def jump(self, rows: Ints) -> Floats:
        """Of all beats from the one that a jump reaches to the last before the one at which it may be left.

        [r n - least].
        """
        landed = rows[:, None] - self._spans
        inside, reached = np.maximum(landed, 0), np.arange(len(self._spans))
        last = reached + self._least - 1
        before = self._sums[inside, reached] - self._worth[inside, reached]
        played = self._sums[np.maximum(rows[:, None] - self._steps[last], 0), last] - before
        return np.asarray(np.where(landed >= 0, played, 0.0), np.float32)
