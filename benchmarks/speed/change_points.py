"""Whether change points find where one clip ends and another begins, on real clips joined at random.

The embeddings are those of the default profile's picture encoder, two a second, at most 12 s of a clip; eight clips are
joined, thirty times. A join counts as found within half a second.

Run: OMP_NUM_THREADS=1 python -m benchmarks.speed.change_points --data ../shared/data
"""

import argparse
from pathlib import Path

import numpy as np

from storysound.config import load_profile
from storysound.encode.encoder import load
from storysound.ingest.change_points import ChangeConfig, change_points
from storysound.jobs.summarize.summarize import BATCH, LOOK_S, SHORTEST_SHOT_S, SIDE_PX
from storysound.media.video import iter_frames
from storysound.weights.resolver import Resolver

CLIP_S, JOINED, DRAWS, WEIGHTS = 12.0, 8, 30, (0.5, 1.0, 2.0)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds videos/clips")
    clips = embeddings(parser.parse_args().data / "videos" / "clips")
    for weight in WEIGHTS:
        rng, found, missed, extra, minutes = np.random.default_rng(0), 0, 0, 0, 0.0
        config = ChangeConfig(weight, round(SHORTEST_SHOT_S / LOOK_S))
        for _ in range(DRAWS):
            own = [clips[i] for i in rng.permutation(len(clips))[:JOINED]]
            joins = np.cumsum([len(clip) for clip in own])[:-1]
            points = change_points(np.concatenate(own), config)
            near = np.abs(joins[:, None] - points) <= 1
            found, missed = found + near.any(axis=1).sum(), missed + (~near.any(axis=1)).sum()
            extra, minutes = extra + (~near.any(axis=0)).sum(), minutes + sum(map(len, own)) * LOOK_S / 60
        joins_in_all = found + missed
        print(
            f"penalty × {weight}: {found / joins_in_all:.3f} of {joins_in_all} joins of {len(clips)} clips found, ",
            end="",
        )
        print(f"{extra / minutes:.1f} further change points a minute")


def embeddings(folder: Path) -> list[np.ndarray]:
    """What the eyes say of each clip: [n d]."""
    eyes = load(load_profile().picture, Resolver(offline=True))
    clips = []
    for path in sorted(folder.iterdir()):
        frames = [frame.rgb for frame in iter_frames(path, every_s=LOOK_S, max_side=SIDE_PX) if frame.time_s < CLIP_S]
        seen = [one for at in range(0, len(frames), BATCH) for one in eyes.encode(frames[at : at + BATCH])]
        clips.append(np.concatenate([one.embedding for one in seen]))
    return clips


if __name__ == "__main__":
    main()
