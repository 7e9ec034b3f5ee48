"""Music cut into clips that feel one way: pieces of two seconds, joined up to ten (MMVA, "Music dataset")."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from storysound.story import Mood, Span


@dataclass(frozen=True)
class ClipConfig:
    """How music is cut; by default as the paper."""

    piece_s: float = 2.0
    joined: int = 5  # pieces in one clip at most
    every: int = 1  # pieces from the start of one clip to the next; `joined` for clips that don't overlap

    def __post_init__(self) -> None:
        if self.piece_s <= 0 or self.joined < 1 or self.every < 1:
            raise ValueError(f"needs piece_s > 0, joined >= 1 and every >= 1, got {self}")


class RatedClip(NamedTuple):
    """A stretch of a track and how it feels: the mean of its pieces."""

    span: Span
    mood: Mood


def rated_clips(
    ratings: Iterable[tuple[float | None, Mood]], duration_s: float, config: ClipConfig | None = None
) -> Iterator[RatedClip]:
    """Clips of a track of this length: of each piece with as many that follow it as may be joined, up to the end.

    `ratings`: from when on, and how it feels; None is the whole track, and doesn't count where moments are rated. A
    piece feels like the mean of the ratings in it; one without any is in no clip. What is left at the end and shorter
    than a piece is dropped, but a track shorter than a piece is a clip of its own.
    """
    config = config or ClipConfig()
    moods = _pieces(list(ratings), duration_s, config.piece_s)
    for first in range(0, len(moods), config.every):
        last = first
        while last < min(first + config.joined, len(moods)) and not np.isnan(moods[last, 0]):
            last += 1
        if last > first:
            end_s = min(last * config.piece_s, duration_s)
            valence, arousal = moods[first:last].mean(axis=0)
            yield RatedClip(Span(first * config.piece_s, end_s), Mood(float(valence), float(arousal)))


def _pieces(ratings: list[tuple[float | None, Mood]], duration_s: float, piece_s: float) -> NDArray[np.float64]:
    """Mean mood of each piece [p 2], NaN where nothing was rated."""
    count = max(1, int(duration_s / piece_s + 1e-9)) if duration_s > 0 else 0
    whole = [(mood.valence, mood.arousal) for start_s, mood in ratings if start_s is None]
    moments = [(int(start_s / piece_s), mood) for start_s, mood in ratings if start_s is not None]
    if not moments:
        return np.tile(np.mean(whole, axis=0), (count, 1)) if whole else np.full((count, 2), np.nan)
    total, number = np.zeros((count, 2)), np.zeros(count)
    for piece, mood in moments:
        if piece < count:
            total[piece] += (mood.valence, mood.arousal)
            number[piece] += 1
    return np.where(number[:, None] > 0, total / np.maximum(number, 1)[:, None], np.nan)
