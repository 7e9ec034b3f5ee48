"""What lasts: a car that passes and rain that falls. Axes: n samples, d drops."""

from dataclasses import dataclass

import numpy as np
import scipy.fft
import scipy.signal

from storysound.media.arrays import Doubles
from storysound.research.tavg.world import modes
from storysound.research.tavg.world.contacts import SECONDS
from storysound.research.tavg.world.materials import MATERIALS
from storysound.research.tavg.world.modes import RATE_HZ
from storysound.research.tavg.world.scenes import Scene
from storysound.research.tavg.world.sounds import SAMPLES, attack, plate_of

SOUND_M_S = 343.0
CAR_M_S = {"slow": 7.0, "fast": 17.0}
AWAY_M = 1.5  # how far from the listener a car passes
DROPS_PER_S = {"light": 22.0, "heavy": 120.0, "begins": 75.0, "stops": 75.0}
_TABLE = 4096
_ROAD = {"wood": (90.0, 900.0, 0.3), "metal": (500.0, 5000.0, 0.2), "stone": (300.0, 2600.0, 0.2)}  # band, share
_JOINT_M = {"wood": 0.9, "metal": 2.2}  # between planks, between plates


def car_x_m(scene: Scene, times_s: Doubles) -> Doubles:
    """Where a car is along its way at times_s [n], 0 where it is nearest; it goes from left to right."""
    return np.asarray(CAR_M_S[scene.rhythm.split()[1]] * (0.9 + 0.2 * scene.place) * (times_s - scene.moment_s))


def passing(scene: Scene, rng: np.random.Generator) -> Doubles:
    """A motor and wheels on a road [n], as heard beside it: nearer is louder by 1 / distance, and Doppler's shift.

    What is heard at t left the car at t − distance / c; reading source and place at that time gives the shift as it is.
    """
    times = np.arange(SAMPLES) / RATE_HZ
    away = np.hypot(car_x_m(scene, times), AWAY_M)
    left = times - away / SOUND_M_S
    speed = CAR_M_S[scene.rhythm.split()[1]]
    motor = _motor(scene, rng)[((left + 1.0) * _motor_hz(scene, speed) * _TABLE).astype(np.int64) % _TABLE]
    lowest, highest, share = _ROAD[scene.surface]
    band = scipy.signal.butter(2, [lowest, highest], "bandpass", fs=RATE_HZ)
    wheels = scipy.signal.lfilter(*band, rng.normal(size=SAMPLES))
    wheels *= share / wheels.std()
    sound = motor + wheels
    if scene.surface in _JOINT_M:
        sound += _joints(scene, left, speed, rng)
    return np.asarray(sound * AWAY_M / away)


def _motor_hz(scene: Scene, speed: float) -> float:
    """A car's motor fires 50 to 110 times a second, a toy's turns faster."""
    return (55.0 + 3.0 * speed if scene.material == "metal" else 190.0 + 8.0 * speed) * (1.15 - 0.3 * scene.size)


def _motor(scene: Scene, rng: np.random.Generator) -> Doubles:
    """One turn of a motor [_TABLE]: harmonics that fall by 1/k, a toy's more slowly."""
    turn = np.arange(_TABLE) / _TABLE
    number = np.arange(1, 17 if scene.material == "metal" else 9)
    sizes = rng.uniform(0.5, 1.0, len(number)) / number ** (0.9 if scene.material == "metal" else 0.6)
    wave = sizes @ np.sin(2 * np.pi * (np.outer(number, turn) + rng.uniform(size=(len(number), 1))))
    return np.asarray(0.5 * wave / wave.std())


def _joints(scene: Scene, left_s: Doubles, speed: float, rng: np.random.Generator) -> Doubles:
    """A blow of the road's plates at each joint that the wheels cross [n], from times of leaving left_s [n]."""
    gap = _JOINT_M[scene.surface] / speed * (2.0 if speed > 10 else 1.0)
    clicks = np.zeros(SAMPLES)
    starts = np.searchsorted(left_s, np.arange(left_s[0] + gap * rng.uniform(), left_s[-1], gap))
    clicks[starts[starts < SAMPLES]] = rng.uniform(0.6, 1.0, int((starts < SAMPLES).sum()))
    frequencies, fall = plate_of(scene.surface)
    ring = modes.damped(frequencies, fall + 15, np.full(len(frequencies), 0.25), 2048)
    return _spread(clicks, ring)


def _spread(clicks: Doubles, ring: Doubles) -> Doubles:
    """`ring` [r] begun at each click [n], as loud as it is [n]."""
    size = scipy.fft.next_fast_len(len(clicks) + len(ring), real=True)
    found = scipy.fft.irfft(scipy.fft.rfft(clicks, size) * scipy.fft.rfft(ring, size), size)
    return np.asarray(found[: len(clicks)])


@dataclass(frozen=True, eq=False)
class Rain:
    """Drops [d] that land: when in seconds, where in [0, 1] from left to right, and how hard in (0, 1]."""

    times_s: Doubles
    places: Doubles
    strengths: Doubles


def rain_of(scene: Scene) -> Rain:
    """The drops that are seen and heard: as many as a rhythm has, none before it begins or after it stops."""
    rng = np.random.default_rng([scene.seed, 3])
    start = scene.moment_s if scene.rhythm == "begins" else -0.5
    end = scene.moment_s if scene.rhythm == "stops" else SECONDS + 0.5
    count = int(DROPS_PER_S[scene.rhythm] * (end - start))
    # evenly drawn, then shaken: rain has no holes that look like a stop
    times = start + (np.arange(count) + rng.uniform(-1.5, 2.5, count)) / DROPS_PER_S[scene.rhythm]
    times = np.sort(np.clip(times, start, end))
    return Rain(times, rng.uniform(0.02, 0.98, count), rng.uniform(0.35, 1.0, count))


def raining(scene: Scene, rng: np.random.Generator) -> Doubles:
    """Drops that land on a roof [n]: each excites the roof's modes, in one of three places."""
    rain = rain_of(scene)
    heard = (rain.times_s >= 0) & (rain.times_s < SECONDS - 0.001)
    starts = (rain.times_s[heard] * RATE_HZ).astype(np.int64)
    kinds = rng.integers(0, 3, len(starts))
    frequencies, fall = plate_of(scene.surface)
    sound = np.zeros(SAMPLES)
    for kind in range(3):
        clicks = np.zeros(SAMPLES)
        np.add.at(clicks, starts[kinds == kind], rain.strengths[heard][kinds == kind])
        sizes = rng.normal(size=len(frequencies)) * modes.blow(frequencies, 0.0006)
        ring = modes.damped(frequencies, fall + 30, sizes / np.abs(sizes).sum(), 3072)
        first = attack(max(0.0002, MATERIALS[scene.surface].contact_s * 0.4), rng)
        ring[: len(first)] += 0.3 * first
        sound += _spread(clicks, ring)
    return sound
