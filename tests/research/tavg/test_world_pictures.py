"""Clips of the made world: contacts are seen when they are heard, and a seed gives a clip."""

import numpy as np
import pytest
from numpy.typing import NDArray

from storysound.research.tavg.world.clips import FRAMES, FRAMES_PER_S, SIDE, clip_of, made_clip
from storysound.research.tavg.world.combinations import COMBINATIONS, KINDS, Combination
from storysound.research.tavg.world.materials import MATERIALS
from storysound.research.tavg.world.scenes import scene_of
from storysound.research.tavg.world.sentences import WORDS

Frames = NDArray[np.uint8]


def reach(frames: Frames, colour: tuple[int, int, int], axis: str, mirrored: bool) -> NDArray[np.float64]:
    """How far pixels of a colour go down, or to the right, in each frame; 0 where there are none."""
    seen = (np.abs(frames.astype(int) - colour).max(axis=3) <= 4).any(axis=2 if axis == "down" else 1)
    seen = seen[:, ::-1] if mirrored and axis != "down" else seen
    return np.where(seen.any(axis=1), SIDE - seen[:, ::-1].argmax(axis=1), 0)


@pytest.mark.parametrize(
    ("kind", "material", "colour", "axis"),
    [
        ("ball", "rubber", "rubber", "down"),
        ("hammer", "rubber", "rubber", "down"),
        ("drum", "rubber", "rubber", "down"),
        ("bell", "metal", "rubber", "right"),
        ("knock", "hand", "hand", "right"),
        ("string", "metal", "hand", "down"),
    ],
)
@pytest.mark.parametrize("rhythm", ["once", "twice", "three times"])
def test_what_strikes_is_there_in_the_frame_of_its_contact(
    kind: str, material: str, colour: str, axis: str, rhythm: str
) -> None:
    for seed in range(5):
        surface = "rubber" if kind == "bell" else "metal"
        scene = scene_of(Combination(kind, material, surface, rhythm), np.random.default_rng(seed))
        far = reach(clip_of(scene).frames, MATERIALS[colour].colour, axis, scene.mirrored)
        for time_s in scene.impacts_s:
            frame = round(time_s * FRAMES_PER_S)
            around = far[frame - 1 : frame + 2]
            assert around[1] >= far.max() - 3
            assert around[1] > around[0]
            assert around[1] > around[2]


@pytest.mark.parametrize("kind", ["break", "drops"])
def test_nothing_is_changed_before_the_contact_and_much_after(kind: str) -> None:
    """Below the floor's edge, or in the water, where only what follows a contact is seen."""
    options = [each for each in COMBINATIONS if each.kind == kind and each.rhythm == "once"]
    for seed, combination in enumerate(options):
        scene = scene_of(combination, np.random.default_rng(seed))
        frames = clip_of(scene).frames.astype(int)
        rows = slice(46, 50) if kind == "drops" else slice(52, 56)
        contact = round(scene.impacts_s[0] * FRAMES_PER_S)
        changed = np.abs(frames - frames[0])[:, rows].max(axis=(1, 2, 3))
        assert (changed[: contact - 1] == 0).all()
        assert changed[contact : contact + 3].max() > 40


def test_rain_that_stops_is_seen_no_more() -> None:
    scene = scene_of(Combination("rain", "water", "wood", "stops"), np.random.default_rng(1))
    frames = clip_of(scene).frames.astype(int)
    sky = np.ptp(frames[:, :48], axis=2).max(axis=(1, 2))
    last = int(np.flatnonzero(sky > 30).max()) / FRAMES_PER_S
    assert scene.moment_s - 0.1 < last < scene.moment_s + 0.2


@pytest.mark.parametrize("rhythm", ["left slow", "left fast", "right slow", "right fast"])
def test_a_car_is_in_the_middle_when_it_is_nearest(rhythm: str) -> None:
    scene = scene_of(Combination("car", "plastic", "metal", rhythm), np.random.default_rng(1))
    frames = clip_of(scene).frames.astype(int)
    yellow = (np.abs(frames - MATERIALS["plastic"].colour).max(axis=3) < 12).any(axis=1)
    places = np.array([np.flatnonzero(row).mean() if row.any() else np.nan for row in yellow])
    assert places[round(scene.moment_s * FRAMES_PER_S)] == pytest.approx(SIDE / 2, abs=6)
    whole = places[(places > 20) & (places < 44)]
    assert (np.diff(whole) > 0).all() if rhythm.startswith("left") else (np.diff(whole) < 0).all()


def test_a_seed_gives_a_clip() -> None:
    one, same, other = (made_clip("train", seed) for seed in (11, 11, 12))
    assert (one.frames == same.frames).all()
    assert (one.sound == same.sound).all()
    assert (one.text, one.scene) == (same.text, same.scene)
    assert one.scene != other.scene
    assert made_clip("test", 11).scene != one.scene


def test_clips_are_of_their_split_and_form() -> None:
    kinds = set()
    for seed in range(60):
        clip = made_clip("validation", seed)
        kinds.add(clip.scene.kind)
        assert clip.frames.shape == (FRAMES, SIDE, SIDE, 3)
        assert clip.frames.dtype == np.uint8
        assert set(clip.text.split()) <= set(WORDS)
        assert np.abs(clip.sound).max() <= 0.7
        assert np.isfinite(clip.sound).all()
        assert np.ptp(clip.frames.astype(int), axis=0).max() > 60  # something moves
    assert kinds == set(KINDS)
