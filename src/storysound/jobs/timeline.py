"""The picture of what is heard when: waveform, spectrum, and a bar per event, coloured by family."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from storysound.annotate import families
from storysound.annotate.events import Heard, surest
from storysound.cue.report_draw import clock, tick_step_s
from storysound.errors import UsageError
from storysound.media.canvas import RGB, Canvas, Png, Svg, text_width
from storysound.media.files import atomic, check_target
from storysound.media.sketch import Sketch, columns
from storysound.story import Event

FORMATS: dict[str, Callable[[int, int], Canvas]] = {".svg": Svg, ".png": Png}
WIDTH, GUTTER, MARGIN = 1200, 236, 28
_WAVE_Y, _WAVE_H, _MEL_Y, _MEL_H = 74, 92, 174, 108
_ROWS_Y, _ROW_H, _BAR_H, _GAP_H = 300, 25, 17, 9
_MOST_ROWS = 30
_INK, _SOFT, _LINE = (31, 36, 48), (120, 127, 142), (231, 234, 240)
_WAVE = (74, 92, 135)
_SPECTRUM = np.array(
    [(250, 251, 253), (214, 228, 240), (148, 190, 219), (78, 140, 188), (44, 84, 146), (43, 37, 92)], np.float32
)
FAMILY_RGB: dict[str, RGB] = {
    "voice": (214, 83, 109), "people": (230, 140, 64), "animals": (151, 110, 62), "music": (123, 88, 196),
    "nature": (40, 146, 122), "vehicles": (58, 112, 205), "signals": (202, 158, 26), "machines": (92, 110, 130),
    "home": (74, 160, 190), "impacts": (196, 78, 52), "noise": (140, 140, 150),
}  # fmt: skip
_OTHER: RGB = (110, 116, 130)


def check_plot(path: Path, source: Path) -> None:
    """Tells before any work that a picture can't be written there: UsageError for its ending, OutputError else."""
    if path.suffix.lower() not in FORMATS:
        raise UsageError(f"{path}: a name that ends in {' or '.join(FORMATS)} is wanted")
    check_target(path, source)


def write_timeline(heard: Heard, path: Path) -> None:
    """Draws what was heard to an SVG or PNG. Raises OutputError, and ValueError for a hearing without sketch."""
    shown = _rows(surest(heard.events, _MOST_ROWS))
    hidden = len({event.label for event in heard.events}) - len(shown)
    groups = len({family for family, _, _ in shown})
    height = _ROWS_Y + max(1, len(shown)) * _ROW_H + max(0, groups - 1) * _GAP_H + (74 if hidden else 52)
    sheet = FORMATS[path.suffix.lower()](WIDTH, height)
    _draw(sheet, heard, shown, hidden, height)
    with atomic(path) as temporary:
        temporary.write_bytes(sheet.data())


def _rows(events: tuple[Event, ...]) -> list[tuple[str, str, list[Event]]]:
    """(family, label, events) per label: families by when they are first heard, and within each the labels."""
    family_of = families.audioset().family
    by_label: dict[str, list[Event]] = {}
    for event in events:
        by_label.setdefault(event.label, []).append(event)
    first: dict[str, float] = {}
    for event in events:
        family = family_of.get(event.label, "other")
        first[family] = min(event.start_s, first.get(family, event.start_s))
    rows = [(family_of.get(label, "other"), label, found) for label, found in by_label.items()]
    return sorted(rows, key=lambda row: (first[row[0]], row[0], row[2][0].start_s, row[1]))


def _draw(sheet: Canvas, heard: Heard, rows: list[tuple[str, str, list[Event]]], hidden: int, height: int) -> None:
    if heard.sketch is None:
        raise ValueError("the sound was heard without a sketch to draw")
    count = len(heard.events)
    heading = f"{count} event{'' if count == 1 else 's'} · {clock(heard.duration_s)}"
    sheet.text(MARGIN, 32, _fitted(Path(heard.path).name, WIDTH - 320, 19), _INK, 19)
    sheet.text(WIDTH - MARGIN, 32, heading, _SOFT, 13, "end")
    bottom = height - (58 if hidden else 36)
    _rule(sheet, heard.duration_s, bottom)
    _wave(sheet, heard.sketch, heard.duration_s, bottom)
    sheet.text(MARGIN, _WAVE_Y + _WAVE_H / 2, "waveform", _SOFT, 12)
    sheet.text(MARGIN, _MEL_Y + _MEL_H / 2, "mel spectrum", _SOFT, 12)
    _bars(sheet, rows, heard.duration_s)
    if not rows:
        sheet.text((GUTTER + WIDTH) / 2, _ROWS_Y + _ROW_H / 2, "nothing was heard clearly", _SOFT, 13, "middle")
    if hidden:
        sheet.text(GUTTER, height - 22, f"and {hidden} more kinds of sound, heard less clearly", _SOFT, 12)


def _x(time_s: float, duration_s: float) -> float:
    return GUTTER + (WIDTH - MARGIN - GUTTER) * min(max(time_s / max(duration_s, 1e-9), 0.0), 1.0)


def _rule(sheet: Canvas, duration_s: float, bottom: float) -> None:
    """Hair lines and times, above and below."""
    step_s = tick_step_s(duration_s, 10)
    for number in range(int(duration_s / step_s + 1e-6) + 1):
        x = _x(number * step_s, duration_s)
        sheet.box(x - 0.5, _WAVE_Y - 6, 1, bottom - _WAVE_Y + 6, _LINE)
        time = clock(number * step_s) if step_s < 1 else clock(number * step_s).removesuffix(".0")
        for y in (_WAVE_Y - 16, bottom + 14):
            sheet.text(x, y, time, _SOFT, 11, "middle")


def _wave(sheet: Canvas, sketch: Sketch, duration_s: float, bottom: float) -> None:
    """Envelope and spectrum; both begin and end with the sound."""
    width = WIDTH - MARGIN - GUTTER
    peaks = columns(sketch.peaks, min(width, len(sketch.peaks)))
    heights = np.maximum((peaks / max(float(peaks.max()), 0.05)) ** 0.8 * _WAVE_H / 2, 0.5)
    middle, step = _WAVE_Y + _WAVE_H / 2, width / len(peaks)
    upper = [(GUTTER + (i + 0.5) * step, middle - float(h)) for i, h in enumerate(heights)]
    sheet.shape([*upper, *((x, 2 * middle - y) for x, y in reversed(upper))], _WAVE)
    mels = columns(sketch.mels.astype(np.float32), min(width, len(sketch.mels)))
    sheet.picture(GUTTER, _MEL_Y, width, _MEL_H, _painted(mels))


def _painted(mels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Mel levels [t m] in half decibels as colours [m t 3]: 65 dB from nearly white to dark."""
    top = max(float(mels.max()), 60.0)
    depth = np.clip((mels.T[::-1] - top) / 130 + 1, 0, 1) ** 1.3 * (len(_SPECTRUM) - 1)
    low = np.minimum(depth.astype(int), len(_SPECTRUM) - 2)
    part = (depth - low)[..., None]
    return np.asarray(_SPECTRUM[low] * (1 - part) + _SPECTRUM[low + 1] * part + 0.5, np.uint8)


def _bars(sheet: Canvas, rows: list[tuple[str, str, list[Event]]], duration_s: float) -> None:
    y = float(_ROWS_Y)
    for number, (family, label, events) in enumerate(rows):
        first = number == 0 or rows[number - 1][0] != family
        y += _GAP_H if first and number else 0
        colour = FAMILY_RGB.get(family, _OTHER)
        middle = y + _ROW_H / 2
        sheet.box(GUTTER, middle - 0.5, WIDTH - MARGIN - GUTTER, 1, _LINE)
        sheet.box(MARGIN - 12, y + 1, 4, _ROW_H - 2, colour, 2)
        room = GUTTER - MARGIN - 14 - (text_width(family, 10) + 8 if first else 0)
        sheet.text(MARGIN, middle, _fitted(label, room, 12.5), _INK, 12.5)
        if first:
            sheet.text(GUTTER - 10, middle, family, colour, 10, "end")
        for event in events:
            left, right = _x(event.start_s, duration_s), _x(event.end_s, duration_s)
            _bar(sheet, left, middle, max(right - left, 3.0), event.score, colour)
        y += _ROW_H


def _bar(sheet: Canvas, left: float, middle: float, width: float, score: float, colour: RGB) -> None:
    """The surer, the fuller its colour; the score in hundredths where there is room."""
    fill = 0.4 + 0.6 * min(max((score - 0.5) / 0.45, 0.0), 1.0)
    red, green, blue = (round(255 + (c - 255) * fill) for c in colour)
    tone = (red, green, blue)
    sheet.box(left, middle - _BAR_H / 2, width, _BAR_H, tone, 4)
    if width > 26:
        sheet.text(left + 7, middle, f"{100 * score:.0f}", _on(tone), 10.5)


def _on(tone: RGB) -> RGB:
    """White on dark colours, ink on light ones (weights of ITU-R BT.601)."""
    return (255, 255, 255) if 0.299 * tone[0] + 0.587 * tone[1] + 0.114 * tone[2] < 150 else _INK


def _fitted(text: str, width: float, size: float) -> str:
    """The text, cut with an ellipsis where it is too wide."""
    if text_width(text, size) <= width:
        return text
    kept = next((n for n in range(len(text) - 1, 0, -1) if text_width(text[:n] + "…", size) <= width), 0)
    return text[:kept].rstrip(" ,(") + "…"
