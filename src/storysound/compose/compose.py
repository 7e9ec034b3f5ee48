"""Scenes with moods, cuts and an exact length become a composition.

The same request gives the same notes. What is changed in one scene (its mood, theme, ensemble, seed; cuts, speech and
hits inside it) leaves the notes of every other scene as they are, bit for bit: each draws from chance of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import accumulate

from storysound.compose import arrange, ending, form, harmony, hits, perform
from storysound.compose.arrange import Task, Written
from storysound.compose.chance import chance
from storysound.compose.ensembles import Ensemble, Style, Styles, ensemble, ensembles, styles
from storysound.compose.expression import Cues, cues
from storysound.compose.figures import Sounding
from storysound.compose.form import Section
from storysound.compose.notes import Bar, Composition, Harmony, Key, Marker, Tempo
from storysound.compose.spotting import Hit, Scene, Spotting
from storysound.compose.tempo import Cut, TempoMap, fit
from storysound.progress import Watch, check
from storysound.story import Span

_HIT_WEIGHT, _TURN_WEIGHT = 4.0, 8.0  # of a marked moment and a scene's change, where a cut's is 1
_TOGETHER_S = 0.1  # what lies so near to something of more weight, or to an end, is not sought for itself
_TEMPO_SPREAD = 0.04  # by which films differ in tempo, of it


@dataclass(frozen=True)
class Means:
    """Who may play and how. `style`: another than each ensemble's own."""

    ensemble: str = "orchestra"
    style: str = ""
    ensembles: Mapping[str, Ensemble] = field(default_factory=ensembles)
    styles: Styles = field(default_factory=styles)


@dataclass(frozen=True)
class Place:
    """Where a scene stands: the `number`th (from 0) of `count` scenes of a piece so long."""

    number: int
    count: int
    length_s: float


@dataclass(frozen=True)
class Surroundings:
    """What music has to fit beside its scenes, as in `Spotting`, in seconds of the piece."""

    cuts_s: tuple[float, ...] = ()
    speech: tuple[Span, ...] = ()
    hits: tuple[Hit, ...] = ()


def compose(spotting: Spotting, seed: int = 0, means: Means | None = None, watch: Watch | None = None) -> Composition:
    """Music for a spotting.

    Raises UsageError for an unknown ensemble or style.
    """
    means = means or Means()
    last = spotting.scenes[-1]
    hold_s = ending.hold_s(spotting.length_s, last.mood, last.end_s - last.start_s)
    ends_s = spotting.length_s - hold_s
    sections = form.sections(spotting.scenes, ends_s, seed)
    done, tasks = list[Written](), list[Task]()
    for section in sections:
        check()
        if watch is not None:
            watch.at(section.number, len(sections), "scene")
        tasks.append(_task(section, len(sections), spotting, seed, means))
        done.append(_written(tasks[-1], spotting))
    return _finished(tasks, done, spotting, seed, hold_s)


def compose_scene(
    scene: Scene, place: Place, around: Surroundings, seed: int = 0, means: Means | None = None
) -> Composition:
    """One scene of a piece alone: its part of what `compose` makes of the whole, note for note, at the same times.

    The scene must be long enough to be no other's part: `form.LEAST_SECTION_S`, at the end with `ending.SHORTEST_S` on
    top. Raises UsageError as `compose`, and for a scene outside its piece.
    """
    means = means or Means()
    first, final = place.number == 0, place.number == place.count - 1
    before = () if first else (Scene(0.0, scene.start_s, scene.mood),)
    after = () if final else (Scene(scene.end_s, place.length_s, scene.mood),)
    spotting = Spotting((*before, scene, *after), around.cuts_s, around.speech, around.hits)
    hold_s = ending.hold_s(place.length_s, scene.mood, scene.end_s - scene.start_s)
    end_s = place.length_s - hold_s if final else scene.end_s
    section = form.section(place.number, [len(before)], spotting.scenes, 0.0 if first else scene.start_s, end_s, seed)
    task = _task(section, place.count, spotting, seed, means)
    return _finished([task], [_written(task, spotting)], spotting, seed, hold_s)


def _written(task: Task, spotting: Spotting) -> Written:
    section = task.section
    inside = [hit for hit in spotting.hits if section.start_s <= hit.at_s < section.end_s - _TOGETHER_S]
    written = arrange.arrange(task)
    written = written if task.final else hits.breathed(written, task)
    return hits.marked(hits.arrived(written, task) if section.number else written, inside, task)


def _task(section: Section, count: int, spotting: Spotting, seed: int, means: Means) -> Task:
    who, style, feeling, metre = _character(section, seed, means)
    number = section.number
    final = number == count - 1
    time = tempo_map(section, spotting, seed, means)
    if final:
        cuts = [cut.at_s for cut in _cuts(section, spotting)]
        time = time.broadened(ending.BROADENED, ending.BY, max(cuts, default=section.start_s))
    tonic = harmony.tonic_of(seed, number, count)
    following = tonic if final else harmony.tonic_of(seed, number + 1, count)
    speech = [span for span in spotting.speech if span.start_s < section.end_s and span.end_s > section.start_s]
    return Task(section, time, metre, feeling, who, style, means.styles, tonic, following, final, seed, speech)


def _character(section: Section, seed: int, means: Means) -> tuple[Ensemble, Style, Cues, int]:
    """Who plays a section, how, with what cues, and in bars of how many beats."""
    who = ensemble(section.ensemble or means.ensemble, means.ensembles)
    style = means.styles.style(section.style or means.style or who.style)
    feeling = cues(section.mood, style.tempi, float(section.rng("mode").random()))
    metre = 3 if chance(seed, "metre", section.theme).random() < style.threes else 4
    return who, style, feeling, metre


def tempo_map(section: Section, spotting: Spotting, seed: int, means: Means) -> TempoMap:
    """The tempo map of one of a film's sections, before its last beats broaden."""
    _, _, feeling, metre = _character(section, seed, means)
    pace = 1 + _TEMPO_SPREAD * (2 * float(chance(seed, "pace").random()) - 1)
    bpm = max(form.SLOWEST_BPM, feeling.bpm * pace)
    return fit(section.start_s, section.end_s, _cuts(section, spotting), bpm, metre)


def _cuts(section: Section, spotting: Spotting) -> list[Cut]:
    """What is inside a section and should be on a beat, in order of time; of things too close the weightier."""
    turns = [Cut(spotting.scenes[i].start_s, _TURN_WEIGHT, True) for i in section.scenes[1:]]
    marks = [Cut(hit.at_s, _HIT_WEIGHT) for hit in spotting.hits]
    found = list[Cut]()
    for cut in [*turns, *marks, *map(Cut, sorted(set(spotting.cuts_s)))]:
        others = [
            section.start_s,
            section.end_s,
            *(each.at_s for each in found if each.weight > cut.weight or each.turn),
        ]
        inside = section.start_s < cut.at_s < section.end_s
        if inside and all(abs(cut.at_s - other) > _TOGETHER_S for other in others):
            found.append(cut)
    found.sort(key=lambda cut: cut.at_s)
    return [cut for i, cut in enumerate(found) if i == 0 or cut.at_s - found[i - 1].at_s > 1e-3]


def _finished(tasks: list[Task], done: list[Written], spotting: Spotting, seed: int, hold_s: float) -> Composition:
    last, whole = tasks[-1], done
    chord = None
    if last.final:
        chord, tones, strokes = ending.final_chord(last, done[-1], hold_s)
        whole = [*done[:-1], replace(done[-1], tones=(*done[-1].tones, *tones), strokes=(*done[-1].strokes, *strokes))]
    played = [
        perform.performed(written.tones, written.strokes, task, spotting.length_s)
        for task, written in zip(tasks, whole, strict=True)
    ]
    harmonies = [
        _harmony(each, task.time) for task, written in zip(tasks, done, strict=True) for each in written.chords
    ]
    leads = {player.name for task in tasks if (player := task.player("tune"))}
    parts = perform.parts(played)
    return Composition(
        length_s=spotting.length_s,
        parts=parts,
        bars=tuple(bar for task in tasks for bar in _bars(task, spotting)),
        tempi=_tempi([task.time for task in tasks]),
        keys=tuple(Key(task.section.start_s, task.tonic, task.cues.mode) for task in tasks),
        harmonies=(*harmonies, *((_harmony(chord, last.time),) if chord else ())),
        markers=_markers(spotting),
        ends_s=last.section.end_s,
        leads=tuple(part.name for part in parts if part.name in leads),
        seed=seed,
    )


def _harmony(sounding: Sounding, time: TempoMap) -> Harmony:
    start_s = time.at_s(sounding.beat)
    length_s = time.at_s(sounding.end) - start_s
    return Harmony(round(start_s, 6), round(length_s, 6), sounding.chord.tones, sounding.voices)


def _bars(task: Task, spotting: Spotting) -> list[Bar]:
    found = []
    for beat, beats in zip(task.starts(), task.time.bars, strict=False):
        at_s = task.time.at_s(beat)
        scene = max(
            i for i in task.section.scenes if i == task.section.scenes[0] or spotting.scenes[i].start_s <= at_s + 0.05
        )
        found.append(Bar(round(at_s, 6), beats, scene))
    return found


def _tempi(times: list[TempoMap]) -> tuple[Tempo, ...]:
    """Of all sections one after the other."""
    first = [0.0, *accumulate(time.beats for time in times)]
    found = list[Tempo]()
    for time, before in zip(times, first, strict=False):
        for (at_s, beat), bpm in zip(time.anchors, time.tempi(), strict=False):
            if not found or abs(found[-1].bpm - bpm) > 1e-9:
                found.append(Tempo(at_s, before + beat, bpm))
    return tuple(found)


def _markers(spotting: Spotting) -> tuple[Marker, ...]:
    """Names of scenes and hits, in order of time."""
    names = [
        Marker(scene.start_s, f"scene {i}" + (f": {scene.theme}" if scene.theme else ""))
        for i, scene in enumerate(spotting.scenes, 1)
    ]
    return tuple(sorted([*names, *(Marker(hit.at_s, hit.mark) for hit in spotting.hits)], key=lambda mark: mark.at_s))
