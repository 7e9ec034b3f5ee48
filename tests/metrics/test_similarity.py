"""Harmony of pictures and sound, synchrony, and the inception score."""

import math

import numpy as np
import pytest

from storysound.metrics.inception import inception_score
from storysound.metrics.similarity import avh_score, clipsim, javis_score, javis_windows


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_avh_score_and_clipsim_are_mean_cosines() -> None:
    """Erratum tavg 3: over all N frames, of each with the whole sound."""
    rng = np.random.default_rng(0)
    frames, other = rng.standard_normal((20, 8)), rng.standard_normal(8)
    wanted = np.mean([cosine(frame, other) for frame in frames])
    assert avh_score(frames, other) == pytest.approx(wanted, abs=1e-12)
    assert clipsim(3 * frames, 0.1 * other) == pytest.approx(wanted, abs=1e-12)


def test_javis_score_takes_the_worst_frames_of_each_window() -> None:
    """Erratum tavg 3: windows of 2 s that overlap by 1.5 s, of each the mean of the lowest 40 % of its frames."""
    rng = np.random.default_rng(0)
    duration_s, rate_hz = 4.2, 10
    times = np.arange(int(duration_s * rate_hz)) / rate_hz
    frames = rng.standard_normal((len(times), 6))
    windows = javis_windows(duration_s)
    assert [w.start_s for w in windows] == [0, 0.5, 1.0, 1.5, 2.0]
    sounds = rng.standard_normal((len(windows), 6))
    wanted = []
    for window, sound in zip(windows, sounds, strict=True):
        inside = [frame for frame, t in zip(frames, times, strict=True) if window.start_s <= t < window.end_s]
        assert len(inside) == 20
        wanted.append(np.mean(sorted(cosine(frame, sound) for frame in inside)[:8]))
    assert javis_score(frames, times, sounds) == pytest.approx(np.mean(wanted), abs=1e-12)


def test_a_video_shorter_than_a_window_is_judged_whole() -> None:
    assert [(w.start_s, w.end_s) for w in javis_windows(1.2)] == [(0.0, 1.2)]
    assert len(javis_windows(2.0)) == 1
    assert len(javis_windows(10.0)) == 17


def test_what_has_no_cosine_is_refused() -> None:
    for frames, other in (([[0.0, 0.0]], [1.0, 0.0]), ([[1.0, 0.0]], [1.0]), ([[1.0, math.nan]], [1.0, 0.0])):
        with pytest.raises(ValueError, match="needs"):
            avh_score(frames, other)
    with pytest.raises(ValueError, match="no frame"):
        javis_score([[1.0, 0.0]], [0.1], [[1.0, 0.0]] * 3)
    with pytest.raises(ValueError, match="times"):
        javis_score([[1.0, 0.0]], [0.1, 0.2], [[1.0, 0.0]])


def test_inception_score_is_the_printed_formula() -> None:
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.full(7, 0.3), size=50)
    mean = p.mean(axis=0)
    divergence = [sum(a * math.log(a / b) for a, b in zip(row, mean, strict=True) if a > 0) for row in p]
    assert inception_score(p) == pytest.approx(math.exp(np.mean(divergence)), rel=1e-9)
    assert inception_score(np.full((5, 4), 0.25)) == pytest.approx(1)
    assert inception_score(np.eye(4)) == pytest.approx(4)
    with pytest.raises(ValueError, match="probabilities"):
        inception_score(np.eye(4) * 2)
