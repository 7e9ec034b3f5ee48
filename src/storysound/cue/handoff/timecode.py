"""Frames and time codes: where a time lies on the grid of the pictures, the same in every sheet."""

import math
import re

# SMPTE ST 12-1; drop-frame is marked by a semicolon (or, by some, a point) before the frames.
_TIMECODE = re.compile(r"(\d\d):([0-5]\d):([0-5]\d)([:;.])(\d\d)")


def frame_of(time_s: float, fps: float) -> int:
    """The frame that is shown at a time, the same in every sheet; a time rounded to its millisecond is still at it.

    >>> frame_of(0.99, 25), frame_of(1.01, 25)
    (24, 25)
    """
    return math.floor((time_s + 0.0005) * fps + 1e-6)


def is_drop_frame(start: str, fps: float) -> bool:
    """Whether frames are counted drop-frame from a time code on: only rates of NTSC know it.

    >>> is_drop_frame("01:00:00;00", 30000 / 1001), is_drop_frame("01:00:00;00", 25)
    (True, False)
    """
    return re.search("[;.]", start) is not None and round(fps) in (30, 60) and abs(fps - round(fps)) > 1e-3


def start_frame(start: str, fps: float) -> int:
    """The frame of a time code, counted from midnight; 0 for what is none.

    >>> start_frame("01:00:00:00", 25), start_frame("00:01:00;02", 30000 / 1001), start_frame("", 25)
    (90000, 1800, 0)
    """
    found = _TIMECODE.fullmatch(start)
    if found is None:
        return 0
    hours, minutes, seconds, frames = (int(found[group]) for group in (1, 2, 3, 5))
    minutes += 60 * hours
    dropped = _dropped(fps) * (minutes - minutes // 10) if is_drop_frame(start, fps) else 0
    return (60 * minutes + seconds) * _whole(fps) + frames - dropped


def timecode(time_s: float, fps: float, start: str = "") -> str:
    """HH:MM:SS:FF of a time of the film, counted at the nearest whole rate from the time code `start` on.

    Where `start` is drop-frame (HH:MM:SS;FF), so is what comes of it.

    >>> timecode(3661.5, 24), timecode(1.0, 29.97), timecode(60.0, 25, "10:00:00:00")
    ('01:01:01:12', '00:00:00:29', '10:01:00:00')
    >>> timecode(60.06, 30000 / 1001, "00:00:00;00")
    '00:01:00;02'
    """
    frame, drop = start_frame(start, fps) + frame_of(time_s, fps), is_drop_frame(start, fps)
    if drop:  # two numbers are left out in each minute but every tenth, at 59.94 four
        a_minute, ten_minutes = 60 * _whole(fps) - _dropped(fps), 600 * _whole(fps) - 9 * _dropped(fps)
        tens, rest = divmod(frame, ten_minutes)
        frame += _dropped(fps) * (9 * tens + max(0, rest - _dropped(fps)) // a_minute)
    seconds, frame = divmod(frame, _whole(fps))
    hours = seconds // 3600 % 24
    return f"{hours:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{';' if drop else ':'}{frame:02d}"


def _whole(fps: float) -> int:
    return max(1, round(fps))


def _dropped(fps: float) -> int:
    return _whole(fps) // 15
