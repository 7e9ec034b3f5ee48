import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from storysound.metrics import retrieval
from storysound.metrics.retrieval import at_random, both_ways, evaluate, evaluate_embeddings, intervals


def slow_ranks(similarity: np.ndarray, column: np.ndarray) -> np.ndarray:
    """By sorting: the mean of the places that candidates as similar as the own one take up."""
    ranks = []
    for row, own in zip(similarity, column, strict=True):
        places = 1 + np.flatnonzero(np.sort(row)[::-1] == row[own])
        ranks.append(places.mean())
    return np.array(ranks)


def slow_average_precision(row: np.ndarray, relevant: np.ndarray, cutoff: int = 10) -> float:
    """Of a row without ties."""
    hits = relevant[np.argsort(-row)][:cutoff]
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float((precision * hits).sum() / min(relevant.sum(), cutoff))


@given(n=st.integers(1, 60), levels=st.integers(1, 40), seed=st.integers(0, 999))
@settings(deadline=None)
def test_ranks_are_those_of_a_sort_and_ties_share_the_mean(n: int, levels: int, seed: int) -> None:
    similarity = np.random.default_rng(seed).integers(-levels, levels, (n, n)).astype(np.float32) / 7
    expected = slow_ranks(similarity, np.arange(n))
    report = evaluate(torch.from_numpy(similarity))
    np.testing.assert_array_equal(report.ranks, expected)
    assert report.ties == ((similarity == np.diag(similarity)[:, None]).sum(1) > 1).sum()
    assert (report.r1, report.r20) == ((expected <= 1).mean(), (expected <= 20).mean())
    assert report.mean_rank == pytest.approx(expected.mean())
    assert report.median_rank == np.median(expected)
    assert report.mrr == pytest.approx((1 / expected).mean())


@pytest.mark.parametrize("candidates", [1, 7, 8, 2039, 2040, 2041, 4100])
def test_counting_eight_at_a_time_overflows_nowhere(candidates: int) -> None:
    similarity = np.tile(np.arange(candidates, dtype=np.float32), (3, 1))
    report = evaluate(similarity, [0, candidates // 2, candidates - 1])
    assert report.ranks.tolist() == [candidates, candidates - candidates // 2, 1]
    level = evaluate(np.zeros((2, candidates)), [0, 0])
    assert level.ranks.tolist() == [(candidates + 1) / 2] * 2


@pytest.mark.parametrize("cache_bytes", [1, 999, 1 << 20])
def test_block_size_changes_nothing(cache_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    similarity = torch.randint(0, 50, (90, 90), generator=torch.Generator().manual_seed(0)).float()
    whole = evaluate(similarity)
    monkeypatch.setattr(retrieval, "CACHE_BYTES", cache_bytes)
    assert evaluate(similarity) == whole


@pytest.mark.parametrize("block", [None, 1, 7, 1000])
def test_embeddings_give_what_their_matrix_gives(block: int | None) -> None:
    rng = torch.Generator().manual_seed(3)
    queries, candidates = (torch.randint(-9, 9, (n, 16), generator=rng).float() for n in (40, 70))  # exact products
    relevant = torch.arange(40) + 5
    found = evaluate_embeddings(queries, candidates, relevant, block=block)
    assert found == evaluate(queries @ candidates.T, relevant)
    assert found.ties > 0


def test_several_relevant_without_ties() -> None:
    rng = np.random.default_rng(5)
    similarity = rng.permutation(40 * 30).reshape(40, 30).astype(np.float64)
    relevant = rng.random((40, 30)) < 0.15
    relevant[:, 3] = True
    report = evaluate(similarity, relevant)
    first = [1 + (row > row[own].max()).sum() for row, own in zip(similarity, relevant, strict=True)]
    np.testing.assert_array_equal(report.ranks, first)
    expected = [slow_average_precision(row, own) for row, own in zip(similarity, relevant, strict=True)]
    np.testing.assert_allclose(report.precision10, expected)


def test_ties_of_several_relevant_are_ranks_of_random_order() -> None:
    similarity, relevant = np.array([[2, 1, 1, 1, 1, 0]]), np.array([[0, 1, 1, 0, 0, 1]], bool)
    rng, firsts = np.random.default_rng(0), []
    for _ in range(4000):
        order = np.lexsort((rng.random(6), -similarity[0]))
        firsts.append(1 + np.flatnonzero(relevant[0][order])[0])
    assert evaluate(similarity, relevant).ranks[0] == pytest.approx(np.mean(firsts), abs=0.05)
    assert evaluate(np.zeros((1, 4)), np.ones((1, 4), bool)).ranks.tolist() == [1.0]  # whichever comes first is right


def test_infinite_half_and_whole_numbers_are_ranked() -> None:
    masked = torch.full((3, 3), -torch.inf).fill_diagonal_(0.0)
    assert evaluate(masked).ranks.tolist() == [1, 1, 1]
    assert evaluate(torch.full((2, 2), -torch.inf)).ranks.tolist() == [1.5, 1.5]
    half = torch.tensor([[0.5, 0.25], [0.5, 0.25]])
    assert all(evaluate(half.to(kind)) == evaluate(half) for kind in (torch.float16, torch.bfloat16, torch.float64))
    assert evaluate([[3, 1], [2, 2]]).ranks.tolist() == [1, 1.5]


def test_order_of_candidates_and_of_queries_changes_nothing() -> None:
    rng = np.random.default_rng(1)
    similarity, own = rng.integers(0, 9, (20, 30)), rng.integers(0, 30, 20)
    whole, order, turn = evaluate(similarity, own), rng.permutation(30), rng.permutation(20)
    assert evaluate(similarity[:, order], np.argsort(order)[own]) == whole
    np.testing.assert_array_equal(evaluate(similarity[turn], own[turn]).ranks, whole.ranks[turn])


def test_both_ways_and_their_geometric_mean() -> None:
    similarity = torch.tensor([[3.0, 1.0], [4.0, 2.0]])
    reports = both_ways(similarity, "A", "T")
    assert reports == {"A2T": evaluate(similarity), "T2A": evaluate(similarity.T.contiguous())}
    assert reports["A2T"].geometric_mean == pytest.approx(0.5 ** (1 / 3))
    several = torch.tensor([[True, True, False], [False, False, True]])
    found = both_ways(torch.tensor([[3.0, 2.0, 1.0], [1.0, 5.0, 0.0]]), "V", "A", several)
    assert found["V2A"].ranks.tolist() == [1, 3]
    assert found["A2V"].ranks.tolist() == [1, 2, 2]


def test_chance_is_the_middle() -> None:
    chance = at_random(400, 300, np.arange(400) % 300)
    assert chance["mean_rank"] == pytest.approx(150.5, rel=0.05)
    assert chance["r10"] == pytest.approx(10 / 300, rel=0.4)
    assert chance == at_random(400, 300, np.arange(400) % 300)
    assert chance != at_random(400, 300, np.arange(400) % 300, seed=1)


def test_intervals_cover_and_groups_widen_them() -> None:
    similarity = np.random.default_rng(2).normal(size=(200, 200)) + 2 * np.eye(200)
    report = evaluate(similarity)
    alone = intervals(report, draws=300)
    assert all(low <= getattr(report, name) <= high for name, (low, high) in alone.items())
    assert alone["r1"] != (report.r1, report.r1)
    copies = evaluate(np.repeat(similarity, 10, axis=0), np.repeat(np.arange(200), 10))
    naive, grouped = intervals(copies, draws=300), intervals(copies, draws=300, groups=np.repeat(np.arange(200), 10))
    assert naive["r1"][1] - naive["r1"][0] < 0.6 * (grouped["r1"][1] - grouped["r1"][0])
    np.testing.assert_allclose(grouped["r1"], alone["r1"], atol=0.03)


@pytest.mark.parametrize(
    ("similarity", "relevant", "fault"),
    [
        (np.zeros((2, 3)), None, "not pairs"),
        (np.zeros((2, 3)), [0, 3], "from 0 to 2"),
        (np.zeros((2, 3)), [0, 1, 2], "from 0 to 2"),
        (np.zeros((2, 3)), [[True, False, True], [False, False, False]], "query 1"),
        (np.zeros((2, 3)), [[True, False], [True, False]], r"\[2 3\]"),
        (np.zeros(3), None, r"\[q c\]"),
        (np.zeros((0, 0)), None, "no queries"),
        ([[0.0, np.nan], [0.0, 1.0]], None, "NaN"),
        ([[np.nan, 0.0], [0.0, 1.0]], None, "NaN"),
    ],
)
def test_nonsense_is_refused(similarity: object, relevant: object, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        evaluate(similarity, relevant)  # type: ignore[arg-type]


def test_every_query_needs_a_group() -> None:
    with pytest.raises(ValueError, match="a group for each of 1 items, got 2"):
        intervals(evaluate([[1.0]]), groups=[0, 1])
