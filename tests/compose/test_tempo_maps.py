"""The tempo map against a search through everything it could have been."""

import math
from collections.abc import Iterator
from itertools import combinations, pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storysound.compose import tempo
from storysound.compose.tempo import Cut, TempoMap, bars_of, fit, least_s

Stop = tuple[float, int, bool, float]  # time, number of the cut, turn, cost


def ways(start_s: float, end_s: float, cuts: list[Cut]) -> Iterator[list[Stop]]:
    """All choices of anchors, each on its cut or a little beside it."""
    for size in range(len(cuts) + 1):
        for chosen in combinations(range(len(cuts)), size):
            for leans in product(tempo.LEANS_S, repeat=size):
                if any(lean and cuts[i].turn for i, lean in zip(chosen, leans, strict=True)):
                    continue
                inner = [
                    (cuts[i].at_s + lean, i, cuts[i].turn, tempo._LEAN * cuts[i].weight if lean else 0.0)
                    for i, lean in zip(chosen, leans, strict=True)
                ]
                yield [(start_s, -1, True, 0.0), *inner, (end_s, len(cuts), True, 0.0)]


def cost(stops: list[Stop], counts: tuple[float, ...], cuts: list[Cut], bpm: float, metre: int) -> float:
    """What a map costs by the rules of `fit`'s docstring; infinite where it breaks one."""
    total, phase, since, before = 0.0, 0.0, 0.0, None
    for (a, first, a_turn, _), (b, last, b_turn, lean), beats in zip(stops, stops[1:], counts, strict=False):
        now = 60 * beats / (b - a)
        total += lean + tempo._OFF_TEMPO * (math.log(now / bpm) / math.log(tempo.REACH)) ** 2
        if before is not None and not a_turn:
            if max(now / before, before / now) > tempo.STEP * (1 + 1e-10):
                return math.inf
            total += tempo._STEP_COST * (math.log(now / before) / math.log(tempo.STEP)) ** 2
        for cut in cuts[first + 1 : last]:
            place = (cut.at_s - a) / (b - a) * beats
            off = [abs(place - round(place)), abs(place - round(2 * place) / 2)]
            near = [each * (b - a) / beats <= tempo.TOLERANCE_S for each in off]
            total += cut.weight * (tempo._WEAK_BEAT if near[0] else tempo._HALF_BEAT if near[1] else 1.0)
        phase, since, before = (phase + beats) % metre, since + beats, now
        if b_turn:
            total += float(tempo._bar_cost(np.array(phase), np.array(since), metre))
            phase = since = 0.0
        elif phase:
            total += tempo._WEAK_BEAT * cuts[last].weight
    return total


def cheapest(start_s: float, end_s: float, cuts: list[Cut], bpm: float, metre: int) -> float:
    """The least cost of all."""
    best = math.inf
    for stops in ways(start_s, end_s, cuts):
        options = []
        for (a, _, _, _), (b, _, turn, _) in pairwise(stops):
            unit = 0.5 if turn else 1.0
            counts = [n * unit for n in range(1, 200)]
            options.append([n for n in counts if 1 / 1.1 - 1e-9 <= 60 * n / (b - a) / bpm <= 1.1 + 1e-9])
        for counts in product(*options):
            best = min(best, cost(stops, counts, cuts, bpm, metre))
    return best


def cost_of(found: TempoMap, cuts: list[Cut], metre: int) -> float:
    """What the map that was found costs."""
    stops: list[Stop] = []
    for at_s, _ in found.anchors:
        near = [i for i, cut in enumerate(cuts) if abs(cut.at_s - at_s) < 0.031]
        if not stops or at_s == found.anchors[-1][0]:
            stops.append((at_s, len(cuts) if stops else -1, True, 0.0))
        else:
            cut = cuts[near[0]]
            lean = tempo._LEAN * cut.weight if abs(at_s - cut.at_s) > 1e-9 else 0.0
            stops.append((at_s, near[0], cut.turn, lean))
    counts = tuple(b - a for (_, a), (_, b) in pairwise(found.anchors))
    return cost(stops, counts, cuts, found.wished_bpm, metre)


@pytest.mark.parametrize("number", range(12))
def test_no_map_is_cheaper(number: int) -> None:
    rng = np.random.default_rng(number)
    times = np.cumsum(rng.uniform(1.0, 3.5, 4)).round(2)
    cuts = [Cut(float(t), float(rng.choice([1.0, 4.0])), bool(rng.random() < 0.2)) for t in times[:-1]]
    bpm, metre = float(rng.uniform(60, 140)), int(rng.choice([3, 4]))
    end_s = float(times[-1]) + 2.5
    found = fit(0.0, end_s, cuts, bpm, metre)
    assert cost_of(found, cuts, metre) == pytest.approx(cheapest(0.0, end_s, cuts, bpm, metre), abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(
    gaps=st.lists(st.floats(0.3, 6.0), max_size=12),
    tail_s=st.floats(3.0, 20.0),
    bpm=st.floats(56, 150),
    metre=st.sampled_from([3, 4]),
)
def test_rules_hold(gaps: list[float], tail_s: float, bpm: float, metre: int) -> None:
    times = np.cumsum(gaps) if gaps else np.zeros(0)
    end_s = (float(times[-1]) if gaps else 0.0) + tail_s
    found = fit(0.0, end_s, [Cut(float(t)) for t in times], bpm, metre)
    tempi = found.tempi()
    assert all(1 / tempo.REACH - 1e-6 <= each / bpm <= tempo.REACH + 1e-6 for each in tempi)
    assert all(max(a / b, b / a) <= tempo.STEP + 1e-6 for a, b in pairwise(tempi))
    assert sum(found.bars) == found.beats
    assert all(each == metre for each in found.bars[:-2])
    assert found.at_s(found.beats) == pytest.approx(end_s)
    assert all(found.beat_at(found.at_s(b)) == pytest.approx(b) for b in np.linspace(-1, found.beats + 1, 17))


def test_a_metronome_that_suits_stays() -> None:
    found = fit(0.0, 24.0, [Cut(4.0), Cut(10.0), Cut(18.0)], 120.0, 4)
    assert found.tempi() == [120.0] * len(found.tempi())
    assert found.bars == (4.0,) * 12


def test_a_turn_begins_a_bar() -> None:
    found = fit(0.0, 21.0, [Cut(8.5, 8.0, turn=True)], 120.0, 4)
    starts = [found.at_s(sum(found.bars[:i])) for i in range(len(found.bars))]
    assert min(abs(start - 8.5) for start in starts) < 1e-9


def test_from_which_length_on_every_tempo_has_a_bar() -> None:
    for bpm in (55.0, 90.0, 144.0):
        for more_s in np.linspace(0, 3, 60):
            (found,) = fit(0.0, least_s(bpm) + more_s, [], bpm, 4).tempi()
            assert 1 / tempo.REACH - 1e-9 <= found / bpm <= tempo.REACH + 1e-9


def test_what_is_too_short_has_a_bar_all_the_same() -> None:
    found = fit(3.0, 3.3, [], 60.0, 4)
    assert found.bars == (0.5,)
    assert found.at_s(0.5) == pytest.approx(3.3)


@pytest.mark.parametrize("metre", [3, 4])
def test_bars_add_up(metre: int) -> None:
    for halves in range(1, 80):
        bars = bars_of(halves / 2, metre)
        assert sum(bars) == halves / 2
        assert sum(bar != metre for bar in bars) <= 1
        assert max(bars) < 1.5 * metre


def test_beats_broaden_inside_the_same_time() -> None:
    plain = fit(0.0, 16.0, [], 120.0, 4)
    broad = plain.broadened(3, 1.3, 4.2)
    assert [broad.at_s(b) for b in range(10)] == pytest.approx([plain.at_s(b) for b in range(10)])
    beats = np.arange(9, plain.beats + 1)
    lengths = np.diff([broad.at_s(b) for b in beats])
    assert broad.at_s(plain.beats) == pytest.approx(16.0)
    assert lengths[-1] == pytest.approx(1.3 * lengths[0])
    assert np.all(np.diff(lengths[-4:]) > 0)
    short = fit(0.0, 2.0, [], 120.0, 4)
    assert len(short.broadened(3, 1.3, 0.0).anchors) == 4
    assert short.broadened(3, 1.3, 1.6) == short
