"""Recalls of several models as bars, in panels side by side, drawn as SVG or PNG."""

import math
from collections.abc import Mapping, Sequence

from storysound.draw.histograms import step_of
from storysound.media.canvas import RGB, Canvas, Png, Svg
from storysound.metrics.table import Row

WIDTH, HEIGHT = 1200, 380
RECALLS = {"r1": "R@1", "r5": "R@5", "r10": "R@10"}
_COLOURS: tuple[RGB, ...] = ((58, 112, 205), (120, 164, 228), (190, 212, 244))  # of the three recalls
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 78, 56
_INK, _SOFT, _LINE = (31, 36, 48), (120, 127, 142), (231, 234, 240)


def draw(heading: str, panels: Sequence[tuple[str, Mapping[str, Row]]], suffix: str) -> bytes:
    """Panels with a title and a row under each label; the content of an .svg or .png file.

    Thin lines are 95 % intervals.
    """
    highest = max(_top(row, key) for _, rows in panels for row in rows.values() for key in RECALLS)
    sheet: Canvas = (Svg if suffix == ".svg" else Png)(WIDTH, HEIGHT)
    sheet.text(_LEFT, 22, heading, _INK, 15)
    for i, (label, colour) in enumerate(zip(RECALLS.values(), _COLOURS, strict=True)):
        sheet.box(WIDTH - 230 + 70 * i, 16, 12, 12, colour, 2)
        sheet.text(WIDTH - 213 + 70 * i, 22, label, _SOFT, 12)
    room = WIDTH - _LEFT - _RIGHT
    groups = sum(len(rows) + 1 for _, rows in panels)
    at = float(_LEFT)
    for title, rows in panels:
        width = room * (len(rows) + 1) / groups
        _panel(sheet, title, rows, at, width, highest)
        at += width
    return sheet.data()


def _top(row: Row, key: str) -> float:
    """The highest point that is drawn, in per cent."""
    return 100 * max(row.figures[key], row.intervals.get(key, (0.0, 0.0))[1])


def _panel(sheet: Canvas, title: str, rows: Mapping[str, Row], left: float, width: float, highest: float) -> None:
    base, height, inner = HEIGHT - _BOTTOM, HEIGHT - _TOP - _BOTTOM, width - 40
    rung = step_of(max(highest, 1.0), 5)
    ceiling = math.ceil(highest / rung) * rung or rung
    sheet.text(left, _TOP - 24, title, _INK, 14)
    for i in range(round(ceiling / rung) + 1):
        level = base - height * i * rung / ceiling
        sheet.box(left, level - 0.5, inner, 1, _LINE if i else _SOFT)
        sheet.text(left - 6, level, f"{i * rung:g}", _SOFT, 10, "end")
    slot = inner / len(rows)
    bar = min(26.0, 0.8 * slot / len(RECALLS))
    for i, (label, row) in enumerate(rows.items()):
        start = left + slot * (i + 0.5) - bar * len(RECALLS) / 2
        for j, (key, colour) in enumerate(zip(RECALLS, _COLOURS, strict=True)):
            value = 100 * row.figures[key]
            rise = height * value / ceiling
            sheet.box(start + bar * j + 0.5, base - rise, bar - 1, rise, colour)
            if key in row.intervals:
                low, high = (base - height * 100 * bound / ceiling for bound in row.intervals[key])
                sheet.box(start + bar * (j + 0.5) - 0.5, high, 1, max(low - high, 0.5), _SOFT)
        sheet.text(left + slot * (i + 0.5), base + 16, label, _INK, 12, "middle")
        sheet.text(left + slot * (i + 0.5), base + 33, f"{100 * row.figures['r1']:.1f}", _SOFT, 11, "middle")
