"""When things touch, how hard, and how they move in between. Axes: f frames, c contacts."""

import numpy as np
from numpy.typing import ArrayLike

from storysound.media.arrays import Doubles
from storysound.research.tavg.world.combinations import Combination

SECONDS = 2.0  # of a clip
FRAMES_PER_S = 16
FRAMES = int(SECONDS * FRAMES_PER_S)
EDGE_S = 0.2  # no contact is nearer to either end
LEAST_GAP_S = 0.155  # between contacts
# A contact is shown for the time of a frame about it, so that exactly one frame shows it: a deviation from physics,
# where balls touch for some milliseconds.
DWELL_S = 1 / FRAMES_PER_S
FRAME_TIMES: Doubles = np.arange(FRAMES) / FRAMES_PER_S
_DOWN_S, _UP_S = 0.13, 0.2  # a stick's way down and up
_NARROWED = 0.6
_CLEAR = 0.2  # of its way: where it is at least, in frames beside the one that shows a contact


def contact_times(combination: Combination, rng: np.random.Generator) -> tuple[float, ...]:
    """Moments of contact in seconds [c], as a rhythm has them, anywhere in the clip."""
    gaps = _bounces(combination.rhythm, rng) if combination.kind == "ball" else _beats(combination.rhythm, rng)
    if combination.kind == "break" and len(gaps):
        gaps = np.array([rng.uniform(0.5, 0.9)])  # the second has to fall as well
    first = rng.uniform(EDGE_S, SECONDS - EDGE_S - gaps.sum())
    return tuple(float(time) for time in first + np.concatenate([[0.0], np.cumsum(gaps)]))


def _beats(rhythm: str, rng: np.random.Generator) -> Doubles:
    """Gaps in seconds [c - 1] between strokes."""
    if rhythm == "once":
        return np.zeros(0)
    if rhythm == "twice":
        return np.array([rng.uniform(0.25, 0.8)])
    if rhythm == "three times":
        return np.asarray(rng.uniform(0.22, 0.5) * rng.uniform(0.95, 1.05, 2))
    if rhythm == "evenly":
        count = int(rng.integers(3, 6))
        return np.full(count, rng.uniform(0.19, min(0.4, 1.5 / count)))
    gaps = rng.uniform(LEAST_GAP_S, 0.18) / rng.uniform(0.72, 0.8) ** np.arange(4)
    return np.asarray(gaps[::-1] if rhythm == "faster" else gaps)


def _bounces(rhythm: str, rng: np.random.Generator) -> Doubles:
    """Gaps in seconds [c - 1] between bounces: each is the share of the one before that a ball gives back of its speed.

    A ball that bounces faster and faster lies still once its gaps are below LEAST_GAP_S.
    """
    if rhythm == "faster":
        share = rng.uniform(0.7, 0.76)
        gaps = rng.uniform(0.38, 0.46) * share ** np.arange(8)
        return np.asarray(gaps[gaps >= LEAST_GAP_S])
    count = {"once": 1, "twice": 2, "three times": 3}[rhythm]
    return np.asarray(rng.uniform(0.28, 0.55) * rng.uniform(0.84, 0.94) ** np.arange(count - 1))


def strengths(combination: Combination, times_s: tuple[float, ...], rng: np.random.Generator) -> tuple[float, ...]:
    """How hard each contact is [c], in (0, 1]: a ball's fall with its gaps, strokes vary by some tenth.

    A ball's would fall as its speeds do; the power _NARROWED keeps the last ones above what still rings.
    """
    base = rng.uniform(0.65, 1.0)
    if combination.kind == "ball" and len(times_s) > 1:
        gaps = np.diff(times_s)
        shares = np.concatenate([[gaps[0] ** 2 / gaps[1] if len(gaps) > 1 else gaps[0] / 0.9], gaps])
        return tuple(float(base * share) for share in (shares / shares.max()) ** _NARROWED)
    return tuple(float(min(1.0, base * rng.uniform(0.85, 1.1))) for _ in times_s)


def since_and_until(times_s: ArrayLike, contacts_s: tuple[float, ...]) -> tuple[Doubles, Doubles]:
    """Seconds since the last contact and until the next [f], infinite where there is none, at times_s [f]."""
    times, contacts = np.asarray(times_s, np.float64), np.array([-np.inf, *contacts_s, np.inf])
    after = np.searchsorted(contacts, times, side="right")
    return times - contacts[after - 1], contacts[after] - times


def beside(contacts_s: tuple[float, ...]) -> tuple[Doubles, Doubles]:
    """As `since_and_until` of the frames [f], counted from where a contact's DWELL_S ends: 0 while it is shown."""
    since, until = since_and_until(FRAME_TIMES, contacts_s)
    return (since - DWELL_S / 2).clip(0), (until - DWELL_S / 2).clip(0)


def touching(contacts_s: tuple[float, ...]) -> Doubles:
    """1 in frames that show a contact, else 0 [f]."""
    since, until = beside(contacts_s)
    return np.asarray((np.minimum(since, until) <= 0).astype(np.float64))


def lift(contacts_s: tuple[float, ...], hardness: tuple[float, ...]) -> Doubles:
    """How far a stick that strikes is away at each frame [f], in [0, 1]; 0 at its contacts alone.

    It comes down quickly and goes up slowly; the harder a stroke, the higher it comes from.
    """
    since, until = beside(contacts_s)
    height = np.minimum(1.0, _CLEAR + np.minimum(since / _UP_S, until / _DOWN_S))
    height = np.where(touching(contacts_s) > 0, 0.0, height)
    following = np.searchsorted(np.asarray(contacts_s), FRAME_TIMES).clip(max=len(contacts_s) - 1)
    return np.asarray(height * (0.6 + 0.4 * np.asarray(hardness)[following]))


def fading(contacts_s: tuple[float, ...], hardness: tuple[float, ...], lasting_s: float) -> Doubles:
    """How much is left at each frame [f] of what a contact stirred up: its hardness, falling by e each `lasting_s`.

    It is whole in the frame that shows the contact.
    """
    index = np.searchsorted(np.asarray(contacts_s), FRAME_TIMES + DWELL_S / 2, side="right") - 1
    since = (FRAME_TIMES - DWELL_S / 2 - np.asarray(contacts_s)[index]).clip(0)
    return np.asarray(np.where(index >= 0, np.asarray(hardness)[index] * np.exp(-since / lasting_s), 0.0))
