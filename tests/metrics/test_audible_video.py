"""Scores of audible video against slow numpy, and by hand."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import scipy.linalg

from storysound.metrics.audible_video import (
    HOP_S,
    LOWEST,
    WINDOW_S,
    harmony,
    moving_features,
    window_starts_s,
    windowed_harmony,
)
from storysound.metrics.frechet import frechet_distance
from storysound.metrics.kernel import kernel_distance


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(sum(x * y for x, y in zip(a, b, strict=True)) / np.sqrt(sum(a * a)) / np.sqrt(sum(b * b)))


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


def test_harmony_is_the_mean_cosine_with_the_whole_sound() -> None:
    rng = np.random.default_rng(3)
    frames, sound = 5 * rng.standard_normal((20, 7)), rng.standard_normal(7)
    wanted = sum(cosine(frame, sound) for frame in frames) / 20
    assert harmony(frames, sound) == pytest.approx(wanted, rel=1e-6)
    assert harmony(frames, 9 * sound) == pytest.approx(wanted, rel=1e-6)
    assert harmony(np.zeros((3, 7)), sound) == 0


def test_windowed_harmony_equals_slow_numpy() -> None:
    rng = np.random.default_rng(4)
    times = np.arange(50) / 5
    frames, sounds = rng.standard_normal((50, 7)), rng.standard_normal((len(window_starts_s(10.0)), 7))
    means = []
    for number, sound in enumerate(sounds):
        start = number * HOP_S
        inside = [cosine(f, sound) for f, t in zip(frames, times, strict=True) if start - 1e-6 <= t < start + 2 - 1e-6]
        assert len(inside) == 10
        means.append(sum(sorted(inside)[:4]) / 4)
    assert (WINDOW_S, LOWEST) == (2.0, 0.4)
    assert windowed_harmony(frames, times, sounds) == pytest.approx(sum(means) / len(means), rel=1e-6)


def test_windows_overlap_and_lie_within_the_video() -> None:
    assert window_starts_s(10.0).tolist() == [i / 2 for i in range(17)]
    assert window_starts_s(3.4).tolist() == [0.0, 0.5, 1.0]
    assert window_starts_s(0.7).tolist() == [0.0]


def test_a_window_without_frames_is_left_out() -> None:
    frames, sounds = [[1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]
    assert windowed_harmony(frames, [0.2], sounds) == 1
    with pytest.raises(ValueError, match="no window"):
        windowed_harmony(frames, [9.0], sounds)


def test_moments_out_of_step_count() -> None:
    """The mean forgives one frame in five that fits nothing, the lowest 40 % don't."""
    frames = np.tile([1.0, 0.0], (10, 1))
    frames[::5] = [0.0, 1.0]
    assert harmony(frames, [1.0, 0.0]) == pytest.approx(0.8)
    assert windowed_harmony(frames, np.arange(10) / 5, [[1.0, 0.0]]) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("frames", "sound"),
    [(np.ones((2, 3)), np.ones(4)), (np.ones((0, 3)), np.ones(3)), (np.ones((2, 3)), [1.0, np.nan, 0.0])],
)
def test_what_has_no_cosine_is_refused(frames: np.ndarray, sound: np.ndarray) -> None:
    with pytest.raises(ValueError, match="vectors"):
        harmony(frames, sound)
    with pytest.raises(ValueError, match="vectors"):
        windowed_harmony(frames, np.zeros(len(frames)), np.asarray(sound)[None])


def test_a_still_doesnt_change_and_times_go_with_frames() -> None:
    assert moving_features([[1.0, 2.0]]).tolist() == [1.0, 2.0, 0.0, 0.0]
    with pytest.raises(ValueError, match="a time for each"):
        windowed_harmony([[1.0]], [0.0, 1.0], [[1.0]])
