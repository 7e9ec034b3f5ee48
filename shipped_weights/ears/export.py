"""From a run to what ships: float16 weights, and what is usual for each class, the level events are measured by.

    python shipped_weights/ears/export.py --shards FOLDER --run RUN --out src/storysound/encode/weights

Writes `ears.safetensors` and `ears_usual.txt`: of the training patches in which the teacher doesn't hear a class, one
in a hundred scores that much or more.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

if __package__ in {None, ""}:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from storysound.encode.ears import Network
from storysound.ingest.ear_shards import read_shards

ABSENT = 0.1  # the teacher's score below which a class isn't there
RARE = 0.99
FLOOR = 0.02  # classes that the corpus hardly holds score next to nothing; less than this means nothing
BATCH = 256


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--patches", type=int, default=60_000)
    options = parser.parse_args()
    best = load_file(options.run / "best.safetensors")
    save_file({k: v.half() if v.is_floating_point() else v for k, v in best.items()}, options.out / "ears.safetensors")
    network = Network()
    network.load_state_dict({k: v.float() for k, v in load_file(options.out / "ears.safetensors").items()})
    network.eval().fuse()
    shards = read_shards(options.shards, "train")
    picked = np.random.default_rng(0).choice(shards.patches, min(options.patches, shards.patches), replace=False)
    scores, teacher = [], []
    with torch.inference_mode():
        for numbers in torch.from_numpy(np.sort(picked)).split(BATCH):
            batch = shards.at(numbers)
            scores.append(network(batch.log_mel).logits.sigmoid().numpy())
            teacher.append(batch.logits.sigmoid().numpy())
    heard, there = np.concatenate(scores), np.concatenate(teacher)
    levels = [np.quantile(heard[there[:, c] < ABSENT, c], RARE) for c in range(heard.shape[1])]
    (options.out / "ears_usual.txt").write_text("".join(f"{max(float(x), FLOOR):.4f}\n" for x in levels), "utf-8")
    print(f"{len(levels)} classes from {len(heard)} patches")


if __name__ == "__main__":
    main()
