"""Shots of videos as candidates for what is told of a stretch: MAC's clip localisation without given proposals."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from storysound.ingest.shots import detect_shots
from storysound.library.stories import StoryMaterial, clip_of
from storysound.media.film.mux import picture_end_s
from storysound.media.video import iter_frames
from storysound.story import Span

LOOK_S, SIDE_PX = 0.1, 160  # what the shot detector needs
MATCH = 0.5  # intersection over union from which on a shot is the stretch


def shots_of(videos: Sequence[Path]) -> list[StoryMaterial]:
    """Every shot of the videos, as a story without words. Raises MediaError."""
    found = []
    for video in videos:
        frames = iter_frames(video, every_s=LOOK_S, max_side=SIDE_PX)
        found += [clip_of(video, span) for span in detect_shots(frames, picture_end_s(video))]
    return found


def overlap(a: Span, b: Span) -> float:
    """Intersection over union.

    >>> overlap(Span(0.0, 4.0), Span(2.0, 6.0))
    0.3333333333333333
    """
    shared = max(0.0, min(a.end_s, b.end_s) - max(a.start_s, b.start_s))
    return shared / (a.duration_s + b.duration_s - shared)


def right_shots(told: Sequence[StoryMaterial], shots: Sequence[StoryMaterial]) -> Tensor:
    """Which shots each stretch is found by: bool [q c].

    Those that share half of what both cover, or else the one of its video that shares most.
    """
    shares = torch.tensor([
        [overlap(one.span, shot.span) if one.video == shot.video and one.span and shot.span else 0.0 for shot in shots]
        for one in told
    ])  # fmt: skip
    best = shares.amax(dim=1, keepdim=True)
    return torch.where(best >= MATCH, shares >= MATCH, (shares == best) & (best > 0))
