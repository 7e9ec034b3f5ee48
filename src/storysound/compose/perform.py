"""From tones in beats to notes in seconds: who plays them, how exactly, how loud."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from storysound.compose.arrange import Task
from storysound.compose.ensembles import Kit, Player
from storysound.compose.figures import DrumStroke, Tone
from storysound.compose.notes import Note, Part

_LOOSE_S, _LOOSE_VELOCITY = 0.006, 2.5  # standard deviations of people who play; bar lines are exact
_MOST_LOOSE_S = 0.012
_VELOCITY = (16.0, 106.0)  # at level 0, and what is added up to level 1
_STROKE_S = 0.25
_LEAST_S = 0.05
_EXACT = 1e-6


@dataclass(frozen=True)
class Desk:
    """What becomes one part: a player's or a kit's name, sound and place."""

    name: str
    program: int
    drums: bool
    pan: float
    gain_db: float


Played = Mapping[Desk, Sequence[Note]]


def performed(
    tones: Sequence[Tone], strokes: Sequence[DrumStroke], task: Task, ends_s: float
) -> dict[Desk, list[Note]]:
    """Notes of a section by desk. What begins in it ends with it; the final chord after it ends by `ends_s`.

    Notes on bar lines are exact but for how early their player has to begin: so long before the end of a section they
    end, so that a part never meets itself.
    """
    rng = task.section.rng("play")
    lines = set(task.starts())
    rows: dict[Desk, list[Note]] = defaultdict(list)
    for tone in sorted(tones, key=lambda each: (each.beat, each.role, each.pitch)):
        player = task.player(tone.role)
        if player is not None:
            rows[_desk(player)].append(_note(tone, player, task, ends_s, tone.beat in lines, rng))
    kit = task.ensemble.kit
    if kit is not None:
        for stroke in sorted(strokes, key=lambda each: (each.beat, each.stroke)):
            rows[_drums(kit)].append(_stroke(stroke, kit, task, rng))
    return {desk: _untangled(notes) for desk, notes in rows.items()}


def _desk(player: Player) -> Desk:
    return Desk(player.name, player.program, False, player.pan, player.gain_db)


def _drums(kit: Kit) -> Desk:
    return Desk(kit.name, kit.program, True, 0.0, kit.gain_db)


def _note(tone: Tone, player: Player, task: Task, ends_s: float, exact: bool, rng: np.random.Generator) -> Note:
    loose_s = float(np.clip(rng.normal(0, _LOOSE_S), -_MOST_LOOSE_S, _MOST_LOOSE_S))
    louder = float(rng.normal(0, _LOOSE_VELOCITY))
    begin_s, end_s = task.time.at_s(tone.beat), task.time.at_s(tone.beat + tone.beats)
    last_s = ends_s if tone.beat >= task.time.beats else task.section.end_s - player.early_s
    start_s = begin_s - player.early_s + (0.0 if exact else loose_s)
    start_s = min(max(start_s, task.section.start_s - player.early_s, 0.0), last_s - _LEAST_S)
    length_s = max(_LEAST_S, min(begin_s + (end_s - begin_s) * tone.legato, last_s) - start_s)
    return Note(round(start_s, 6), round(length_s, 6), player.fold(tone.pitch), _velocity(tone.level, louder))


def _stroke(stroke: DrumStroke, kit: Kit, task: Task, rng: np.random.Generator) -> Note:
    louder = float(rng.normal(0, 1.5 * _LOOSE_VELOCITY))
    start_s = max(0.0, task.time.at_s(stroke.beat))
    return Note(round(start_s, 6), _STROKE_S, kit.keys[stroke.stroke], _velocity(stroke.level, louder))


def _velocity(level: float, louder: float) -> int:
    return int(min(124, max(10, round(_VELOCITY[0] + _VELOCITY[1] * level + louder))))


def _untangled(notes: Iterable[Note]) -> list[Note]:
    """Notes of one desk in order of time; where a pitch is struck again while it sounds, it ends there before.

    Of two that begin together one is left, as loud and as long as the most of both.
    """
    found: list[Note] = []
    sounding: dict[int, int] = {}  # index of the last note of each pitch
    for note in sorted(notes, key=lambda each: (each.start_s, each.pitch)):
        at = sounding.get(note.pitch)
        if at is not None and (before := found[at]).start_s + before.length_s > note.start_s + _EXACT:
            if note.start_s - before.start_s < _LEAST_S:
                length_s = max(before.length_s, note.start_s + note.length_s - before.start_s)
                louder = max(before.velocity, note.velocity)
                found[at] = Note(before.start_s, round(length_s, 6), note.pitch, louder)
                continue
            found[at] = Note(before.start_s, round(note.start_s - before.start_s, 6), note.pitch, before.velocity)
        sounding[note.pitch] = len(found)
        found.append(note)
    return found


def parts(sections: Sequence[Played]) -> tuple[Part, ...]:
    """One part per desk over all sections, in the order in which they come in."""
    desks: dict[Desk, list[Note]] = {}
    for played in sections:
        for desk, notes in played.items():
            desks.setdefault(desk, []).extend(notes)
    return tuple(
        Part(desk.name, desk.program, desk.drums, tuple(sorted(notes, key=_when)), desk.pan, desk.gain_db)
        for desk, notes in desks.items()
    )


def _when(note: Note) -> tuple[float, int]:
    return note.start_s, note.pitch
