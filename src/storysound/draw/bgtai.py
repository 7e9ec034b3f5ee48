"""BGTAI's figure 2 for one's own data: how good each setting is by the time its training took, as SVG or PNG."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from storysound.draw.histograms import step_of
from storysound.media.canvas import RGB, Canvas, Png, Svg, stroke

WIDTH, HEIGHT = 900, 460
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 200, 60, 58
_INK, _SOFT, _LINE = (31, 36, 48), (108, 115, 130), (229, 231, 237)
# Hues that stay apart for colour-blind people (Tol's muted scheme); the names stand beside the lines too.
COLOURS: tuple[RGB, ...] = (
    (136, 136, 136), (51, 34, 136), (17, 119, 51), (204, 102, 119), (170, 68, 153), (153, 153, 51), (68, 170, 153)
)  # fmt: skip


@dataclass(frozen=True)
class Course:
    """One setting: seconds of training at each look [k], and its figure in each run then, [seeds k] in [0, 1]."""

    time_s: Sequence[float]
    figures: Sequence[Sequence[float]]


def draw(heading: str, what: str, courses: Mapping[str, Course], suffix: str) -> bytes:
    """Means over runs as lines, dots where they were looked at; the content of an .svg or .png file."""
    means = {name: np.mean(course.figures, axis=0) for name, course in courses.items()}
    low, high = (float(edge(list(means.values()))) for edge in (np.min, np.max))
    rung = step_of(max(high - low, 0.01), 5)
    floor, ceiling = math.floor(low / rung) * rung, math.ceil(high / rung + 1e-9) * rung
    longest = max(max(course.time_s) for course in courses.values()) or 1.0
    sheet: Canvas = (Svg if suffix == ".svg" else Png)(WIDTH, HEIGHT)
    width, height = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM
    sheet.text(_LEFT, 24, heading, _INK, 15)
    sheet.text(_LEFT - 50, _TOP - 18, what, _SOFT, 12)
    for i in range(round((ceiling - floor) / rung) + 1):
        level = _TOP + height * (1 - i * rung / (ceiling - floor))
        sheet.box(_LEFT, level - 0.5, width, 1, _LINE if i else _SOFT)
        sheet.text(_LEFT - 8, level, f"{floor + i * rung:.3g}", _SOFT, 11, "end")
    step_s = step_of(longest, 7)
    for i in range(math.floor(longest / step_s + 1e-9) + 1):
        at = _LEFT + width * i * step_s / longest
        sheet.box(at - 0.5, _TOP + height, 1, 4, _SOFT)
        sheet.text(at, _TOP + height + 16, f"{i * step_s:g}", _SOFT, 11, "middle")
    sheet.text(_LEFT + width / 2, _TOP + height + 38, "seconds of training", _SOFT, 12, "middle")
    for i, (name, course) in enumerate(courses.items()):
        colour = COLOURS[i % len(COLOURS)]
        points = [
            (_LEFT + width * at / longest, _TOP + height * (1 - (value - floor) / (ceiling - floor)))
            for at, value in zip(course.time_s, means[name].tolist(), strict=True)
        ]
        stroke(sheet, points, colour)
        for x, y in points:
            sheet.box(x - 3.5, y - 3.5, 7, 7, colour, 3.5)
        sheet.box(WIDTH - _RIGHT + 24, _TOP + 24 * i - 2, 20, 4, colour, 2)
        sheet.text(WIDTH - _RIGHT + 52, _TOP + 24 * i, f"{name}  {means[name][-1]:.3f}", _INK, 12)
    return sheet.data()
