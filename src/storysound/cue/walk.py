"""A texture of any length out of a short sound: a walk through it that jumps between places that sound alike.

After video textures (Schödl et al. 2000): where a jump leads is drawn by how much the sound around both of its ends is
alike, and what was heard a short while ago is avoided. So nothing comes again at a period that could be noticed.
"""

from dataclasses import dataclass

import numpy as np
import scipy.fft
import scipy.ndimage

from storysound.cue.score import Piece
from storysound.cue.texture import HOP_S, LEAST_S, Texture
from storysound.media.arrays import Doubles, Floats, Ints
from storysound.progress import check

LEAST_LENGTH_S = 1.0
FADE_S = 0.25  # of the crossfade at a jump
_REACH_S = 0.01  # by which a jump is moved so that the waves line up
_MOST_PLACES = 1500  # between which jumps are; all pairs of them are compared
_PLAYED = (0.1, 0.44)  # shares of the sound that are played between two jumps, at least and at most
_PLAYED_S = ((0.3, 2.0), (0.8, 8.0))  # and the bounds of either
_LEEWAY_S = 0.35  # the best place to leave is sought so long before the one that was drawn
_NEAR_S = 0.6  # as near as that, and it is the same again at once
_FORGOTTEN = 1.2  # lengths of the sound after which what was heard is forgotten by a factor of e
_ROUGHNESS = 0.5  # weight of how the spectrum changes around a place, beside what it is
# Costs of a jump beside the distance of its ends, where 1 is that of any two places:
_AGAIN, _HEARD = 3.0, 1.2  # to a place so near, to one that was heard just now
_DRAWN = 0.06  # dearer by that much is less likely by a factor of e


@dataclass(frozen=True)
class _Places:
    """Between which places of a sound jumps are. All but `step` is counted in steps, from the sound's start."""

    step: int  # samples
    first: int  # where a crossfade has room
    last: int
    shortest: int  # time between two jumps
    longest: int
    leeway: int
    near: int
    forgotten: float
    far: Floats  # how differently two places sound, 1 is usual: [p p]


@dataclass(frozen=True)
class _Grain:
    """What is played from one jump to the next: samples of the sound, from the middles of the crossfades."""

    start: int
    end: int


def walk(
    texture: Texture, length_s: float, *, seed: int, at_s: float = 0.0, endless: bool = False
) -> tuple[Piece, ...]:
    """Pieces of a texture of LEAST_S or more that cover exactly [at_s, at_s + length_s), LEAST_LENGTH_S or more.

    The same seed gives the same walk on one machine. `endless`: it ends where it began, so that what is played can be
    repeated without a seam. Raises ValueError for a shorter texture or length.
    """
    if texture.duration_s < LEAST_S or length_s < LEAST_LENGTH_S:
        raise ValueError(f"{texture.duration_s:g} s of sound can't be walked through for {length_s:g} s")
    total = round(length_s * texture.rate_hz)
    grains = _grains(_places(texture), total, np.random.default_rng(seed), endless)
    return _pieces(texture, grains, total, at_s, endless)


def _places(texture: Texture) -> _Places:
    """Places on a grid that is as fine as memory allows, and how alike they sound over the time of a crossfade."""
    skip = max(2, -(-len(texture.bands) // _MOST_PLACES))
    around = round(FADE_S / HOP_S) | 1
    bands = texture.bands.astype(np.float64)
    mean, square = (scipy.ndimage.uniform_filter1d(b, around, axis=0, mode="nearest") for b in (bands, bands**2))
    rough = np.sqrt(np.maximum(square - mean**2, 0.0))
    looks = np.concatenate([mean, _ROUGHNESS * rough], axis=1)[::skip]
    looks -= looks.mean(axis=0)
    squares = (looks**2).sum(axis=1)
    far = np.sqrt(np.maximum(squares[:, None] + squares - 2 * looks @ looks.T, 0.0))
    step = skip * texture.hop
    step_s, duration_s, margin_s = step / texture.rate_hz, texture.duration_s, FADE_S / 2 + _REACH_S
    least, most = (
        min(max(share * duration_s, low), high) / step_s for share, (low, high) in zip(_PLAYED, _PLAYED_S, strict=True)
    )
    return _Places(
        step,
        first=int(np.ceil(margin_s / step_s)),
        last=min(int((duration_s - margin_s) / step_s), len(far) - 1),
        shortest=round(least),
        longest=round(most),
        leeway=round(_LEEWAY_S / step_s),
        near=round(min(_NEAR_S, 0.1 * duration_s) / step_s),
        forgotten=_FORGOTTEN * duration_s / step_s,
        far=np.asarray(far / max(float(np.median(far)), 1e-6), np.float32),
    )


def _grains(places: _Places, total: int, rng: np.random.Generator, endless: bool) -> list[_Grain]:
    """What is played one after the other: `total` samples together; `endless`: from where one can jump to the first."""
    step, count = places.step, len(places.far)
    place = np.arange(count)
    room = places.last - place  # that can be played from each place on
    left = -(-total // step)
    least = left if left <= places.longest else places.shortest
    cost = np.where((place < places.first) | (room < least), np.inf, 0.0)
    if endless and left <= places.longest:
        cost[: count - left] += np.diagonal(places.far, left)
    home = here = int(_drawn(cost[None], rng)[1])
    heard = np.full(count, -np.inf)  # when each place was last
    grains: list[_Grain] = []
    while left > places.longest:
        check()
        now = -(-total // step) - left
        ends = here + _spans(places, here, left, rng)
        after = (left - (ends - here))[:, None]  # what is left then
        final = after <= places.longest
        cost = places.far[ends] + _HEARD * _recent(heard, now, places)
        cost += _AGAIN * (np.abs(place - ends[:, None]) < places.near)
        if endless:
            cost += final * places.far[np.minimum(place + after, count - 1), home]
        cost[(place < places.first) | (room < np.where(final, after, places.shortest))] = np.inf
        leave, enter = _drawn(cost, rng)
        end = int(ends[leave])
        grains.append(_Grain(here * step, end * step))
        heard[here : end + 1] = now
        left -= end - here
        here = int(enter)
    played = sum(grain.end - grain.start for grain in grains)
    return [*grains, _Grain(here * step, here * step + total - played)]


def _spans(places: _Places, here: int, left: int, rng: np.random.Generator) -> Ints:
    """How long may be played from a place on, about a length that is drawn, so that enough is left: [n]."""
    wanted = int(rng.integers(places.shortest, places.longest + 1))
    most = max(places.shortest, min(wanted, places.last - here, left - places.shortest))
    return np.arange(max(places.shortest, most - places.leeway), most + 1)


def _recent(heard: Doubles, now: int, places: _Places) -> Doubles:
    """How fresh in memory that is what comes after each place, from when [p] they were heard, in [0, 1]: [p]."""
    fresh = np.exp((heard - now) / places.forgotten)
    sums = np.concatenate([[0.0], np.cumsum(np.pad(fresh, (0, places.shortest)))])
    return np.asarray((sums[places.shortest :] - sums[: -places.shortest])[: len(heard)] / places.shortest)


def _drawn(cost: Doubles, rng: np.random.Generator) -> tuple[int, int]:
    """Row and column of one of the costs [r c]; the cheaper, the likelier."""
    chances = np.cumsum(np.exp((cost.min() - cost) / _DRAWN))
    at = int(np.searchsorted(chances, rng.random() * chances[-1], side="right"))
    row, column = divmod(at, cost.shape[1])
    return row, column


def _pieces(texture: Texture, grains: list[_Grain], total: int, at_s: float, endless: bool) -> tuple[Piece, ...]:
    """Grains with their crossfades. The first begins without one; `endless`: the last leads to where it began."""
    rate, half = texture.rate_hz, round(FADE_S / 2 * texture.rate_hz)
    pieces: list[Piece] = []
    at, moved = -2 * half, 0  # where in what is played the grain begins; by how much the one before was moved

    def lay(first: int, last: int, when: int) -> None:
        """The samples [first, last) of the texture, to be heard from sample `when` on."""
        in_s, out_s = (texture.first + first) / rate, (texture.first + last) / rate
        pieces.append(Piece(in_s, out_s, at_s + when / rate))

    for before, grain in zip([None, *grains], grains, strict=False):
        check()
        if before is None:
            lay(grain.start + half, grain.end + half, 0)
        else:
            moved = _moved(texture, before.end + moved, grain.start, half)
            lay(grain.start + moved - half, grain.end + moved + half, at)
        at += grain.end - grain.start
    if endless:
        lay(grains[0].start - half, grains[0].start + half, at)
    return tuple(pieces)


def _moved(texture: Texture, leaving: int, coming: int, half: int) -> int:
    """By how many samples to move the place `coming` so that the waves around it continue those around `leaving`."""
    reach = round(_REACH_S * texture.rate_hz)
    here = texture.mono[max(0, leaving - half) : leaving + half]
    low = max(0, coming - half - reach)
    there = texture.mono[low : coming + half + reach]
    if len(there) <= len(here):
        return 0
    likeness = _correlation(there, here)
    energy = np.cumsum(np.pad(np.square(there, dtype=np.float64), (1, 0)))
    likeness = likeness / np.sqrt(energy[len(here) :] - energy[: -len(here)] + 1e-12)
    return low + int(np.argmax(likeness)) + half - coming


def _correlation(whole: Floats, part: Floats) -> Floats:
    """Of a part [n] with each stretch of its length in the whole [m]: [m - n + 1]."""
    length = len(whole) + len(part) - 1
    size = scipy.fft.next_fast_len(length, True)
    both = scipy.fft.irfft(scipy.fft.rfft(whole, size) * scipy.fft.rfft(part[::-1], size), size)
    return np.asarray(both[len(part) - 1 : len(whole)])
