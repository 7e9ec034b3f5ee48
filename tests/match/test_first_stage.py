import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from storysound.encode.labels import LabelSpace
from storysound.match import first_stage as fs
from storysound.story import Mood

raw = arrays(np.float32, 7, elements=st.floats(-100, 100, width=32))


def evidence(scores: np.ndarray, weight: float = 1.0, say: str = "", source: str = "") -> fs.Evidence:
    return fs.Evidence(source or say, np.asarray(scores, np.float32), weight, lambda at: f"{say} {at}" if say else "")


def test_probabilities_against_the_formula() -> None:
    rng = np.random.default_rng(5)
    mean, peak = rng.random((5, 3), dtype=np.float32), rng.random((5, 3), dtype=np.float32)
    want = np.empty((3, 5))
    for c in range(3):
        column = [(mean[i, c] * peak[i, c]) ** 0.5 for i in range(5)]
        for i in range(5):
            want[c, i] = column[i] / (sum(column) / 5 + 0.01)
    np.testing.assert_allclose(fs.probabilities(mean, peak), want, rtol=1e-5)


def test_logits_lose_what_the_whole_library_shares() -> None:
    rng = np.random.default_rng(5)
    logits = rng.standard_normal((6, 4)).astype(np.float32)
    favourite = np.array([9, 0, -3, 0], np.float32)
    np.testing.assert_allclose(fs.from_logits(logits), fs.from_logits(logits + favourite), atol=1e-6)


@given(raw, st.floats(0.125, 8, width=32), st.floats(-50, 50, width=32))
def test_no_source_can_drown_another_by_its_scale(scores: np.ndarray, scale: float, shift: float) -> None:
    scores = np.round(scores)  # differences survive the shift in float32
    other = np.arange(7, dtype=np.float32)
    one = fs.Verdict([evidence(scores), evidence(other)]).scores
    two = fs.Verdict([evidence(scores * np.float32(scale) + np.float32(shift)), evidence(other)]).scores
    np.testing.assert_allclose(one, two, atol=2e-2)


@pytest.mark.parametrize("n", [37, 1001])
def test_the_same_sound_twice_scores_twice_the_same(n: int) -> None:
    """A product of matrices rounds equal columns apart, by where they stand; which is the processor's."""
    rng = np.random.default_rng(0)
    scores = rng.random((521, n), dtype=np.float32)
    scores[:, [n // 2, n - 1]] = scores[:, [3]]
    hearing = fs.Hearing(LabelSpace("s", tuple(map(str, range(521))), np.eye(521, dtype=np.float32)), scores)
    for _ in range(20):
        found = fs.Verdict([evidence(hearing.rate(rng.random(521, dtype=np.float32)))]).scores
        assert found[3] == found[n // 2] == found[n - 1]
        assert len(np.unique(found)) > 0.95 * (n - 2)


def test_scores_are_levelled_only_where_they_are_near() -> None:
    scores = np.array([1, 2 - 1e-6, -np.inf, 2, 1 - 1e-3, 2 - 2e-6], np.float32)
    assert fs.levelled(scores).tolist() == [1, 2, -np.inf, 2, scores[4], 2]
    assert fs.levelled(scores[:0]).size == 0


def test_weights_decide_between_sources() -> None:
    up, down = np.arange(5.0), -np.arange(5.0)
    assert fs.Verdict([evidence(up, 2.0), evidence(down, 1.0)]).scores.argmax() == 4
    assert fs.Verdict([evidence(up, 1.0), evidence(down, 2.0)]).scores.argmax() == 0


def test_a_source_without_an_opinion_changes_nothing() -> None:
    rng = np.random.default_rng(5)
    scores = rng.random(9)
    order = np.argsort(fs.Verdict([evidence(scores), evidence(np.full(9, 3.0))]).scores)
    assert (order == np.argsort(scores)).all()


def test_nothing_to_judge_by_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing to judge by"):
        fs.Verdict([])


def test_rate_keeps_what_a_full_product_says() -> None:
    rng = np.random.default_rng(5)
    space = LabelSpace("s", tuple("abcdef"), np.eye(6, dtype=np.float32))
    hearing = fs.Hearing(space, rng.random((6, 8), dtype=np.float32))
    weights = rng.random(6, dtype=np.float32)
    np.testing.assert_allclose(hearing.rate(weights), weights @ hearing.scores, rtol=1e-5)


def test_rate_reads_only_the_classes_that_are_meant() -> None:
    rng = np.random.default_rng(5)
    n = fs.FEW * 3
    weights = np.zeros(n, np.float32)
    weights[[7, 90]] = 0.7, 0.3
    scores = rng.random((n, 5), dtype=np.float32)
    hearing = fs.Hearing(LabelSpace("s", ("x",) * n, np.zeros((n, 2), np.float32)), scores)
    np.testing.assert_allclose(hearing.rate(weights), 0.7 * scores[7] + 0.3 * scores[90], rtol=1e-5)


def test_a_clear_query_means_few_classes_and_a_vague_one_as_many_as_may_be() -> None:
    clear = np.full(fs.FEW * 2, 1e-6, np.float32)
    clear[[7, 90]] = 0.7, 0.3
    assert fs.meant(clear).tolist() == [7, 90]
    assert len(fs.meant(np.full(fs.FEW * 2, 1 / (fs.FEW * 2), np.float32))) == fs.FEW
    assert fs.meant(np.full(3, 1 / 3, np.float32)).tolist() == [0, 1, 2]


def test_a_hub_loses_what_it_gets_for_every_query() -> None:
    scores = np.array([[5.0, 2.0], [5.0, 0.0], [5.0, 0.1]], np.float32)  # the first segment rates high for all
    hearing = fs.Hearing(LabelSpace("s", tuple("abc"), np.eye(3, dtype=np.float32)), scores)
    asked, bank = np.array([1, 0, 0], np.float32), np.eye(3, dtype=np.float32)
    assert hearing.rate(asked).argmax() == 0
    assert hearing.rate_above(asked, hearing.usual(bank)).argmax() == 1


def test_a_sound_that_is_heard_as_everything_is_not_found_before_one_that_is_only_what_is_asked() -> None:
    scores = np.array(
        [[0.8, 0.7, 0.0], [0.9, 0.1, 0.0], [0.9, 0.0, 0.1]], np.float32
    )  # [c n]: the first is all classes
    hearing = fs.Hearing(LabelSpace("x", ("a", "b", "c"), np.eye(3, dtype=np.float32)), scores)
    asked = hearing.space.weights(np.eye(3, dtype=np.float32)[:1])[0]
    assert hearing.rate(asked).argmax() == 0
    assert hearing.rate_above(asked, hearing.usual(hearing.space.weights(hearing.space.vectors))).argmax() == 1


def test_ratings_that_differ_by_rounding_alone_are_usual() -> None:
    one_class = np.array([[0.3, 0.7, 0.1]], np.float32)  # whatever is asked asks for the only class there is
    rated = one_class[0] + np.array([1e-7, -1e-7, 0], np.float32)
    assert fs.above(rated, fs.usual(np.ones((1, 1), np.float32), one_class)).tolist() == [0, 0, 0]
    silent = np.zeros((4, 2), np.float32)
    assert fs.above(silent[0], fs.usual(np.eye(4, dtype=np.float32), silent)).tolist() == [0, 0]


def test_what_is_usual_block_by_block_is_that_of_all_ratings_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    bank, segments = rng.random((6, 3), np.float32), rng.random((3, 11), np.float32)
    monkeypatch.setattr(fs, "BLOCK", 4)
    mean, deviation = fs.usual(bank, segments)
    ratings = bank @ segments
    np.testing.assert_allclose(mean, ratings.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(deviation, ratings.std(axis=0) + fs.SOFT * ratings.std(), rtol=1e-5)


def test_reasons_name_common_classes_strongest_first() -> None:
    space = LabelSpace("s", ("rain", "dog", "wind"), np.eye(3, dtype=np.float32))
    hearing = fs.Hearing(space, np.array([[0.5], [0.0], [0.9]], np.float32))
    shared = hearing.shared(np.array([0.5, 0.4, 0.5], np.float32))
    assert shared(0, np.ones(3, np.float32)) == ["wind", "rain"]
    assert shared(0, np.array([0.5, 0.5, 0.01], np.float32)) == ["rain"], "what isn't clear is no reason"


def test_reasons_come_from_evidence_above_average_weightiest_first() -> None:
    strong, weak = evidence(np.array([0, 0, 1.0]), 2.0, "strong"), evidence(np.array([0, 0, 1.0]), 1.0, "weak")
    against = evidence(np.array([1.0, 0, 0]), 5.0, "against")
    assert fs.Verdict([weak, strong, against]).reasons(2) == ("strong 2", "weak 2")


def test_a_source_gives_its_best_reason_only() -> None:
    scores = np.array([0, 0, 1.0])
    one, two = evidence(scores, 1.0, "weaker", "heard"), evidence(scores, 2.0, "stronger", "heard")
    assert fs.Verdict([one, two]).reasons(2) == ("stronger 2",)


def test_mood_closeness_is_a_negative_distance() -> None:
    got = fs.mood_closeness(Mood(0.5, 0.5), np.array([0.5, 0.8], np.float32), np.array([0.5, 0.9], np.float32))
    np.testing.assert_allclose(got, [0, -0.5], atol=1e-6)
