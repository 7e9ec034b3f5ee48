"""The tempo map of a section: its ends on bar lines, as many of its cuts as can be on beats, the tempo near the wished.

Solved by dynamic programming over which cuts get a beat of their own and how many beats lie between two of them. A cut
that gets one is an anchor: the tempo may change there, by little. Film composers do it by hand with click books
(Karlin & Wright, On the Track, 2004): vary the tempo a little, and write a bar of another length before a hit.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from storysound.media.arrays import Doubles, Ints
from storysound.progress import check

REACH = 1.1  # the tempo is at most so many times faster or slower than wished
STEP = 1.08  # and at an anchor changes by at most this factor
TOLERANCE_S = 0.04  # a cut so near to a beat is on it
ODD = 0.5  # beats: the finest unit of a bar's length
MOST_PASSED = 8  # cuts between two anchors
LEANS_S = (0.0, -0.03, 0.03)  # by which an anchor may lie beside its cut: nobody sees it, and more cuts get a beat
MOST_LEANING = 40  # cuts in a section; where there are more, anchors lie on them
_MOST_COUNTS = 7  # numbers of beats tried between two anchors, the nearest to what is wished
# Costs, where 1 is a cut that misses every beat:
_OFF_TEMPO = 0.07  # at the limit of REACH, square-wise
_STEP_COST = 0.1  # at the limit of STEP, square-wise
_HALF_BEAT = 0.75  # of a cut's weight where it falls between two beats, on neither
_WEAK_BEAT = 0.05  # of a cut's weight where it falls on a beat other than the first of a bar
_LEAN = 0.08  # of a cut's weight where the anchor lies beside it
# What is left over of the last bar: half of one of four beats, another whole number of beats, half beats; no whole bar.
_HALF_BAR, _ODD_BAR, _BROKEN_BAR, _SHORT = 0.5, 0.9, 1.4, 0.5


@dataclass(frozen=True)
class Cut:
    """A moment inside a section that should be on a beat. `turn`: on a bar line, whatever the bar before it takes."""

    at_s: float
    weight: float = 1.0
    turn: bool = False


@dataclass(frozen=True)
class TempoMap:
    """Beats of a section, counted from its start.

    `anchors`: time and beat of each, the first (start, 0), between them the tempo is constant; `bars`: lengths in
    beats, which add up to the last anchor's.
    """

    anchors: tuple[tuple[float, float], ...]
    bars: tuple[float, ...]
    wished_bpm: float

    @property
    def beats(self) -> float:
        """How many, to the section's end."""
        return self.anchors[-1][1]

    def at_s(self, beat: float) -> float:
        """When a beat is; beyond the ends the tempo goes on."""
        beats = [anchor[1] for anchor in self.anchors]
        index = min(max(1, bisect_right(beats, beat)), len(beats) - 1)
        (t0, b0), (t1, b1) = self.anchors[index - 1], self.anchors[index]
        return t0 + (beat - b0) * (t1 - t0) / (b1 - b0)

    def beat_at(self, time_s: float) -> float:
        """Which beat a time is; beyond the ends the tempo goes on."""
        times = [anchor[0] for anchor in self.anchors]
        index = min(max(1, bisect_right(times, time_s)), len(times) - 1)
        (t0, b0), (t1, b1) = self.anchors[index - 1], self.anchors[index]
        return b0 + (time_s - t0) * (b1 - b0) / (t1 - t0)

    def tempi(self) -> list[float]:
        """Beats a minute from each anchor to the next."""
        pairs = zip(self.anchors, self.anchors[1:], strict=False)
        return [60 * (b1 - b0) / (t1 - t0) for (t0, b0), (t1, b1) in pairs]

    def broadened(self, beats: int, by: float, after_s: float) -> "TempoMap":
        """The same with up to so many of its last whole beats ever slower, the last one `by` times as long as usual.

        The end stays where it is, and so do all beats up to the first from `after_s` on: what is between becomes a
        little faster. As many beats as slow down are left to do so; where there is none, nothing changes.
        """
        inner = [anchor for anchor in self.anchors[:-1] if anchor[0] <= after_s] or [self.anchors[0]]
        first = max(inner[-1][1], math.ceil(self.beat_at(after_s) - 1e-6), self.anchors[-2][1])
        slowed = min(beats, int((self.beats - first) / 2))
        if slowed < 1:
            return self
        start_s, end_s = self.at_s(first), self.anchors[-1][0]
        lengths = [self.beats - first - slowed, *(1 + (by - 1) * (i + 1) / slowed for i in range(slowed))]
        times = start_s + (end_s - start_s) / sum(lengths) * np.cumsum(lengths)
        slow = tuple((float(t), self.beats - slowed + i) for i, t in enumerate(times[:-1]))
        kept = tuple(anchor for anchor in self.anchors[:-1] if anchor[1] < first)
        return TempoMap((*kept, (start_s, first), *slow, self.anchors[-1]), self.bars, self.wished_bpm)


@dataclass(frozen=True, eq=False)
class _Arrivals:
    """Ways to arrive at a point [s], each the cheapest of its kind: what it costs, the tempo, and where in the bar."""

    cost: Doubles
    log_bpm: Doubles  # NaN at the start
    phase: Doubles  # beats since the last bar line
    since: Doubles  # beats since the start or the last turn
    origin: Ints  # the point before
    parent: Ints  # the way to arrive there
    beats: Doubles  # from there


def least_s(bpm: float) -> float:
    """From how long on any section at this tempo, or a faster one, can end on a bar line within REACH.

    With n half beats the tempo is off by a factor of sqrt(1 + 1/n) at most, so five are enough.
    """
    return 5 * ODD / REACH * 60 / bpm


@dataclass(frozen=True)
class _Point:
    """A moment that may be an anchor."""

    at_s: float
    cut: int  # by number; -1 the start, and the number of cuts the end
    turn: bool  # whether bars end here
    cost: float = 0.0


def fit(start_s: float, end_s: float, cuts: Sequence[Cut], wished_bpm: float, metre: int) -> TempoMap:
    """The cheapest map of [start_s, end_s) with bars of `metre` beats. `cuts` in order of time, inside.

    A section shorter than `least_s` may leave REACH. Costs are sums over cuts (weight where no beat is within
    TOLERANCE_S, part of it on beats that aren't the first of a bar), anchors (tempo steps) and stretches between them
    (distance of the tempo from the wished); the odd bar at the end costs too.
    """
    points = _points(start_s, end_s, cuts)
    task = _Task(cuts, np.array([cut.at_s for cut in cuts]), np.array([cut.weight for cut in cuts]), wished_bpm, metre)
    first, nowhere = np.zeros(1), np.zeros(1, np.int64)
    arrivals = [_Arrivals(first, np.full(1, np.nan), first, first, nowhere, nowhere, first)]
    for end in range(1, len(points)):
        check()
        arrivals.append(_arrived(points, arrivals, end, task))
    if not len(arrivals[-1].cost):  # shorter than `least_s`
        beats = max(ODD, round((end_s - start_s) * wished_bpm / 60 / ODD) * ODD)
        return TempoMap(((start_s, 0.0), (end_s, beats)), tuple(bars_of(beats, metre)), wished_bpm)
    return _traced(points, arrivals, task)


@dataclass(frozen=True, eq=False)
class _Task:
    """What stays the same while a section is solved: its cuts [c], when they are, how much each weighs."""

    cuts: Sequence[Cut]
    times: Doubles
    weights: Doubles
    wished_bpm: float
    metre: int


def _points(start_s: float, end_s: float, cuts: Sequence[Cut]) -> list[_Point]:
    """The start, all that may be anchors, the end."""
    found = [_Point(start_s, -1, True)]
    for number, cut in enumerate(cuts):
        for lean_s in LEANS_S if len(cuts) <= MOST_LEANING and not cut.turn else LEANS_S[:1]:
            cost = _LEAN * cut.weight if lean_s else 0.0
            found.append(_Point(cut.at_s + lean_s, number, cut.turn, cost))
    return [*found, _Point(end_s, len(cuts), True)]


def _origins(points: list[_Point], end: int) -> list[int]:
    """Points from which `end` is tried to be reached; the end of all can be reached from the start at once."""
    cut = points[end].cut
    near = [i for i in range(end) if cut - 1 - MOST_PASSED <= points[i].cut < cut and points[i].at_s < points[end].at_s]
    return near if end < len(points) - 1 or near[0] == 0 else [0, *near]


def _counts(seconds: float, wished_bpm: float, odd: bool) -> list[float]:
    """Numbers of beats within REACH, the nearest to the wished first. `odd`: half beats too."""
    unit = ODD if odd else 1.0
    wanted = seconds * wished_bpm / 60 / unit
    counts = range(max(1, math.ceil(wanted / REACH - 1e-9)), math.floor(wanted * REACH + 1e-9) + 1)
    nearest = sorted(counts, key=lambda n: round(abs(math.log(n / wanted)), 9))[: _MOST_COUNTS * (2 if odd else 1)]
    return [n * unit for n in nearest]


def _arrived(points: list[_Point], arrivals: list[_Arrivals], end: int, task: _Task) -> _Arrivals:
    """The cheapest ways to arrive at a point, by where they come from, in how many beats, and where in the bar."""
    edges = _edges(points, arrivals, end, task)
    if not edges:
        none, nowhere = np.zeros(0), np.zeros(0, np.int64)
        return _Arrivals(none, none, none, none, nowhere, nowhere, none)
    point = points[end]
    sizes = [len(arrivals[edge.begin].cost) for edge in edges]
    each = np.repeat(np.arange(len(edges)), sizes)
    parent = np.concatenate([np.arange(size) for size in sizes])

    def earlier(name: str) -> Doubles:
        return np.concatenate([getattr(arrivals[edge.begin], name) for edge in edges])

    beats, log_bpm = np.array([edge.beats for edge in edges])[each], np.array([edge.log_bpm for edge in edges])[each]
    steps = np.nan_to_num(earlier("log_bpm") - log_bpm) / math.log(STEP)
    steps = np.where(np.array([points[edge.begin].turn for edge in edges])[each], 0.0, steps)  # another scene
    phase, since = np.mod(earlier("phase") + beats, task.metre), earlier("since") + beats
    cost = earlier("cost") + np.array([edge.cost for edge in edges])[each] + _STEP_COST * steps**2
    cost = cost + (_bar_cost(phase, since, task.metre) if point.turn else _weak_cost(phase, task, point))
    cost = np.where(np.abs(steps) > 1 + 1e-9, np.inf, np.round(cost, 9))
    kept = _least(cost, each * 1000 + np.round(phase / ODD).astype(np.int64))
    origin = np.array([edge.begin for edge in edges])[each]
    if point.turn:
        phase, since = np.zeros_like(phase), np.zeros_like(since)
    return _Arrivals(cost[kept], log_bpm[kept], phase[kept], since[kept], origin[kept], parent[kept], beats[kept])


@dataclass(frozen=True)
class _Edge:
    """From the point `begin` on so many beats of one tempo; `cost`: of the tempo and of the cuts that are passed."""

    begin: int
    beats: float
    log_bpm: float
    cost: float


def _edges(points: list[_Point], arrivals: list[_Arrivals], end: int, task: _Task) -> list[_Edge]:
    found, point = list[_Edge](), points[end]
    for begin in _origins(points, end):
        start = points[begin]
        counts = _counts(point.at_s - start.at_s, task.wished_bpm, point.turn) if len(arrivals[begin].cost) else []
        passed = slice(start.cut + 1, point.cut)
        for beats in counts:
            beat_s = (point.at_s - start.at_s) / beats
            cost = _OFF_TEMPO * (math.log(60 / beat_s / task.wished_bpm) / math.log(REACH)) ** 2 + point.cost
            if passed.start < passed.stop:
                cost += _passed_cost(task.times[passed] - start.at_s, task.weights[passed], beat_s)
            found.append(_Edge(begin, beats, math.log(60 / beat_s), cost))
    return found


def _least(cost: Doubles, kind: Ints) -> Ints:
    """Which [k] of the ways [w] is the cheapest of its kind [w]; the first of equal ones, none of infinite cost."""
    order = np.lexsort((cost, kind))
    firsts = np.flatnonzero(np.diff(kind[order], prepend=-1))
    best = order[firsts]
    return np.asarray(best[np.isfinite(cost[best])])


def _passed_cost(times: Doubles, weights: Doubles, beat_s: float) -> float:
    """Of the cuts [c] between two anchors, at times since the first of them."""
    beat_off = np.abs(times - np.round(times / beat_s) * beat_s)
    half_off = np.abs(times - np.round(2 * times / beat_s) * beat_s / 2)
    share = np.where(beat_off <= TOLERANCE_S, _WEAK_BEAT, np.where(half_off <= TOLERANCE_S, _HALF_BEAT, 1.0))
    return float((weights * share).sum())


def _weak_cost(phase: Doubles, task: _Task, point: _Point) -> Doubles:
    """Of a cut at these beats of its bar [w]."""
    return np.where(phase > 0, _WEAK_BEAT * task.cuts[point.cut].weight, 0.0)


def _bar_cost(phase: Doubles, since: Doubles, metre: int) -> Doubles:
    """Of last bars with so many beats left over [w], after so many beats [w]."""
    cost = np.where(phase % 1 == 0, _ODD_BAR, _BROKEN_BAR)
    cost = np.where((phase == 2) & (metre == 4), _HALF_BAR, cost)
    return np.asarray(np.where(phase == 0, 0.0, cost) + np.where(since < metre, _SHORT, 0.0))


def bars_of(beats: float, metre: int) -> list[float]:
    """Bars of `metre` beats; what is left over lengthens the last, or follows it as one of its own.

    >>> bars_of(9, 4), bars_of(10, 4), bars_of(2.5, 3)
    ([4.0, 5.0], [4.0, 4.0, 2.0], [2.5])
    """
    whole, rest = divmod(float(beats), metre)
    bars = [float(metre)] * int(whole)
    if not rest:
        return bars
    if bars and rest < metre / 2:
        return [*bars[:-1], metre + rest]
    return [*bars, rest]


def _traced(points: list[_Point], arrivals: list[_Arrivals], task: _Task) -> TempoMap:
    """The cheapest way through the points."""
    point, way = len(points) - 1, int(np.argmin(arrivals[-1].cost))
    stops: list[tuple[_Point, float]] = []
    while point:
        ways = arrivals[point]
        stops.append((points[point], float(ways.beats[way])))
        point, way = int(ways.origin[way]), int(ways.parent[way])
    anchors, bars, since = [(points[0].at_s, 0.0)], list[float](), 0.0
    for stop, beats in reversed(stops):
        anchors.append((stop.at_s, anchors[-1][1] + beats))
        since += beats
        if stop.turn:
            bars += bars_of(since, task.metre)
            since = 0.0
    return TempoMap(tuple(anchors), tuple(bars), task.wished_bpm)
