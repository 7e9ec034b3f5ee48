"""What happens in footage, scene by scene: where scenes change, what is seen in them, and how they feel."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storysound.annotate.feeling import EARS, MoodReader
from storysound.cue.score import Scene
from storysound.cue.turns import Aspect, scenes_at_turns
from storysound.encode import mood as moods
from storysound.encode.encoder import Encoder, Encoding
from storysound.encode.labels import text_vectors
from storysound.encode.pool import Models
from storysound.encode.spaces import Recogniser, heard_words, space_of
from storysound.encode.wording import parted, sentences
from storysound.ingest.footage import Footage
from storysound.jobs.plan.sight import PictureReader, Sight, with_words
from storysound.media.arrays import Floats, Pixels
from storysound.progress import Watch, check
from storysound.story import Mood, MoodCurve, Span, Step, Story

log = logging.getLogger(__name__)

SHORTEST_SCENE_S, SHORTEST_OF_PICTURES_S = 8.0, 4.0  # a picture of a slideshow may be a scene of its own
# Unlikeness of scenes, as `cue.turns` adds it up: weights of what is seen or heard, told and felt, and the least turn.
SEEN, TOLD, FELT, LEAST_TURN = 1.0, 0.7, 1.0, 0.45
SPOKEN = 0.5  # share of a unit of a sound from which on it is a voice
NEUTRAL = 0.5  # of both axes, where nothing tells a mood
AT_ONCE = 8  # pictures looked at between two looks at the clock


@dataclass(frozen=True)
class Breakdown:
    """A story scene by scene, with what else the matching needs to know of it."""

    scenes: tuple[Scene, ...]
    looks: tuple[tuple[Encoding, ...], ...]  # what the profile's encoder says of the pictures of each unit
    aspects: tuple[Aspect, ...]  # of units: what is seen or heard, told and felt
    mood: MoodCurve  # of each unit, by pictures and words together
    sight: Sight | None  # None where nobody can tell what pictures show
    reader: PictureReader | None = None  # who says in words what they show
    arc: MoodCurve = ()  # the mood sentence by sentence, where units have several


def break_down(
    footage: Footage,
    models: Models,
    text: str = "",
    watch: Watch | None = None,
    scenes: tuple[Scene, ...] = (),
    shortest_s: float | None = None,
) -> tuple[Story, Breakdown]:
    """The story with its moods, and its scenes. Each picture is looked at once; `text`: what is said of the whole.

    A text is understood by its words alone, a sound by what is said of it and by what is heard where nobody speaks.
    `scenes` that are given stay as they are; others are no shorter than `shortest_s`, where the whole isn't.
    """
    story = footage.story
    view = _seen(footage, models, watch or Watch()) if footage.pages or story.video else _heard(footage, models)
    of_words = _word_moods(story, models, text)
    tone = _joined(view.moods, of_words)
    words = np.stack([_text_vector(models.text, own) for own in story.texts])
    aspects = (Aspect(view.features, SEEN), Aspect(words, TOLD), Aspect(tone, FELT, by_angle=False))
    if shortest_s is None:
        shortest_s = SHORTEST_OF_PICTURES_S if footage.pages else SHORTEST_SCENE_S
    reader = PictureReader(footage, view.looks, view.sight, models)
    if not scenes:
        scenes = with_words(_scenes(story, aspects, tone, shortest_s), reader)
    middles = [(unit.start_s + unit.end_s) / 2 for unit in story.units]
    curves = {view.name: _curve(middles, view.moods), "words": _curve(middles, of_words)}
    story = story.with_step(view.step or Step(f"breakdown by {models.text.name}", models.text.revision), moods=curves)
    arc = _arc(story, models, tone, np.isnan(view.moods[:, 0]))
    return story, Breakdown(scenes, view.looks, aspects, _curve(middles, tone), view.sight, reader, arc)


@dataclass(frozen=True)
class _View:
    """What is seen, or heard, of each unit beside its words."""

    name: str  # of what tells the mood
    moods: Floats  # [u 2], NaN where nothing tells any
    features: Floats  # [u d], each of length 1 or 0
    looks: tuple[tuple[Encoding, ...], ...]
    sight: Sight | None = None
    step: Step | None = None


def _seen(footage: Footage, models: Models, watch: Watch) -> _View:
    """By pictures, each looked at once."""
    seen = _looked_at(footage, models.picture, watch)
    owner = np.repeat(np.arange(len(footage.pictures)), [len(own) for own in footage.pictures])
    looks = _means(np.concatenate([e.embedding for e in seen]), owner)
    by_unit = tuple(tuple(e for e, own in zip(seen, owner, strict=True) if own == u) for u in range(len(looks)))
    return _View(
        "pictures",
        _means(_picture_moods(footage, models, seen, watch), owner),
        np.stack([_unit(look) for look in looks]),
        by_unit,
        _sight(models, seen, owner),
        Step(f"breakdown by {models.picture.name}", models.picture.revision),
    )


def _heard(footage: Footage, models: Models) -> _View:
    """By the sound of a story without pictures, where nobody speaks: of a voice the words count, not how it sounds.

    Units that are spoken are all alike; others are as what is heard in them. A text has no sound.
    """
    units = footage.story.units
    felt = np.full((len(units), 2), np.nan, np.float32)
    looks: tuple[tuple[Encoding, ...], ...] = ((),) * len(units)
    if footage.original is None:
        return _View("sound", felt, np.zeros((len(units), 1), np.float32), looks)
    feeling = MoodReader(models)
    spoken = np.eye(1, feeling.ears.dim + 1, dtype=np.float32)[0]
    features = []
    for number, unit in enumerate(units):
        check()
        if sum(span.overlap_s(unit) for span in footage.story.speech) > SPOKEN * unit.duration_s:
            features.append(spoken)
            continue
        wave = footage.original.cut(unit.start_s, unit.end_s)
        mood = feeling.stretch(wave)
        felt[number] = mood.valence, mood.arousal
        own = feeling.ears.encode([wave.mono()])[0].embedding.mean(axis=0)
        features.append(np.concatenate([[0.0], _unit(own)]).astype(np.float32))
    return _View("sound", felt, np.stack(features), looks, None, Step(f"breakdown by {EARS}", feeling.ears.revision))


def _joined(felt: Floats, said: Floats) -> Floats:
    """Moods [u 2] by both, by the one that isn't NaN, or neutral."""
    both = np.where(np.isnan(said), felt, np.where(np.isnan(felt), said, (felt + said) / 2))
    return np.where(np.isnan(both), NEUTRAL, both).astype(np.float32)


def _looked_at(footage: Footage, eyes: Encoder[Pixels], watch: Watch) -> list[Encoding]:
    """What an encoder says of all pictures uint8 [h w 3], unit by unit."""
    pictures = footage.each
    seen: list[Encoding] = []
    for first in range(0, len(pictures), AT_ONCE):
        watch.at(first, len(pictures), "pictures")
        seen += eyes.encode(pictures[first : first + AT_ONCE])
    return seen


def _picture_moods(footage: Footage, models: Models, seen: Sequence[Encoding], watch: Watch) -> Floats:
    """[p 2] of each picture; looked at again only where the profile's eyes are not those that moods need."""
    if models.profile.picture == moods.EYES:
        return moods.of_pictures(seen)
    return moods.of_pictures(_looked_at(footage, models.encoder(moods.EYES), watch))


def _word_moods(story: Story, models: Models, text: str) -> Floats:
    """[units 2] valence and arousal of what is said of each unit and of the whole; NaN where nothing is."""
    known = {
        own: moods.of_texts(models.encoder(moods.READER).encode(sentences(own))).mean(axis=0)
        for own in {*story.texts, text}
        if own.strip()
    }
    nothing = np.full(2, np.nan, np.float32)
    of_units = [[known[own] for own in (unit, text) if own in known] for unit in story.texts]
    return np.stack([np.mean(said, axis=0) if said else nothing for said in of_units])


def _arc(story: Story, models: Models, tone: Floats, only_told: NDArray[np.bool_]) -> MoodCurve:
    """The mood of each sentence, by words when it is told, around that of its unit: `tone` [u 2].

    Of a unit that isn't `only_told` [u] sentences count half, as its words do.
    """
    points: list[tuple[float, float, float]] = []
    for unit, own, felt, alone in zip(story.units, story.texts, tone, only_told, strict=True):
        parts = parted(own)
        middles, moods_of_parts = np.array([0.5]), np.zeros((1, 2))
        if len(parts) > 1:
            said = moods.of_texts(models.encoder(moods.READER).encode(parts))
            words = np.array([len(part.split()) for part in parts])
            middles = (np.cumsum(words) - words / 2) / words.sum()
            moods_of_parts = (said - said.mean(axis=0)) * (1.0 if alone else 0.5)
        for middle, shift in zip(middles, moods_of_parts, strict=True):
            valence, arousal = (felt + shift).clip(0, 1).round(6).tolist()
            points.append((unit.start_s + float(middle) * unit.duration_s, valence, arousal))
    return tuple(points)


def _sight(models: Models, seen: Sequence[Encoding], owner: NDArray[np.intp]) -> Sight | None:
    """What the profile's encoder of pictures recognises; the unit of each picture is its `owner` [p]."""
    if not models.picture.labels and not space_of(models.picture):
        log.warning(
            "%s can't tell what pictures show: scenes have no words for it, and effects need words", models.picture.name
        )
        return None
    recogniser = Recogniser(models.picture, models, lambda: heard_words(models))
    return Sight(recogniser.space, recogniser.scores(seen), owner)


def _scenes(story: Story, aspects: Sequence[Aspect], tone: Floats, shortest_s: float) -> tuple[Scene, ...]:
    """Scenes by the aspects of units and their moods [units 2], without words for what is seen."""
    members = scenes_at_turns(story.units, aspects, shortest_s=shortest_s, least_turn=LEAST_TURN)
    lengths_s = np.array([unit.duration_s for unit in story.units])
    scenes = []
    for first, last in members:
        mood = Mood(*np.average(tone[first:last], axis=0, weights=lengths_s[first:last]).clip(0, 1).tolist())
        scenes.append(_scene(story, range(first, last), mood))
    return tuple(scenes)


def _scene(story: Story, units: range, mood: Mood) -> Scene:
    """The scene of neighbouring units.

    A shot counts to it where the two share more than half of the shorter one.
    """
    span = Span(story.units[units[0]].start_s, story.units[units[-1]].end_s)
    return Scene(
        span.start_s,
        span.end_s,
        mood,
        "",
        tuple(shot for shot in story.shots if shot.overlap_s(span) > 0.5 * min(shot.duration_s, span.duration_s)),
        " ".join(dict.fromkeys(story.texts[u] for u in units if story.texts[u])),
    )


def _curve(times_s: Sequence[float], values: Floats) -> MoodCurve:
    """Points where there is a mood [n 2]."""
    rows = zip(times_s, values.tolist(), strict=True)
    return tuple((time_s, valence, arousal) for time_s, (valence, arousal) in rows if not np.isnan(valence))


def _text_vector(reader: Encoder[str], text: str) -> Floats:
    """A unit vector [d] for a text, zeros for none."""
    if not text.strip():
        return np.zeros(reader.dim, np.float32)
    return _unit(text_vectors(reader, sentences(text)).mean(axis=0))


def _means(rows: Floats, owner: NDArray[np.intp]) -> Floats:
    """Means of the rows [p d] of each owner, from 0 on: [o d]."""
    return np.stack([rows[owner == index].mean(axis=0) for index in range(int(owner.max()) + 1)])


def _unit(vector: Floats) -> Floats:
    """The vector [d], of length 1."""
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), np.float32)
