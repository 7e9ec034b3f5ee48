"""Drawing on paper or on pixels: one picture, written as SVG or as PNG, without a plotting library."""

import base64
import io
import math
from html import escape
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

RGB = tuple[int, int, int]
Points = list[tuple[float, float]]
_SCALE = 2  # pixels of a PNG per unit


class Canvas(Protocol):
    """A white sheet of `width` × `height` units, the origin at the top left."""

    def box(self, x: float, y: float, width: float, height: float, colour: RGB, radius: float = 0.0) -> None:
        """A filled rectangle, its corners rounded."""
        ...

    def shape(self, points: Points, colour: RGB) -> None:
        """A filled polygon."""
        ...

    def text(self, x: float, y: float, text: str, colour: RGB, size: float = 12.0, anchor: str = "start") -> None:
        """One line, its middle at height y; `anchor` is the SVG word: start, middle or end."""
        ...

    def picture(self, x: float, y: float, width: float, height: float, rgb: NDArray[np.uint8]) -> None:
        """Pixels [h w 3], stretched smoothly."""
        ...

    def data(self) -> bytes:
        """The content of the file."""
        ...


def text_width(text: str, size: float) -> float:
    """How wide a line is set, in units; to the letter in a PNG, nearly so in an SVG."""
    return float(ImageFont.load_default(size).getlength(text))


def stroke(sheet: Canvas, points: Points, colour: RGB, thick: float = 2.0) -> None:
    """Straight lines from each point to the next, with round ends."""
    for (x, y), (to_x, to_y) in pairwise(points):
        length = max(math.hypot(to_x - x, to_y - y), 1e-9)
        across, along = thick / 2 * (to_y - y) / length, thick / 2 * (to_x - x) / length
        corners = [(x + across, y - along), (to_x + across, to_y - along), (to_x - across, to_y + along)]
        sheet.shape([*corners, (x - across, y + along)], colour)
    for x, y in points:
        sheet.box(x - thick / 2, y - thick / 2, thick, thick, colour, thick / 2)


class Svg:
    """A canvas that becomes an SVG file: no scripts, nothing fetched."""

    def __init__(self, width: int, height: int) -> None:
        self._parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
            f'height="{height}" font-family="system-ui,Segoe UI,Roboto,Helvetica,Arial,sans-serif">'
        ]
        self.box(0, 0, width, height, (255, 255, 255))

    def box(self, x: float, y: float, width: float, height: float, colour: RGB, radius: float = 0.0) -> None:
        """See Canvas."""
        corner = f' rx="{radius:g}"' if radius else ""
        size = f'width="{width:.2f}" height="{height:.2f}"'
        self._parts.append(f'<rect x="{x:.2f}" y="{y:.2f}" {size}{corner} fill="{_hex(colour)}"/>')

    def shape(self, points: Points, colour: RGB) -> None:
        """See Canvas."""
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        self._parts.append(f'<path d="M{path}Z" fill="{_hex(colour)}"/>')

    def text(self, x: float, y: float, text: str, colour: RGB, size: float = 12.0, anchor: str = "start") -> None:
        """See Canvas."""
        clean = escape("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text))
        place = f'x="{x:.2f}" y="{y + 0.35 * size:.2f}" font-size="{size:g}" text-anchor="{anchor}"'
        self._parts.append(f'<text {place} fill="{_hex(colour)}">{clean}</text>')

    def picture(self, x: float, y: float, width: float, height: float, rgb: NDArray[np.uint8]) -> None:
        """See Canvas: pixels [h w 3]."""
        buffer = io.BytesIO()
        Image.fromarray(rgb).save(buffer, "PNG", optimize=True)
        uri = f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
        place = f'x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}" preserveAspectRatio="none"'
        self._parts.append(f'<image {place} href="{uri}"/>')

    def data(self) -> bytes:
        """See Canvas."""
        return "\n".join([*self._parts, "</svg>", ""]).encode()


class Png:
    """A canvas that becomes a PNG of twice its units, sharp on every screen."""

    def __init__(self, width: int, height: int) -> None:
        self._image = Image.new("RGB", (width * _SCALE, height * _SCALE), (255, 255, 255))
        self._draw = ImageDraw.Draw(self._image)

    def box(self, x: float, y: float, width: float, height: float, colour: RGB, radius: float = 0.0) -> None:
        """See Canvas."""
        left, top = round(x * _SCALE), round(y * _SCALE)
        right = max(left, round((x + width) * _SCALE) - 1)
        bottom = max(top, round((y + height) * _SCALE) - 1)
        self._draw.rounded_rectangle((left, top, right, bottom), min(radius * _SCALE, (right - left) / 2), colour)

    def shape(self, points: Points, colour: RGB) -> None:
        """See Canvas."""
        self._draw.polygon([(x * _SCALE, y * _SCALE) for x, y in points], colour)

    def text(self, x: float, y: float, text: str, colour: RGB, size: float = 12.0, anchor: str = "start") -> None:
        """See Canvas."""
        clean = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
        where = {"start": "l", "middle": "m", "end": "r"}[anchor] + "m"
        font = ImageFont.load_default(size * _SCALE)
        self._draw.text((x * _SCALE, y * _SCALE), clean, colour, font, where)

    def picture(self, x: float, y: float, width: float, height: float, rgb: NDArray[np.uint8]) -> None:
        """See Canvas: pixels [h w 3]."""
        size = round(width * _SCALE), round(height * _SCALE)
        part = Image.fromarray(rgb).resize(size, Image.Resampling.BICUBIC)
        self._image.paste(part, (round(x * _SCALE), round(y * _SCALE)))

    def data(self) -> bytes:
        """See Canvas."""
        buffer = io.BytesIO()
        self._image.save(buffer, "PNG")
        return buffer.getvalue()


def _hex(colour: RGB) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
