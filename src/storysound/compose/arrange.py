"""One section as tones: harmony, tune, second melody, accompaniment and drums, as its mood, its place and speech
ask.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from storysound.compose import figures, form, melody, voices
from storysound.compose.ensembles import Ensemble, Pattern, Player, Role, Style, Styles
from storysound.compose.expression import Cues, Layer
from storysound.compose.figures import DrumStroke, Sounding, Tone
from storysound.compose.form import Phrase, Section
from storysound.compose.melody import Ambit
from storysound.compose.motif import Motif, Variation, motif
from storysound.compose.tempo import TempoMap
from storysound.story import Span

_TUNE_LEVEL, _COUNTER_LEVEL, _PAD_LEVEL, _FIGURE_LEVEL, _BASS_LEVEL = 0.1, -0.04, -0.1, -0.08, 0.0
_DRUM_LEVEL, _DRUM_RISE = -0.06, 0.2  # at the mood where they come in; the more active, the farther in front
_ARCH = 0.05  # of the level, from the ends of a phrase to its middle
_BUILD = 0.08  # by which it grows over a section where many play
_SPOKEN = 0.5  # share of a bar with speech, from which on music makes room
_MOSTLY_SPOKEN = 0.4  # share of a phrase's bars from which on it has no tune
_UNDER_SPEECH = 0.72  # of the level there
_UNDER_LAYERS = frozenset({"bass", "pad", "figure", "tune"})  # what still plays there
_TUNE_CENTRE, _DARK_TUNE, _BREATH = 70.0, 4.0, 0.5
_EXTENT = 13  # semitones that a tune goes to either side of its centre
_STRONG_BEATS = 1.5  # a note so long belongs to the chord wherever it begins
_SLOW_BAR_S, _SLOW_DENSITY = 3.0, -0.7  # a bar so long has two notes of the tune or more
_FEAR = 0.3  # from which fear on there is tremolo, and in every other phrase a high note foreign to all
_CREEP, _CLUSTER = 1.5, 76  # beats after the phrase's begin, and the lowest that note may be


_Heard = dict[tuple[str, float, float, tuple[int, ...]], int]  # pitches by kind of phrase, place in it, and chord


@dataclass(frozen=True)
class Task:
    """A section, its place in time, its cues and its means. `following`: the tonic of the section after it."""

    section: Section
    time: TempoMap
    metre: int
    cues: Cues
    ensemble: Ensemble
    style: Style
    styles: Styles
    tonic: int
    following: int
    final: bool
    seed: int
    speech: Sequence[Span]

    def player(self, role: Role) -> Player | None:
        """Who plays a role here."""
        return self.ensemble.cast(role, self.section.mood)

    def starts(self) -> list[float]:
        """The beat of each bar line, and of the section's end."""
        return [0.0, *accumulate(self.time.bars)]

    def spoken(self, beat: float, beats: float) -> float:
        """Share of a stretch in which somebody speaks."""
        start_s, end_s = self.time.at_s(beat), self.time.at_s(beat + beats)
        overlap = sum(max(0.0, min(span.end_s, end_s) - max(span.start_s, start_s)) for span in self.speech)
        return overlap / (end_s - start_s)


@dataclass(frozen=True)
class Written:
    """A section's tones and strokes, and the chords they are made of."""

    chords: tuple[Sounding, ...]
    tones: tuple[Tone, ...]
    strokes: tuple[DrumStroke, ...]


def arrange(task: Task) -> Written:
    """All of a section but its hits and its ending."""
    phrases = form.phrases(len(task.time.bars), task.final, task.section.rng("phrases"))
    chords = _chords(task, phrases)
    tones, strokes = list[Tone](), list[DrumStroke]()
    last: int | None = None
    heard: _Heard = {}
    for phrase in phrases:
        under = _of_phrase(task, phrase, chords)
        line = _tune(task, phrase, under, last, heard)
        last = line[-1].pitch if line else last
        tones += line
        tones += _doubled(task, phrase, line)
        tones += _second(task, phrase, under, line)
        accompaniment, drums = _accompanied(task, phrase, under)
        tones += accompaniment
        strokes += drums
    return Written(tuple(chords), tuple(tones), tuple(strokes))


def _bar_s(task: Task) -> float:
    return task.metre * 60 / task.time.wished_bpm


def _chords(task: Task, phrases: Sequence[Phrase]) -> list[Sounding]:
    """The chords of a section, led through it."""
    section, known = task.section, dict[str, list[int]]()
    found: list[form.Slot] = []
    for phrase in phrases:
        rng = section.rng("slots", phrase.kind)
        places = form.slots(phrase, task.time.bars, task.starts(), _bar_s(task), task.style.chord_bars, rng)
        rng = section.rng("degrees", phrase.kind, phrase.close)
        closing = task.starts()[phrase.first + max(0, phrase.bars - 2)]
        lasting = sum(beat < closing for beat, _ in places)
        made = form.degrees(phrase, task.cues.mode, len(places), lasting, known, rng)
        colour = task.cues.colour * task.style.colour
        led = form.phrase_chords(section, phrase, task.cues.mode, task.tonic, task.following, made, colour)
        found += [form.Slot(beat, beats, chord) for (beat, beats), chord in zip(places, led, strict=True)]
    laid = voices.lead([slot.chord for slot in found], task.cues.lift)
    return [Sounding(slot.beat, slot.beats, slot.chord, way) for slot, way in zip(found, laid, strict=True)]


def _of_phrase(task: Task, phrase: Phrase, chords: Sequence[Sounding]) -> list[Sounding]:
    starts = task.starts()
    begin, end = starts[phrase.first], starts[phrase.first + phrase.bars]
    return [chord for chord in chords if begin <= chord.beat < end]


def _level(task: Task, phrase: Phrase, bar: int) -> float:
    """Of a bar of a phrase: an arch over the phrase, a build over the section, room for speech."""
    place = (bar + 0.5) / phrase.bars
    level = task.cues.level + _ARCH * (1 - abs(2 * place - 1))
    done = (phrase.first + bar) / len(task.time.bars)
    level += _BUILD * (done - 0.5) * (task.section.mood.arousal > 0.5)
    number = phrase.first + bar
    return level * (_UNDER_SPEECH if _is_spoken(task, number) else 1.0)


def _is_spoken(task: Task, bar: int) -> bool:
    return task.spoken(task.starts()[bar], task.time.bars[bar]) >= _SPOKEN


def _plays(task: Task, role: Layer, bar: int) -> bool:
    """Whether a role is heard in a bar: as the mood has it, without speech or as what stays under it."""
    return role in task.cues.layers and (role in _UNDER_LAYERS or not _is_spoken(task, bar))


# --- tune and second melody


def _variation(task: Task, phrase: Phrase) -> Variation:
    """What a scene makes of its theme's motif, and a phrase of that."""
    luck = task.section.rng("variation").random()
    mood = task.section.mood
    if phrase.kind == "b":
        return "inverted" if luck < 0.5 else "exchanged"
    if phrase.kind == "c":
        return "fragment"
    if task.section.number and mood.valence < 0.35 and luck < 0.4:
        return "inverted"
    return "fragment" if task.section.number and mood.arousal > 0.65 and luck < 0.35 else "plain"


def _tune(task: Task, phrase: Phrase, chords: Sequence[Sounding], last: int | None, heard: _Heard) -> list[Tone]:
    """The tune of a phrase; under speech only its strong beats, and none where most of the phrase is spoken.

    A phrase that comes back has its pitches again where the chords let it.
    """
    player = task.player("tune")
    spoken = sum(_is_spoken(task, phrase.first + i) for i in range(phrase.bars))
    if player is None or spoken > _MOSTLY_SPOKEN * phrase.bars or _rests(task, phrase):
        return []
    theme = motif(task.seed, task.section.theme, task.metre).varied(_variation(task, phrase))
    starts = task.starts()
    begin = starts[phrase.first]
    slots = _slots(task, phrase, chords, theme)
    names = [(phrase.kind, slot.beat - begin, slot.beats, slot.chord.tones) for slot in slots]
    slots = [replace(slot, known=heard.get(name)) for slot, name in zip(slots, names, strict=True)]
    ambit = _ambit(task, player, phrase)
    pitches = melody.tune(slots, ambit, task.tonic, last, task.section.rng("tune", phrase.kind))
    heard.update(zip(names, pitches, strict=True))
    found = []
    for slot, pitch in zip(slots, pitches, strict=True):
        bar = next(i for i in range(phrase.bars) if slot.beat < starts[phrase.first + i + 1])
        level = _level(task, phrase, bar) + _TUNE_LEVEL + figures.stress(slot.beat - starts[phrase.first + bar])
        found.append(Tone("tune", slot.beat, slot.beats, pitch, level, task.cues.legato))
    return found


def _doubled(task: Task, phrase: Phrase, line: Sequence[Tone]) -> list[Tone]:
    """The tune an octave higher by something bright, in every other phrase of bright scenes."""
    if "shine" not in task.cues.layers or task.player("shine") is None or phrase.number % 2 == 0:
        return []
    return [
        replace(tone, role="shine", pitch=tone.pitch + 12, level=tone.level - 0.12)
        for tone in line
        if task.spoken(tone.beat, tone.beats) < _SPOKEN
    ]


def _rests(task: Task, phrase: Phrase) -> bool:
    """Whether the tune is silent in a phrase, so that what is under it is heard: in calm scenes, now and then."""
    quiet = task.section.mood.arousal < 0.4 and phrase.number % 4 in (2, 3)
    return quiet and phrase.close not in ("on", "last") and task.section.rng("rest", phrase.number).random() < 0.3


def _ambit(task: Task, player: Player, phrase: Phrase) -> Ambit:
    dark = _DARK_TUNE if task.section.mood.valence < 0.4 else 0.0
    centre = _TUNE_CENTRE + task.cues.lift - dark + (3 if phrase.kind == "b" else 0)
    centre = min(max(centre, player.low + 7), player.high - 9)
    return Ambit(max(player.low, round(centre) - _EXTENT), min(player.high, round(centre) + _EXTENT), centre)


def _slots(task: Task, phrase: Phrase, chords: Sequence[Sounding], theme: Motif) -> list[melody.Slot]:
    """Where the tune has notes: the motif in every pair of bars, a long note where the phrase closes."""
    found = list[melody.Slot]()
    starts = task.starts()
    for i in range(phrase.bars):
        bar = phrase.first + i
        start, beats = starts[bar], task.time.bars[bar]
        density = max(task.cues.density, _SLOW_DENSITY if _bar_s(task) > _SLOW_BAR_S else -1.0)
        density = density if not _is_spoken(task, bar) else -1.0
        rng = task.section.rng("ornament", phrase.kind, i % 2)
        notes = theme.bar(i % 2, beats, density + 0.2 * (phrase.number % 4 == 3), rng)
        if i == phrase.bars - 1:
            notes = _closing(notes, beats, phrase, task.cues.density)
        found += [_slot(task, phrase, chords, start, *note) for note in notes]
    goal = (task.tonic,) if phrase.close == "full" else ()
    if goal and task.tonic in found[-1].chord.tones:
        found[-1] = replace(found[-1], goal=goal)
    return [replace(slot, strong=slot.strong or i == len(found) - 1) for i, slot in enumerate(found)]


def _closing(
    notes: Sequence[tuple[float, float, int]], beats: float, phrase: Phrase, density: float
) -> list[tuple[float, float, int]]:
    """The last bar of a phrase: one long note and a breath; where it leads on, a note or two go on to the next."""
    if phrase.close in ("on", "half") and density > -0.4 and beats >= 3:
        long = float(int(beats - 1))
        return [(0.0, long, notes[0][2]), *((long + i * 0.5, 0.5, 1) for i in range(int(2 * (beats - long))))]
    return [(0.0, max(1.0, beats - _BREATH) if beats > 1 else beats, notes[0][2])]


def _slot(
    task: Task, phrase: Phrase, chords: Sequence[Sounding], start: float, at: float, beats: float, step: int
) -> melody.Slot:
    beat = start + at
    under = next((c for c in chords if c.beat <= beat + 1e-6 < c.end), chords[-1])
    later = next((c for c in chords if beat + 1e-6 < c.beat < beat + beats - 1e-6), None)
    middle = 2.0 if task.metre == 4 else 0.0
    strong = at in (0.0, middle) or beats >= _STRONG_BEATS or beat == under.beat
    return melody.Slot(
        beat,
        beats,
        under.chord,
        step,
        strong,
        later.chord if later else None,
        floor=under.voices[3],
        bass=under.voices[0],
    )


def _second(task: Task, phrase: Phrase, chords: Sequence[Sounding], line: Sequence[Tone]) -> list[Tone]:
    """A slower melody under the tune, from the second phrase on, and where the tune is silent."""
    player = task.player("counter")
    wanted = phrase.number % 4 in (1, 2, 3) or not line
    if player is None or "counter" not in task.cues.layers or not wanted:
        return []
    slots = [slot for chord in chords for slot in _halves(task, chord)]
    above = [_at(line, slot.beat) for slot in slots]
    centre = min(max(59 + task.cues.lift, player.low + 6), player.high - 8)
    ambit = Ambit(max(player.low, round(centre) - 10), min(player.high, round(centre) + 10), centre)
    pitches = melody.second(slots, above, ambit, task.section.rng("counter", phrase.kind))
    level = task.cues.level + _COUNTER_LEVEL
    return [
        Tone("counter", slot.beat, slot.beats, pitch, level, max(0.9, task.cues.legato))
        for slot, pitch in zip(slots, pitches, strict=True)
        if task.spoken(slot.beat, slot.beats) < _SPOKEN
    ]


def _halves(task: Task, chord: Sounding) -> list[melody.Slot]:
    """A chord in parts of two beats or more where much is going on, else as a whole."""
    parts = int(chord.beats // 2) if task.section.mood.arousal > 0.35 else 1
    if parts < 2 or chord.beats % 1:
        return [melody.Slot(chord.beat, chord.beats, chord.chord, 0, True)]
    lengths = [2.0] * (parts - 1) + [chord.beats - 2.0 * (parts - 1)]
    return [melody.Slot(chord.beat + 2.0 * i, length, chord.chord, 0, True) for i, length in enumerate(lengths)]


def _at(line: Sequence[Tone], beat: float) -> int | None:
    """The pitch of a line at a beat."""
    return next((tone.pitch for tone in line if tone.beat <= beat + 1e-6 < tone.beat + tone.beats), None)


# --- accompaniment


def _accompanied(task: Task, phrase: Phrase, chords: Sequence[Sounding]) -> tuple[list[Tone], list[DrumStroke]]:
    tones, strokes = list[Tone](), list[DrumStroke]()
    patterns = _patterns(task, phrase)
    for i in range(phrase.bars):
        bar = phrase.first + i
        start, beats = task.starts()[bar], task.time.bars[bar]
        level, closes = _level(task, phrase, i), i == phrase.bars - 1
        for role, pattern, more in patterns:
            if task.player(role) is None or not _plays(task, role, bar) or (closes and role == "accent"):
                continue
            thin = _is_spoken(task, bar) and role == "figure"
            calm = replace(task.section.mood, arousal=0.0)
            chosen = task.styles.fitting(task.style.figures, calm)[0] if thin else pattern
            legato = max(0.85, task.cues.legato) if role == "bass" else task.cues.legato
            tones += figures.played(chosen, start, beats, chords, level + more, legato)
        strokes += _drums(task, phrase, i, level)
    tones += _sustained(task, phrase, chords)
    return tones, strokes


def _patterns(task: Task, phrase: Phrase) -> list[tuple[Role, Pattern, float]]:
    """What each role plays in a phrase: another figure where the phrase is of another kind."""
    style, mood = task.style, task.section.mood
    found: list[tuple[Role, Pattern, float]] = []
    rows: list[tuple[Role, tuple[str, ...], float]] = [
        ("figure", style.figures, _FIGURE_LEVEL), ("bass", style.basses, _BASS_LEVEL),
        ("pulse", style.pulses, -0.05), ("accent", style.accents, 0.0),
    ]  # fmt: skip
    for role, names, more in rows:
        if role not in task.cues.layers or not names:
            continue
        fits = task.styles.fitting(names, mood)
        first = int(task.section.rng("pattern", role).integers(len(fits)))
        turn = {"a": 0, "b": 1, "c": 2}[phrase.kind] if role == "figure" else int(phrase.kind == "b")
        found.append((role, fits[(first + turn) % len(fits)], more))
    return found


def _drums(task: Task, phrase: Phrase, bar: int, level: float) -> list[DrumStroke]:
    kit = task.ensemble.kit
    number = phrase.first + bar
    beats = task.styles.beats(task.style.drums, task.section.mood)
    if kit is None or not beats or not _plays(task, "drums", number):
        return []
    beat = beats[int(task.section.rng("drums", phrase.kind).integers(len(beats)))]
    start, length = task.starts()[number], task.time.bars[number]
    level += _DRUM_LEVEL + _DRUM_RISE * (task.section.mood.arousal - 0.5)
    found = figures.beaten(beat, start, length, level)
    if bar == phrase.bars - 1 and phrase.close != "half" and length >= 2:  # a fill leads to what comes
        found = [each for each in found if each.beat < start + length - 1]
        fill = start + length - 1
        found += [DrumStroke(fill + k / 4, "snare" if k % 2 else "low", level - 0.02 + 0.05 * k) for k in range(4)]
    return [each for each in found if each.stroke in kit.keys]


def _sustained(task: Task, phrase: Phrase, chords: Sequence[Sounding]) -> list[Tone]:
    """What lies under all: the upper voices held, or trembling where it is frightening; a cluster that creeps in."""
    level = sum(_level(task, phrase, i) for i in range(phrase.bars)) / phrase.bars + _PAD_LEVEL
    fear = task.cues.fear > _FEAR and task.player("fear") is not None
    found: list[Tone] = []
    if fear:
        found += figures.held(chords, "fear", level + 0.04)
        begin, end = chords[0].beat + _CREEP, chords[-1].end
        if phrase.number % 2 and end - begin > _CREEP:
            high = next(pitch for pitch in range(_CLUSTER, _CLUSTER + 12) if pitch % 12 == (task.tonic + 8) % 12)
            found.append(Tone("fear", begin, end - begin, high, level - 0.15, swell=True))
    elif task.player("pad") is not None and not (_is_figured(task) and task.section.mood.arousal > 0.3):
        found += figures.held(chords, "pad", level)
    return found


def _is_figured(task: Task) -> bool:
    """Whether the player who would hold the chords plays the figures anyway, as a pianist or guitarist does."""
    pad, figure = task.player("pad"), task.player("figure")
    return pad is not None and figure is not None and pad.program == figure.program
