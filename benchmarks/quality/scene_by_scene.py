"""Music scene by scene, as Storysound chose it until themes came (commit c1f9e3b): what `themes` is measured beside."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from storysound.media.arrays import Doubles, Reals
from storysound.story import Span

SHORTEST_S, ALIKE, RETURNING = 8.0, 0.55, 0.7
CHANGE_COST, CONTOUR_COST = 0.6, 1.0
_SEARCH_NODES = 4000


def group_scenes(shots: Sequence[Span], features: Reals) -> list[tuple[int, int]]:
    """Joins neighbours by cosine [n d], greedily: the shortest first, then the most alike."""
    groups = [(i, i + 1) for i in range(len(shots))]
    lengths = [s.duration_s for s in shots]
    sums = [np.asarray(f, dtype=float) * max(s.duration_s, 1e-3) for f, s in zip(features, shots, strict=True)]
    while len(groups) > 1:
        near = np.array([_cosine(a, b) for a, b in pairwise(sums)]).round(6)
        pair = _next_join(np.array(lengths), near)
        if pair is None:
            break
        groups[pair : pair + 2] = [(groups[pair][0], groups[pair + 1][1])]
        lengths[pair : pair + 2] = [lengths[pair] + lengths[pair + 1]]
        sums[pair : pair + 2] = [sums[pair] + sums[pair + 1]]
    return groups


def _next_join(lengths: Reals, near: Reals) -> int | None:
    """The left one of the neighbours to join, by lengths [n] and likeness to the next [n-1]."""
    shortest = int(np.argmin(lengths))
    if lengths[shortest] < SHORTEST_S:
        left = near[shortest - 1] if shortest > 0 else -np.inf
        right = near[shortest] if shortest < len(near) else -np.inf
        return shortest - 1 if left >= right else shortest
    best = int(np.argmax(near))
    return best if near[best] >= ALIKE else None


def _cosine(a: Reals, b: Reals) -> float:
    """Of two vectors [d]."""
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12))


def choose(fit: Doubles, energy: tuple[Doubles, Doubles], alike: NDArray[np.bool_]) -> NDArray[np.intp]:
    """One track a scene: fits [s n], arousal of scenes [s] and tracks [n], scenes that may share a motif [s s]."""
    wanted, got = np.diff(energy[0]), energy[1][None, :] - energy[1][:, None]
    change = CHANGE_COST * (1.0 - np.eye(fit.shape[1]))
    moves = np.asarray(change + CONTOUR_COST * np.abs(got[None] - wanted[:, None, None]))
    best_total, best = -np.inf, np.full(len(fit), int(np.argmax(fit.sum(axis=0))), dtype=np.intp)
    open_masks = [np.zeros(fit.shape)]
    for _ in range(_SEARCH_NODES):
        if not open_masks:
            break
        mask = open_masks.pop()
        total, path = _viterbi(fit + mask, moves)
        if total <= best_total:
            continue
        stray = _stray_return(path, alike)
        if stray is None:
            best_total, best = total, path
            continue
        for forbidden in _branches(int(path[stray[0]]), *stray, fit.shape):
            if np.isfinite((mask + forbidden).max(axis=1)).all():
                open_masks.append(mask + forbidden)
    return best


def _viterbi(fit: Doubles, moves: Doubles) -> tuple[float, NDArray[np.intp]]:
    """Total and path [s] of the best through fits [s n], less the costs of moves [s-1 n n]."""
    total = np.asarray(fit[0], dtype=float)
    back = np.zeros(fit.shape, dtype=np.intp)
    for s in range(1, len(fit)):
        reach = total[:, None] - moves[s - 1]
        back[s] = np.argmax(reach, axis=0)
        total = reach[back[s], np.arange(fit.shape[1])] + fit[s]
    path = np.zeros(len(fit), dtype=np.intp)
    path[-1] = np.argmax(total)
    for s in range(len(fit) - 1, 0, -1):
        path[s - 1] = back[s, path[s]]
    return float(total[path[-1]]), path


def _stray_return(path: NDArray[np.intp], alike: NDArray[np.bool_]) -> tuple[int, int] | None:
    """Two scenes of a path [s], unlike by `alike` [s s], with one track and another between them."""
    for s in range(len(path)):
        others = np.flatnonzero(path[s:] != path[s])
        if not others.size:
            continue
        first = s + int(others[0])
        later = np.flatnonzero((path[first:] == path[s]) & ~alike[s, first:])
        if later.size:
            return s, first + int(later[0])
    return None


def _branches(track: int, early: int, late: int, shape: tuple[int, ...]) -> list[Doubles]:
    """A path leaves the track out of the early scene, or the late one, or plays it throughout."""
    not_early, not_late, throughout = (np.zeros(shape) for _ in range(3))
    not_early[early, track] = -np.inf
    not_late[late, track] = -np.inf
    throughout[early : late + 1] = -np.inf
    throughout[early : late + 1, track] = 0.0
    return [throughout, not_early, not_late]
