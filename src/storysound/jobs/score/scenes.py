"""What happens in footage, scene by scene: where scenes change, what is seen in them, and how they feel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from storysound.annotate.feeling import Feeling
from storysound.cue.plan import group_scenes
from storysound.cue.score import Scene
from storysound.encode import gloss
from storysound.encode import mood as moods
from storysound.encode.encoder import Encoder
from storysound.encode.labels import LabelSpace, label_space, text_vectors
from storysound.encode.wording import in_words, sentences
from storysound.ingest.footage import Footage, Pixels
from storysound.story import Mood, Span

Floats = NDArray[np.float32]
MoodCurve = tuple[tuple[float, float, float], ...]

SHORTEST_SCENE_S = 8.0  # music that changes sooner sounds restless
ALIKE = 0.55  # cosine of picture embeddings: neighbouring shots of one scene lie above, other places below .5
RETURNING = 0.7  # scenes at least so alike may share a motif across others


@dataclass(frozen=True)
class Understanding:
    """Scenes of a story with what else the matching needs of them."""

    scenes: tuple[Scene, ...]
    members: tuple[tuple[int, int], ...]  # per scene its first unit and the one after its last
    alike: NDArray[np.bool_]  # [s s] scenes so much like each other that a motif may return
    curve: MoodCurve  # (middle of the unit, valence, arousal)
    classes: Floats  # what is recognised in each picture [p c]
    owner: NDArray[np.intp]  # the unit of each picture [p]
    seen: LabelSpace  # the classes as points of the text space
    clarity: tuple[float, ...]  # per unit, in [0, 1]: how sure and of one meaning is what is recognised
    moods: Mapping[str, MoodCurve] = field(default_factory=dict)  # of "pictures", and of "words" where there are any


def understand(
    footage: Footage,
    eyes: Encoder[Pixels],
    reader: Encoder[str],
    text: str = "",
    cache: Path | None = None,
    feeling: Feeling | None = None,
) -> Understanding:
    """Looks at all pictures in one batch; `text` is what the user says of the whole story.

    `cache`: folder in which the vectors of label names are kept. `feeling` tells moods where `eyes` and `reader` are
    not those that moods need.
    """
    pictures = [picture for own in footage.pictures for picture in own]
    seen = eyes.encode(pictures)
    owner = np.repeat(np.arange(len(footage.units)), [len(own) for own in footage.pictures])
    looks = np.concatenate([e.embedding for e in seen])
    classes = np.concatenate([e.scores["imagenet"] for e in seen])
    words = [_text_vector(reader, own) for own in footage.texts]
    seen_moods = feeling.pictures(pictures) if feeling and eyes.name != moods.EYES else moods.of_pictures(seen)
    of_pictures = np.stack([_mean(seen_moods, owner, u) for u in range(len(words))])
    of_words = _told(footage, feeling.reader if feeling and reader.name != moods.READER else reader, text)
    tone = np.where(np.isnan(of_words), of_pictures, (of_pictures + np.nan_to_num(of_words)) / 2)
    features = np.stack([np.concatenate([_unit(_mean(looks, owner, u)), words[u]]) for u in range(len(words))])
    members = group_scenes(footage.units, features, min_length_s=SHORTEST_SCENE_S, alike=ALIKE)
    lengths_s = np.array([unit.duration_s for unit in footage.units])
    scenes, means = [], []
    for first, last in members:
        weights = lengths_s[first:last]
        mood = Mood(*np.average(tone[first:last], axis=0, weights=weights).clip(0, 1).tolist())
        sight = gloss.words(classes[(owner >= first) & (owner < last)].mean(axis=0), eyes.labels["imagenet"])
        scenes.append(_scene(footage, range(first, last), mood, sight))
        means.append(_unit(np.average(features[first:last], axis=0, weights=weights)))
    near = np.stack(means) @ np.stack(means).T
    middles = [(unit.start_s + unit.end_s) / 2 for unit in footage.units]
    curves = {"pictures": _curve(middles, of_pictures), "words": _curve(middles, of_words)}
    space = label_space(
        "imagenet", eyes.labels["imagenet"], in_words("imagenet", eyes.labels["imagenet"]), reader, cache
    )
    clarity = tuple(max(clearness(row, space) for row in classes[owner == u]) for u in range(len(footage.units)))
    return Understanding(
        tuple(scenes), tuple(members), near >= RETURNING, _curve(middles, tone), classes, owner, space, clarity, curves
    )


def clearness(scores: Floats, space: LabelSpace) -> float:
    """Length of the mean meaning of a picture's strongest classes [c]: 1 where one thing is seen for sure.

    Low where nothing is recognised, and where what is recognised doesn't belong together.
    """
    top = np.argsort(-scores, kind="stable")[: gloss.MOST]
    return float(np.linalg.norm(scores[top] @ space.vectors[top]))


def _scene(footage: Footage, units: range, mood: Mood, sight: Sequence[str]) -> Scene:
    """The scene of neighbouring units; `sight` names what is recognised in it.

    A shot counts to it where the two share more than half of the shorter one.
    """
    span = Span(footage.units[units[0]].start_s, footage.units[units[-1]].end_s)
    return Scene(
        span.start_s,
        span.end_s,
        mood,
        ", ".join(sight),
        tuple(shot for shot in footage.shots if shot.overlap_s(span) > 0.5 * min(shot.duration_s, span.duration_s)),
        " ".join(dict.fromkeys(footage.texts[u] for u in units if footage.texts[u])),
    )


def _told(footage: Footage, reader: Encoder[str], text: str) -> Floats:
    """[units 2] valence and arousal of what is said of each unit and of the whole; NaN where nothing is."""
    known = {
        own: moods.of_texts(reader.encode(sentences(own))).mean(axis=0) for own in {*footage.texts, text} if own.strip()
    }
    nothing = np.full(2, np.nan, np.float32)
    of_units = [[known[own] for own in (unit, text) if own in known] for unit in footage.texts]
    return np.stack([np.mean(said, axis=0) if said else nothing for said in of_units])


def _curve(times_s: Sequence[float], values: Floats) -> MoodCurve:
    """Points where there is a mood."""
    rows = zip(times_s, values.tolist(), strict=True)
    return tuple((time_s, valence, arousal) for time_s, (valence, arousal) in rows if not np.isnan(valence))


def _text_vector(reader: Encoder[str], text: str) -> Floats:
    """A unit vector for a text, zeros for none."""
    if not text.strip():
        return np.zeros(reader.dim, np.float32)
    return _unit(text_vectors(reader, sentences(text)).mean(axis=0))


def _mean(rows: Floats, owner: NDArray[np.intp], index: int) -> Floats:
    return np.asarray(rows[owner == index].mean(axis=0))


def _unit(vector: Floats) -> Floats:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), np.float32)
