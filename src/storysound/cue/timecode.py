"""Frames and time codes: where a time lies on the grid of the pictures, the same in every sheet."""

import math


def frame_of(time_s: float, fps: float) -> int:
    """The frame that is shown at a time, the same in every sheet; a time rounded to its millisecond is still at it.

    >>> frame_of(0.99, 25), frame_of(1.01, 25)
    (24, 25)
    """
    return math.floor((time_s + 0.0005) * fps + 1e-6)


def timecode(time_s: float, fps: float) -> str:
    """HH:MM:SS:FF, non-drop, counted at the nearest whole rate.

    >>> timecode(3661.5, 24), timecode(1.0, 29.97)
    ('01:01:01:12', '00:00:00:29')
    """
    seconds, frame = divmod(frame_of(time_s, fps), max(1, round(fps)))
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{frame:02d}"
