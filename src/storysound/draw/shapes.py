"""Drawing for the report: arrays to SVG paths, small pictures and positions; no markup, no cue sheet."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from storysound.media.levels import columns
from storysound.story import Span

BRIEF_S = 3.0  # shorter stretches are told to the tenth of a second
THUMB_PX = 176  # longer side of a thumbnail
_JPEG_QUALITY = 68
_WAVE_COLUMNS = 1400
_WAVE_POWER = 0.7  # < 1 lifts quiet parts, so that speech and room tone can be seen beside music
_HEAT_RGB = (217, 95, 2)  # visible on white and on black; strength is its opacity


def clock(time_s: float) -> str:
    """Minutes, seconds and tenths, with hours where there are any.

    >>> clock(12.34), clock(3599.96), clock(75.0)
    ('0:12.3', '1:00:00.0', '1:15.0')
    """
    tenths = round(max(0.0, time_s) * 10)
    hours, rest = divmod(tenths, 36_000)
    minutes, rest = divmod(rest, 600)
    head = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{head}:{rest // 10:02d}.{rest % 10}"


def times_of(span: Span) -> str:
    """From when to when, in words; whole seconds where tenths don't matter."""
    brief = span.duration_s < BRIEF_S
    return "–".join(clock(t if brief else round(t)).removesuffix(".0") for t in (span.start_s, span.end_s))


def shown(text: str) -> str:
    """Text on one line, with control characters made visible; the template escapes the rest.

    >>> shown("a" + chr(10) + "b"), shown("rain ☔")
    ('a↵b', 'rain ☔')
    """
    pictures = {"\n": "↵", "\r": "↵", "\t": "→"}
    return "".join(c if c.isprintable() else pictures.get(c, "\N{REPLACEMENT CHARACTER}") for c in text)


@dataclass(frozen=True)
class TimeAxis:
    """Times of a story as percentages of its length."""

    duration_s: float

    def at(self, time_s: float) -> float:
        """Position of a time, in [0, 100]."""
        return round(100.0 * min(max(time_s / self.duration_s, 0.0), 1.0), 4) if self.duration_s > 0 else 0.0

    def box(self, start_s: float, end_s: float) -> str:
        """CSS left and width of a stretch."""
        left = self.at(start_s)
        return f"left:{left:g}%;width:{max(0.0, self.at(end_s) - left):.4g}%"


def tick_step_s(duration_s: float, wanted: int = 12) -> float:
    """A round distance between ruler ticks that gives about `wanted` of them.

    >>> tick_step_s(60), tick_step_s(5400)
    (5.0, 600.0)
    """
    steps = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600)
    return next((float(step) for step in steps if duration_s / step <= wanted), 7200.0)


def peaks(values: NDArray[np.float32], step_s: float, duration_s: float) -> NDArray[np.float32]:
    """The largest of peaks [t], one every `step_s`, in up to 1,400 equal stretches of [0, duration_s): [columns]."""
    total = max(1, round(duration_s / step_s))
    count = min(_WAVE_COLUMNS, total)
    padded = np.zeros(total, np.float32)
    padded[: len(values)] = np.nan_to_num(values[:total], nan=0.0, posinf=1.0)
    return columns(padded, count)


def wave_path(values: NDArray[np.float32], full_scale: float) -> str:
    """SVG path of a mirrored envelope [n] in a box of len(values) × 100, drawn at `full_scale` as full height."""
    heights = 49.5 * (np.clip(values / max(full_scale, 1e-9), 0.0, 1.0) ** _WAVE_POWER)
    heights = np.maximum(heights, 0.4)
    upper = [f"{x} {50 - h:.3g}" for x, h in enumerate(heights)]
    lower = [f"{x} {50 + h:.4g}" for x, h in reversed(list(enumerate(heights)))]
    return f"M{'L'.join(upper)}L{'L'.join(lower)}Z"


def curve_path(points: Sequence[tuple[float, float]], duration_s: float) -> str:
    """SVG path of (time, value in [0, 1]) points in a box of 1000 × 100, held level before the first and after."""
    if not points or duration_s <= 0:
        return ""
    steps = [f"{1000 * min(max(t / duration_s, 0.0), 1.0):.1f} {100 * (1 - v):.1f}" for t, v in points]
    first, last = steps[0].split()[1], steps[-1].split()[1]
    return f"M0 {first}L{'L'.join(steps)}L1000 {last}"


def fade_edges(duration_s: float, fade_in_s: float, fade_out_s: float) -> tuple[float, float]:
    """Where in a bar the fade in ends and the fade out starts, in percent, to scale.

    >>> fade_edges(10.0, 1.0, 2.0)
    (10.0, 80.0)
    """
    if duration_s <= 0:
        return 0.0, 100.0
    rise = 100 * min(fade_in_s / duration_s, 1.0)
    fall = 100 * (1 - min(fade_out_s / duration_s, 1.0))
    return (round(rise, 2), round(fall, 2)) if rise <= fall else (50.0, 50.0)


def lanes(spans: Sequence[tuple[float, float]]) -> list[int]:
    """The first free lane for each of the sorted (start, end) spans, so that none covers another.

    >>> lanes([(0, 5), (1, 2), (2, 6), (5, 7)])
    [0, 1, 1, 0]
    """
    ends: list[float] = []
    chosen = []
    for start, end in spans:
        lane = next((k for k, busy_until in enumerate(ends) if busy_until <= start + 1e-6), len(ends))
        ends[lane : lane + 1] = [end]
        chosen.append(lane)
    return chosen


def thumbnail(rgb: NDArray[np.uint8]) -> str:
    """A picture uint8 [h w 3] as data URI of a small JPEG."""
    image = Image.fromarray(np.ascontiguousarray(rgb))
    image.thumbnail((THUMB_PX, THUMB_PX), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return _data_uri(image, "JPEG", quality=_JPEG_QUALITY, optimize=True)


def heatmap(values: NDArray[np.floating]) -> str:
    """A map [rows columns] as data URI of a PNG, one pixel a cell: one colour, opaque where the value is largest."""
    clean = np.nan_to_num(np.asarray(values, np.float64), nan=0.0)
    span = float(clean.max() - clean.min()) if clean.size else 0.0
    share = (clean - clean.min()) / span if span > 0 else np.zeros_like(clean)
    picture = np.empty((*clean.shape, 4), np.uint8)
    picture[..., :3] = _HEAT_RGB
    picture[..., 3] = np.round(255 * share)
    return _data_uri(Image.fromarray(picture, "RGBA"), "PNG", optimize=True)


def _data_uri(image: Image.Image, form: str, **options: object) -> str:
    """The encoded picture, base64."""
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return f"data:image/{form.lower()};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
