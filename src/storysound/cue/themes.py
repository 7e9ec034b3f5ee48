"""A film's music as a whole: which scenes share a theme, and which track each theme gets. Pure numpy."""

from itertools import groupby

import numpy as np

from storysound.media.arrays import Doubles, Ints, Reals

_WEIGHED_S = 15.0  # a longer scene counts no more: it is no more unlike the others for that
_ROUNDS = 10  # of finding scenes for themes and middles for scenes; seldom more than three are needed


def group_themes(
    lengths_s: Reals, vectors: Reals, *, most: int, most_cues: int, worth: float, change_cost: float
) -> list[int]:
    """The theme of each scene, numbered as they are first heard.

    `lengths_s` [s] of scenes and what they are like, `vectors` [s d]. First each scene has a theme of its own; then
    two themes at a time become one. That costs seconds · squared distance from the middle (Ward 1963), and spares
    `change_cost` for each change of music between the two. It goes on where it costs least while that is less than
    `worth`, so that a turn is worth a theme where it lasts and is wide, and while there are more than `most` themes;
    then, while there are more than `most_cues` stretches of music, where it costs least for each that it spares. In
    the end each scene gets the theme that is best
    for it, changes counted (Viterbi), in turn with the themes' middles, until both stay.
    Raises ValueError where the counts differ or there is to be nothing.

    >>> group_themes(np.array([9.0, 9, 9]), np.eye(2)[[0, 1, 0]], most=2, most_cues=3, worth=1.0, change_cost=1.0)
    [0, 1, 0]
    """
    if len(lengths_s) != len(vectors) or most < 1 or most_cues < 1:
        raise ValueError(
            f"{len(lengths_s)} lengths, {len(vectors)} rows, {most} themes, {most_cues} cues make no sense"
        )
    if not len(lengths_s):
        return []
    weights, rows = np.minimum(np.asarray(lengths_s, float), _WEIGHED_S), np.asarray(vectors, float)
    themes = _joined(weights, rows, most, most_cues, worth, change_cost)
    settled = _settled(weights, rows, themes, change_cost)
    return _numbered(settled if _cues(settled) <= most_cues else themes)


def _cues(themes: Ints) -> int:
    """Stretches of one theme in a row of [s]."""
    return sum(1 for _ in groupby(themes.tolist()))


def _numbered(themes: Ints) -> list[int]:
    """Themes [s] by when they are first heard."""
    order = {theme: number for number, theme in enumerate(dict.fromkeys(themes.tolist()))}
    return [order[theme] for theme in themes.tolist()]


def _joined(weights: Doubles, rows: Doubles, most: int, most_cues: int, worth: float, change_cost: float) -> Ints:
    """Themes [s] as `group_themes` joins them, of scenes of the weights [s] and `rows` [s d]; the first of equals."""
    count = len(weights)
    themes, weights, middles = np.arange(count), weights.copy(), rows.copy()
    costs = np.stack([_ward(weights, middles, one) for one in range(count)])
    meetings = np.eye(count, k=1) + np.eye(count, k=-1)  # how often two themes follow on each other
    upper = np.triu(np.ones((count, count), bool), k=1)
    for left in range(count, 1, -1):
        price = np.where(upper, costs - change_cost * meetings, np.inf)
        if left <= most and price.min() >= worth:
            if meetings.sum() / 2 + 1 <= most_cues:
                break
            price = np.where(upper & (meetings > 0), costs / np.maximum(meetings, 1), np.inf)
        one, other = (int(at) for at in np.unravel_index(int(np.argmin(price.round(9))), price.shape))
        themes[themes == other] = one
        middles[one] = np.average(middles[[one, other]], axis=0, weights=weights[[one, other]])
        weights[one] += weights[other]
        upper[other], upper[:, other] = False, False
        costs[one] = costs[:, one] = _ward(weights, middles, one)
        met = meetings[one] + meetings[other]
        met[[one, other]] = 0
        meetings[one], meetings[:, one], meetings[other], meetings[:, other] = met, met, 0, 0
    return themes


def _ward(weights: Doubles, middles: Doubles, one: int) -> Doubles:
    """[t] what joining a theme with each costs; of themes the weights [t] and middles [t d]."""
    return np.asarray(weights[one] * weights / (weights[one] + weights) * ((middles - middles[one]) ** 2).sum(axis=1))


def _settled(weights: Doubles, rows: Doubles, themes: Ints, change_cost: float) -> Ints:
    """Themes [s] where each scene has the one that costs least, changes too, and each theme lies amidst its scenes."""
    for _ in range(_ROUNDS):
        there = np.unique(themes)
        middles = np.stack([np.average(rows[themes == t], axis=0, weights=weights[themes == t]) for t in there])
        off = weights[:, None] * squared_distances(rows, middles)
        path = there[least_path(off, change_cost)]
        if np.array_equal(path, themes):
            break
        themes = path
    return themes


def squared_distances(rows: Reals, others: Reals) -> Doubles:
    """[r o] of rows [r d] from others [o d], without an array of all three."""
    both = (rows**2).sum(axis=1)[:, None] + (others**2).sum(axis=1)[None] - 2 * rows @ others.T
    return np.asarray(np.maximum(both, 0.0))


def least_path(costs: Reals, change_cost: float) -> Ints:
    """The cheapest choice [s] of one column for each row of `costs` [s k] where each change costs (Viterbi)."""
    total = np.asarray(costs[0], float)
    back = np.zeros(costs.shape, np.intp)
    for row in range(1, len(costs)):
        best = int(np.argmin(total))
        stays = total <= total[best] + change_cost
        back[row] = np.where(stays, np.arange(len(total)), best)
        total = np.where(stays, total, total[best] + change_cost) + costs[row]
    path = np.zeros(len(costs), np.intp)
    path[-1] = np.argmin(total)
    for row in range(len(costs) - 1, 0, -1):
        path[row - 1] = back[row, path[row]]
    return path


def tracks_of_themes(fits: Reals, *, shared_cost: float) -> list[int]:
    """The track of each theme: the choice of highest total fit `fits` [themes tracks].

    No two themes share a track unless that gains more than `shared_cost` for each that does: the second theme of a
    track pays it once, the third twice. Exact (as an assignment of themes to copies of tracks, Kuhn 1955). Raises
    ValueError for an empty or non-finite `fits`.

    >>> tracks_of_themes(np.array([[3.0, 1.0], [2.9, 2.0]]), shared_cost=2.0)
    [0, 1]
    """
    if fits.ndim != 2 or 0 in fits.shape or not np.isfinite(fits).all():
        raise ValueError(f"expected a finite, non-empty [themes tracks] array, got shape {fits.shape}")
    from scipy.optimize import linear_sum_assignment  # a quarter of a second that only a plan has to pay

    themes, tracks = fits.shape
    offers = np.concatenate([fits - copy * shared_cost for copy in range(themes)], axis=1)
    _, columns = linear_sum_assignment(offers, maximize=True)
    return [int(column) % tracks for column in columns]
