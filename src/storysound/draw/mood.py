"""The picture of a mood over time: a panel for valence and one for arousal, in each a line per modality."""

from collections.abc import Sequence
from pathlib import Path

from storysound.draw.shapes import clock, tick_step_s
from storysound.draw.timeline import FORMATS
from storysound.media.canvas import RGB, Canvas, Points, stroke
from storysound.media.files import atomic
from storysound.story import MoodMoment

WIDTH, LEFT, RIGHT, TOP = 1200, 110, 28, 78
_PANEL_H, _GAP, _FOOT = 190, 26, 66
_TICKS = 10
_INK, _SOFT, _LINE, _GROUND = (31, 36, 48), (108, 115, 130), (229, 231, 237), (247, 248, 250)
# Hues that stay apart for colour-blind people; the legend names them as well.
COLOURS: dict[str, tuple[str, RGB]] = {
    "image": ("pictures", (17, 119, 51)), "audio": ("sound", (170, 68, 153)), "text": ("words", (51, 34, 136)),
}  # fmt: skip


def write_curve(name: str, curve: Sequence[MoodMoment], duration_s: float, path: Path) -> None:
    """Draws the moments of a file of that name to an SVG or PNG (`timeline.FORMATS`). Raises OutputError."""
    bottom = TOP + 2 * _PANEL_H + _GAP
    sheet = FORMATS[path.suffix.lower()](WIDTH, bottom + _FOOT)
    sheet.text(LEFT, 33, name, _INK, 19)
    sheet.text(WIDTH - RIGHT, 33, f"mood over {clock(duration_s)}", _SOFT, 13, "end")
    _legend(sheet, curve)
    for number, axis in enumerate(("valence", "arousal")):
        top = TOP + number * (_PANEL_H + _GAP)
        _ground(sheet, axis, top)
        for modality, (_, colour) in COLOURS.items():
            moments = [moment for moment in curve if moment.modality == modality]
            values = [(_x(m.time_s, duration_s), _y(getattr(m.mood, axis), top)) for m in moments]
            _draw(sheet, values, colour)
    _time(sheet, duration_s, bottom)
    with atomic(path) as temporary:
        temporary.write_bytes(sheet.data())


def _x(time_s: float, duration_s: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * min(max(time_s / max(duration_s, 1e-9), 0.0), 1.0)


def _y(value: float, top: float) -> float:
    return top + _PANEL_H * (1 - value)


def _ground(sheet: Canvas, axis: str, top: float) -> None:
    """A panel with its scale; the usual mood is a line across."""
    sheet.box(LEFT, top, WIDTH - LEFT - RIGHT, _PANEL_H, _GROUND)
    sheet.box(LEFT, _y(0.5, top) - 0.5, WIDTH - LEFT - RIGHT, 1, _LINE)
    sheet.text(LEFT - 40, top + _PANEL_H / 2 - 16, axis, _INK, 13, "end")
    for value in (0.0, 0.5, 1.0):
        sheet.text(LEFT - 10, _y(value, top), f"{value:g}", _SOFT, 11, "end")


def _draw(sheet: Canvas, points: Points, colour: RGB) -> None:
    """A line through points, and a dot on each where there are few."""
    stroke(sheet, points, colour)
    if len(points) <= 40:
        for x, y in points:
            sheet.box(x - 3, y - 3, 6, 6, colour, 3)


def _legend(sheet: Canvas, curve: Sequence[MoodMoment]) -> None:
    x = float(LEFT)
    for modality, (name, colour) in COLOURS.items():
        if any(moment.modality == modality for moment in curve):
            sheet.box(x, 56, 18, 4, colour, 2)
            sheet.text(x + 24, 58, name, _SOFT, 12)
            x += 110


def _time(sheet: Canvas, duration_s: float, bottom: float) -> None:
    step_s = tick_step_s(duration_s, _TICKS)
    for number in range(int(duration_s / step_s + 1e-6) + 1):
        x = _x(number * step_s, duration_s)
        sheet.box(x - 0.5, bottom, 1, 5, _SOFT)
        time = clock(number * step_s)
        sheet.text(x, bottom + 16, time if step_s < 1 else time.removesuffix(".0"), _SOFT, 11, "middle")
