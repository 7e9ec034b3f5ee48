"""MMVA's Eq. 1, its sigma, and the fixed pairs of IMEMNet."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from storysound.match import mmva
from storysound.match.mmva import fixed_pairs, matching_score, mean_distance, paired_score


def moods(seed: int, n: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).random((n, 2), np.float32))


@given(st.integers(0, 500), st.integers(1, 9), st.integers(1, 11))
def test_equation_1_and_sigma_are_their_loops(seed: int, q: int, c: int) -> None:
    a, b = moods(seed, q), moods(seed + 1, c)
    distance = [[math.dist(x, y) for y in b.tolist()] for x in a.tolist()]
    sigma = sum(map(sum, distance)) / (q * c)
    assert mean_distance(a, b) == pytest.approx(sigma, rel=1e-6)
    expected = [[math.exp(-d / sigma) for d in row] for row in distance]
    assert matching_score(a, b, sigma).numpy() == pytest.approx(np.array(expected), abs=1e-6)
    n = min(q, c)
    assert paired_score(a[:n], b[:n], sigma).tolist() == pytest.approx([expected[i][i] for i in range(n)], abs=1e-6)


@given(st.integers(0, 500), st.integers(1, 9), st.integers(1, 11))
def test_similarity_is_symmetric(seed: int, q: int, c: int) -> None:
    a, b = moods(seed, q), moods(seed + 1, c)
    torch.testing.assert_close(matching_score(a, b, 0.35), matching_score(b, a, 0.35).T)
    assert mean_distance(a, b) == pytest.approx(mean_distance(b, a), rel=1e-6)
    assert matching_score(a, a, 0.35).diagonal().tolist() == [1.0] * q


def test_mmva_erratum_2_sigma_is_the_mean_over_all_pairs_and_is_never_held_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    a, b = moods(0, 300), moods(1, 70)
    whole = np.linalg.norm(a.numpy()[:, None] - b.numpy()[None], axis=-1).mean(dtype=np.float64)
    monkeypatch.setattr(mmva, "STRIP", 500)
    largest = []
    distance = mmva._distance
    monkeypatch.setattr(mmva, "_distance", lambda x, y: largest.append(len(x) * len(y)) or distance(x, y))
    assert mean_distance(a, b) == pytest.approx(whole, rel=1e-6)
    assert max(largest) <= 500


def test_near_moods_are_told_apart_in_float32() -> None:
    a = torch.tensor([[0.7, 0.7]])
    b = a + torch.tensor([[1e-5, 0.0]])
    d = float(b[0, 0] - a[0, 0])
    assert -math.log(matching_score(a, b, 0.35).item()) * 0.35 == pytest.approx(d, rel=0.01)


def test_fixed_pairs_are_the_ten_best_the_ten_worst_and_thirty_more() -> None:
    pictures, clips = moods(2, 200), moods(3, 12)
    pairs = fixed_pairs(pictures, clips, 0.35, np.random.default_rng(0), kept=1.0)
    assert len(pairs.clips) == 12 * 50
    scores = matching_score(clips, pictures, 0.35).numpy()
    for clip in range(12):
        own = set(pairs.pictures[pairs.clips == clip].tolist())
        order = np.argsort(-scores[clip], kind="stable")
        assert len(own) == 50
        assert set(order[:10].tolist()) | set(order[-10:].tolist()) <= own
    assert pairs.scores == pytest.approx(scores[pairs.clips, pairs.pictures], abs=1e-6)


def test_a_tenth_of_the_fixed_pairs_is_kept_and_few_pictures_are_all_taken() -> None:
    pairs = fixed_pairs(moods(2, 200), moods(3, 40), 0.35, np.random.default_rng(0))
    assert len(pairs.clips) == 200
    assert len(set(zip(pairs.clips.tolist(), pairs.pictures.tolist(), strict=True))) == 200
    few = fixed_pairs(moods(2, 15), moods(3, 4), 0.35, np.random.default_rng(0), kept=1.0)
    assert len(few.clips) == 60


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        matching_score(moods(0, 2), moods(1, 2), 0.0)
    with pytest.raises(ValueError, match=r"moods are \[n 2\]"):
        matching_score(torch.zeros(2, 3), moods(1, 2), 0.3)
    with pytest.raises(ValueError, match="both sides"):
        mean_distance(torch.zeros(0, 2), moods(1, 2))
