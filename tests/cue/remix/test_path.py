"""The cheapest way, against all ways there are."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from storysound.cue.remix.bars import Bars
from storysound.cue.remix.costs import Costs
from storysound.cue.remix.path import BAR_WORTH, HIT_WORTH, NoWayError, Wanted, Way, cheapest, stretch_beats
from storysound.cue.remix.structure import Structure

COUNT = 13
RING_S = 1.0


def bars_of_seconds(steps: np.ndarray) -> Bars:
    """Beats that far apart [n - 1], the first at .4 s."""
    times = 0.4 + np.concatenate([[0.0], np.cumsum(steps)])
    blank = np.zeros((len(times), 1), np.float32)
    return Bars(times, 0.0, times[-1] + RING_S, times[-1], True, 1, 0, blank, blank, np.zeros(len(times)), blank, blank)


def loud_db(bars: Bars) -> np.ndarray:
    """Each 20 ms: the last beat dies away."""
    falls = (np.arange(round(bars.last_s / 0.02) + 1) * 0.02 - bars.times_s[-1]) / RING_S
    return -60 * np.clip(falls, 0, 1)


def costs(total: np.ndarray) -> Costs:
    blank = np.zeros_like(total, np.float32)
    return Costs(blank, blank, blank, blank, total.astype(np.float32))


def ending_cost(late_s: float, bars: Bars) -> float:
    """As `path` has it, of one way."""
    if late_s > 4.0 or late_s < -max(0.6, bars.beat_s):
        return math.inf
    if late_s <= 0:
        return -0.5 * late_s
    loud = loud_db(bars)[max(round((bars.last_s - late_s) / 0.02), 0)]
    lost = 3.0 * (bars.last_s - late_s < bars.times_s[-1] + 0.5)  # the last beat isn't heard to ring
    return 0.8 * min(max(1 + loud / 45, 0), 1) * min(1.0, 0.2 + late_s) + lost


def all_ways(bars: Bars, total: np.ndarray, length_s: float, most_jumps: int) -> float:
    """The least cost of any way with so many jumps, by trying all."""
    least = stretch_beats(bars)
    best = math.inf
    pairs = [
        (i, j)
        for i in range(least, COUNT)
        for j in range(COUNT - least)
        if abs(bars.times_s[i] - bars.times_s[j]) >= bars.beat_s * bars.meter - 1e-9
    ]
    for count in range(most_jumps + 1):
        for jumps in itertools.product(pairs, repeat=count):
            reached, lasts = 0, bars.times_s[0]
            cost = 0.0
            for leave, reach in jumps:
                if leave < reached + least:
                    break
                lasts += bars.times_s[leave] - bars.times_s[reached]
                reached, cost = reach, cost + total[leave, reach]
            else:
                lasts += bars.last_s - bars.times_s[reached]
                best = min(best, cost + ending_cost(lasts - length_s, bars))
    return best


@pytest.mark.parametrize("seed", range(12))
def test_no_way_is_cheaper(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bars = bars_of_seconds(rng.integers(45, 56, COUNT - 1) * 0.02)  # on the grid of time
    total = rng.uniform(0.2, 2.0, (COUNT, COUNT))
    length_s = float(rng.integers(int(9 / 0.02), int(22 / 0.02))) * 0.02
    way = cheapest(bars, Structure(np.zeros(COUNT), ()), costs(total), Wanted(length_s), loud_db(bars))
    assert way.cost == pytest.approx(all_ways(bars, total, length_s, 2), abs=1e-4)
    assert _cost(way, bars, total, length_s) == pytest.approx(way.cost, abs=1e-4)


def _cost(way: Way, bars: Bars, total: np.ndarray, length_s: float) -> float:
    """What the way itself costs, as it says it goes."""
    at, lasts = way.entry, float(bars.times_s[0])
    for leave, reach in way.jumps:
        lasts += bars.times_s[leave] - bars.times_s[at]
        at = reach
    lasts += bars.last_s - bars.times_s[at]
    return sum(total[jump] for jump in way.jumps) + ending_cost(lasts - length_s, bars)


@pytest.mark.parametrize(
    ("length_s", "hits_s", "jumps"),
    [(30.4, (), ()), (30.4, (10.4,), ((6, 16), (25, 15))), (30.4, (14.4,), ()), (35.4, (25.4,), ((12, 7),))],
)
def test_a_turn_is_brought_to_a_hit(length_s: float, hits_s: tuple[float, ...], jumps: tuple[object, ...]) -> None:
    """The turn is beat 20, and comes at 20.4 s; where it shall come elsewhere a way there is worth two jumps."""
    bars = bars_of_seconds(np.full(29, 1.0))
    turns = np.zeros(30)
    turns[20] = 1.0
    total = np.full((30, 30), np.inf)
    total[(6, 25, 12), (16, 15, 7)] = 0.5
    way = cheapest(bars, Structure(turns, ()), costs(total), Wanted(length_s, hits_s), loud_db(bars))
    assert way.jumps == jumps
    worth = HIT_WORTH * (1.0 if jumps else BAR_WORTH) * bool(hits_s)  # a bar meets each hit anyway
    assert way.cost == pytest.approx(0.5 * len(jumps) - worth, abs=1e-4)


def test_a_hint_says_where_to_enter() -> None:
    bars = bars_of_seconds(np.full(59, 1.0))
    flat = costs(np.full((60, 60), 0.5))
    blank = Structure(np.zeros(60), ())
    assert cheapest(bars, blank, flat, Wanted(20.0, hint_s=41.0), loud_db(bars)).entry == 40  # and it ends in time
    assert cheapest(bars, blank, flat, Wanted(20.0), loud_db(bars)).entry == 0


def test_what_cannot_be_is_said() -> None:
    bars = bars_of_seconds(np.full(COUNT - 1, 1.0))
    flat = costs(np.full((COUNT, COUNT), 0.5))
    blank = Structure(np.zeros(COUNT), ())
    with pytest.raises(NoWayError, match="for its beginning and its ending"):
        cheapest(bars, blank, flat, Wanted(3.0), loud_db(bars))
    few = bars_of_seconds(np.full(6, 1.0))
    with pytest.raises(NoWayError, match="no more than 7 beats"):
        cheapest(few, blank, flat, Wanted(20.0), loud_db(few))
    dear = replace(flat, total=np.full((COUNT, COUNT), np.inf, np.float32))
    with pytest.raises(NoWayError, match="no way of jumps"):
        cheapest(bars, blank, dear, Wanted(30.0), loud_db(bars))


@pytest.mark.parametrize(("latest_s", "late_s"), [(0.5, 0.4), (0.0, -0.6)])
def test_all_is_moved_for_a_hit(latest_s: float, late_s: float) -> None:
    """Beats come at .4 s and each second after it."""
    bars = bars_of_seconds(np.full(29, 1.0))
    never = costs(np.full((30, 30), np.inf))
    wanted = Wanted(30.4, (10.8,), latest_s=latest_s)
    way = cheapest(bars, Structure(np.zeros(30), ()), never, wanted, loud_db(bars))
    assert way.late_s == pytest.approx(late_s, abs=1e-6)


def test_a_beat_that_is_jumped_over_meets_no_hit() -> None:
    """Two beats at one time are worth no more than one, where the first is the one before which a jump leaves."""
    bars = bars_of_seconds(np.full(29, 1.0))
    total = np.full((30, 30), np.inf)
    total[10, 20] = 0.5
    way = cheapest(bars, Structure(np.zeros(30), ()), costs(total), Wanted(20.4, (10.4,)), loud_db(bars))
    plain = cheapest(bars, Structure(np.zeros(30), ()), costs(total), Wanted(20.4), loud_db(bars))
    assert plain.cost - way.cost == pytest.approx(HIT_WORTH * BAR_WORTH, abs=1e-3)
