"""Motion of made frames: of what stands still none, and cuts are forgotten."""

import numpy as np
import pytest

from storysound.media.motion import MotionMeter
from storysound.media.video import VideoFrame
from storysound.story import Span


def measured(levels: list[int], spans: list[Span], size: tuple[int, int] = (90, 160)) -> tuple[float, ...]:
    meter = MotionMeter()
    frames = [VideoFrame(i / 10, np.full((*size, 3), level, np.uint8)) for i, level in enumerate(levels)]
    assert list(meter.passed(iter(frames))) == frames
    return meter.of(spans)


def test_still_moving_and_cut() -> None:
    still, moving, cut = [80] * 10, [80 + 5 * i for i in range(10)], [200] * 10
    found = measured(still + moving + cut, [Span(0, 1), Span(1.05, 2), Span(2, 3), Span(0.5, 3)])
    assert found == pytest.approx((0, 5, 0, 0))


def test_nothing_is_measured_of_one_frame_or_of_tiny_ones_in_vain() -> None:
    assert measured([10], [Span(0, 1)]) == (0.0,)
    assert measured([10, 30, 50], [Span(0, 1)], (7, 3)) == pytest.approx((20.0,))
