"""Figure 3 of the paper for one's own data: a histogram per modality, drawn as SVG or PNG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storysound.media.canvas import RGB, Canvas, Png, Svg

WIDTH, PANEL_H = 1080, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 24, 60, 58  # around the plot of a panel
_INK, _SOFT, _LINE, _BAR = (31, 36, 48), (120, 127, 142), (231, 234, 240), (58, 112, 205)
_MEAN: RGB = (196, 78, 52)
_MOST_BINS = 40


@dataclass(frozen=True)
class Panel:
    """One histogram. `whole`: values are counts, and so bins hold whole numbers."""

    title: str
    unit: str
    values: Sequence[float]
    mean: float
    median: float
    whole: bool


def draw(panels: Sequence[Panel], suffix: str) -> bytes:
    """All panels, two in a row; the content of an .svg or .png file."""
    rows = math.ceil(len(panels) / 2)
    sheet: Canvas = (Svg if suffix == ".svg" else Png)(WIDTH, rows * PANEL_H)
    for number, panel in enumerate(panels):
        _panel(sheet, panel, "abcdefgh"[number], WIDTH // 2 * (number % 2), PANEL_H * (number // 2))
    return sheet.data()


def step_of(span: float, wanted: int) -> float:
    """A round step, 1, 2 or 5 times a power of ten, that divides `span` into about `wanted`.

    >>> step_of(100.0, 6), step_of(7.0, 6), step_of(0.3, 5)
    (20.0, 1.0, 0.05)
    """
    raw = max(span, 1e-9) / wanted
    power = 10.0 ** math.floor(math.log10(raw))
    best = min((1, 2, 5, 10), key=lambda factor: abs(math.log(factor * power / raw)))
    return float(best * power)


def edges_of(panel: Panel) -> NDArray[np.float64]:
    """Edges of equal bins of a round width, from 0 or nearly the least value to beyond the largest."""
    values = np.asarray(panel.values, np.float64)
    if not values.size:
        return np.array([0.0, 1.0])
    low, high = float(values.min()), float(values.max())
    low = 0.0 if low < 0.5 * high else low
    wanted = min(_MOST_BINS, max(8, round(2 * math.sqrt(len(values)))))
    step = step_of(high - low or 1.0, wanted)
    step = max(1.0, step) if panel.whole else step
    first = math.floor(low / step)
    count = math.floor(high / step) - first + 1
    return np.arange(first, first + count + 1, dtype=np.float64) * step


def _panel(sheet: Canvas, panel: Panel, letter: str, x: float, y: float) -> None:
    left, top = x + _LEFT, y + _TOP
    width, height = WIDTH / 2 - _LEFT - _RIGHT, PANEL_H - _TOP - _BOTTOM
    sheet.text(left, y + 24, f"({letter}) {panel.title}", _INK, 16)
    figures = f"n = {len(panel.values)}   mean {panel.mean:.1f}   median {panel.median:.1f}"
    sheet.text(left + width, y + 25, figures, _SOFT, 12, "end")
    edges = edges_of(panel)
    counts, _ = np.histogram(panel.values, edges)
    most = max(1, int(counts.max()))
    span = float(edges[-1] - edges[0])
    rung = max(1.0, step_of(most, 4))
    ceiling = math.ceil(most / rung) * rung
    for mark in np.arange(0, ceiling + rung / 2, rung):
        level = top + height * (1 - mark / ceiling)
        sheet.box(left, level - 0.5, width, 1, _LINE if mark else _SOFT)
        sheet.text(left - 8, level, f"{mark:g}", _SOFT, 11, "end")
    for count, start in zip(counts, edges[:-1], strict=True):
        if count:
            bar = width / len(counts)
            rise = height * int(count) / ceiling
            at = left + width * float(start - edges[0]) / span
            sheet.box(at + 0.5, top + height - rise, max(bar - 1, 0.5), rise, _BAR)
    _axis(sheet, panel, edges, left, top + height, width)
    if panel.values:
        at = left + width * (panel.mean + (0.5 if panel.whole and edges[1] - edges[0] == 1 else 0) - edges[0]) / span
        for dash in range(int(height // 8)):
            sheet.box(at - 0.75, top + 8 * dash, 1.5, 5, _MEAN)
        sheet.text(at, top - 7, "mean", _MEAN, 11, "middle")


def _axis(sheet: Canvas, panel: Panel, edges: NDArray[np.float64], left: float, base: float, width: float) -> None:
    """Numbers under n bars with edges [n+1]: under the middle of one that holds one whole number, else at its edges."""
    span, single = float(edges[-1] - edges[0]), panel.whole and edges[1] - edges[0] == 1
    step = max(step_of(span, 7), 1.0 if panel.whole else 0.0)
    shift = width / (len(edges) - 1) / 2 if single else 0.0
    first = math.ceil(edges[0] / step)
    for number in range(first, math.floor((edges[-1] - (1 if single else 0)) / step + 1e-9) + 1):
        at = left + width * (number * step - float(edges[0])) / span + shift
        sheet.box(at - 0.5, base, 1, 4, _SOFT)
        sheet.text(at, base + 15, f"{number * step:g}", _SOFT, 11, "middle")
    sheet.text(left + width / 2, base + 38, panel.unit, _SOFT, 12, "middle")
    sheet.text(left - 46, base - (PANEL_H - _TOP - _BOTTOM) - 20, "stories", _SOFT, 11)
