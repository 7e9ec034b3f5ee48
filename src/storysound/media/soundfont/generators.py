"""What a zone can set, its usual values and limits, and how modulators bend it by key and velocity.

SoundFont 2.04, sections 8.1 to 8.4 and 9.5.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum


class Kind(IntEnum):
    """Generators by their number (section 8.1.2), in the specification's words as far as they are words."""

    START, END, LOOP_START, LOOP_END, START_COARSE = 0, 1, 2, 3, 4
    MOD_LFO_TO_PITCH, VIB_LFO_TO_PITCH, MOD_ENV_TO_PITCH = 5, 6, 7
    FILTER_CUTOFF, FILTER_Q, MOD_LFO_TO_FILTER, MOD_ENV_TO_FILTER = 8, 9, 10, 11
    END_COARSE, MOD_LFO_TO_VOLUME, PAN = 12, 13, 17
    MOD_LFO_DELAY, MOD_LFO_FREQUENCY, VIB_LFO_DELAY, VIB_LFO_FREQUENCY = 21, 22, 23, 24
    MOD_DELAY, MOD_ATTACK, MOD_HOLD, MOD_DECAY, MOD_SUSTAIN, MOD_RELEASE = 25, 26, 27, 28, 29, 30
    MOD_HOLD_BY_KEY, MOD_DECAY_BY_KEY = 31, 32
    DELAY, ATTACK, HOLD, DECAY, SUSTAIN, RELEASE, HOLD_BY_KEY, DECAY_BY_KEY = 33, 34, 35, 36, 37, 38, 39, 40
    INSTRUMENT, KEY_RANGE, VELOCITY_RANGE, LOOP_START_COARSE = 41, 43, 44, 45
    KEY, VELOCITY, ATTENUATION, LOOP_END_COARSE = 46, 47, 48, 50
    COARSE_TUNE, FINE_TUNE, SAMPLE, SAMPLE_MODE, SCALE_TUNING, EXCLUSIVE_CLASS, ROOT_KEY = 51, 52, 53, 54, 56, 57, 58


# Of instruments alone: a preset that has them is not followed (section 8.5).
INSTRUMENT_ONLY = frozenset(
    (Kind.START, Kind.END, Kind.LOOP_START, Kind.LOOP_END, Kind.START_COARSE, Kind.END_COARSE, Kind.LOOP_START_COARSE,
     Kind.LOOP_END_COARSE, Kind.KEY, Kind.VELOCITY, Kind.SAMPLE, Kind.SAMPLE_MODE, Kind.EXCLUSIVE_CLASS, Kind.ROOT_KEY)
)  # fmt: skip
# Limits of section 8.1.3: (lowest, highest, usual); what isn't here is 0 and has those of 16 bits.
_CENTS, _BY_KEY = (-12_000, 12_000, 0), (-1200, 1200, 0)
_TIME, _LONG = (-12_000, 5000, -12_000), (-12_000, 8000, -12_000)
LIMITS: Mapping[int, tuple[int, int, int]] = {
    Kind.MOD_LFO_TO_PITCH: _CENTS, Kind.VIB_LFO_TO_PITCH: _CENTS, Kind.MOD_ENV_TO_PITCH: _CENTS,
    Kind.FILTER_CUTOFF: (1500, 13_500, 13_500), Kind.FILTER_Q: (0, 960, 0),
    Kind.MOD_LFO_TO_FILTER: _CENTS, Kind.MOD_ENV_TO_FILTER: _CENTS, Kind.MOD_LFO_TO_VOLUME: (-960, 960, 0),
    Kind.PAN: (-500, 500, 0),
    Kind.MOD_LFO_DELAY: _TIME, Kind.MOD_LFO_FREQUENCY: (-16_000, 4500, 0),
    Kind.VIB_LFO_DELAY: _TIME, Kind.VIB_LFO_FREQUENCY: (-16_000, 4500, 0),
    Kind.MOD_DELAY: _TIME, Kind.MOD_ATTACK: _LONG, Kind.MOD_HOLD: _TIME, Kind.MOD_DECAY: _LONG,
    Kind.MOD_SUSTAIN: (0, 1000, 0), Kind.MOD_RELEASE: _LONG,
    Kind.MOD_HOLD_BY_KEY: _BY_KEY, Kind.MOD_DECAY_BY_KEY: _BY_KEY,
    Kind.DELAY: _TIME, Kind.ATTACK: _LONG, Kind.HOLD: _TIME, Kind.DECAY: _LONG, Kind.SUSTAIN: (0, 1440, 0),
    Kind.RELEASE: _LONG, Kind.HOLD_BY_KEY: _BY_KEY, Kind.DECAY_BY_KEY: _BY_KEY,
    Kind.ATTENUATION: (0, 1440, 0), Kind.COARSE_TUNE: (-120, 120, 0), Kind.FINE_TUNE: (-99, 99, 0),
    Kind.SCALE_TUNING: (0, 1200, 100), Kind.KEY: (-1, 127, -1), Kind.VELOCITY: (-1, 127, -1),
    Kind.ROOT_KEY: (-1, 127, -1), Kind.EXCLUSIVE_CLASS: (0, 127, 0),
}  # fmt: skip

_NONE, _VELOCITY, _KEY, _WHEEL = 0, 2, 3, 14  # sources of section 8.2.1 that are no controllers
# Breath, volume, balance, pan and expression, where nobody moves them; other controllers are at 0.
_RESTING = {2: 127, 7: 127, 8: 64, 10: 64, 11: 127}
_CONTROLLER, _FALLING, _BIPOLAR, _TYPE = 0x80, 0x100, 0x200, 10  # bits of a source (section 8.2)


@dataclass(frozen=True)
class Modulator:
    """Adds `amount` · source · scale to a generator (section 9.5.1)."""

    source: int
    goal: int
    amount: int
    scale: int
    transform: int  # 2: only the size counts (section 8.3)

    @property
    def identity(self) -> tuple[int, int, int]:
        """Two of one identity in an instrument: the later counts. In a preset it adds to the instrument's."""
        return (self.source, self.goal, self.scale)


# Louder with velocity (section 8.4.1). The other usual modulators are of controllers at rest. Deviation: velocity to
# filter (8.4.2) is left to fonts that ask for it, as in the players that fonts are voiced by.
USUAL = (Modulator(0x0502, Kind.ATTENUATION, 960, 0, 0),)


def usual(kind: int) -> int:
    """What holds for a generator that no zone sets."""
    return LIMITS.get(kind, (0, 0, 0))[2]


def within(kind: int, value: float) -> float:
    """The value, or the limit that it passes (section 10.5)."""
    lowest, highest, _ = LIMITS.get(kind, (-32_768, 32_767, 0))
    return min(max(value, lowest), highest)


def level(source: int, key: int, velocity: int) -> float:
    """What a modulator's source says when a note begins: in [0, 1], or in [-1, 1] where it has two poles.

    Sections 8.2.1 to 8.2.4 and 9.5.2; controllers are at rest.

    >>> level(0x0502, 60, 127), round(960 * level(0x0502, 60, 64), 1)
    (0.0, 119.0)
    """
    index = source & 0x7F
    if source & _CONTROLLER:
        value = _RESTING.get(index, 0)
    elif index in (_VELOCITY, _KEY):
        value = velocity if index == _VELOCITY else key
    else:
        value = {_NONE: 127, _WHEEL: 64}.get(index, 0)
    x = value / 127
    x = 1 - x if source & _FALLING else x
    if not source & _BIPOLAR:
        return _bent(source >> _TYPE, x)
    if source >> _TYPE == 3:
        return 1.0 if x >= 0.5 else -1.0
    return math.copysign(_bent(source >> _TYPE, abs(2 * x - 1)), 2 * x - 1)


def _bent(form: int, x: float) -> float:
    """Linear, concave, convex or a switch, of [0, 1]: 96 dB from end to end (section 9.5.2)."""
    if form == 1:
        return 1.0 if x >= 1 else min(1.0, abs(40 / 96 * math.log10(1 - x)))
    if form == 2:
        return 0.0 if x <= 0 else max(0.0, 1 + 40 / 96 * math.log10(x))
    return float(x >= 0.5) if form == 3 else x


def modulated(modulators: Iterable[Modulator], key: int, velocity: int) -> dict[int, float]:
    """What modulators add to each generator at a key and velocity.

    >>> modulated(USUAL, 60, 127)
    {<Kind.ATTENUATION: 48>: 0.0}
    """
    added: dict[int, float] = {}
    for each in modulators:
        scale = level(each.scale, key, velocity) if each.scale else 1.0
        value = each.amount * level(each.source, key, velocity) * scale
        added[each.goal] = added.get(each.goal, 0.0) + (abs(value) if each.transform == 2 else value)
    return added
