"""What accompanies: patterns of a style laid over the voices of the chords, from bar line to bar line."""

from collections.abc import Sequence
from dataclasses import dataclass

from storysound.compose.ensembles import Beat, Pattern, Role, Stroke
from storysound.compose.harmony import Chord
from storysound.compose.voices import Voices

DOWNBEAT, ON_BEAT, OFF_BEAT = 0.06, 0.0, -0.05  # added to the level
_ACCENT, _SOFT = 0.12, -0.16
_FIFTH, _OCTAVE = 7, 12


@dataclass(frozen=True)
class Tone:
    """A note before it has an instrument and a clock: in beats of its section, `level` in [0, 1] of full velocity."""

    role: Role
    beat: float
    beats: float
    pitch: int
    level: float
    legato: float = 1.0
    swell: bool = False  # it may begin a little before or after its beat, and fades in


@dataclass(frozen=True)
class DrumStroke:
    """A stroke of the drums."""

    beat: float
    stroke: Stroke
    level: float


@dataclass(frozen=True)
class Sounding:
    """A chord as it is laid, from a beat of its section on."""

    beat: float
    beats: float
    chord: Chord
    voices: Voices

    @property
    def end(self) -> float:
        """The beat when the next one begins."""
        return self.beat + self.beats


def played(
    pattern: Pattern, start: float, beats: float, chords: Sequence[Sounding], level: float, legato: float
) -> list[Tone]:
    """A pattern in a bar that begins at `start`. No tone goes on into a chord that it isn't of."""
    tokens = pattern.tokens()
    found: list[Tone] = []
    steps = -int(-beats // pattern.step)
    for i in range(steps):
        token, at = tokens[i % len(tokens)], start + i * pattern.step
        if token in (".", "-"):
            continue
        held = 1
        while i + held < steps and tokens[(i + held) % len(tokens)] == "-":
            held += 1
        length = min(held * pattern.step, start + beats - at)
        for sounding in _while(chords, at, length):
            begin = max(at, sounding.beat)
            until = min(at + length, sounding.end)
            found += [
                Tone(pattern.role, begin, until - begin, pitch, level + stress(begin - start), legato)
                for pitch in pitches(token, sounding)
            ]
    return found


def _while(chords: Sequence[Sounding], at: float, beats: float) -> list[Sounding]:
    """Chords that sound in a stretch of beats."""
    return [each for each in chords if each.beat < at + beats - 1e-6 and each.end > at + 1e-6]


def pitches(token: str, sounding: Sounding) -> list[int]:
    """What a step of a pattern means over a chord.

    >>> from storysound.compose.harmony import chord
    >>> pitches("03b", Sounding(0, 4, chord("ionian", 0, 0), (36, 55, 60, 64)))
    [55, 67, 36]
    """
    bass, *upper = sounding.voices
    fifth = bass + _FIFTH if (bass + _FIFTH) % _OCTAVE in sounding.chord.tones else bass
    meant = {"b": bass, "B": bass + _OCTAVE, "f": fifth}
    meant |= {str(i): upper[i % 3] + _OCTAVE * (i // 3) for i in range(6)}
    return [meant[letter] for letter in token]


def stress(beat: float) -> float:
    """How much louder a tone is for its place in the bar."""
    return DOWNBEAT if beat == 0 else ON_BEAT if beat % 1 == 0 else OFF_BEAT


def held(chords: Sequence[Sounding], role: Role, level: float) -> list[Tone]:
    """The upper voices, as long as they stay: a voice that doesn't move is not struck again."""
    found: list[Tone] = []
    for voice in (1, 2, 3):
        begin = 0
        for i, sounding in enumerate(chords):
            ends = i == len(chords) - 1 or chords[i + 1].voices[voice] != sounding.voices[voice]
            if ends:
                first = chords[begin]
                found.append(
                    Tone(role, first.beat, sounding.end - first.beat, sounding.voices[voice], level, swell=True)
                )
                begin = i + 1
    return found


def beaten(beat: Beat, start: float, beats: float, level: float) -> list[DrumStroke]:
    """Drums in a bar that begins at `start`."""
    found = []
    for stroke, letters in beat.strokes.items():
        for i in range(-int(-beats // beat.step)):
            letter = letters[i % len(letters)]
            if letter != ".":
                more = {"X": _ACCENT, "x": 0.0, "o": _SOFT}[letter]
                found.append(DrumStroke(start + i * beat.step, stroke, level + more))
    return found
