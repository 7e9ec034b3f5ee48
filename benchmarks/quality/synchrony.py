"""How often the offset of a sound from what moves is found: on real clips shifted by known times, and on a made one.

Run: python -m benchmarks.quality.synchrony [../shared/data]

Each clip of ../shared/data/videos whose sound and motion have onsets is heard with its sound later by each of SHIFTS_S
than it was recorded; right is what lies within 80 ms of that. Settings were chosen on the clips of even number in name
order ("chosen"), the others weren't looked at ("unseen"). The recording itself is taken to be in step, which distant
fireworks aren't. "shift": of the offset found against the one found in the clip as it is, where that is right within
80 ms: whether the search follows the sound, not whether it knows what belongs to what. "surest half": clips of greater
`strength`. Intervals are 95 %, of a bootstrap by clips; chance is 80 ms on either side among all offsets.

The made clips are of squares that leap at irregular times while clicks sound, with a share of the clicks and of the
leaps elsewhere and noise on the pictures; they are drawn from SEED.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from storysound.errors import MediaError
from storysound.media import rhythm
from storysound.media.arrays import Doubles, Floats
from storysound.media.audio import read_audio
from storysound.media.video import iter_shown
from storysound.metrics.bootstrap import interval
from storysound.metrics.synchrony import LONGEST_S, synchrony

SHIFTS_S = (-0.6, -0.4, -0.2, 0.0, 0.2, 0.4, 0.6)
RIGHT_S = 0.08
SECONDS = 12.0  # of a clip at most
SIDE_PX = 96
MADE, SEED = 40, 0
STRAY = (0.0, 0.3, 0.5)  # share of the leaps, and of the clicks, that have nothing to do with the others


@dataclass(frozen=True)
class Clip:
    """Grey pictures [n h w] in [0, 1] at times_s [n], and onsets [t] at `rhythm.FRAMES_PER_S`."""

    name: str
    pictures: Floats
    times_s: Doubles
    onsets: Doubles


def shifted(onsets: Doubles, by_s: float) -> Doubles:
    """Onsets [t] later by so much: before the sound, and after it, nothing begins."""
    count = round(by_s * rhythm.FRAMES_PER_S)
    moved = np.zeros_like(onsets)
    moved[max(0, count) : len(onsets) + min(0, count)] = onsets[max(0, -count) : len(onsets) - max(0, count)]
    return moved


def real_clips(folder: Path) -> list[Clip]:
    """All that have a sound, in name order."""
    found = []
    for path in sorted(folder.iterdir()):
        try:
            onsets = rhythm.onset_envelope(read_audio(path, channels=1, end_s=SECONDS))
        except MediaError:
            continue
        grey = [(f.time_s, f.rgb(SIDE_PX, quick=True).mean(axis=2) / 255) for f in iter_shown(path, end_s=SECONDS)]
        pictures = np.stack([picture for _, picture in grey]).astype(np.float32)
        found.append(Clip(path.stem, pictures, np.array([time for time, _ in grey]), onsets))
    return found


def made_clips(stray: float, count: int, seed: int) -> list[Clip]:
    """Clips of 10 s at 25 pictures a second."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count):
        strikes = np.sort(rng.uniform(0.3, 9.7, rng.integers(6, 14)))
        leaps, clicks = (np.where(rng.random(len(strikes)) < stray, rng.uniform(0, 10, len(strikes)), strikes)
                         for _ in range(2))  # fmt: skip
        times = np.arange(250) / 25
        pictures = (0.02 * rng.standard_normal((250, 54, 96))).astype(np.float32)
        places = rng.integers(0, 36, (len(leaps) + 1, 2))
        for picture, at in zip(pictures, np.searchsorted(np.sort(leaps), times + 1e-9), strict=True):
            top, left = places[at]
            picture[top : top + 16, left : left + 16] += 0.6
        onsets = np.zeros(int(10 * rhythm.FRAMES_PER_S))
        onsets[(clicks * rhythm.FRAMES_PER_S).astype(np.int64) % len(onsets)] = 4.0
        found.append(Clip(f"made {number}", pictures, times, onsets))
    return found


def offsets(clip: Clip) -> list[tuple[float, float]] | None:
    """Offset and strength at each of SHIFTS_S; None where sound or motion has no onset."""
    each = [synchrony(clip.pictures, clip.times_s, shifted(clip.onsets, by_s), rhythm.FRAMES_PER_S)
            for by_s in SHIFTS_S]  # fmt: skip
    return None if any(one is None for one in each) else [(one.offset_s, one.strength) for one in each if one]


def share(rows: Doubles) -> dict[str, Any]:
    """Of clips by shifts [n s], how often it was right, with an interval by clips."""
    bounds = interval(lambda chosen: float(rows[chosen].mean()), len(rows), draws=2000, seed=SEED)
    return {
        "right": round(float(rows.mean()), 3),
        "interval": [round(bound, 3) for bound in bounds],
        "clips": len(rows),
    }


def judged(clips: list[Clip]) -> dict[str, Any]:
    """All figures of clips, of which those without onsets are left out."""
    found = {clip.name: each for clip in clips if (each := offsets(clip)) is not None}
    places = np.array(list(found.values()))  # [n s 2]
    wanted = np.array(SHIFTS_S)
    right = (np.abs(places[:, :, 0] - wanted) <= RIGHT_S + 1e-6).astype(np.float64)
    as_is = places[:, SHIFTS_S.index(0.0), 0]
    inside = np.abs(as_is[:, None] + wanted) <= LONGEST_S  # what was found can still be found where it went
    follows = np.abs(places[:, :, 0] - as_is[:, None] - wanted) <= RIGHT_S + 1e-6
    surest = np.argsort(-places[:, :, 1].mean(axis=1))[: -(-len(places) // 2)]
    return {
        "right": share(right),
        "surest half": share(right[surest]),
        "shift": round(float(follows[inside].mean()), 3),
        "each": {name: [round(at, 2) for at, _ in each] for name, each in found.items()},
    }


def measure(shared: Path) -> dict[str, Any]:
    """Shares of what was right, by sets of clips."""
    clips = real_clips(shared / "videos" / "clips")
    return {
        "chance": round((2 * RIGHT_S) / (2 * LONGEST_S), 3),
        "chosen": judged(clips[::2]),
        "unseen": judged(clips[1::2]),
        **{f"made, {stray:.0%} stray": judged(made_clips(stray, MADE, SEED)) | {"each": {}} for stray in STRAY},
    }


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data")), indent=2))
