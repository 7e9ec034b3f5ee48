"""Draw augmented windows, have the teacher score them and the frozen encoder describe them: the head's training set.

    python training/ears/draw.py --teacher FILE.tflite --windows 40000          # for training
    python training/ears/draw.py --teacher FILE.tflite --windows 4000 --test    # of the sources held out, as they are

Writes shards of 256 windows to `windows/` in the corpus cache: features float16 [n 3 512] and scores uint8 [n 3 521] of
three patches a window. Resumable by shard; two processes may share the work (--part 0/2, --part 1/2).
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import soxr
import torch

if __package__ in {None, ""}:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from training.ears import corpus, features, windows
from training.ears import teacher as teachers

SHARD = 256
PATCH_STARTS = np.array([0.09, 0.675, 1.26]) * teachers.RATE_HZ  # three patches spread over the 2.32 s
BATCH = 16


def draw(drawer: windows.Drawer, shard: int, net: teachers.Teacher, encoder: features.Features, target: Path) -> None:
    """Write one shard."""
    waves = np.empty((BATCH, features.SAMPLES), np.float32)
    scores, rows = [], []
    for first in range(0, SHARD, BATCH):
        for i in range(BATCH):
            waves[i] = drawer.window(shard * SHARD + first + i, plain="test" in target.name)
            low = soxr.resample(waves[i], corpus.RATE_HZ, teachers.RATE_HZ)
            scores.append(net.scores(low, PATCH_STARTS.astype(np.int64)))
        rows.append(encoder(waves).astype(np.float16))
    partial = target.with_suffix(".part.npz")
    np.savez(partial, features=np.concatenate(rows), scores=np.stack(scores))
    partial.replace(target)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--teacher", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=corpus.cache_folder())
    parser.add_argument("--windows", type=int, default=40_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--test", action="store_true")
    parser.add_argument("--part", default="0/1")
    options = parser.parse_args()
    torch.set_num_threads(1)
    part, parts = map(int, options.part.split("/"))
    drawer = windows.Drawer(windows.pool(options.cache, test=options.test), features.SAMPLES, options.seed)
    print(f"{len(drawer.clips.chance)} clips of {len(drawer.clips.files)} sources", flush=True)
    net, encoder = teachers.Teacher(options.teacher), features.Features()
    folder = options.cache / "windows"
    folder.mkdir(exist_ok=True)
    for shard in range(part, options.windows // SHARD, parts):
        target = folder / f"{'test' if options.test else 'train'}-{options.seed}-{shard:05d}.npz"
        if not target.exists():
            draw(drawer, shard, net, encoder, target)
            print(target.name, flush=True)


if __name__ == "__main__":
    main()
