"""Distances of videos and sounds, and harmony, against slow numpy."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import scipy.linalg

from storysound.metrics.frechet import frechet_distance
from storysound.metrics.kernel import kernel_distance
from storysound.metrics.similarity import avh_score
from storysound.metrics.video_features import moving_features


def slow_features(frames: np.ndarray) -> np.ndarray:
    change = np.zeros(frames.shape[1])
    for before, after in pairwise(frames):
        change += (after - before) ** 2 / (len(frames) - 1)
    return np.concatenate([sum(frames) / len(frames), np.sqrt(change)])


def slow_frechet(x: np.ndarray, y: np.ndarray) -> float:
    root = scipy.linalg.sqrtm(np.cov(x.T) @ np.cov(y.T))
    shift = x.mean(0) - y.mean(0)
    return float(shift @ shift + np.trace(np.cov(x.T) + np.cov(y.T) - 2 * np.real(root)))


def slow_kernel(x: np.ndarray, y: np.ndarray) -> float:
    def alike(a: np.ndarray, b: np.ndarray) -> float:
        return float((sum(a * b) / len(a) + 1) ** 3)

    within = [
        sum(alike(a, b) for i, a in enumerate(rows) for j, b in enumerate(rows) if i != j) / len(rows) / (len(rows) - 1)
        for rows in (x, y)
    ]
    return sum(within) - 2 * sum(alike(a, b) for a in x for b in y) / len(x) / len(y)


def videos(seed: int, count: int, spread: float = 1.0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [spread * rng.standard_normal((rng.integers(2, 9), 4)).cumsum(axis=0) for _ in range(count)]


@pytest.mark.parametrize(("ours", "slow"), [(frechet_distance, slow_frechet), (kernel_distance, slow_kernel)])
def test_distances_of_videos_equal_slow_numpy(
    ours: Callable[..., float], slow: Callable[[np.ndarray, np.ndarray], float]
) -> None:
    made, real = videos(0, 40, 1.5), videos(1, 50)
    found = ours(*(np.stack([moving_features(frames) for frames in side]) for side in (made, real)))
    wanted = slow(*(np.stack([slow_features(frames) for frames in side]) for side in (made, real)))
    assert abs(wanted) > 0.1
    assert found == pytest.approx(wanted, rel=1e-6)


def test_distance_of_sounds_equals_slow_numpy() -> None:
    rng = np.random.default_rng(2)
    made, real = 0.5 + rng.standard_normal((300, 6)), rng.standard_normal((200, 6)) * [1, 2, 3, 1, 1, 1]
    assert frechet_distance(made, real) == pytest.approx(slow_frechet(made, real), rel=1e-6)


def test_harmony_equals_slow_numpy() -> None:
    rng = np.random.default_rng(3)
    frames, sound = 5 * rng.standard_normal((20, 7)), rng.standard_normal(7)
    wanted = sum(
        float(sum(frame * sound) / np.sqrt(sum(frame * frame)) / np.sqrt(sum(sound * sound))) for frame in frames
    )
    assert avh_score(frames, sound) == pytest.approx(wanted / 20, rel=1e-6)


def test_a_still_doesnt_change() -> None:
    assert moving_features([[1.0, 2.0]]).tolist() == [1.0, 2.0, 0.0, 0.0]


@pytest.mark.parametrize("frames", [np.ones((0, 3)), np.ones(3), [[1.0, np.nan]]])
def test_what_has_no_features_is_refused(frames: np.ndarray) -> None:
    with pytest.raises(ValueError, match="vectors"):
        moving_features(frames)
