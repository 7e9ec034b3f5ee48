"""Shots: where the camera cuts, found on small frames of one decode.

Each frame becomes two summaries that fail in different ways: a colour histogram (blind to motion, fooled by light)
and a coarse luma grid compared by correlation (blind to light, fooled by motion). A cut changes both, so their
geometric mean is the change signal, and it has to stand out from its own neighbourhood as well as from zero
(sliding-window threshold: Yeo & Liu 1995). Dissolves are found by what they are: frames on the straight line
between the pictures at both ends; fades by the black between them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, pairwise

import numpy as np
from numpy.typing import NDArray

from storysound.media.arrays import Floats, Pixels
from storysound.media.video import VideoFrame
from storysound.story import Span


@dataclass(frozen=True)
class ShotConfig:
    """Thresholds of the detector; changes are in [0, 1], times in seconds."""

    cut_floor: float = 0.2  # least change a hard cut makes, however calm its surroundings
    cut_ratio: float = 3.2  # a cut is this many times the usual change on its calmer side
    busy_ratio: float = 1.8  # and this many times that on its busier side
    window_s: float = 1.2  # neighbourhood on each side
    flash_s: float = 0.35  # a look that is gone after this long was a flash, not a shot
    dissolve_s: float = 1.2  # longest dissolve
    dissolve_floor: float = 0.34  # least change across a dissolve
    dissolve_residual: float = 0.35  # farthest a dissolving frame lies from the line between its ends
    min_shot_s: float = 0.6  # shorter shots join a neighbour, across the weaker cut

    def __post_init__(self) -> None:
        if not (0 < self.cut_floor < 1 and 0 < self.dissolve_floor < 1):
            raise ValueError(f"floors must lie in (0, 1), got {self.cut_floor} and {self.dissolve_floor}")
        if (
            min(self.cut_ratio, self.busy_ratio) <= 1
            or min(self.window_s, self.flash_s, self.dissolve_s, self.min_shot_s) <= 0
        ):
            raise ValueError("ratios must exceed 1 and every time must be positive")


_BLOCK = 64  # frames
_LEVELS, _BINS = 16, 6  # levels counted and bins kept, per colour channel
_GRID = (9, 16)  # rows × columns
_FLAT = 3.0  # luma standard deviation below which a grid has no structure to correlate
_BLACK = 18.0  # mean luma below which a flat grid is black
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


def detect_shots(frames: Iterable[VideoFrame], duration_s: float, config: ShotConfig | None = None) -> tuple[Span, ...]:
    """Shots of a video as spans that tile [0, duration_s) without gaps.

    `frames` come in time order, evenly spaced, best at 8–12 a second and at most 160 px wide; each is looked at once
    and let go, so memory is about 3 KB a frame. A cut lies between two frames: the span starts at the first frame of
    the new shot, so it is late by at most one frame distance. Fewer than three frames give a single shot, a duration
    of zero gives none.
    """
    config = config or ShotConfig()
    if duration_s <= 0:
        return ()
    looks = _FrameSummaries.of(frames)
    if len(looks.times_s) < 3:
        return (Span(0.0, duration_s),)
    step_s = max(float(np.median(np.diff(looks.times_s))), 1e-3)
    cuts = _hard_cuts(looks, step_s, config) | _fades(looks)
    cuts |= _dissolves(looks, cuts, step_s, config)
    strengths = {float(looks.times_s[i]): strength for i, strength in cuts.items()}
    return _spans(strengths, duration_s, config.min_shot_s)


@dataclass(frozen=True)
class _FrameSummaries:
    """Summaries of all frames."""

    times_s: NDArray[np.float64]  # [n]
    colours: Floats  # square roots of colour histograms [n 216]
    grids: Floats  # RGB means of the cells, 0–255 [n 432]
    structures: Floats  # luma of the grids, centred and of unit length; zeros where the picture is flat [n 144]
    black: NDArray[np.bool_]  # [n]

    @staticmethod
    def of(frames: Iterable[VideoFrame]) -> "_FrameSummaries":
        times: list[float] = []
        colours: list[Floats] = []
        grids: list[Floats] = []
        rest = iter(frames)
        # Many at once are folded in a fraction of the time, and what is left of hours lies together in memory.
        while block := list(islice(rest, _BLOCK)):
            times += [frame.time_s for frame in block]
            colours.append(colour_histograms([frame.rgb for frame in block]))
            grids.append(np.stack([_grid(frame.rgb) for frame in block]))
        grid = np.concatenate([np.empty((0, _GRID[0] * _GRID[1], 3), np.float32), *grids])
        luma = grid @ _LUMA
        centred = luma - luma.mean(axis=1, keepdims=True)
        deviation = centred.std(axis=1)
        norm = np.where(deviation < _FLAT, np.inf, np.linalg.norm(centred, axis=1))
        return _FrameSummaries(
            np.asarray(times, np.float64),
            np.concatenate([np.empty((0, _BINS**3), np.float32), *colours]),
            grid.reshape(len(times), grid.shape[1] * 3),
            (centred / norm[:, None]).astype(np.float32),
            (deviation < 2 * _FLAT) & (luma.mean(axis=1) < _BLACK),
        )

    def change(self, a: NDArray[np.int64], b: NDArray[np.int64]) -> Floats:
        """Change between frames `a` and `b`, in [0, 1]: colour (Hellinger) and structure, as geometric mean [n]."""
        overlap = np.einsum("nd,nd->n", self.colours[a], self.colours[b])
        colour = np.sqrt(np.clip(1.0 - overlap, 0.0, 1.0))
        correlation = np.einsum("nd,nd->n", self.structures[a], self.structures[b])
        flat = ~(self.structures[a].any(axis=1) | self.structures[b].any(axis=1))
        # Two flat pictures have no structure to differ in: colour alone decides.
        structure = np.where(flat, colour, np.clip(1.0 - correlation, 0.0, 1.0))
        result: Floats = np.sqrt(colour * structure).astype(np.float32)
        return result


def _votes(rgb: NDArray[np.uint8]) -> NDArray[np.int32]:
    """How many pixels of every other row and column have each colour, of 16 levels a channel [4096]."""
    level = (rgb[::2, ::2] >> 4).astype(np.int64)
    index = (level[..., 0] * _LEVELS + level[..., 1]) * _LEVELS + level[..., 2]
    return np.bincount(index.ravel(), minlength=_LEVELS**3).astype(np.int32)


def colour_histograms(pictures: Sequence[Pixels]) -> Floats:
    """Square roots of the colour histograms of pictures uint8 [h w 3]: [n 216], of unit length.

    The dot product of two is their Bhattacharyya overlap. Each level votes for its two nearest bins, else noise at a
    bin's edge would look like a cut.
    """
    votes = [_votes(picture) for picture in pictures]
    folded: NDArray[np.float64] = np.asarray(votes, np.float64).reshape(len(votes), _LEVELS, _LEVELS, _LEVELS)
    for _ in range(3):  # each turn folds the first channel and moves it to the back
        folded = np.tensordot(folded, _FOLD, axes=(1, 0))
    flat = folded.reshape(len(votes), _BINS**3)
    result: Floats = np.sqrt(flat / flat.sum(axis=1, keepdims=True)).astype(np.float32)
    return result


def _fold() -> NDArray[np.float64]:
    """Linear votes of levels for bins [16 6]; every row sums to one."""
    place = np.arange(_LEVELS) * (_BINS - 1) / (_LEVELS - 1)
    return np.clip(1.0 - np.abs(place[:, None] - np.arange(_BINS)), 0.0, None)


_FOLD = _fold()


def _grid(rgb: NDArray[np.uint8]) -> Floats:
    """Mean RGB of the cells of a 9 × 16 grid, 0–255 [144 3]."""
    height, width = rgb.shape[:2]
    if height < _GRID[0] or width < _GRID[1]:  # smaller than the grid: repeat pixels until it is not
        rgb = rgb.repeat(-(-_GRID[0] // height), axis=0).repeat(-(-_GRID[1] // width), axis=1)
        height, width = rgb.shape[:2]
    down, across, areas = _cells(height, width)
    rows = (down @ rgb.reshape(height, width * 3).astype(np.float32)).reshape(_GRID[0], width, 3)
    sums = np.matmul(across, rows)  # whole numbers below 2^24: exact
    result: Floats = (sums / areas).reshape(-1, 3)
    return result


@lru_cache(maxsize=8)
def _cells(height: int, width: int) -> tuple[Floats, Floats, Floats]:
    """Which rows [9 h] and columns [16 w] are in which cells (0 or 1), and how many pixels each cell has [9 16 1]."""
    inside = []
    for size, count in ((height, _GRID[0]), (width, _GRID[1])):
        starts = np.arange(count) * size // count
        cell = np.searchsorted(starts, np.arange(size), side="right") - 1
        inside.append((cell == np.arange(count)[:, None]).astype(np.float32))
    areas = np.outer(inside[0].sum(axis=1), inside[1].sum(axis=1)).astype(np.float32)
    return inside[0], inside[1], areas[..., None]


def _hard_cuts(looks: _FrameSummaries, step_s: float, config: ShotConfig) -> dict[int, float]:
    """First frames after a hard cut, and how much changes there."""
    count = len(looks.times_s)
    signal = np.concatenate([[0.0], looks.change(np.arange(count - 1), np.arange(1, count))])
    reach = max(2, round(config.window_s / step_s))
    hold = max(1, round(config.flash_s / step_s))
    cuts: dict[int, float] = {}
    for i in np.flatnonzero(signal >= config.cut_floor).tolist():
        if signal[i] < signal[max(1, i - 1) : i + 2].max() or looks.black[i - 1 : i + 1].any():
            continue  # not the peak, or a step of a fade
        # A cut may join calm to busy, so each side has its own bar; the upper quartile forgives a second cut near by.
        sides = [signal[max(1, i - reach) : i], signal[i + 1 : i + 1 + reach]]
        usual = [float(np.quantile(side, 0.75)) for side in sides if side.size]
        if signal[i] < max(config.cut_ratio * min(usual), config.busy_ratio * max(usual)):
            continue
        before = np.arange(max(0, i - hold - 1), i)
        after = np.arange(i, min(count, i + hold + 1))
        first, second = (axis.ravel() for axis in np.meshgrid(before, after))
        # Confirmed when no look after the cut is one from before it: flashes return, shots don't.
        if looks.change(first, second).min() >= 0.7 * config.cut_floor:
            cuts[i] = float(signal[i])
    return cuts


def _fades(looks: _FrameSummaries) -> dict[int, float]:
    """Middles of the runs of black frames that have pictures on both sides; nothing parts shots more clearly."""
    edges = np.flatnonzero(np.diff(looks.black.astype(np.int8))) + 1
    if edges.size and looks.black[0]:
        edges = edges[1:]  # black at the start has no picture before it
    return {int((start + end) // 2): 1.0 for start, end in zip(edges[::2], edges[1::2], strict=False)}


def _dissolves(looks: _FrameSummaries, cuts: dict[int, float], step_s: float, config: ShotConfig) -> dict[int, float]:
    """Middle frames of dissolves, and how much changes: each picture between is a mixture of those at both ends."""
    half = max(2, round(config.dissolve_s / 2 / step_s))
    count = len(looks.times_s)
    if count <= 2 * half:
        return {}
    middles = np.arange(half, count - half)
    across = looks.change(middles - half, middles + half)
    found: dict[int, float] = {}
    for k in np.argsort(-across, kind="stable"):
        i = int(middles[k])
        if across[k] < config.dissolve_floor:
            break
        apart = all(abs(i - other) > 2 * half for other in (*cuts, *found))
        if apart and _mixes(looks.grids[i - half : i + half + 1], config):
            found[i] = float(across[k])
    return found


def _mixes(grids: Floats, config: ShotConfig) -> bool:
    """Whether grids [n d] walk the straight line from the first to the last, forwards and not in one leap."""
    line = grids[-1] - grids[0]
    length = float(np.linalg.norm(line))
    if length == 0.0:
        return False
    offsets = grids - grids[0]
    share = offsets @ line / length**2
    residual = np.linalg.norm(offsets - share[:, None] * line, axis=1) / length
    steps = np.diff(share)
    return bool(residual.max() < config.dissolve_residual and steps.min() > -0.08 and steps.max() < 0.6)


def _spans(cuts: dict[float, float], duration_s: float, min_shot_s: float) -> tuple[Span, ...]:
    """Spans between cuts (time → strength); of cuts nearer than `min_shot_s` to each other the strongest stays."""
    edges = [0.0, duration_s]
    for cut_s in sorted(cuts, key=lambda time_s: (-cuts[time_s], time_s)):
        if all(abs(cut_s - edge) >= min_shot_s for edge in edges):
            edges.append(cut_s)
    return tuple(Span(a, b) for a, b in pairwise(sorted(edges)))
