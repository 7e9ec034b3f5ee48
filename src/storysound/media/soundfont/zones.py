"""Which samples of a preset sound for a key and velocity, and how each is to be played.

SoundFont 2.04: zones of presets and instruments (sections 7.3 and 7.7), what each sets and adds (8.5 and 9.4), units
(9.3). A `Voice` is one sample of one note, in seconds, hertz and decibels.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from storysound.media.soundfont.font import Bag, Moved, Preset, SoundFont
from storysound.media.soundfont.generators import INSTRUMENT_ONLY, USUAL, Kind, Modulator, modulated, usual, within

# Deviation from section 8.1.2 (48), which has 1: the hardware that the format comes from plays it so, other players
# follow, and fonts are voiced by them. Modulators count in full.
ATTENUATION_SCALE = 0.4
_COARSE = 32_768  # samples of a coarse offset
OPEN_CENTS = 13_500  # a filter that is open this far does nothing
CUTOFF_STEP = 50.0  # cents to which cutoffs are rounded, so that notes of like velocity share a sound
_LOWEST_HZ = 8.176  # of MIDI key 0: where absolute cents begin (section 9.3)
_PLAYED_ON, _RELEASED = 1, 3  # sample modes: the loop goes on, or only until the note's end (section 8.1.2, 54)


@dataclass(frozen=True)
class Envelope:
    """Times of section 9.1.7: `decay_s` and `release_s` are for the whole way down (100 dB, or from 1 to 0)."""

    delay_s: float
    attack_s: float
    hold_s: float
    decay_s: float
    sustain: float  # how far below the peak it stays: decibels, or a share of 1
    release_s: float


@dataclass(frozen=True)
class Wave:
    """A low frequency oscillator: a triangle from 0 (section 9.1.6)."""

    delay_s: float
    rate_hz: float
    to_pitch_cents: float = 0.0
    to_filter_cents: float = 0.0
    to_volume_db: float = 0.0


_NO_SWEEP = Envelope(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Tone:
    """What a sample sounds like, but for its level over time: two notes with the same share one sound."""

    sample: int
    moved: Moved
    looped: bool
    until_release: bool  # then it plays on to its end
    key: int
    root: int  # -1: the sample's
    scale: float  # cents from key to key
    tuning_cents: float
    cutoff_cents: float  # above MIDI key 0
    resonance_db: float
    vibrato: Wave
    waver: Wave  # the other oscillator
    sweep: Envelope  # the envelope of modulation
    sweep_to_pitch_cents: float
    sweep_to_filter_cents: float

    @property
    def filtered(self) -> bool:
        """Whether the filter does anything."""
        moves = self.sweep_to_filter_cents or self.waver.to_filter_cents
        return bool(moves) or self.cutoff_cents < OPEN_CENTS or self.resonance_db > 0

    @cached_property
    def plain(self) -> "Tone":
        """The same without its filter, which two notes may share though their filters differ."""
        sweep = self.sweep if self.sweep_to_pitch_cents else _NO_SWEEP
        waver = replace(self.waver, to_filter_cents=0.0)
        return replace(
            self, cutoff_cents=OPEN_CENTS, resonance_db=0.0, waver=waver, sweep=sweep, sweep_to_filter_cents=0.0
        )

    @property
    def bent(self) -> bool:
        """Whether the pitch moves."""
        return bool(self.vibrato.to_pitch_cents or self.waver.to_pitch_cents or self.sweep_to_pitch_cents)


@dataclass(frozen=True)
class Voice:
    """One sample of one note."""

    tone: Tone
    envelope: Envelope
    attenuation_db: float  # ≥ 0
    pan: float  # -1: left, 1: right
    exclusive: int  # a later note of the same class ends it; 0: of none


@dataclass(frozen=True)
class _Zone:
    """One zone, with what holds for all of its preset or instrument."""

    keys: tuple[int, int]
    velocities: tuple[int, int]
    amounts: dict[int, int]
    modulators: tuple[Modulator, ...]
    goal: int  # number of the instrument or sample

    def takes(self, key: int, velocity: int) -> bool:
        return self.keys[0] <= key <= self.keys[1] and self.velocities[0] <= velocity <= self.velocities[1]


class Zones:
    """Voices of a font's presets, each preset and instrument read when it is first asked for."""

    def __init__(self, font: SoundFont) -> None:
        self._font = font
        self._preset = lru_cache(maxsize=256)(lambda number: _zones(font.preset_bags(number), Kind.INSTRUMENT))
        self._instrument = lru_cache(maxsize=256)(lambda number: _zones(font.instrument_bags(number), Kind.SAMPLE))
        self.voices = lru_cache(maxsize=4096)(self._voices)

    def _voices(self, preset: Preset, key: int, velocity: int) -> tuple[Voice, ...]:
        """What sounds for a key and velocity in 0 … 127; nothing where the preset has no zone for it."""
        return tuple(self._found(preset, key, velocity))

    def _found(self, preset: Preset, key: int, velocity: int) -> Iterator[Voice]:
        for outer in self._preset(preset.number):
            if outer.takes(key, velocity) and outer.goal < self._font.instrument_count:
                for inner in self._instrument(outer.goal):
                    if inner.takes(key, velocity) and inner.goal < self._font.sample_count:
                        yield _voice(outer, inner, key, velocity)


def _zones(bags: tuple[Bag, ...], ends_with: Kind) -> tuple[_Zone, ...]:
    """Zones of a preset or an instrument; a first one without a goal holds for the others (section 7.3)."""
    amounts: dict[int, int] = {}
    modulators: dict[tuple[int, int, int], Modulator] = {}
    zones = []
    for number, bag in enumerate(bags):
        own = amounts | dict(bag.generators)
        bent = modulators | {each.identity: each for each in (Modulator(*row) for row in bag.modulators)}
        if ends_with in own:
            zones.append(_zone(own, tuple(bent.values()), ends_with))
        elif number == 0:
            amounts, modulators = own, bent
    return tuple(zones)


def _zone(amounts: dict[int, int], modulators: tuple[Modulator, ...], ends_with: Kind) -> _Zone:
    """A zone of amounts as they stand in the file, words of 16 bits."""
    keys, velocities = (
        (amounts[kind] & 255, amounts[kind] >> 8) if kind in amounts else (0, 127)
        for kind in (Kind.KEY_RANGE, Kind.VELOCITY_RANGE)
    )
    signed = {kind: amount - 65_536 if amount > 32_767 else amount for kind, amount in amounts.items()}
    return _Zone(keys, velocities, signed, modulators, amounts[ends_with])


def _voice(outer: _Zone, inner: _Zone, key: int, velocity: int) -> Voice:
    """What a zone of a preset and one of its instrument make of a note."""
    own = inner.amounts
    key, velocity = (
        forced if (forced := int(within(kind, own.get(kind, -1)))) >= 0 else given
        for kind, given in ((Kind.KEY, key), (Kind.VELOCITY, velocity))
    )
    of_instrument = {each.identity: each for each in (*USUAL, *inner.modulators)}
    added = modulated((*of_instrument.values(), *outer.modulators), key, velocity)

    def base(kind: Kind) -> float:
        return own.get(kind, usual(kind)) + (0 if kind in INSTRUMENT_ONLY else outer.amounts.get(kind, 0))

    def value(kind: Kind) -> float:
        return within(kind, base(kind) + added.get(kind, 0.0))

    attenuation = base(Kind.ATTENUATION) * ATTENUATION_SCALE + added.get(Kind.ATTENUATION, 0.0)
    return Voice(
        _tone(inner.goal, key, value),
        Envelope(
            seconds(value(Kind.DELAY)),
            seconds(value(Kind.ATTACK)),
            seconds(value(Kind.HOLD) + value(Kind.HOLD_BY_KEY) * (60 - key)),
            seconds(value(Kind.DECAY) + value(Kind.DECAY_BY_KEY) * (60 - key)),
            value(Kind.SUSTAIN) / 10,
            seconds(value(Kind.RELEASE)),
        ),
        within(Kind.ATTENUATION, attenuation) / 10,
        value(Kind.PAN) / 500,
        int(value(Kind.EXCLUSIVE_CLASS)),
    )


def _tone(sample: int, key: int, value: Callable[[Kind], float]) -> Tone:
    """The part of a voice that two notes can share."""
    mode = int(value(Kind.SAMPLE_MODE)) & 3
    moved = tuple(
        int(value(fine) + _COARSE * value(coarse))
        for fine, coarse in (
            (Kind.START, Kind.START_COARSE), (Kind.END, Kind.END_COARSE),
            (Kind.LOOP_START, Kind.LOOP_START_COARSE), (Kind.LOOP_END, Kind.LOOP_END_COARSE),
        )
    )  # fmt: skip
    return Tone(
        sample,
        (moved[0], moved[1], moved[2], moved[3]),
        mode in (_PLAYED_ON, _RELEASED),
        mode == _RELEASED,
        key,
        int(value(Kind.ROOT_KEY)),
        value(Kind.SCALE_TUNING),
        value(Kind.COARSE_TUNE) * 100 + value(Kind.FINE_TUNE),
        round(value(Kind.FILTER_CUTOFF) / CUTOFF_STEP) * CUTOFF_STEP,
        round(value(Kind.FILTER_Q)) / 10,
        Wave(
            seconds(value(Kind.VIB_LFO_DELAY)),
            hertz(value(Kind.VIB_LFO_FREQUENCY)),
            value(Kind.VIB_LFO_TO_PITCH),
        ),
        Wave(
            seconds(value(Kind.MOD_LFO_DELAY)),
            hertz(value(Kind.MOD_LFO_FREQUENCY)),
            value(Kind.MOD_LFO_TO_PITCH),
            value(Kind.MOD_LFO_TO_FILTER),
            value(Kind.MOD_LFO_TO_VOLUME) / 10,
        ),
        Envelope(
            seconds(value(Kind.MOD_DELAY)),
            seconds(value(Kind.MOD_ATTACK)),
            seconds(value(Kind.MOD_HOLD) + value(Kind.MOD_HOLD_BY_KEY) * (60 - key)),
            seconds(value(Kind.MOD_DECAY) + value(Kind.MOD_DECAY_BY_KEY) * (60 - key)),
            value(Kind.MOD_SUSTAIN) / 1000,
            seconds(value(Kind.MOD_RELEASE)),
        ),
        value(Kind.MOD_ENV_TO_PITCH),
        round(value(Kind.MOD_ENV_TO_FILTER) / CUTOFF_STEP) * CUTOFF_STEP,
    )


def seconds(timecents: float) -> float:
    """Time of absolute timecents (section 9.3); the shortest are none.

    >>> seconds(0), seconds(-12_000)
    (1.0, 0.0)
    """
    return 0.0 if timecents <= -12_000 else float(2.0 ** (timecents / 1200))


def hertz(cents: float) -> float:
    """Frequency of absolute cents (section 9.3), which begin at MIDI key 0.

    >>> round(hertz(6900))
    440
    """
    return float(_LOWEST_HZ * 2.0 ** (cents / 1200))
