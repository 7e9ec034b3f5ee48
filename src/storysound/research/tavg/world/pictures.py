"""What is seen of a scene: frames of plain shapes whose colour is their material's. Axes: f frames."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from storysound.media.arrays import Doubles, Floats, Pixels, Reals
from storysound.research.tavg.world import canvas
from storysound.research.tavg.world.canvas import SIDE, Canvas, Shape, box, disc, ellipse, ring, rod
from storysound.research.tavg.world.contacts import (
    FRAME_TIMES,
    FRAMES,
    beside,
    fading,
    lift,
    since_and_until,
    touching,
)
from storysound.research.tavg.world.lasting import car_x_m, rain_of
from storysound.research.tavg.world.materials import MATERIALS
from storysound.research.tavg.world.motion import flight
from storysound.research.tavg.world.scenes import Scene

FLOOR = 51
PIXELS_PER_M = 8.8  # of a car's way
RAIN_PX_S = 150.0
_SPARK = (255, 250, 215)
_WATER = MATERIALS["water"].colour
_LIGHT, _DARK = (245, 248, 255), (30, 30, 38)
_HANDLE = (150, 96, 48)


def frames_of(scene: Scene) -> Pixels:
    """The frames of a scene [FRAMES SIDE SIDE 3]."""
    rng = np.random.default_rng([scene.seed, 1])
    return _DRAWN[scene.kind](scene, rng).frames(scene.mirrored)


def _colour(material: str, by: float = 1.0) -> canvas.Colour:
    """A material's, lighter or darker."""
    red, green, blue = (min(255, round(each * by)) for each in MATERIALS[material].colour)
    return red, green, blue


def _body(
    on: Canvas, x: Doubles, y: Doubles, half: tuple[int, int], shape: Shape, material: str, opacity: ArrayLike = 1.0
) -> None:
    """A thing about x, y [f], as opaque as said [f]; through glass one sees, but for its edge."""
    clear = material == "glass"
    on.fill(x, y, half, shape, _colour(material), np.asarray(opacity) * (0.5 if clear else 1.0))
    if clear:
        on.fill(x, y, half, ring(shape, 2.0), _LIGHT, np.asarray(opacity) * 0.9)


def _stick(
    on: Canvas, x: Doubles | float, y: Doubles | float, to_x: Doubles, to_y: Doubles, half: tuple[int, int],
    radius: float, colour: canvas.Colour,
) -> None:  # fmt: skip
    """A rod from x, y to to_x, to_y [f]."""
    on.fill((x + to_x) / 2, (y + to_y) / 2, half, rod(to_x - x, to_y - y, radius), colour)


def _spark(on: Canvas, scene: Scene, x: Doubles | float, y: Doubles | float, wide: float = 7.0) -> None:
    """A flash where things touch, at x, y [f]; most of it is gone a frame later."""
    left = fading(scene.impacts_s, scene.strengths, 0.05)
    on.fill(x, y, (int(wide) + 1, 6), ellipse(wide * (0.4 + 0.6 * left), 1.5 + 2.5 * left), _SPARK, left)


def _floor(scene: Scene, rng: np.random.Generator, top: int = FLOOR) -> Floats:
    """Background and a floor of the surface's material [SIDE SIDE 3]."""
    ground = canvas.background(scene.shade)
    canvas.lay(ground, scene.surface, (top, SIDE), (0, SIDE), rng)
    return ground


def _ball(scene: Scene, rng: np.random.Generator) -> Canvas:
    on = Canvas(_floor(scene, rng), FRAMES)
    radius = 5.0 + 4.0 * scene.size
    way, touch = flight(scene, radius, rng), touching(scene.impacts_s)
    wide, high = radius * (1 + 0.2 * touch), radius * (1 - 0.22 * touch)
    y = FLOOR - way.height - high
    at = np.interp(scene.impacts_s, FRAME_TIMES, way.x)
    last = np.searchsorted(np.asarray(scene.impacts_s), FRAME_TIMES + 0.04).clip(1) - 1
    _spark(on, scene, at[last], FLOOR + 0.5, radius + 5)
    _body(on, way.x, y, (13, 13), ellipse(wide, high), scene.material)
    shine = {"glass": 0.9, "metal": 1.0, "plastic": 0.7, "rubber": 0.3}.get(scene.material, 0.1)
    on.fill(way.x - radius * 0.35, y - radius * 0.4, (4, 4), disc(radius * 0.25), _LIGHT, shine)
    return on


_THING = {"plate": (9.0, 2.2), "bottle": (3.6, 9.0), "cup": (5.5, 5.5)}  # half width, half height


def _break(scene: Scene, rng: np.random.Generator) -> Canvas:
    on = Canvas(_floor(scene, rng), FRAMES)
    places = [20 + 24 * scene.place] if len(scene.impacts_s) == 1 else [17.0 + 4 * scene.place, 43.0 + 4 * scene.place]
    for number, (time_s, x) in enumerate(zip(scene.impacts_s, places, strict=True)):
        since, until = beside((time_s,))
        _falling(on, scene, x, np.where(touching((time_s,)) > 0, 0.0, until), rng)
        _pieces(on, scene, x, np.where(np.isfinite(since), since, 0.0), rng)
        left = fading((time_s,), (scene.strengths[number],), 0.06)
        on.fill(x, FLOOR - 2, (12, 9), ellipse(4 + 7 * left, 2 + 5 * left), _SPARK, left)
    return on


def _falling(on: Canvas, scene: Scene, x: float, until_s: Doubles, rng: np.random.Generator) -> None:
    """A thing that falls from above the picture, tumbling, and touches the floor in until_s [f]; then it is gone."""
    wide, high = (side * (0.85 + 0.3 * scene.size) for side in _THING[scene.thing])
    whole = np.isfinite(until_s)
    fall = np.where(whole, until_s, 0.0)
    angle = rng.uniform(-0.35, 0.35) + rng.choice([-1.0, 1.0]) * rng.uniform(1.0, 3.0) * fall
    low = wide * np.abs(np.sin(angle)) + high * np.abs(np.cos(angle))
    early = fall.clip(max=0.5)  # it has been above the picture since long
    y = FLOOR - low - 260 * early + 250 * early**2
    at = np.full(FRAMES, x)
    _body(on, at, y, (14, 14), box(wide, high, angle), scene.material, whole.astype(np.float64))
    if scene.thing == "bottle":
        neck_x, neck_y = at + np.sin(angle) * (high + 1), y - np.cos(angle) * (high + 1)
        _body(on, neck_x, neck_y, (6, 6), box(1.5, 3.0, angle), scene.material, whole.astype(np.float64))


def _pieces(on: Canvas, scene: Scene, x: float, since_s: Doubles, rng: np.random.Generator) -> None:
    """What is left of a thing `since_s` [f] ago: pieces fly off and lie where they land."""
    wide = _THING[scene.thing][0]
    there = (since_s > 0).astype(np.float64)
    for _ in range(11):
        rise, away = rng.uniform(30, 150), rng.uniform(-75, 75)
        flying = np.minimum(since_s, 2 * rise / 520)
        y = FLOOR - 1.5 - (rise * flying - 260 * flying**2)
        at = x + rng.uniform(-0.7, 0.7) * max(wide, 4.0) + away * flying
        size = rng.uniform(1.2, 2.6)
        shape = box(size, size * 0.7, rng.uniform(0, 3) + rng.uniform(-12, 12) * flying)
        on.fill(at, y, (4, 4), shape, _colour(scene.material, rng.uniform(0.85, 1.25)), there)


def _drops(scene: Scene, rng: np.random.Generator) -> Canvas:
    ground = Canvas(canvas.background(scene.shade), 1)
    level, x, wide = 44.0, 26 + 12 * scene.place, 22.0
    ground.fill(32, level, (27, 19), lambda dx, dy: np.maximum(ellipse(26, 18)(dx, dy), -dy), _colour(scene.surface))
    ground.fill(32, level, (27, 8), ellipse(26, 7), _colour(scene.surface, 0.7))
    ground.fill(32, level + 0.5, (25, 8), ellipse(24, 5.5), _WATER)
    ground.fill(x, 2, (6, 6), box(3, 4), (150, 150, 160))
    on = Canvas(ground.frames(False)[0].astype(np.float32), FRAMES)
    radius = 2.4 + 1.8 * scene.size
    for time_s, strength in zip(scene.impacts_s, scene.strengths, strict=True):
        since, until = beside((time_s,))
        after = np.where(np.isfinite(since), since, 0.0)
        gone = np.where(np.isfinite(since), np.exp(-after / 0.22), 0.0)
        reach = np.minimum(4 + 50 * after, wide)
        waves = ring(ellipse(reach, reach * 0.24), 1.8)
        on.fill((x + 32) / 2 + 0 * after, level + 0.5, (24, 7), waves, _LIGHT, np.where(gone > 0.1, gone, 0))
        left = fading((time_s,), (strength,), 0.05)
        on.fill(x, level, (9, 5), ellipse(3 + 5 * left, 1 + 2.5 * left), _SPARK, left)
        jet = np.where(np.isfinite(since) & (after < 0.25) & (after > 0), 1.0, 0.0)
        on.fill(x, level - 2 - 60 * strength * after * (1 - after / 0.25), (4, 4), disc(1.6), (170, 205, 255), jet)
        fall = np.where(touching((time_s,)) > 0, 0.0, np.where(np.isfinite(until), until, 9.0))
        on.fill(
            x,
            level - radius - np.where(fall < 0.3, 280 * fall - 400 * fall**2, 80),
            (6, 8),
            ellipse(radius, radius * 1.35),
            (120, 180, 255),
        )
    return on


def _string(scene: Scene, rng: np.random.Generator) -> Canvas:
    ground = Canvas(canvas.background(scene.shade), 1)
    y, at = 28.0, 20 + 24 * scene.place
    ground.fill(32, 44, (31, 18), ellipse(30, 17), _colour(scene.surface, 0.85))
    ground.fill(32, 46, (8, 8), ellipse(7, 6), _DARK)
    for x in (3, 60):
        ground.fill(x, y, (4, 6), box(2, 5), _colour(scene.surface))
    on = Canvas(ground.frames(False)[0].astype(np.float32), FRAMES)
    held = touching(scene.impacts_s)
    sway = 6.5 * fading(scene.impacts_s, scene.strengths, 0.35 if scene.material == "metal" else 0.2) * (1 - held)
    thick = 0.9 + 0.8 * scene.size
    rows = np.arange(FRAMES)
    sign = np.where(rows % 2, 1.0, -1.0) * sway

    def bow(dx: Reals) -> Reals:
        return np.cos(np.pi * np.clip(dx / 58, -0.5, 0.5))

    def swung(dx: Reals, dy: Reals) -> Reals:
        return np.asarray(np.maximum(np.abs(dy) - canvas.by_frame(sway) * bow(dx) - 0.3, np.abs(dx) - 28))

    def bent(dx: Reals, dy: Reals) -> Reals:
        pulled = np.where(dx < at - 32, (dx + 28) / (at - 4), (28 - dx) / (60 - at))
        line = canvas.by_frame(pull) * pulled + canvas.by_frame(sign) * bow(dx)
        return np.asarray(np.maximum(np.abs(dy - line) - thick, np.abs(dx) - 28))

    pull = 7.0 * held
    on.fill(32, y, (28, 8), swung, _colour(scene.material), 0.4 * (sway > 0.4))
    on.fill(32, y, (28, 9), bent, _colour(scene.material))
    away = lift(scene.impacts_s, scene.strengths)
    on.fill(at, y + pull - 3 - 16 * away, (6, 7), ellipse(3.0, 4.5), _colour("hand"))
    return on


def _hammer(scene: Scene, rng: np.random.Generator) -> Canvas:
    ground = canvas.background(scene.shade)
    ground[58:] += 20
    canvas.lay(ground, scene.surface, (44, 60), (8, 44), rng)
    on = Canvas(ground, FRAMES)
    big = 0.85 + 0.35 * scene.size
    wide, high = 5.0 * big, 7.0 * big
    angle = 1.05 * lift(scene.impacts_s, scene.strengths)
    reach, pivot_x, pivot_y = 34.0, 60.0, 44 - high
    x, y = pivot_x - reach * np.cos(angle), pivot_y - reach * np.sin(angle)
    _spark(on, scene, pivot_x - reach, 44.0)
    _stick(on, pivot_x, pivot_y, x, y, (20, 18), 1.8, _HANDLE)
    _body(on, x, y, (13, 13), box(wide, high, angle), scene.material)
    return on


def _bell(scene: Scene, rng: np.random.Generator) -> Canvas:
    ground = Canvas(canvas.background(scene.shade), 1)
    ground.fill(36, 4, (2, 6), box(1, 6), (120, 120, 130))
    on = Canvas(ground.frames(False)[0].astype(np.float32), FRAMES)
    big = 0.8 + 0.3 * scene.size
    since, _ = since_and_until(FRAME_TIMES, scene.impacts_s)
    shake = fading(scene.impacts_s, scene.strengths, 0.3) * np.cos(
        2 * np.pi * 4 * np.where(np.isfinite(since), since, 0)
    )
    x, low = 36 + 3 * shake, 12 + 30 * big

    def dome(dx: Reals, dy: Reals) -> Reals:
        down = np.clip((dy + 15 * big) / (30 * big), 0, 1)
        half = big * (5 + 6 * np.sqrt(down) + 5 * down**4)
        return np.asarray(np.maximum(np.abs(dx) - half, np.abs(dy) - 15 * big))

    _body(on, x, np.full(FRAMES, low - 15 * big), (20, 20), dome, scene.material)
    _spark(on, scene, 36 - 16 * big, low - 4)
    away = lift(scene.impacts_s, scene.strengths)
    tip_x, tip_y = 36 - 16 * big - 4.5 - 19 * away, low - 3 - 3 * away
    _stick(on, tip_x, tip_y, tip_x - 24, tip_y + 14, (15, 10), 1.5, _HANDLE)
    _body(on, tip_x, tip_y, (6, 6), disc(4.5), scene.surface)
    return on


def _knock(scene: Scene, rng: np.random.Generator) -> Canvas:
    ground = canvas.background(scene.shade)
    ground[60:] += 20
    edge = 42 + round(6 * scene.place)
    canvas.lay(ground, scene.surface, (4, 60), (edge, SIDE - 4), rng)
    on = Canvas(ground, FRAMES)
    away = lift(scene.impacts_s, scene.strengths)
    x, y = edge - 7 - 20 * away, 28 + 8 * scene.size + 3 * away
    _spark(on, scene, float(edge), y)
    _stick(on, x, y, x - 34, y + 12, (23, 12), 4.0, (70, 100, 170))
    on.fill(x, y, (8, 8), disc(7.0), _colour("hand"))
    on.fill(x + 2, y - 1, (4, 5), box(0.6, 4.0), _colour("hand", 0.7), 0.8)
    return on


def _drum(scene: Scene, rng: np.random.Generator) -> Canvas:
    big = 0.85 + 0.2 * scene.size
    ground = Canvas(canvas.background(scene.shade), 1)
    ground.fill(28, 52, (24, 12), box(19 * big, 10), (150, 40, 60))
    on = Canvas(ground.frames(False)[0].astype(np.float32), FRAMES)
    since, _ = since_and_until(FRAME_TIMES, scene.impacts_s)
    moved = fading(scene.impacts_s, scene.strengths, 0.12) * np.cos(
        2 * np.pi * 8 * np.where(np.isfinite(since), since, 0)
    )
    on.fill(28, 42 + 2 * moved, (24, 8), ellipse(20 * big, 5 - 1.5 * moved), _colour(scene.surface))
    angle = 0.35 + 0.95 * lift(scene.impacts_s, scene.strengths)
    tip_x, tip_y = 62 - 34 * np.cos(angle), 50.5 - 34 * np.sin(angle)
    _spark(on, scene, 62 - 34 * np.cos(0.35), 42.0)
    _stick(on, 62.0, 50.5, tip_x, tip_y, (19, 19), 1.5, _colour(scene.material, 0.85))
    _body(on, tip_x, tip_y, (5, 5), disc(3.8), scene.material)
    return on


def _car(scene: Scene, rng: np.random.Generator) -> Canvas:
    on = Canvas(_floor(scene, rng), FRAMES)
    big = 0.85 + 0.25 * scene.size
    x, y = 32 + PIXELS_PER_M * car_x_m(scene, FRAME_TIMES), FLOOR - 8 * big
    on.fill(x - big, y - 6 * big, (11, 7), box(8 * big, 4.5 * big), _colour(scene.material, 0.85))
    on.fill(x - big, y - 6 * big, (8, 5), box(6 * big, 2.5 * big), (70, 110, 150))
    on.fill(x, y, (17, 7), box(14 * big, 4.2 * big), _colour(scene.material))
    for side in (-1, 1):
        on.fill(x + side * 8.5 * big, FLOOR - 3.6 * big, (6, 6), disc(3.8 * big), _DARK)
        on.fill(x + side * 8.5 * big, FLOOR - 3.6 * big, (3, 3), disc(1.6 * big), (170, 170, 175))
    on.fill(x + 13 * big, y - 1, (3, 3), disc(1.4), _SPARK)
    return on


def _rain(scene: Scene, rng: np.random.Generator) -> Canvas:
    on = Canvas(_floor(scene, rng), FRAMES)
    rain = rain_of(scene)
    later = rain.times_s - FRAME_TIMES[:, None]
    cover = np.zeros((FRAMES, SIDE, SIDE), np.float32)
    frame, drop = np.nonzero((later > 0) & (later < FLOOR / RAIN_PX_S))
    column, row = (rain.places[drop] * SIDE).astype(np.int64), FLOOR - RAIN_PX_S * later[frame, drop]
    for up in range(6):
        at = np.floor(row).astype(np.int64) - up
        seen = (at >= 0) & (at < FLOOR)
        cover[frame[seen], at[seen], column[seen]] = 0.95 - 0.08 * up
        cover[frame[seen], at[seen], (column[seen] + 1).clip(max=SIDE - 1)] = 0.6 - 0.05 * up
    frame, drop = np.nonzero((later <= 0) & (later > -0.125))
    column = (rain.places[drop] * SIDE).astype(np.int64)
    spread = 1 + (-later[frame, drop] * 24).astype(np.int64)
    for right, up in ((-1, 1), (1, 1), (-2, 2), (2, 2), (0, 1)):
        at_x, at_y = (column + right * spread).clip(0, SIDE - 1), FLOOR - up * spread
        cover[frame, at_y, at_x] = np.maximum(cover[frame, at_y, at_x], 0.5 + 0.5 * rain.strengths[drop])
    on.flat += cover.reshape(-1, 1) * (np.array([190, 215, 255], np.float32) - on.flat)
    return on


_DRAWN: dict[str, Callable[[Scene, np.random.Generator], Canvas]] = {
    "ball": _ball,
    "break": _break,
    "drops": _drops,
    "string": _string,
    "hammer": _hammer,
    "car": _car,
    "rain": _rain,
    "bell": _bell,
    "knock": _knock,
    "drum": _drum,
}
