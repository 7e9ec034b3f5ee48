"""Notes to sound: each part by itself, block by block, so that music of any length needs no more memory than its tails.

Parts don't know of each other, notes add up in the order of their beginnings, and nothing that is held changes a sound:
the same notes give the same samples, and notes that change leave every sample as it was that they don't reach.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from storysound.errors import UsageError
from storysound.media.arrays import RATE_HZ, Samples
from storysound.media.soundfont.envelope import Levels
from storysound.media.soundfont.font import Preset, SoundFont
from storysound.media.soundfont.lowpass import ROW
from storysound.media.soundfont.programs import choose
from storysound.media.soundfont.recent import Beginnings
from storysound.media.soundfont.tone import filtered, play
from storysound.media.soundfont.zones import Tone, Voice, Zones

BLOCK_S = 5.0  # of music that is made at once
_LAST_S = 0.01  # in which what is left of a note goes to 0, and one that another of its class ends
_SILENT = 1e-6  # share of a voice that the other channel need not have
_ROUND_S = 0.5  # samples are read and tones made as long as a multiple of this
_TONE_BYTES, _SAMPLE_BYTES = 48 << 20, 32 << 20  # of what is held of each kind


class Note(Protocol):
    """One note."""

    @property
    def start_s(self) -> float:
        """When it begins, ≥ 0."""

    @property
    def length_s(self) -> float:
        """How long it is held, > 0; its release comes after."""

    @property
    def pitch(self) -> int:
        """MIDI key, 0 … 127; 60 is middle C."""

    @property
    def velocity(self) -> int:
        """How hard it is struck, 1 … 127."""


class Part(Protocol):
    """Notes that one instrument plays."""

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def program(self) -> int:
        """General MIDI program, 0 … 127; of drums, the kit."""

    @property
    def drums(self) -> bool:
        """Whether it is a drum kit, whose pitches are instruments."""

    @property
    def notes(self) -> Sequence[Note]:
        """In any order."""

    @property
    def pan(self) -> float:
        """-1: left, 1: right."""

    @property
    def gain_db(self) -> float:
        """Louder or softer than the font has it."""


@dataclass(frozen=True)
class _Sounding:
    """A voice of a note, in samples from the beginning."""

    voice: Voice
    start: int
    held: int
    end: int  # its own, or where another note ends it


class Sampler:
    """Plays parts with a font, in stereo. One thread at a time."""

    def __init__(self, font: SoundFont, rate_hz: int = RATE_HZ) -> None:
        """`rate_hz`: of the sound that is made."""
        if not 8000 <= rate_hz <= 192_000:
            raise UsageError(f"must be 8000 to 192000, got {rate_hz}", field="rate_hz")
        self.font, self.rate_hz = font, rate_hz
        self._zones, self._levels = Zones(font), Levels(rate_hz)
        self._samples = Beginnings(_SAMPLE_BYTES, round(_ROUND_S * rate_hz))
        self._tones = Beginnings(_TONE_BYTES, round(_ROUND_S * rate_hz))
        # Few are asked for again, as a filter goes by velocity: what is made beyond a note is lost.
        self._filtered = Beginnings(_TONE_BYTES, ROW * ROW)
        self._last = round(_LAST_S * rate_hz)
        self._ramp = np.linspace(1, 0, self._last, dtype=np.float32)
        self._notices: dict[str, None] = {}

    @property
    def notices(self) -> tuple[str, ...]:
        """What could not be played as asked until now, once each."""
        return tuple(self._notices)

    def stem(self, part: Part, length_s: float) -> Iterator[Samples]:
        """The sound of one part, [2 n] a block, of round(length_s · rate_hz) samples in all: there it is cut.

        Raises UsageError for a part or note out of range, MediaError for a sample of the font that can't be read.
        """
        if not (math.isfinite(length_s) and length_s > 0):
            raise UsageError(f"must be above 0 s, got {length_s}", field="length_s")
        total = round(length_s * self.rate_hz)
        return self._blocks(self._soundings(part, total), part, total)

    def mix(self, parts: Sequence[Part], length_s: float) -> Iterator[Samples]:
        """The sound of all parts together, in their order, [2 n] a block. Raises as `stem`."""
        stems = [self.stem(part, length_s) for part in parts]
        if not stems:
            raise UsageError("must hold a part", field="parts")
        for blocks in zip(*stems, strict=True):
            whole = blocks[0]
            for other in blocks[1:]:
                whole += other
            yield whole

    def _soundings(self, part: Part, total: int) -> list[_Sounding]:
        """All voices of a part that begin within so many samples, in the order of their beginnings."""
        _check_part(part)
        preset, notice = choose(self.font, part.program, drums=part.drums)
        if notice:
            self._notices[f"{part.name}: {notice}"] = None
        notes = sorted(part.notes, key=lambda note: (note.start_s, note.pitch, note.length_s, note.velocity))
        for note in notes:
            _check_note(note, part)
        if preset is None:
            return []
        return _choked([each for note in notes for each in self._voices(note, preset, part, total)], self._last)

    def _voices(self, note: Note, preset: Preset, part: Part, total: int) -> Iterator[_Sounding]:
        """The voices of a note, if it begins in time."""
        start, end = round(note.start_s * self.rate_hz), round((note.start_s + note.length_s) * self.rate_hz)
        voices = self._zones.voices(preset, note.pitch, note.velocity)
        if not voices:
            self._notices[f"{part.name}: {preset.name} has no sound for key {note.pitch}"] = None
        for voice in voices if start < total else ():
            held = max(1, end - start)
            yield _Sounding(voice, start, held, start + self._levels.length(voice.envelope, held))

    def _blocks(self, soundings: list[_Sounding], part: Part, total: int) -> Iterator[Samples]:
        """The sum of all voices, block by block."""
        size, at = round(BLOCK_S * self.rate_hz), 0
        ahead = np.zeros((2, size), np.float32)  # from the block's start to where the last voice ends
        for start in range(0, total, size):
            while at < len(soundings) and soundings[at].start < start + size:
                ahead = self._added(soundings[at], part, ahead, start, total)
                at += 1
            yield ahead[:, : min(size, total - start)].copy()
            rest = ahead[:, size:]
            ahead = np.pad(rest, ((0, 0), (0, max(0, size - rest.shape[1]))))

    def _added(self, sounding: _Sounding, part: Part, ahead: Samples, start: int, total: int) -> Samples:
        """What is ahead [2 n] of a block's start with a voice added, and made longer where it must be."""
        sound, first = self._sound(sounding, total), sounding.start - start
        if (missing := first + len(sound) - ahead.shape[1]) > 0:
            ahead = np.pad(ahead, ((0, 0), (0, missing)))
        gain = 10 ** ((part.gain_db - sounding.voice.attenuation_db) / 20)
        angle = (min(max(sounding.voice.pan + part.pan, -1.0), 1.0) + 1) * math.pi / 4
        shares = {0: math.cos(angle), 1: math.sin(angle)}  # the same power wherever it stands
        heard = [(channel, share) for channel, share in shares.items() if share > _SILENT]
        for left, (channel, share) in enumerate(heard, 1 - len(heard)):
            # The last may take the sound's place.
            scaled = np.multiply(sound, np.float32(gain * share), out=None if left else sound)
            ahead[channel, first : first + len(sound)] += scaled
        return ahead

    def _sound(self, sounding: _Sounding, total: int) -> Samples:
        """A voice [n] with its envelope, before gain and pan, not beyond so many samples from the beginning."""
        n = min(sounding.end, total) - sounding.start
        sound = self._tone(sounding.voice.tone, n, sounding.held)
        sound = sound * self._levels.of(sounding.voice.envelope, sounding.held, n)[: len(sound)]
        fading = sounding.end - self._last - sounding.start  # where it begins to go to 0
        if fading < len(sound):
            ramp = self._ramp[max(0, -fading) :]
            sound[max(0, fading) :] *= ramp[: len(sound) - max(0, fading)]
        return sound

    def _tone(self, tone: Tone, n: int, held: int) -> Samples:
        """At most n samples [n] of a tone, filtered; `held` counts where what is played depends on it."""
        held = held if tone.until_release else 0
        if not tone.filtered:
            return self._plain(tone, n, held)
        return self._filtered.take(
            (tone, held), n, lambda asked: filtered(self._plain(tone.plain, asked, held), tone, self.rate_hz)
        )

    def _plain(self, tone: Tone, n: int, held: int) -> Samples:
        """The same before its filter."""
        sample, name = self.font.sample(tone.sample, tone.moved), (tone.sample, tone.moved)

        def read(most: int) -> Samples:
            return self._samples.take(name, most, lambda asked: self.font.samples(*name, asked))

        return self._tones.take((tone, held), n, lambda asked: play(tone, sample, read, asked, held, self.rate_hz))


def _choked(soundings: list[_Sounding], last: int) -> list[_Sounding]:
    """The same, each ended by the next of its exclusive class that begins later (section 8.1.2, 57)."""
    running: dict[int, list[int]] = {}
    for number, each in enumerate(soundings):
        if not (kind := each.voice.exclusive):
            continue
        together = []
        for other in running.get(kind, []):
            if (before := soundings[other]).start == each.start:
                together.append(other)
            else:
                soundings[other] = replace(before, end=min(before.end, each.start + last))
        running[kind] = [*together, number]
    return soundings


def _check_part(part: Part) -> None:
    """Raises UsageError."""
    if not 0 <= part.program <= 127:
        raise UsageError(f"must be 0 … 127, got {part.program} ({part.name})", field="program")
    if not -1 <= part.pan <= 1:
        raise UsageError(f"must be -1 … 1, got {part.pan} ({part.name})", field="pan")
    if not -200 <= part.gain_db <= 60:
        raise UsageError(f"must be -200 … 60 dB, got {part.gain_db} ({part.name})", field="gain_db")


def _check_note(note: Note, part: Part) -> None:
    """Raises UsageError."""
    where = f"({part.name}, at {note.start_s} s)"
    if not (math.isfinite(note.start_s) and note.start_s >= 0):
        raise UsageError(f"must be 0 s or later, got {note.start_s} ({part.name})", field="start_s")
    if not (math.isfinite(note.length_s) and note.length_s > 0):
        raise UsageError(f"must be above 0 s, got {note.length_s} {where}", field="length_s")
    if not 0 <= note.pitch <= 127:
        raise UsageError(f"must be a MIDI key, 0 … 127, got {note.pitch} {where}", field="pitch")
    if not 1 <= note.velocity <= 127:
        raise UsageError(f"must be 1 … 127, got {note.velocity} {where}", field="velocity")
