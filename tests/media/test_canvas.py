"""Strokes of a canvas."""

import io

import numpy as np
from PIL import Image

from storysound.media.canvas import Png, stroke


def test_a_stroke_goes_through_its_points_and_nowhere_else() -> None:
    sheet = Png(40, 40)
    stroke(sheet, [(5, 5), (35, 5), (35, 35)], (0, 0, 0), 4)
    dark = np.asarray(Image.open(io.BytesIO(sheet.data())).convert("L")) < 128
    for x, y in ((5, 5), (20, 5), (35, 5), (35, 20), (35, 35)):
        assert dark[2 * y, 2 * x]
    assert not dark[30:, :60].any()
    assert not dark[:4].any()
    assert 0.8 * 4 * 60 < dark.sum() / 4 < 1.2 * 4 * 64
