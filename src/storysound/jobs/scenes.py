"""What happens in footage, scene by scene: where scenes change, what is seen in them, and how they feel."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from storysound.cue.cues import Scene
from storysound.cue.plan import group_scenes
from storysound.encode import gloss
from storysound.encode import mood as moods
from storysound.encode.encoder import Encoder
from storysound.encode.labels import LabelSpace, label_space, text_vectors
from storysound.encode.wording import in_words, sentences
from storysound.jobs.footage import Footage, Pixels
from storysound.story import Mood, Span

Floats = NDArray[np.float32]

SHORTEST_SCENE_S = 8.0  # music that changes sooner sounds restless
ALIKE = 0.55  # cosine of picture embeddings: neighbouring shots of one scene lie above, other places below .5
RETURNING = 0.7  # scenes at least so alike may share a motif across others


@dataclass(frozen=True)
class Understanding:
    """Scenes of a story with what else the matching needs of them."""

    scenes: tuple[Scene, ...]
    members: tuple[tuple[int, int], ...]  # per scene its first unit and the one after its last
    alike: NDArray[np.bool_]  # [s s] scenes so much like each other that a motif may return
    curve: tuple[tuple[float, float, float], ...]  # (middle of the unit, valence, arousal)
    classes: Floats  # what is recognised in each picture [p c]
    owner: NDArray[np.intp]  # the unit of each picture [p]
    seen: LabelSpace  # the classes as points of the text space
    clarity: tuple[float, ...]  # per unit, in [0, 1]: how sure and of one meaning is what is recognised


def understand(
    footage: Footage, eyes: Encoder[Pixels], reader: Encoder[str], text: str = "", cache: Path | None = None
) -> Understanding:
    """Looks at all pictures in one batch; `text` is what the user says of the whole story.

    `cache`: folder in which the vectors of label names are kept.
    """
    seen = eyes.encode([picture for own in footage.pictures for picture in own])
    owner = np.repeat(np.arange(len(footage.units)), [len(own) for own in footage.pictures])
    looks = np.concatenate([e.embedding for e in seen])
    classes = np.concatenate([e.scores["imagenet"] for e in seen])
    words = [_text_vector(reader, own) for own in footage.texts]
    tone = _tones(footage, looks, owner, reader, text)
    features = np.stack([np.concatenate([_unit(_mean(looks, owner, u)), words[u]]) for u in range(len(words))])
    members = group_scenes(footage.units, features, min_length_s=SHORTEST_SCENE_S, alike=ALIKE)
    scenes, means = [], []
    for first, last in members:
        units = range(first, last)
        of_scene = (owner >= first) & (owner < last)
        span = Span(footage.units[first].start_s, footage.units[last - 1].end_s)
        lengths = np.array([footage.units[u].duration_s for u in units])
        scenes.append(
            Scene(
                span.start_s,
                span.end_s,
                Mood(*np.average(tone[first:last], axis=0, weights=lengths).clip(0, 1).tolist()),
                ", ".join(gloss.words(classes[of_scene].mean(axis=0), eyes.labels["imagenet"])),
                tuple(
                    shot for shot in footage.shots if shot.overlap_s(span) > 0.5 * min(shot.duration_s, span.duration_s)
                ),
                " ".join(dict.fromkeys(footage.texts[u] for u in units if footage.texts[u])),
            )
        )
        means.append(_unit(np.average(features[first:last], axis=0, weights=lengths)))
    near = np.stack(means) @ np.stack(means).T
    middles = [(unit.start_s + unit.end_s) / 2 for unit in footage.units]
    curve = tuple((m, float(v), float(a)) for m, (v, a) in zip(middles, tone, strict=True))
    space = label_space(
        "imagenet", eyes.labels["imagenet"], in_words("imagenet", eyes.labels["imagenet"]), reader, cache
    )
    clarity = tuple(max(clearness(row, space) for row in classes[owner == u]) for u in range(len(footage.units)))
    return Understanding(tuple(scenes), tuple(members), near >= RETURNING, curve, classes, owner, space, clarity)


def clearness(scores: Floats, space: LabelSpace) -> float:
    """Length of the mean meaning of a picture's strongest classes [c]: 1 where one thing is seen for sure.

    Low where nothing is recognised, and where what is recognised doesn't belong together.
    """
    top = np.argsort(-scores)[: gloss.MOST]
    return float(np.linalg.norm(scores[top] @ space.vectors[top]))


def _tones(footage: Footage, looks: Floats, owner: NDArray[np.intp], reader: Encoder[str], text: str) -> Floats:
    """[units 2] valence and arousal: the mean of what is seen and what is said, each where there is any."""
    seen = moods.load("image")(looks)
    tones = np.stack([_mean(seen, owner, u) for u in range(len(footage.units))])
    told = {own: _told(reader, own) for own in {*footage.texts, text}}
    for u, own in enumerate(footage.texts):
        said = [t for t in (told[own], told[text]) if t is not None]
        if said:
            tones[u] = (tones[u] + np.mean(said, axis=0)) / 2
    return tones


def _told(reader: Encoder[str], text: str) -> Floats | None:
    if not text.strip():
        return None
    return np.asarray(moods.load("text")(text_vectors(reader, sentences(text))).mean(axis=0))


def _text_vector(reader: Encoder[str], text: str) -> Floats:
    """A unit vector for a text, zeros for none."""
    if not text.strip():
        return np.zeros(reader.dim, np.float32)
    return _unit(text_vectors(reader, sentences(text)).mean(axis=0))


def _mean(rows: Floats, owner: NDArray[np.intp], index: int) -> Floats:
    return np.asarray(rows[owner == index].mean(axis=0))


def _unit(vector: Floats) -> Floats:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), np.float32)
