"""Modes of vibrating things: their frequencies, how they die away, how a blow excites them. Axes: m modes, n samples.

Sound of a blow as a sum of damped sines, with frequencies of the shape and dampings of the material: van den Doel and
Pai 1998, "The sounds of physical shapes"; frequencies of bars, plates and skins: Fletcher and Rossing, "The Physics of
Musical Instruments" (1998), chapters 2 and 3; of rings: Rayleigh, "The Theory of Sound", § 233.
"""

import numpy as np
from numpy.typing import ArrayLike

from storysound.media.arrays import Doubles
from storysound.research.tavg.world.materials import Material

RATE_HZ = 16_000
HIGHEST_HZ = 7_500.0  # modes above are left out
POISSON = 0.3
_BLOCK = 128
_BAR = np.array([4.73004, 7.85320, 10.99561, 14.13717, 17.27876]) ** 2  # (βL)² of a free bar
_PLATE = np.array([(m, n) for m in range(1, 17) for n in range(1, 17)], np.float64)
_CHOSEN = np.unique(np.geomspace(1, len(_PLATE), 30).astype(np.int64)) - 1
_MEMBRANE = np.array([2.40483, 3.83171, 5.13562, 5.52008, 6.38016, 7.01559, 7.58834, 8.41724])  # zeros of J_m
_RING = np.arange(2, 8, dtype=np.float64)


def bar_hz(length_m: float, thickness_m: float, speed_m_s: float) -> Doubles:
    """Bending modes of a free bar [m]: (βL)² h c / (2π √12 L²).

    >>> bar_hz(0.2, 0.01, 5000.0).round()[:2]
    array([1285., 3542.])
    """
    return np.asarray(_BAR * thickness_m * speed_m_s / (2 * np.pi * np.sqrt(12) * length_m**2))


def plate_hz(width_m: float, height_m: float, thickness_m: float, speed_m_s: float) -> Doubles:
    """Bending modes of a plate that is held at its edges [m], rising: π/2 · h c / √(12 (1 − ν²)) · ((m/a)² + (n/b)²).

    Of its 256 lowest the first few are taken and ever fewer of the higher ones, as many in each octave.
    """
    stiffness = thickness_m * speed_m_s / np.sqrt(12 * (1 - POISSON**2))
    found = np.sort(np.pi / 2 * stiffness * ((_PLATE / (width_m, height_m)) ** 2).sum(axis=1))
    return np.asarray(found[_CHOSEN])


def membrane_hz(lowest_hz: float) -> Doubles:
    """Modes of a round skin [m]: as the zeros of Bessel's functions, 1 : 1.593 : 2.136 …"""
    return np.asarray(lowest_hz * _MEMBRANE / _MEMBRANE[0])


def ring_hz(radius_m: float, thickness_m: float, speed_m_s: float) -> Doubles:
    """Bending modes of a ring, as of the rim of a bell or a bowl [m]: n (n² − 1) / √(n² + 1) · h c / (2π √12 R²)."""
    shape = _RING * (_RING**2 - 1) / np.sqrt(_RING**2 + 1)
    return np.asarray(shape * thickness_m * speed_m_s / (2 * np.pi * np.sqrt(12) * radius_m**2))


def decays(frequencies_hz: ArrayLike, material: Material, held_per_s: float) -> Doubles:
    """How fast modes [m] die away, in 1/s: π f tan φ, and what flows off where the thing is held."""
    return np.asarray(np.pi * np.asarray(frequencies_hz) * material.loss + held_per_s)


def blow(frequencies_hz: ArrayLike, contact_s: float) -> Doubles:
    """How much of modes [m] a blow excites that lasts `contact_s`, in [0, 1]: the spectrum of half a sine.

    >>> blow([0.0, 1000.0, 2000.0], 0.0005).round(2)
    array([1.  , 0.79, 0.33])
    """
    cycles = 2 * np.asarray(frequencies_hz, np.float64) * contact_s
    cycles = np.where(np.abs(cycles - 1) < 1e-6, 1 + 1e-6, cycles)
    return np.asarray(np.abs(np.cos(np.pi / 2 * cycles) / (1 - cycles**2)))


def damped(frequencies_hz: ArrayLike, decays_per_s: ArrayLike, amplitudes: ArrayLike, samples: int) -> Doubles:
    """The sum of damped sines of modes [m], [n]; modes above HIGHEST_HZ are left out.

    Powers of z = exp((−d + 2πif) / rate) are made blockwise, z^(Ba + b) = z^(Ba) z^b, so the sum over modes is one
    small matrix product.
    """
    frequencies, sizes = np.asarray(frequencies_hz, np.float64), np.asarray(amplitudes, np.float64)
    low = frequencies < HIGHEST_HZ
    exponents = (-np.asarray(decays_per_s)[low] + 2j * np.pi * frequencies[low]) / RATE_HZ
    blocks = -(-samples // _BLOCK)
    starts = np.exp(np.outer(np.arange(blocks) * _BLOCK, exponents)) * sizes[low]
    within = np.exp(np.outer(exponents, np.arange(_BLOCK)))
    return np.asarray((starts @ within).imag.ravel()[:samples])
