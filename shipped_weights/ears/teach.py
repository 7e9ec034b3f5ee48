"""Soft labels for the whole corpus: the teacher's 521 scores for every patch of every clip, as they stand.

    python shipped_weights/ears/teach.py --teacher FILE.tflite

Writes `labels/<source>.npz` in the corpus cache: `scores` uint8 [patches 521], every 0.48 s, and `clip` (row of the
source's `.tsv`). Resumable by source. Augmented and mixed windows are labelled where they are drawn, by the same
teacher (draw.py).
"""

import argparse
import csv
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

if __package__ in {None, ""}:
    import sys

    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from shipped_weights.ears import corpus
from shipped_weights.ears import teacher as teachers
from storysound.encode import ears


def label(index: Path, model: Path) -> str:
    """Label one source; returns a line that says how many patches."""
    target = index.parents[1] / "labels" / f"{index.stem}.npz"
    if target.exists() and target.stat().st_mtime >= index.stat().st_mtime:
        return f"{index.stem}: there already"
    net = teachers.Teacher(model)
    audio = np.load(index.with_suffix(".npy"), mmap_mode="r")
    scores, clips = [], []
    with index.open(newline="") as handle:
        for row, (_, start, length, _) in enumerate(csv.reader(handle, delimiter="\t")):
            samples = audio[int(start) : int(start) + int(length)].astype(np.float32) / 32768
            heard = np.stack([net.probabilities(patch) for patch in ears.patches(samples)])
            scores.append(np.round(heard * 255).astype(np.uint8))
            clips.append(np.full(len(heard), row, np.int32))
    target.parent.mkdir(exist_ok=True)
    if not scores:
        return f"{index.stem}: empty"
    partial = target.with_suffix(".part.npz")
    np.savez_compressed(partial, scores=np.concatenate(scores), clip=np.concatenate(clips))
    partial.replace(target)
    return f"{index.stem}: {sum(map(len, scores))} patches"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--teacher", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=corpus.cache_folder())
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    found = sorted((options.cache / "audio").glob("*.tsv"))
    with ProcessPoolExecutor(options.jobs) as pool:
        for line in pool.map(label, found, [options.teacher] * len(found)):
            if "already" not in line:
                print(line, flush=True)


if __name__ == "__main__":
    main()
