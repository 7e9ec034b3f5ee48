"""The picture of what is heard when: waveform and spectrum over time, and a bar per event, coloured by family."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from storysound.annotate import families
from storysound.annotate.events import EventConfig, FileEvents, surest
from storysound.draw.shapes import clock, tick_step_s
from storysound.media.canvas import RGB, Canvas, Png, Svg, text_width
from storysound.media.files import atomic
from storysound.media.levels import columns
from storysound.media.sketch import Sketch, height_of
from storysound.story import Event

FORMATS: dict[str, Callable[[int, int], Canvas]] = {".svg": Svg, ".png": Png}
WIDTH, MARGIN = 1200, 28
_FAMILY_X, _LABEL_X, LEFT = 96, 112, 270  # family names end, labels begin, time begins
_PLOT_W = WIDTH - MARGIN - LEFT
_PANEL_Y, _WAVE_H, _MEL_H = 78, 84, 132
_ROWS_Y, _ROW_H, _BAR_H, _GAP_H = 312, 24, 16, 9
_FOOT_H = 66
_MOST_ROWS = 30
_TICKS = 10  # or so, with a time
_LEAST_PX = 3.0  # a bar is drawn at least so wide
_WHITE, _INK, _SOFT, _LINE = (255, 255, 255), (31, 36, 48), (108, 115, 130), (229, 231, 237)
_NIGHT, _FAINT, _WAVE = (13, 10, 33), (43, 38, 70), (178, 170, 224)
# From night over violet and rose to cream: brightness alone tells the levels, so it reads in any colour vision.
_SPECTRUM = np.array(
    [_NIGHT, (45, 20, 92), (98, 27, 128), (160, 48, 126), (220, 76, 105), (250, 133, 98), (254, 200, 140),
     (253, 250, 205)], np.float32
)  # fmt: skip
# Mostly the "muted" scheme of Paul Tol, whose hues stay apart for colour-blind people; every row is named as well.
FAMILY_RGB: dict[str, RGB] = {
    "voice": (204, 102, 119), "people": (214, 137, 16), "animals": (138, 138, 36), "music": (170, 68, 153),
    "nature": (17, 119, 51), "vehicles": (51, 34, 136), "signals": (136, 34, 85), "machines": (80, 150, 196),
    "home": (58, 155, 141), "impacts": (190, 74, 47), "noise": (128, 128, 128),
}  # fmt: skip
_OTHER: RGB = (90, 96, 110)


@dataclass(frozen=True)
class _FamilyRow:
    """One kind of sound."""

    family: str
    label: str
    events: tuple[Event, ...]

    @property
    def colour(self) -> RGB:
        return FAMILY_RGB.get(self.family, _OTHER)


def write_timeline(heard: FileEvents, path: Path) -> None:
    """Draws what was heard to an SVG or PNG. Raises OutputError, and ValueError for a hearing without sketch."""
    if heard.sketch is None:
        raise ValueError("the sound was heard without a sketch to draw")
    rows = _rows(surest(heard.events, _MOST_ROWS))
    groups = len({row.family for row in rows})
    bottom = _ROWS_Y + max(1, len(rows)) * _ROW_H + max(0, groups - 1) * _GAP_H + 6
    sheet = FORMATS[path.suffix.lower()](WIDTH, bottom + _FOOT_H)
    _heading(sheet, heard)
    _panel(sheet, heard.sketch, heard.duration_s)
    _time(sheet, heard.duration_s, bottom)
    _bars(sheet, rows, heard.duration_s)
    if not rows:
        sheet.text(LEFT + _PLOT_W / 2, _ROWS_Y + _ROW_H / 2, "nothing was heard clearly", _SOFT, 13, "middle")
    _foot(sheet, len({event.label for event in heard.events}) - len(rows), bool(rows), bottom + 46)
    with atomic(path) as temporary:
        temporary.write_bytes(sheet.data())


def _rows(events: tuple[Event, ...]) -> list[_FamilyRow]:
    """A row per label: families by when they are first heard, and within each the labels."""
    family_of = families.audioset().family
    by_label: dict[str, list[Event]] = {}
    first: dict[str, float] = {}
    for event in events:
        by_label.setdefault(event.label, []).append(event)
        family = family_of.get(event.label, "other")
        first[family] = min(event.start_s, first.get(family, event.start_s))
    rows = [_FamilyRow(family_of.get(label, "other"), label, tuple(found)) for label, found in by_label.items()]
    return sorted(rows, key=lambda row: (first[row.family], row.family, row.events[0].start_s, row.label))


def _heading(sheet: Canvas, heard: FileEvents) -> None:
    kinds, count = len({event.label for event in heard.events}), len(heard.events)
    found = f"{count} event{'' if count == 1 else 's'} of {kinds} kind{'' if kinds == 1 else 's'} · " if count else ""
    sheet.text(MARGIN, 33, _fitted(Path(heard.path).name, WIDTH - 380, 19), _INK, 19)
    sheet.text(WIDTH - MARGIN, 33, f"{found}{clock(heard.duration_s)}", _SOFT, 13, "end")


def _panel(sheet: Canvas, sketch: Sketch, duration_s: float) -> None:
    """Envelope and spectrum on one dark ground; both begin and end with the sound."""
    sheet.box(LEFT, _PANEL_Y, _PLOT_W, _WAVE_H + _MEL_H, _NIGHT)
    for time_s in np.arange(0, duration_s, tick_step_s(duration_s, _TICKS))[1:]:
        sheet.box(_x(time_s, duration_s) - 0.5, _PANEL_Y, 1, _WAVE_H, _FAINT)
    peaks = columns(sketch.peaks, min(_PLOT_W, len(sketch.peaks)))
    heights = np.maximum((peaks / max(float(peaks.max()), 0.05)) ** 0.8 * (_WAVE_H / 2 - 5), 0.4)
    middle, step = _PANEL_Y + _WAVE_H / 2, _PLOT_W / len(peaks)
    upper = [(LEFT + (i + 0.5) * step, middle - float(h)) for i, h in enumerate(heights)]
    sheet.shape([*upper, *((x, 2 * middle - y) for x, y in reversed(upper))], _WAVE)
    mels = columns(sketch.mels.astype(np.float32), min(_PLOT_W, len(sketch.mels)))
    sheet.picture(LEFT, _PANEL_Y + _WAVE_H, _PLOT_W, _MEL_H, _painted(mels))
    sheet.text(LEFT - 12, middle, "waveform", _SOFT, 11, "end")
    for frequency_hz, name in ((100, "100 Hz"), (1000, "1 kHz"), (4000, "4 kHz"), (12_000, "12 kHz")):
        y = _PANEL_Y + _WAVE_H + _MEL_H * (1 - height_of(frequency_hz))
        sheet.box(LEFT - 6, y - 0.5, 4, 1, _SOFT)
        sheet.text(LEFT - 12, y, name, _SOFT, 11, "end")


def _painted(mels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Mel levels [t m] in half decibels as colours [m t 3]: 65 dB from dark to light, which few points reach."""
    top = max(float(np.quantile(mels, 0.998)), 60.0)
    depth = np.clip((mels.T[::-1] - top) / 130 + 1, 0, 1) ** 1.2 * (len(_SPECTRUM) - 1)
    low = np.minimum(depth.astype(int), len(_SPECTRUM) - 2)
    part = (depth - low)[..., None]
    return np.asarray(_SPECTRUM[low] * (1 - part) + _SPECTRUM[low + 1] * part + 0.5, np.uint8)


def _x(time_s: float, duration_s: float) -> float:
    return LEFT + _PLOT_W * min(max(time_s / max(duration_s, 1e-9), 0.0), 1.0)


def _time(sheet: Canvas, duration_s: float, bottom: float) -> None:
    """Hair lines through all rows, and the time above and below."""
    step_s = tick_step_s(duration_s, _TICKS)
    panel_end = _PANEL_Y + _WAVE_H + _MEL_H
    for number in range(5 * int(duration_s / step_s + 1e-6) + 5):
        time_s, is_major = number * step_s / 5, number % 5 == 0
        if time_s > duration_s * (1 + 1e-6):
            break
        x = _x(time_s, duration_s)
        for y in (_PANEL_Y - 5, bottom):
            sheet.box(x - 0.5, y, 1, 5 if is_major else 3, _SOFT)
        if is_major:
            sheet.box(x - 0.5, panel_end, 1, bottom - panel_end, _LINE)
            time = clock(time_s) if step_s < 1 else clock(time_s).removesuffix(".0")
            for y in (_PANEL_Y - 15, bottom + 15):
                sheet.text(x, y, time, _SOFT, 11, "middle")


def _bars(sheet: Canvas, rows: list[_FamilyRow], duration_s: float) -> None:
    y = float(_ROWS_Y)
    for number, row in enumerate(rows):
        is_first = number == 0 or rows[number - 1].family != row.family
        y += _GAP_H if is_first and number else 0
        middle = y + _ROW_H / 2
        sheet.box(LEFT, middle - 0.5, _PLOT_W, 1, _LINE)
        sheet.box(_FAMILY_X + 4, y + (1 if is_first else -1), 4, _ROW_H - (2 if is_first else 0), row.colour)
        sheet.text(_LABEL_X, middle, short(row.label, LEFT - 12 - _LABEL_X, 12.5), _INK, 12.5)
        if is_first:
            sheet.text(_FAMILY_X - 4, middle, row.family, row.colour, 11.5, "end")
        for left, right, score in _merged(row.events, duration_s):
            _bar(sheet, left, middle, right - left, score, row.colour)
        y += _ROW_H


def _merged(events: tuple[Event, ...], duration_s: float) -> list[tuple[float, float, float]]:
    """(left, right, score) of bars; in a long file, events that would touch are one bar."""
    bars: list[tuple[float, float, float]] = []
    for event in sorted(events, key=lambda event: event.start_s):
        left = _x(event.start_s, duration_s)
        right = max(_x(event.end_s, duration_s), left + _LEAST_PX)
        if bars and left - bars[-1][1] < 1.0:
            before = bars.pop()
            left, right, score = before[0], max(right, before[1]), max(before[2], event.score)
        else:
            score = event.score
        bars.append((left, min(right, LEFT + _PLOT_W), score))
    return bars


def _bar(sheet: Canvas, left: float, middle: float, width: float, score: float, colour: RGB) -> None:
    """The surer, the fuller its colour; its edge is always clear. The score in hundredths where there is room."""
    top = middle - _BAR_H / 2
    tone = _mixed(colour, _fill(score))
    radius = min(4.0, width / 2)
    sheet.box(left, top, width, _BAR_H, colour, radius)
    if width > 2 * _LEAST_PX:
        sheet.box(left + 1, top + 1, width - 2, _BAR_H - 2, tone, radius - 1)
    if width > 26:
        sheet.text(left + 7, middle, f"{min(100 * score, 99):.0f}", _on(tone), 10.5)


def _fill(score: float) -> float:
    """How full the colour of a bar is: from a quarter where an event just counts to all of it."""
    return 0.25 + 0.75 * min(max((score - EventConfig.begins) / (0.95 - EventConfig.begins), 0.0), 1.0)


def _mixed(colour: RGB, part: float) -> RGB:
    """A colour on white."""
    red, green, blue = (round(255 + (c - 255) * part) for c in colour)
    return red, green, blue


def _on(tone: RGB) -> RGB:
    """White on dark colours, ink on light ones (weights of ITU-R BT.601)."""
    return _WHITE if 0.299 * tone[0] + 0.587 * tone[1] + 0.114 * tone[2] < 150 else _INK


def _foot(sheet: Canvas, hidden: int, with_legend: bool, y: float) -> None:
    """What was left out, and how full colours are to be read."""
    if hidden > 0:
        sheet.text(LEFT, y, f"and {hidden} more kinds of sound, heard less clearly", _SOFT, 11)
    if with_legend:
        x = WIDTH - MARGIN - 20.0
        sheet.text(WIDTH - MARGIN, y, "95", _SOFT, 11, "end")
        for score in np.linspace(0.95, EventConfig.begins, 5).tolist():
            x -= 22
            sheet.box(x, y - 5, 20, 10, _OTHER, 2)
            sheet.box(x + 1, y - 4, 18, 8, _mixed(_OTHER, _fill(score)), 1)
        sheet.text(x - 6, y, f"how clearly it is heard: {100 * EventConfig.begins:.0f}", _SOFT, 11, "end")


def short(label: str, width: float, size: float) -> str:
    """A class name in the room there is: its first names if all don't fit, without remarks, cut if need be.

    >>> short("Vehicle horn, car horn, honking", 110, 12.5)
    'Vehicle horn'
    """
    names = label.split(", ")
    shorter = [", ".join(names[:count]) for count in range(len(names), 0, -1)] + [label.split(" (")[0]]
    fitting = [name for name in shorter if text_width(name, size) <= width and name.count("(") == name.count(")")]
    return fitting[0] if fitting else _fitted(label, width, size)


def _fitted(text: str, width: float, size: float) -> str:
    """The text, cut with an ellipsis where it is too wide."""
    if text_width(text, size) <= width:
        return text
    kept = next((n for n in range(len(text) - 1, 0, -1) if text_width(text[:n] + "…", size) <= width), 0)
    return text[:kept].rstrip(" ,(") + "…"
