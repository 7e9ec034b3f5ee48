"""Marked moments: an accent of all, an accent after a held breath, or silence until the next bar line; and where a
scene begins.
"""

from collections.abc import Sequence
from dataclasses import replace

from storysound.compose.arrange import Task, Written
from storysound.compose.ensembles import Role
from storysound.compose.figures import DrumStroke, Sounding, Tone
from storysound.compose.spotting import Hit

_BREATH_BEATS = 1.0  # of silence before an accent
_ACCENT_BEATS = 1.5
_ACCENT = 0.22  # added to the level
_ARRIVAL_BEATS, _ARRIVAL, _LEAST_ARRIVAL = 2.0, 0.1, 0.48  # how long, added to the level, and the softest
_STRIKERS: tuple[Role, ...] = ("figure", "accent", "shine", "pulse", "bass")
_LIFT_BEATS, _TUNES_LIFT_BEATS = 0.55, 0.3  # before the next scene in which nothing begins, and no note of the tune
_DARK = 0.4  # below this valence nothing bright strikes
_LEAST_BEATS = 0.2  # what is cut shorter by a silence is left out


def marked(written: Written, hits: Sequence[Hit], task: Task) -> Written:
    """A section with what its hits ask for; they lie inside it."""
    for hit in hits:
        beat = task.time.beat_at(hit.at_s)
        if hit.mark == "rest":
            written = _silent(written, beat, next((b for b in task.starts() if b > beat + 0.5), task.time.beats))
            continue
        if hit.mark == "breath":
            written = _silent(written, max(0.0, beat - _BREATH_BEATS), beat)
        written = _accented(written, beat, task)
    return written


def arrived(written: Written, task: Task) -> Written:
    """A section whose first chord is struck by whoever strikes clearest, so that its beginning is heard.

    Soft strings and voices swell: a scene that is theirs alone would begin somewhere. Nothing is struck where somebody
    speaks.
    """
    dark = task.section.mood.valence < _DARK
    roles = [role for role in _STRIKERS if role != "shine" or not dark]
    players = [(player.early_s, role) for role in roles if (player := task.player(role))]
    beats = min(_ARRIVAL_BEATS, task.time.bars[0])
    if not players or task.spoken(0.0, beats) > 0:
        return written
    role = min(players, key=lambda each: each[0])[1]
    bass, *upper = written.chords[0].voices
    pitches = {"pulse": [bass], "bass": [bass], "shine": [upper[-1] + 12]}.get(role, upper)
    level = max(_LEAST_ARRIVAL, task.cues.level + _ARRIVAL)
    kit = task.ensemble.kit
    crash = kit is not None and "crash" in kit.keys and "drums" in task.cues.layers
    return replace(
        written,
        tones=(*written.tones, *(Tone(role, 0.0, beats, pitch, level) for pitch in pitches)),
        strokes=(*written.strokes, *((DrumStroke(0.0, "crash", level),) if crash else ())),
    )


def breathed(written: Written, task: Task) -> Written:
    """A section that leads on to another with nothing struck right before it, which would cover how that begins."""
    end = task.time.beats
    lifts = {"tune": _TUNES_LIFT_BEATS, "shine": _TUNES_LIFT_BEATS}
    return replace(
        written,
        tones=tuple(t for t in written.tones if t.swell or t.beat <= end - lifts.get(t.role, _LIFT_BEATS)),
        strokes=tuple(stroke for stroke in written.strokes if stroke.beat <= end - _LIFT_BEATS),
    )


def _silent(written: Written, begin: float, end: float) -> Written:
    """Nothing sounds or begins in [begin, end); what would sound beyond it comes in again after it."""
    tones = list[Tone]()
    for tone in written.tones:
        until = tone.beat + tone.beats
        if until <= begin + 1e-6 or tone.beat >= end - 1e-6:
            tones.append(tone)
            continue
        if begin - tone.beat >= _LEAST_BEATS:
            tones.append(replace(tone, beats=begin - tone.beat))
        if until - end >= _LEAST_BEATS and tone.swell:
            tones.append(replace(tone, beat=end, beats=until - end))
    strokes = tuple(each for each in written.strokes if not begin - 1e-6 <= each.beat < end - 1e-6)
    return replace(written, tones=tuple(tones), strokes=strokes)


def _accented(written: Written, beat: float, task: Task) -> Written:
    """A chord of all that can strike, and the drums' loudest, at a beat."""
    under = next((chord for chord in written.chords if chord.beat <= beat + 1e-6 < chord.end), written.chords[-1])
    level = max(0.6, task.cues.level + _ACCENT)
    beats = min(_ACCENT_BEATS, task.time.beats - beat)
    tones = struck(under, beat, beats, level, task)
    strokes = [DrumStroke(beat, stroke, level) for stroke in ("low", "crash")]
    kit = task.ensemble.kit
    return replace(
        written,
        tones=(*written.tones, *tones),
        strokes=(*written.strokes, *(s for s in strokes if kit is not None and s.stroke in kit.keys)),
    )


def struck(chord: Sounding, beat: float, beats: float, level: float, task: Task) -> list[Tone]:
    """A chord by all who can strike one: the bass with its octave, the voices."""
    role: Role = "accent" if task.player("accent") else "figure" if task.player("figure") else "pad"
    bass, *upper = chord.voices
    found = [Tone("bass", beat, beats, bass, level), *(Tone(role, beat, beats, pitch, level) for pitch in upper)]
    if task.player("pulse"):
        found.append(Tone("pulse", beat, beats, bass, level))
    return found
