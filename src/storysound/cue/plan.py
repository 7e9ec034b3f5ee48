"""Where cues begin and end, and which sound each of them gets. Pure numpy; knows no media and no models."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from storysound.media.arrays import Reals
from storysound.story import Span

_SEARCH_NODES = 4000  # how many masks `choose` tries before it settles for the best valid path so far


def group_scenes(
    shots: Sequence[Span], features: Reals, *, min_length_s: float = 8.0, alike: float = 0.75
) -> list[tuple[int, int]]:
    """Joins adjacent shots into scenes: [(first shot, last shot + 1), ...], covering all shots in order.

    `features` [n d]: one vector per shot (what is seen, mood); cosine similarity decides. A scene shorter than
    `min_length_s` joins its more similar neighbour; then neighbours at least `alike` similar join, most similar first.
    Raises ValueError where the counts differ.

    >>> group_scenes([Span(0, 9), Span(9, 18), Span(18, 27)], np.array([[1.0, 0], [1, 0.1], [0, 1]]))
    [(0, 2), (2, 3)]
    """
    if len(shots) != len(features):
        raise ValueError(f"expected one feature row per shot, got {len(features)} rows for {len(shots)} shots")
    groups = [(i, i + 1) for i in range(len(shots))]
    lengths = [s.duration_s for s in shots]
    # Sums weighted by duration: a long shot says more of a scene than a flash.
    sums = [np.asarray(f, dtype=float) * max(s.duration_s, 1e-3) for f, s in zip(features, shots, strict=True)]
    while len(groups) > 1:
        # Of a scene between two that look alike the left one is joined, not the one that was rounded up.
        near = np.array([_cosine(a, b) for a, b in pairwise(sums)]).round(6)
        pair = _next_join(np.array(lengths), near, min_length_s, alike)
        if pair is None:
            break
        groups[pair : pair + 2] = [(groups[pair][0], groups[pair + 1][1])]
        lengths[pair : pair + 2] = [lengths[pair] + lengths[pair + 1]]
        sums[pair : pair + 2] = [sums[pair] + sums[pair + 1]]
    return groups


def _next_join(lengths: Reals, near: Reals, min_length_s: float, alike: float) -> int | None:
    """Index of the left one of the two neighbours to join next, or None when the grouping is done.

    `lengths` [n] in seconds, `near` [n-1]: how alike each is to the next.
    """
    shortest = int(np.argmin(lengths))
    if lengths[shortest] < min_length_s:
        left = near[shortest - 1] if shortest > 0 else -np.inf
        right = near[shortest] if shortest < len(near) else -np.inf
        return shortest - 1 if left >= right else shortest
    best = int(np.argmax(near))
    return best if near[best] >= alike else None


def _cosine(a: Reals, b: Reals) -> float:
    """Of two vectors [d]."""
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12))


def choose(
    fit: Reals,
    change_cost: float,
    *,
    energy: tuple[Reals, Reals] | None = None,
    contour_cost: float = 0.0,
    alike: NDArray[np.bool_] | None = None,
) -> NDArray[np.intp]:
    """One sound per scene, [S] indices into the C candidates: the path of highest total fit after costs.

    `fit` [S C]: how well sound c suits scene s. Each change of sound costs `change_cost`.
    `energy` ([S], [C]): arousal of scenes and sounds; a step of the story's arousal that the sounds don't follow
    costs `contour_cost` times the difference.
    `alike` [S S] symmetric: a sound may return after others have played only in a scene alike to those it played
    in (a motif comes back with its place, not by accident). None lets every sound return.
    Exact (Viterbi, then branch and bound over the returns). Raises ValueError for an empty or non-finite `fit`.

    >>> choose(np.array([[1.0, 0.9], [0.0, 0.5]]), change_cost=0.8).tolist()
    [1, 1]
    """
    if fit.ndim != 2 or 0 in fit.shape or not np.isfinite(fit).all():
        raise ValueError(f"expected a finite, non-empty [scenes sounds] array, got shape {fit.shape}")
    moves = _transition_costs(fit.shape, change_cost, energy, contour_cost)
    if alike is None:
        return _viterbi(fit, moves)[1]
    return _without_stray_returns(np.asarray(fit, dtype=float), moves, alike)


def _transition_costs(
    shape: tuple[int, ...], change_cost: float, energy: tuple[Reals, Reals] | None, contour_cost: float
) -> Reals:
    """[S-1 C C] cost of going from sound i (scene s) to sound j (scene s + 1)."""
    scenes, sounds = shape
    change = change_cost * (1.0 - np.eye(sounds))
    if energy is None or not contour_cost:
        return np.broadcast_to(change, (max(scenes - 1, 0), sounds, sounds))
    wanted = np.diff(np.asarray(energy[0], dtype=float))
    got = np.asarray(energy[1], dtype=float)[None, :] - np.asarray(energy[1], dtype=float)[:, None]
    return np.asarray(change + contour_cost * np.abs(got[None] - wanted[:, None, None]))


def _viterbi(fit: Reals, moves: Reals) -> tuple[float, NDArray[np.intp]]:
    """Total and sounds [S] of the best path through the fits [S C], less the costs of moves [S-1 C C]."""
    scenes, sounds = fit.shape
    total = np.asarray(fit[0], dtype=float)
    back = np.zeros((scenes, sounds), dtype=np.intp)
    for s in range(1, scenes):
        reach = total[:, None] - moves[s - 1]
        back[s] = np.argmax(reach, axis=0)
        total = reach[back[s], np.arange(sounds)] + fit[s]
    path = np.zeros(scenes, dtype=np.intp)
    path[-1] = np.argmax(total)
    for s in range(scenes - 1, 0, -1):
        path[s - 1] = back[s, path[s]]
    return float(total[path[-1]]), path


def _without_stray_returns(fit: Reals, moves: Reals, alike: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Best path [S] in which no sound returns to a scene unlike the one it came from; arrays as in `choose`."""
    best_total, best = -np.inf, np.full(len(fit), int(np.argmax(fit.sum(axis=0))), dtype=np.intp)
    open_masks = [np.zeros(fit.shape)]
    for _ in range(_SEARCH_NODES):
        if not open_masks:
            break
        mask = open_masks.pop()
        total, path = _viterbi(fit + mask, moves)
        if total <= best_total:  # a mask only takes away, so nothing below this node can be better
            continue
        stray = _stray_return(path, alike)
        if stray is None:
            best_total, best = total, path
            continue
        for forbidden in _branches(int(path[stray[0]]), *stray, fit.shape):
            narrowed = mask + forbidden
            if np.isfinite(narrowed.max(axis=1)).all():
                open_masks.append(narrowed)
    return best


def _stray_return(path: NDArray[np.intp], alike: NDArray[np.bool_]) -> tuple[int, int] | None:
    """Two scenes of a path [S], unlike by `alike` [S S], with one sound and another between them, or None."""
    for s in range(len(path)):
        others = np.flatnonzero(path[s:] != path[s])
        if not others.size:
            continue
        first = s + int(others[0])
        later = np.flatnonzero((path[first:] == path[s]) & ~alike[s, first:])
        if later.size:
            return s, first + int(later[0])
    return None


def _branches(sound: int, early: int, late: int, shape: tuple[int, ...]) -> list[Reals]:
    """Every valid path leaves the sound out of the early scene, or out of the late one, or plays it throughout."""
    not_early, not_late, throughout = (np.zeros(shape) for _ in range(3))
    not_early[early, sound] = -np.inf
    not_late[late, sound] = -np.inf
    throughout[early : late + 1] = -np.inf
    throughout[early : late + 1, sound] = 0.0
    return [throughout, not_early, not_late]


@dataclass(frozen=True)
class EffectOffer:
    """A sound effect that could go under a shot."""

    shot: int
    sound: int  # index into the caller's list of sounds
    score: float  # how well it fits what is seen; same scale as `pick_effects`' thresholds
    long: bool  # long and steady enough to lie under the whole shot (ambience), else it plays once (spot)


def pick_effects(
    offers: Sequence[EffectOffer],
    shots: Sequence[Span],
    audible: Sequence[bool],
    *,
    sure: float,
    surer: float,
    spacing_s: float = 4.0,
) -> list[EffectOffer]:
    """The effects worth adding: per shot at most one ambience and one spot, best first.

    `audible` per shot: the clip's own sound is kept and heard there. Such a shot gets no ambience (it has its own)
    and a spot only from a score of `surer` on, and `3 * spacing_s` away from the next; others need `sure` and
    `spacing_s`. An ambience may repeat from shot to shot; a spot sound plays once in the story.
    """
    taken: list[EffectOffer] = []
    for offer in sorted(offers, key=lambda o: (-o.score, o.shot, o.sound)):
        quiet = not audible[offer.shot]
        if offer.score < (sure if quiet else surer) or (offer.long and not quiet):
            continue
        if any(t.shot == offer.shot and t.long == offer.long for t in taken):
            continue
        gap = spacing_s if quiet else 3 * spacing_s
        spots = [t for t in taken if not t.long]
        if not offer.long and any(
            t.sound == offer.sound or abs(shots[t.shot].start_s - shots[offer.shot].start_s) < gap for t in spots
        ):
            continue
        taken.append(offer)
    return sorted(taken, key=lambda o: (o.shot, not o.long))
