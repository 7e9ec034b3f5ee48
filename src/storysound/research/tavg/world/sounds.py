"""What is heard of blows: things and surfaces ring by their shape and material from the moment of contact on.

Axes: m modes, n samples of a blow or of the clip.
"""

from collections.abc import Callable

import numpy as np

from storysound.media.arrays import Doubles
from storysound.research.tavg.world import modes
from storysound.research.tavg.world.contacts import SECONDS
from storysound.research.tavg.world.materials import MATERIALS, Material
from storysound.research.tavg.world.modes import RATE_HZ
from storysound.research.tavg.world.scenes import Scene

SAMPLES = int(SECONDS * RATE_HZ)
_SURFACE = {  # width, height, thickness in metres of plates, and how firmly they are held, 1/s
    "wood": (0.8, 0.5, 0.018, 12.0),
    "metal": (0.5, 0.4, 0.004, 14.0),
    "stone": (0.5, 0.45, 0.08, 25.0),
    "glass": (0.5, 0.4, 0.006, 8.0),
    "plastic": (0.5, 0.4, 0.01, 15.0),
}
# Seconds before the next blow when a thing is touched, seconds until that is done, and what is left of its ringing: a
# finger holds a string before it plucks, a stick takes from a bell while it strikes.
_TOUCH = {"string": (0.06, 0.06, 0.0), "bell": (0.0, 0.004, 0.12)}
_BELL_M = 0.0045  # thickness of its wall
_BUBBLE_M_HZ = 3.26  # Minnaert 1933, f = 3.26 / r for a bubble in water
Blow = Callable[[float, int], Doubles]  # of a strength, so many samples


def struck(scene: Scene, rng: np.random.Generator) -> Doubles:
    """The sound of all impacts of a scene [n], not yet of any level."""
    blow = _BLOWS[scene.kind](scene, rng)
    sound = np.zeros(SAMPLES)
    for number, (time_s, strength) in enumerate(zip(scene.impacts_s, scene.strengths, strict=True)):
        start = round(time_s * RATE_HZ)
        if scene.kind in _TOUCH and number:
            _touch(sound, start, *_TOUCH[scene.kind])
        sound[start:] += strength * blow(strength, SAMPLES - start)
    return sound


def _touch(sound: Doubles, start: int, before_s: float, lasting_s: float, left: float) -> None:
    """What touches a ringing thing leaves a part of its sound [n]: see `_TOUCH`."""
    first = start - int(before_s * RATE_HZ)
    fade = np.linspace(1, left, int(lasting_s * RATE_HZ))[: SAMPLES - first]
    sound[first : first + len(fade)] *= fade
    sound[first + len(fade) :] *= left


def plate_of(surface: str) -> tuple[Doubles, Doubles]:
    """Frequencies and decays [m] of a surface."""
    material = MATERIALS[surface]
    width, height, thickness, held = _SURFACE[surface]
    found = modes.plate_hz(width, height, thickness, material.speed_m_s)
    return found, modes.decays(found, material, held)


def attack(contact_s: float, rng: np.random.Generator) -> Doubles:
    """The short noise of the contact itself [n]: the briefer, the brighter."""
    count = int(RATE_HZ * (0.004 + 4 * contact_s))
    noise = rng.normal(size=count) * np.exp(-np.arange(count) / (count / 5))
    width = max(1, round(contact_s * RATE_HZ))
    return np.convolve(noise, np.ones(width) / width)[:count]


def _resonators(
    parts: list[tuple[Doubles, Doubles, float]], contact_s: float, noise: float, rng: np.random.Generator
) -> Blow:
    """A blow on several resonators, each of frequencies [m], decays [m] and its share of the sound.

    Where on a thing a blow falls weighs its modes, once for a clip and a little at each blow. Contacts get shorter with
    strength, by v^(-1/5) after Hertz.
    """
    frequencies = np.concatenate([part[0] for part in parts])
    fall = np.concatenate([part[1] for part in parts])
    weights = np.concatenate([_weights(len(part[0]), part[2], rng) for part in parts])

    def blow(strength: float, samples: int) -> Doubles:
        lasting = contact_s * max(strength, 0.05) ** -0.2
        sizes = weights * rng.uniform(0.8, 1.2, len(weights)) * modes.blow(frequencies, lasting)
        sound = modes.damped(frequencies, fall, sizes, samples)
        first = attack(lasting, rng)[:samples]
        sound[: len(first)] += noise * first * np.abs(sizes).sum()
        return sound

    return blow


def _weights(count: int, share: float, rng: np.random.Generator) -> Doubles:
    """How much each of a resonator's modes takes part [m]; in all its share."""
    sizes = rng.uniform(0.4, 1.0, count) / np.sqrt(1 + np.arange(count))
    return np.asarray(share * sizes / sizes.sum() * rng.choice([-1.0, 1.0], count))


def _pitch(scene: Scene) -> float:
    """How much longer than the smallest a thing is, from 1 to 1.8."""
    return 1 + 0.8 * scene.size


def _bar(scene: Scene, length_m: float, thickness_m: float, held_per_s: float) -> tuple[Doubles, Doubles]:
    """Frequencies and decays [m] of the thing as a bar."""
    material = MATERIALS[scene.material]
    found = modes.bar_hz(length_m, thickness_m, material.speed_m_s)
    return found, modes.decays(found, material, held_per_s)


def _ball(scene: Scene, rng: np.random.Generator) -> Blow:
    """A bar of 9 to 16 cm stands for a hollow ball, whose modes lie about there; a solid one's are above hearing."""
    long = 0.09 * _pitch(scene)
    thick = {"wood": 0.014, "rubber": 0.03, "stone": 0.016, "plastic": 0.012}.get(scene.material, 0.008)
    under = MATERIALS[scene.surface]
    contact = max(MATERIALS[scene.material].contact_s, under.contact_s)
    parts = [(*_bar(scene, long, thick, 6.0), 0.6), (*plate_of(scene.surface), 0.4)]
    return _resonators(parts, contact, 0.25, rng)


def _break(scene: Scene, rng: np.random.Generator) -> Blow:
    """A blow, a burst of noise, and the ringing of splinters that fall in the half second after.

    That breaking is heard by the many unlike rhythms of its pieces: Warren and Verbrugge 1984.
    """
    material = MATERIALS[scene.material]
    under = MATERIALS[scene.surface]
    parts = [(*_bar(scene, 0.1 * _pitch(scene), 0.006, 30.0), 0.6), (*plate_of(scene.surface), 0.4)]
    blow = _resonators(parts, max(material.contact_s, under.contact_s), 0.5, rng)

    def breaking(strength: float, samples: int) -> Doubles:
        sound = blow(strength, samples)
        peak = np.abs(sound).max()
        count = min(samples, RATE_HZ // 5)
        burst = np.diff(rng.normal(size=count + 1)) * np.exp(-np.arange(count) / (0.035 * RATE_HZ))
        sound[:count] += 0.3 * peak * burst
        sound += 0.28 * peak * _splinters(material, samples, rng)
        return sound

    return breaking


def _splinters(material: Material, samples: int, rng: np.random.Generator) -> Doubles:
    """Forty pieces of 1 to 4 cm that ring where they land [n], with peaks of at most 1."""
    sound = np.zeros(samples)
    landings = rng.exponential(0.16, 40) + 0.02
    lengths, sizes = rng.uniform(0.016, 0.05, 40), rng.uniform(0.15, 1.0, 40) * np.exp(-landings / 0.4)
    for landing, length, size in zip(landings, lengths, sizes, strict=True):
        start = int(landing * RATE_HZ)
        if start < samples - 8:
            found = modes.bar_hz(length, 0.002, material.speed_m_s)[:2]
            ring = modes.damped(
                found, modes.decays(found, material, 30.0), [size, size / 2], min(2560, samples - start)
            )
            sound[start : start + len(ring)] += ring
    return sound


def _drops(scene: Scene, rng: np.random.Generator) -> Blow:
    """The bubble that a drop takes down: van den Doel 2005, "Physically based models for liquid sounds".

    Its frequency is Minnaert's and rises as it nears the surface; it dies away at .13 / r + .0072 r^(-3/2). A bubble
    closes some ten ms after the drop has touched: here at once, so that what is seen and heard is one moment. The bowl
    rings along.
    """
    material = MATERIALS[scene.surface]
    rim = modes.ring_hz(0.07, {"metal": 0.0015, "glass": 0.003}.get(scene.surface, 0.008), material.speed_m_s)
    bowl = _resonators([(rim, modes.decays(rim, material, 18.0), 1.0)], 0.0008, 0.1, rng)
    usual_m = 0.0016 + 0.0028 * scene.size

    def drop(strength: float, samples: int) -> Doubles:
        radius = usual_m * rng.uniform(0.92, 1.08)
        fall = 0.13 / radius + 0.0072 * radius**-1.5
        count = min(samples, int(10 / fall * RATE_HZ))
        time = np.arange(count) / RATE_HZ
        cycles = _BUBBLE_M_HZ / radius * (time + 0.05 * fall * time**2)
        sound = 0.35 * bowl(strength, samples)
        sound[:count] += np.sin(2 * np.pi * cycles) * np.exp(-fall * time)
        splash = 0.3 * attack(0.0003, rng)[:samples]
        sound[: len(splash)] += splash
        return sound

    return drop


def _string(scene: Scene, rng: np.random.Generator) -> Blow:
    """A plucked string: partials n f √(1 + B n²), strong by sin(nπp) / n for a pluck at p, that die away with n².

    The loss that grows with frequency is what Karplus and Strong 1983 get from their filter. The body answers to the
    pluck with modes of its own.
    """
    lowest = 330.0 / (1 + 1.6 * scene.size)
    numbers = np.arange(1, 25)
    metal = scene.material == "metal"
    frequencies = numbers * lowest * np.sqrt(1 + (1e-4 if metal else 4e-5) * numbers**2)
    fall = (1.2 + 0.012 * numbers**2) if metal else (4.0 + 0.15 * numbers**2)
    place = rng.uniform(0.12, 0.3)
    sizes = np.sin(numbers * np.pi * place) / numbers ** (0.9 if metal else 1.3)
    body = {"wood": (0.35, 0.25, 0.003), "metal": (0.28, 0.24, 0.0012), "plastic": (0.25, 0.2, 0.003)}[scene.surface]
    material = MATERIALS[scene.surface]
    plate = modes.plate_hz(*body, material.speed_m_s)
    knock = _resonators([(plate, modes.decays(plate, material, 15.0), 1.0)], 0.0012, 0.2, rng)
    share = {"wood": 0.5, "metal": 0.8, "plastic": 0.4}[scene.surface]

    def pluck(strength: float, samples: int) -> Doubles:
        bright = np.exp(-numbers * (1.05 - strength) * 0.15)
        return modes.damped(frequencies, fall, sizes * bright, samples) + share * knock(strength, samples)

    return pluck


def _hammer(scene: Scene, rng: np.random.Generator) -> Blow:
    under = MATERIALS[scene.surface]
    thick = {"wood": 0.03, "rubber": 0.05}.get(scene.material, 0.016)
    parts = [(*_bar(scene, 0.1 * _pitch(scene), thick, 45.0), 0.3), (*plate_of(scene.surface), 0.7)]
    return _resonators(parts, max(MATERIALS[scene.material].contact_s, under.contact_s), 0.3, rng)


def _bell(scene: Scene, rng: np.random.Generator) -> Blow:
    """The rim's modes come in pairs that beat, as no bell is quite round."""
    material = MATERIALS[scene.material]
    rim = modes.ring_hz(0.034 * (1 + 0.6 * scene.size), _BELL_M, material.speed_m_s)
    both = np.concatenate([rim, rim * rng.uniform(1.001, 1.004)])
    contact = MATERIALS[scene.surface].contact_s * 0.7
    return _resonators([(both, modes.decays(both, material, 1.5), 1.0)], contact, 0.3, rng)


def _knock(scene: Scene, rng: np.random.Generator) -> Blow:
    """A door is a large plate, damped by its frame; knuckles are soft."""
    under = MATERIALS[scene.surface]
    thick = {"wood": 0.03, "metal": 0.003, "glass": 0.008, "plastic": 0.02}[scene.surface]
    plate = modes.plate_hz(0.9, 0.6, thick, under.speed_m_s)
    parts = [(plate, modes.decays(plate, under, 22.0), 1.0)]
    return _resonators(parts, MATERIALS["hand"].contact_s * rng.uniform(0.4, 0.6), 0.3, rng)


def _drum(scene: Scene, rng: np.random.Generator) -> Blow:
    """A round skin that is struck off its middle; a head of metal is a round plate, taken as a square one."""
    stick = MATERIALS[scene.material].contact_s * 0.7
    if scene.surface == "metal":
        head = modes.plate_hz(0.22 * _pitch(scene), 0.2 * _pitch(scene), 0.003, MATERIALS["metal"].speed_m_s)
        return _resonators([(head, modes.decays(head, MATERIALS["metal"], 9.0), 1.0)], stick, 0.2, rng)
    lowest = (150.0 if scene.surface == "skin" else 260.0) / _pitch(scene) * 1.4
    head = modes.membrane_hz(lowest)
    held = 14.0 if scene.surface == "skin" else 24.0
    return _resonators([(head, modes.decays(head, MATERIALS["skin"], held), 1.0)], stick, 0.25, rng)


_BLOWS: dict[str, Callable[[Scene, np.random.Generator], Blow]] = {
    "ball": _ball,
    "break": _break,
    "drops": _drops,
    "string": _string,
    "hammer": _hammer,
    "bell": _bell,
    "knock": _knock,
    "drum": _drum,
}
