"""Key frames: one per part, the sharp one, in order."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storysound.ingest.keyframes import key_frames, sharpness
from storysound.media.video import VideoFrame
from storysound.story import Span


def checks(period: int) -> np.ndarray:
    """A checkerboard: the finer, the sharper."""
    cell = (np.indices((32, 32)) // period).sum(axis=0) % 2
    return np.repeat((cell * 200 + 20).astype(np.uint8)[..., None], 3, axis=2)


def test_finer_detail_is_sharper() -> None:
    assert sharpness(checks(1)) > sharpness(checks(4)) > sharpness(checks(16)) > 0


def test_contrast_alone_does_not_count() -> None:
    assert sharpness((checks(4) * 0.5).astype(np.uint8)) == pytest.approx(sharpness(checks(4)), rel=0.05)


def test_the_sharp_frame_wins_over_the_middle_one() -> None:
    frames = [VideoFrame(i * 0.1, checks(2 if i == 12 else 8)) for i in range(20)]
    (found,) = key_frames(frames, [Span(0.0, 2.0)])
    assert found.time_s == pytest.approx(1.2)


def test_among_equals_the_middle_wins() -> None:
    frames = [VideoFrame(i * 0.1, checks(4)) for i in range(21)]
    assert [k.time_s for k in key_frames(frames, [Span(0.0, 2.0)])] == pytest.approx([1.0])


def test_shots_without_frames_get_none() -> None:
    frames = [VideoFrame(5.0, checks(4))]
    found = key_frames(frames, [Span(0.0, 2.0), Span(4.0, 6.0), Span(6.0, 9.0)])
    assert [k.shot for k in found] == [1]


def test_per_shot_is_checked() -> None:
    with pytest.raises(ValueError, match="per_shot"):
        key_frames([], [], per_shot=0)


@given(st.integers(1, 4), st.lists(st.floats(0.5, 3.0), min_size=1, max_size=5))
def test_one_key_frame_a_part_in_time_order(per_shot: int, lengths_s: list[float]) -> None:
    edges = np.concatenate([[0.0], np.cumsum(lengths_s)])
    shots = [Span(float(a), float(b)) for a, b in pairwise(edges)]
    frames = [VideoFrame(i * 0.05, checks(1 + i % 5)) for i in range(int(edges[-1] / 0.05) + 1)]
    found = key_frames(iter(frames), shots, per_shot=per_shot)
    assert [k.shot for k in found] == [i for i in range(len(shots)) for _ in range(per_shot)]
    assert all(k.part.start_s <= k.time_s < k.part.end_s for k in found)
    assert all(a.time_s < b.time_s for a, b in pairwise(found))
