"""What scenes have in common, where a theme of the music is to return with them.

In a film a place has its colours and its light whenever it is shown, so they count beside what is seen. Photographs of
one thing share no colours: of them the things in them are part of what is seen.
"""

import numpy as np

from storysound.cue.score import Scene
from storysound.ingest.footage import Footage
from storysound.ingest.shots import colour_histograms
from storysound.jobs.plan.scenes import Breakdown
from storysound.media.arrays import Doubles
from storysound.story import Mood, Span

# Weights of what is seen or heard, told and felt, and of a film's colours.
SEEN, TOLD, FELT, COLOURS = 1.0, 1.0, 2.0, 1.4
# Two photographs of one thing differ more in mood than two shots of one place: it says less of them, what is seen more.
SEEN_IN_PICTURES, FELT_IN_PICTURES = 1.1, 1.2
THINGS = 0.25  # of the things in pictures, beside what else is seen


def theme_vectors(breakdown: Breakdown, footage: Footage, mood: Mood | None) -> Doubles:
    """What each scene is like, [s d]: squared distances are the unlikeness of two; `mood` that was asked for all.

    Raises MissingModelError where things in pictures are looked for and who finds them isn't there.
    """
    scenes, (seen, told, _) = breakdown.scenes, breakdown.aspects
    shared = np.array([[Span(s.start_s, s.end_s).overlap_s(unit) for unit in footage.story.units] for s in scenes])
    looks = _ones(shared @ seen.vectors)
    if footage.pages and breakdown.reader is not None:
        looks = _ones(np.concatenate([looks, np.sqrt(THINGS) * breakdown.reader.detected(scenes)], axis=1))
    felt = np.array([_point(scene, mood) for scene in scenes])
    of_seen, of_felt = (SEEN_IN_PICTURES, FELT_IN_PICTURES) if footage.pages else (SEEN, FELT)
    parts = [np.sqrt(of_seen / 2) * looks, np.sqrt(TOLD / 2) * _ones(shared @ told.vectors), np.sqrt(of_felt) * felt]
    if footage.each and not footage.pages:
        shares = shared / np.maximum(shared.sum(axis=1, keepdims=True), 1e-9)
        parts.append(np.sqrt(COLOURS / 2) * shares @ _colours(footage))
    return np.concatenate(parts, axis=1)


def _colours(footage: Footage) -> Doubles:
    """Of the pictures of each unit, [u 216]: 0 where it has none."""
    rows = [colour_histograms(own).mean(axis=0) if own else np.zeros(1) for own in footage.pictures]
    width = max(len(row) for row in rows)
    return np.stack([np.broadcast_to(row, width) for row in rows]).astype(np.float64)


def _point(scene: Scene, mood: Mood | None) -> tuple[float, float]:
    own = mood or scene.mood
    return own.valence, own.arousal


def _ones(rows: Doubles) -> Doubles:
    """Rows [s d] of length 1, or 0."""
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9))
