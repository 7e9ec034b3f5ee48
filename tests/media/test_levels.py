"""Stretches of time that are joined, and levels of the loudest moment."""

import numpy as np
import pytest

from storysound.media.levels import bridged, loudest_db, raised_cosine
from storysound.story import Span


def test_short_pauses_are_bridged() -> None:
    assert bridged([Span(0, 1), Span(0.2, 0.5), Span(1.4, 2)], 0.5) == [Span(0, 2)]


def test_a_short_loud_moment_counts_over_the_window() -> None:
    samples = np.zeros((1, 48_000), np.float32)
    samples[:, 24_000:33_600] = 0.5
    assert loudest_db(samples, 24_000) == pytest.approx(20 * np.log10(0.5) - 0.691, abs=1e-6)
    assert loudest_db(np.zeros((2, 100), np.float32), 48_000) == -np.inf


def test_edges_rise_without_a_corner() -> None:
    edge = raised_cosine(100)
    assert edge[0] < 0.001
    assert edge[-1] > 0.999
    assert (np.diff(edge) > 0).all()
