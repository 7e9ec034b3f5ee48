"""Key frames by clustering, against an oracle that merges pair by pair."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from storysound.ingest.clusters import clusters, representatives


def oracle(vectors: NDArray[np.float64], similarity: float) -> set[frozenset[int]]:
    """Average linkage, literally: join the two groups of least mean distance until that exceeds the cut."""
    apart = np.array([[np.sqrt(((a - b) ** 2).sum()) for b in vectors] for a in vectors])
    cut = apart.max() * (1 - similarity)
    groups = [frozenset([i]) for i in range(len(vectors))]
    while len(groups) > 1:
        pairs = itertools.combinations(groups, 2)
        best, a, b = min(((np.mean([apart[i, j] for i in a for j in b]), a, b) for a, b in pairs), key=lambda p: p[0])
        if best > cut:
            break
        groups = [group for group in groups if group not in (a, b)] + [a | b]
    return set(groups)


def groups_of(labels: NDArray[np.int64]) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in set(labels.tolist())}


@pytest.mark.parametrize("similarity", [0.0, 0.3, 0.5, 0.8, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_average_linkage_cut_at_a_share_of_the_largest_distance(seed: int, similarity: float) -> None:
    vectors = np.random.default_rng(seed).normal(size=(14, 5))
    assert groups_of(clusters(vectors, similarity)) == oracle(vectors, similarity)


@settings(max_examples=40, deadline=None)
@given(arrays.arrays(np.float64, st.tuples(st.integers(1, 12), st.integers(1, 4)), elements=st.floats(-9, 9, width=16)))
def test_one_key_frame_per_cluster_in_time_order(vectors: NDArray[np.float64]) -> None:
    own, chosen = clusters(vectors), representatives(vectors)
    assert (np.diff(chosen) > 0).all()
    assert sorted(own[chosen].tolist()) == list(range(own.max() + 1))
    _, firsts = np.unique(own, return_index=True)
    assert (np.diff(firsts) > 0).all()


def test_singletons_are_kept() -> None:
    """The clustering library of the paper drops them by default; the paper's own scripts keep them."""
    vectors = [[0.0, 0.0], [0.1, 0.0], [0.0, 0.1], [5.0, 5.0], [9.0, 0.0]]
    assert clusters(vectors).tolist() == [0, 0, 0, 1, 2]
    assert representatives(vectors).tolist() == [0, 3, 4]


def test_a_scene_that_comes_back_is_one_key_frame() -> None:
    assert representatives([[0.0], [10.0], [0.0], [10.0], [10.0]]).tolist() == [0, 1]


def test_the_middle_of_a_cluster_stands_for_it() -> None:
    assert representatives([[0.0], [1.0], [2.0], [99.0]]).tolist() == [1, 3]


def test_few_and_equal_pictures() -> None:
    assert representatives(np.zeros((0, 3))).tolist() == []
    assert representatives([[4.0]]).tolist() == [0]
    assert representatives(np.ones((7, 3))).tolist() == [0]


def test_a_static_scene_stays_together_above_a_floor() -> None:
    """The paper's cut alone (no floor) parts whatever is there; distances are 1 to 2, vectors 10 long."""
    static = np.array([[10.0, 0.0], [10.0, 1.0], [10.0, 2.0]])
    assert len(representatives(static)) == 2
    assert representatives(static, floor=0.5).tolist() == [1]
    assert representatives([*static, [-10.0, 0.0]], floor=0.5).tolist() == [1, 3]


@pytest.mark.parametrize(
    "wrong", [([[1.0], [2.0]], 1.5), ([1.0, 2.0], 0.5), ([[np.nan], [1.0]], 0.5), ([[1.0]], 0.5, -1)]
)
def test_wrong_input_is_refused(wrong: tuple[list[float], float]) -> None:
    with pytest.raises(ValueError, match="must"):
        clusters(*wrong)
