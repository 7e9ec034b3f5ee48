"""How pictures look, in words: near or far, dark or bright, colourful or grey, warm or cold, still or fast.

A word is said where it is clear; the middle has none. Limits were set by looking at two frames of each of 26 clips.
Colourfulness: Hasler & Süsstrunk 2003, "Measuring colourfulness in natural images", section 7, where 15 is slight, 45
average and 59 a lot.
"""

from collections.abc import Sequence

import numpy as np

from storysound.encode.detectors.boxes import Box
from storysound.media.arrays import Floats, Pixels

SURE = 0.5  # score of a box from which on its size counts
NEAR, FAR = 0.45, 0.1  # share of the picture that the largest thing takes
DARK, BRIGHT = 60.0, 160.0  # mean luma, 0 to 255
GREY, COLOURFUL = 16.0, 55.0
WARM, COLD = 35.0, -25.0  # mean of red less blue
STILL, FAST = 0.8, 8.0  # median change of luma within 0.1 s
SHORT_SHOT_S = 1.5  # median length of shots, below which what is shown is fast
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


def look_words(
    pictures: Sequence[Pixels], boxes: Sequence[Sequence[Box]], motion: Sequence[float], shots_s: Sequence[float]
) -> tuple[str, ...]:
    """Words for pictures uint8 [h w 3] of one scene, their boxes, and how fast it is.

    `motion`: of each of its stretches, as `media.motion` measures it; none of stills. `shots_s`: how long its shots
    are.
    """
    sizes = [max((box.area for box in own if box.score >= SURE), default=None) for own in boxes]
    known = [size for size in sizes if size is not None]
    shades = np.mean([_shades(picture) for picture in pictures], axis=0) if pictures else np.full(3, np.nan)
    light, colour, warmth = shades.tolist()
    speed = float(np.median(motion)) if motion else float("nan")
    hasty = bool(motion) and len(shots_s) > 1 and float(np.median(shots_s)) < SHORT_SHOT_S
    words = (
        _end(float(np.mean(known)) if known else float("nan"), FAR, NEAR, "far", "near"),
        _end(light, DARK, BRIGHT, "dark", "bright"),
        "" if light < DARK else _end(colour, GREY, COLOURFUL, "grey", "colourful"),
        "" if light < DARK or colour < GREY else _end(warmth, COLD, WARM, "cold", "warm"),
        "fast" if hasty else _end(speed, STILL, FAST, "still", "fast"),
    )
    return tuple(word for word in words if word)


def _end(value: float, low: float, high: float, below: str, above: str) -> str:
    """The word for a value at either end of a scale; "" for one between, or none (NaN)."""
    return below if value < low else above if value > high else ""


def _shades(picture: Pixels) -> Floats:
    """[3]: mean luma, colourfulness, and mean of red less blue."""
    pixels = picture.reshape(-1, 3).astype(np.float32)
    red, green, blue = pixels.T
    opponents = np.stack([red - green, (red + green) / 2 - blue])
    colourful = np.hypot(*opponents.std(axis=1)) + 0.3 * np.hypot(*opponents.mean(axis=1))
    return np.array([(pixels @ _LUMA).mean(), colourful, (red - blue).mean()], np.float32)
