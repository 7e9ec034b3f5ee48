"""How a film's music ends: on the tonic, after beats that broaden, held and left to ring."""

from storysound.compose import harmony, voices
from storysound.compose.arrange import Task, Written
from storysound.compose.ensembles import Role
from storysound.compose.figures import DrumStroke, Sounding, Tone
from storysound.compose.form import LEAST_SECTION_S
from storysound.story import Mood

BROADENED, BY = 3, 1.3  # beats before the end, and how much longer than the others the last of them is
_SHARE = 0.3  # of the film that the final chord takes at most
_HELD_S = (4.8, 3.0)  # how long the final chord and its ringing take at arousal 0 and 1
SHORTEST_S = 2.0  # that a short last scene leaves it
_SLACK_S = 1e-3
_RING_S = (2.3, 1.3)  # of that, how long it rings after it was left
_LOUD = 0.55  # from which arousal on the drums end with it


def hold_s(length_s: float, mood: Mood, last_s: float) -> float:
    """From the final chord to the end of the film; `last_s`: how long its last scene is.

    It leaves a short scene a bar of its own, unless there is no room for a chord then.
    """
    held_s = min(_SHARE * length_s, _HELD_S[0] + (_HELD_S[1] - _HELD_S[0]) * mood.arousal)
    room_s = last_s - LEAST_SECTION_S - _SLACK_S
    return min(held_s, room_s) if room_s >= SHORTEST_S else held_s


def final_chord(task: Task, written: Written, hold_s: float) -> tuple[Sounding, list[Tone], list[DrumStroke]]:
    """The tonic at the end of the last section, and who plays it; `written`: what leads to it."""
    chord = harmony.chord(task.cues.mode, task.tonic, 0)
    way = voices.follow(written.chords[-1].voices, chord, task.cues.lift)
    arousal = task.section.mood.arousal
    ring_s = min(0.6 * hold_s, _RING_S[0] + (_RING_S[1] - _RING_S[0]) * arousal)
    beat_s = task.time.at_s(task.time.beats + 1) - task.time.at_s(task.time.beats)
    beats = (hold_s - ring_s) / beat_s
    sounding = Sounding(task.time.beats, beats, chord, way)
    level = 0.9 * task.cues.level
    tones = [Tone("bass", sounding.beat, beats, way[0], level)]
    role: Role = "pad" if task.player("pad") else "figure"
    tones += [Tone(role, sounding.beat, beats, pitch, level - 0.05) for pitch in way[1:]]
    tune = _tune(task, written, sounding, level)
    tones += tune
    if "shine" in task.cues.layers and task.player("shine"):
        top = tune[0].pitch if tune else way[3]
        tones.append(Tone("shine", sounding.beat, beats, top + 12, level - 0.1))
    kit = task.ensemble.kit
    low, crash = DrumStroke(sounding.beat, "low", level), DrumStroke(sounding.beat, "crash", level - 0.1)
    strokes = [each for each in (low, crash) if arousal > _LOUD and kit is not None and each.stroke in kit.keys]
    return sounding, tones, strokes


def _tune(task: Task, written: Written, sounding: Sounding, level: float) -> list[Tone]:
    """The tune's last note: the tonic, nearest to the note before, or else to where its player is at ease."""
    player = task.player("tune")
    if player is None:
        return []
    middle = round(min(max(70 + task.cues.lift, player.low + 6), player.high - 6))
    before = max((tone for tone in written.tones if tone.role == "tune"), key=lambda tone: tone.beat, default=None)
    near = before.pitch if before is not None else middle
    pitch = min((p for p in range(player.low, player.high + 1) if p % 12 == task.tonic), key=lambda p: abs(p - near))
    return [Tone("tune", sounding.beat, sounding.beats, pitch, level + 0.05)]
