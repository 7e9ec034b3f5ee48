"""Music judged on paper: parallels between voices, what is foreign to a chord, what two tunes share, what meets a grid.

Everything here counts notes and knows nothing of how they were found.
"""

from bisect import bisect_left
from collections.abc import Collection, Sequence
from itertools import combinations, pairwise

PERFECT = (0, 7)  # unisons with octaves, and fifths, in semitones without octaves


def parallels(chords: Sequence[Sequence[int]]) -> int:
    """How often two voices go in the same direction from one fifth to another, or from one octave or unison to another.

    `chords`: a pitch per voice, voices in the same order in each.

    >>> parallels([(48, 55, 64), (50, 57, 65), (48, 57, 64)])  # a fifth up a step
    1
    """
    return sum(
        _is_parallel(before[i], before[j], after[i], after[j])
        for before, after in pairwise(chords)
        for i, j in combinations(range(len(before)), 2)
    )


def _is_parallel(low: int, high: int, low_after: int, high_after: int) -> bool:
    interval, moves = (high - low) % 12, (low_after - low, high_after - high)
    return interval == (high_after - low_after) % 12 and interval in PERFECT and moves[0] * moves[1] > 0


def distance(time_s: float, grid_s: Sequence[float]) -> float:
    """To the nearest of times in ascending order.

    >>> distance(1.4, [0.0, 1.0, 2.0])
    0.3999999999999999
    """
    at = bisect_left(grid_s, time_s)
    return min(abs(time_s - other) for other in grid_s[max(0, at - 1) : at + 1])


def foreign(pitches: Collection[int], tones: Collection[int]) -> int:
    """How many pitches are of none of these pitch classes.

    >>> foreign([60, 64, 66], (0, 4, 7))
    1
    """
    names = {tone % 12 for tone in tones}
    return sum(pitch % 12 not in names for pitch in pitches)


def grams(pitches: Sequence[int], n: int = 4) -> list[tuple[int, ...]]:
    """All n intervals in a row of a tune, in semitones.

    >>> grams([60, 62, 64, 65], 2)
    [(2, 2), (2, 1)]
    """
    moves = [after - before for before, after in pairwise(pitches)]
    return [tuple(moves[i : i + n]) for i in range(len(moves) - n + 1)]


def shared_grams(one: Sequence[int], other: Sequence[int], n: int = 4) -> float:
    """Share of the n-grams of the tune with fewer of them that the other has too, each counted once; 0 without any."""
    a, b = set(grams(one, n)), set(grams(other, n))
    return len(a & b) / max(1, min(len(a), len(b)))


def repeated_grams(pitches: Sequence[int], n: int = 4) -> float:
    """Share of a tune's n-grams that were there before.

    >>> repeated_grams([0, 2, 4, 0, 2, 4, 0], 2)
    0.4
    """
    found = grams(pitches, n)
    return 1 - len(set(found)) / len(found) if found else 0.0
