"""Sounds of the made world: modes by hand, onsets where contacts are, and what materials do."""

import numpy as np
import pytest
import scipy.signal
from numpy.typing import NDArray

from storysound.research.tavg.world import modes
from storysound.research.tavg.world.clips import PEAK, RATE_HZ, sound_of
from storysound.research.tavg.world.combinations import COMBINATIONS, KINDS, Combination
from storysound.research.tavg.world.lasting import rain_of
from storysound.research.tavg.world.materials import MATERIALS
from storysound.research.tavg.world.scenes import LASTING, Scene, scene_of

Sound = NDArray[np.float32]


def onsets_s(sound: Sound) -> NDArray[np.float64]:
    """Peaks of the spectral flux: 10-ms windows 2 ms apart, rises over 6 ms of the log power, over all bands."""
    _, times, spectrum = scipy.signal.stft(sound, RATE_HZ, nperseg=160, noverlap=128, boundary=None)
    level = np.log10(np.abs(spectrum) ** 2 + 1e-7)
    flux = np.maximum(0, level[:, 3:] - level[:, :-3]).mean(axis=0)
    peaks, _ = scipy.signal.find_peaks(flux, height=max(0.3, 0.25 * flux.max()), distance=50)
    return times[3:][peaks]


def scenes_of(kind: str, count: int) -> list[Scene]:
    rng = np.random.default_rng(5)
    options = [each for each in COMBINATIONS if each.kind == kind]
    return [scene_of(options[rng.integers(len(options))], rng) for _ in range(count)]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in LASTING])
def test_onsets_are_heard_where_contacts_are(kind: str) -> None:
    found, errors, strange = 0, [], 0
    scenes = scenes_of(kind, 12)
    for scene in scenes:
        onsets, impacts = onsets_s(sound_of(scene)), np.array(scene.impacts_s)
        apart = np.abs(onsets[:, None] - impacts)
        near = apart.min(axis=0, initial=9.0)
        found += int((near < 0.05).sum())
        errors += list(near[near < 0.05])
        strange += int((apart.min(axis=1) > 0.05).sum())
    assert found >= 0.95 * sum(len(scene.impacts_s) for scene in scenes)
    assert max(errors) <= 0.01
    assert strange <= (6 if kind == "break" else 0)  # splinters


@pytest.mark.parametrize("kind", KINDS)
def test_levels(kind: str) -> None:
    for scene in scenes_of(kind, 6):
        sound = sound_of(scene)
        assert sound.shape == (32000,)
        assert sound.dtype == np.float32
        assert 0.15 < np.abs(sound).max() <= 0.7
        if scene.impacts_s:
            before = sound[: int((scene.impacts_s[0] - 0.002) * RATE_HZ)]
            assert 2e-4 < before.std() < 3e-3


def test_a_harder_blow_is_louder_and_brighter() -> None:
    scene = scene_of(Combination("hammer", "metal", "wood", "once"), np.random.default_rng(0))
    parts = [vars(scene) | {"impacts_s": (0.5,), "strengths": (each,)} for each in (0.25, 1.0)]
    soft, hard = (sound_of(Scene(**part)) for part in parts)
    assert np.abs(hard).max() == pytest.approx(PEAK, rel=0.02)
    assert np.abs(soft).max() == pytest.approx(PEAK / 4, rel=0.05)
    at_soft, at_hard = modes.blow([2000.0, 200.0], 0.0009 * 0.25**-0.2), modes.blow([2000.0, 200.0], 0.0009)
    assert at_hard[0] / at_hard[1] > at_soft[0] / at_soft[1]


# --- modes by hand


def test_bars() -> None:
    found = modes.bar_hz(0.3, 0.012, 5050.0)
    assert found[0] == pytest.approx(1.0279 * 0.012 / 0.09 * 5050, rel=1e-3)
    assert found / found[0] == pytest.approx([1, 2.756, 5.404, 8.933, 13.344], rel=1e-3)


def test_plates() -> None:
    found = modes.plate_hz(0.5, 0.4, 0.004, 5050.0)
    stiffness = 0.4534 * 5050 / np.sqrt(1 - 0.3**2) * 0.004
    assert found[0] == pytest.approx(stiffness * (1 / 0.25 + 1 / 0.16), rel=1e-3)
    assert found[1] == pytest.approx(stiffness * (4 / 0.25 + 1 / 0.16), rel=1e-3)
    assert (np.diff(found) >= 0).all()


def test_skins_and_rings() -> None:
    assert modes.membrane_hz(100.0)[:4] == pytest.approx([100, 159.3, 213.6, 229.5], abs=0.1)
    ring = modes.ring_hz(0.04, 0.004, 3500.0)
    assert ring[0] == pytest.approx(6 / np.sqrt(5) * 0.004 * 3500 / (2 * np.pi * np.sqrt(12) * 0.0016), rel=1e-6)
    assert ring[:3] / ring[0] == pytest.approx([1, 2.828, 5.423], abs=2e-3)


def test_decays_follow_the_angle_of_friction() -> None:
    found = modes.decays([500.0, 1000.0], MATERIALS["glass"], 6.0)
    assert found == pytest.approx([np.pi * 500 * 0.003 + 6, np.pi * 1000 * 0.003 + 6])


def test_the_sum_of_damped_sines_is_the_plain_one() -> None:
    time = np.arange(1000) / RATE_HZ
    plain = 0.5 * np.exp(-8 * time) * np.sin(2 * np.pi * 440 * time)
    plain -= 0.2 * np.exp(-30 * time) * np.sin(2 * np.pi * 3000 * time)
    found = modes.damped([440.0, 3000.0, 7600.0], [8.0, 30.0, 1.0], [0.5, -0.2, 1.0], 1000)
    assert np.abs(found - plain).max() < 1e-9


# --- what materials and moving things do


def half_life_s(sound: Sound, start_s: float) -> float:
    """How long a sound takes to lose 20 dB of its level in cells of 10 ms."""
    cells = sound[int(start_s * RATE_HZ) :]
    levels = (cells[: len(cells) // 160 * 160].reshape(-1, 160) ** 2).mean(axis=1)
    below = np.flatnonzero(levels < levels.max() / 100)
    return float(below[0] if len(below) else len(levels)) / 100


def test_metal_rings_longest_and_rubber_least() -> None:
    rests = {}
    for material in ("metal", "glass", "plastic", "rubber"):
        scene = scene_of(Combination("ball", material, "stone", "once"), np.random.default_rng(3))
        early = Scene(**(vars(scene) | {"impacts_s": (0.3,)}))
        rests[material] = half_life_s(sound_of(early), 0.3)
    assert rests["metal"] > rests["glass"] > rests["plastic"] >= rests["rubber"]


def test_small_things_sound_higher() -> None:
    scene = scene_of(Combination("bell", "metal", "wood", "once"), np.random.default_rng(3))
    peaks = []
    for size in (0.0, 1.0):
        sound = sound_of(Scene(**(vars(scene) | {"impacts_s": (0.3,), "size": size})))
        peaks.append(float(np.abs(np.fft.rfft(sound)).argmax()) / 2)
    assert peaks[0] / peaks[1] == pytest.approx(1.6**2, rel=0.02)  # as 1 / R²


def test_drops_sound_as_minnaert_says() -> None:
    scene = scene_of(Combination("drops", "water", "stone", "once"), np.random.default_rng(4))
    for size in (0.0, 0.5):
        sound = sound_of(Scene(**(vars(scene) | {"impacts_s": (0.5,), "size": size})))
        part = sound[8000:8320] * np.hanning(320)
        peak = float(np.abs(np.fft.rfft(part, 16000)).argmax())
        assert peak == pytest.approx(3.26 / (0.0016 + 0.0028 * size), rel=0.2)


def test_a_car_is_loudest_where_it_passes_and_lower_after() -> None:
    scene = scene_of(Combination("car", "plastic", "stone", "left fast"), np.random.default_rng(2))
    scene = Scene(**(vars(scene) | {"moment_s": 1.0, "place": 0.5}))
    sound = sound_of(scene)
    level = (sound.reshape(-1, 800) ** 2).mean(axis=1)
    assert abs((level.argmax() + 0.5) * 0.05 - 1.0) < 0.1
    before, after = (np.abs(np.fft.rfft(sound[a : a + 8000] * np.hanning(8000), 64000)) for a in (2000, 22000))
    # the shift along a logarithmic axis at which both spectra agree best
    axis = np.geomspace(200, 2500, 4000)
    hz = np.fft.rfftfreq(64000, 1 / RATE_HZ)
    one, two = (np.interp(axis, hz, np.sqrt(each)) for each in (before, after))
    shifts = np.arange(300)
    agreed = [np.corrcoef(one[s:], two[: len(two) - s])[0, 1] for s in shifts]
    ratio = (2500 / 200) ** (int(np.argmax(agreed)) / 3999)
    assert ratio == pytest.approx((343 + 16.3) / (343 - 16.3), rel=0.02)


@pytest.mark.parametrize("rhythm", ["begins", "stops"])
def test_rain_is_heard_while_it_falls(rhythm: str) -> None:
    scene = scene_of(Combination("rain", "water", "metal", rhythm), np.random.default_rng(6))
    rain = rain_of(scene)
    assert (rain.times_s >= scene.moment_s).all() if rhythm == "begins" else (rain.times_s <= scene.moment_s).all()
    sound, edge = sound_of(scene), int(scene.moment_s * RATE_HZ)
    dry, wet = (sound[: edge - 80], sound[edge:]) if rhythm == "begins" else (sound[edge + 9600 :], sound[:edge])
    assert wet.std() > 10 * dry.std()
