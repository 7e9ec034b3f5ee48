from itertools import combinations

import numpy as np
import pytest

from storysound.metrics.music import beats, keys


def slow_matches(found: list[float], truth: list[float], near_s: float) -> int:
    """The most pairs, over all ways to pair."""
    if not found:
        return 0
    without = slow_matches(found[1:], truth, near_s)
    near = [i for i, time in enumerate(truth) if abs(time - found[0]) <= near_s + 1e-12]
    return max([without, *(1 + slow_matches(found[1:], truth[:i] + truth[i + 1 :], near_s) for i in near)])


@pytest.mark.parametrize("seed", range(8))
def test_f_measure_pairs_as_many_as_can_be(seed: int) -> None:
    rng = np.random.default_rng(seed)
    found, truth = (sorted(rng.uniform(0, 1, int(rng.integers(1, 7))).tolist()) for _ in range(2))
    expected = 2 * slow_matches(found, truth, 0.07) / (len(found) + len(truth))
    assert beats.f_measure(found, truth) == pytest.approx(expected)


def test_f_measure_of_nothing() -> None:
    assert beats.f_measure([], []) == 1
    assert beats.f_measure([1.0], []) == beats.f_measure([], [1.0]) == 0


def test_tempi_and_their_octaves() -> None:
    for truth in (61.0, 97.0, 150.0):
        assert [beats.tempo_ratio(truth * ratio * 1.03, truth) for ratio in beats.OCTAVES] == list(beats.OCTAVES)
        assert beats.tempo_ratio(truth * 1.06, truth) is None
    assert beats.tempo_ratio(None, 90.0) is None


NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")


def test_relations_of_keys_by_their_notes() -> None:
    """Relative keys share all their notes, those a fifth apart all but one."""
    steps = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}
    notes = {f"{NAMES[t]} {mode}": {(t + s) % 12 for s in scale} for mode, scale in steps.items() for t in range(12)}
    for one, other in combinations(notes, 2):
        shared, mode = len(notes[one] & notes[other]), one.split()[1] == other.split()[1]
        expected = "relative" if shared == 7 else "fifth" if shared == 6 and mode else "other"
        if one.split()[0] == other.split()[0]:
            expected = "parallel"
        assert keys.relation(one, other) == keys.relation(other, one) == expected
        assert keys.relation(one, one) == "same"
