"""Scores as pictures, to be judged as a musician would: python -m benchmarks.quality.piano_rolls OUT [--ensembles piano
orchestra folk] [--seed 7000].

Three scenes of 16, 12 and 16 s, two of one theme (calm and bright; dark and active; bright and active), a picture for
each ensemble: a lane for each part, its notes the darker the harder they are struck; above it bars by number, chords by
name, keys and scenes.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from storysound.compose.compose import Means, compose
from storysound.compose.notes import TONICS, Composition, Part
from storysound.compose.spotting import Scene, Spotting
from storysound.story import Mood

SCENES = (
    Scene(0.0, 16.0, Mood(0.7, 0.3), theme="Anna"),
    Scene(16.0, 28.0, Mood(0.2, 0.75), theme="storm"),
    Scene(28.0, 44.0, Mood(0.85, 0.7), theme="Anna"),
)
_S, _SEMITONE, _TOP, _SIDE, _GAP = 40, 5, 66, 150, 14  # pixels: of a second, of a semitone, of margins, between lanes
_INK, _GREY, _RED = (20, 20, 60), (205, 205, 205), (190, 30, 30)
_THIRDS = {(4, 7): "", (3, 7): "m", (3, 6): "dim", (4, 8): "aug"}


def chord_name(tones: Sequence[int]) -> str:
    """Root and kind of pitch classes, root first.

    >>> chord_name((7, 11, 2, 5)), chord_name((9, 0, 4)), chord_name((0, 4, 7, 2))
    ('G7', 'Am', 'Cadd9')
    """
    above = [(tone - tones[0]) % 12 for tone in tones]
    kind = _THIRDS.get((above[1], above[2]), "?")
    more = {2: "add9", 10: "7", 11: "maj7"}.get(above[3], "?") if len(above) > 3 else ""
    return TONICS[tones[0]].split("/")[0] + kind + more


def picture(music: Composition) -> Image.Image:
    """The roll of all parts, those that lead first."""
    parts = sorted(music.parts, key=lambda part: (part.drums, part.name not in music.leads))
    heights = [_SEMITONE * (_highest(part) - _lowest(part) + 3) for part in parts]
    size = (_SIDE + round(_S * music.length_s), _TOP + sum(heights) + _GAP * len(parts))
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    _ruled(draw, music, size[1])
    top = _TOP
    for part, height in zip(parts, heights, strict=True):
        draw.line([(0, top + height + _GAP // 2), (size[0], top + height + _GAP // 2)], fill=_GREY)
        draw.text((6, top + height // 2 - 6), part.name, fill=_RED if part.name in music.leads else _INK)
        for note in part.notes:
            x, y = _SIDE + _S * note.start_s, top + height - _SEMITONE * (note.pitch - _lowest(part) + 2)
            pale = round(170 * (1 - note.velocity / 127))
            wide = max(3.0, _S * note.length_s - 1)
            draw.rectangle([x, y, x + wide, y + _SEMITONE - 1], fill=(pale, pale, min(255, pale + 90)))
        top += height + _GAP
    return image


def _lowest(part: Part) -> int:
    return min((note.pitch for note in part.notes), default=60)


def _highest(part: Part) -> int:
    return max((note.pitch for note in part.notes), default=60)


def _ruled(draw: ImageDraw.ImageDraw, music: Composition, height: int) -> None:
    """Bars, chords, keys and scenes."""
    for number, bar in enumerate(music.bars, 1):
        x = _SIDE + _S * bar.start_s
        draw.line([(x, 44), (x, height)], fill=_GREY)
        draw.text((x + 2, 46), str(number), fill=_GREY)
    for harmony in music.harmonies:
        draw.text((_SIDE + _S * harmony.start_s + 2, 30), chord_name(harmony.tones), fill=_INK)
    for key in music.keys:
        draw.text((_SIDE + _S * key.start_s + 2, 16), f"{key.name}, {_bpm(music, key.start_s):.0f}", fill=_RED)
    for marker in music.markers:
        x = _SIDE + _S * marker.at_s
        draw.line([(x, 0), (x, height)], fill=_RED)
        draw.text((x + 2, 2), marker.text, fill=_RED)


def _bpm(music: Composition, at_s: float) -> float:
    return next(tempo.bpm for tempo in reversed(music.tempi) if tempo.start_s <= at_s + 1e-6)


def main() -> None:
    """Writes a PNG for each ensemble."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--ensembles", nargs="+", default=["piano", "orchestra", "folk"])
    parser.add_argument("--seed", type=int, default=7000)
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    for name in asked.ensembles:
        file = asked.out / f"{name}-{asked.seed}.png"
        picture(compose(Spotting(SCENES), asked.seed, Means(name))).save(file)
        print(file)


if __name__ == "__main__":
    main()
