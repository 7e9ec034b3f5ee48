"""What the corpus holds, by the teacher's own answers: hours, and confident patches of each of the 521 classes.

    python shipped_weights/ears/coverage.py --labels CLASS_NAMES.txt [--out coverage.tsv]

A patch is confident of a class where the teacher's score is at least 0.5. The aim is 50 such patches for 250 classes.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

if __package__ in {None, ""}:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from shipped_weights.ears import corpus

CONFIDENT = 128  # of 255


def count(cache: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, list[int]]]:
    """Confident patches, top-1 patches and number of sources per class; and each source's classes (>= 5 patches)."""
    confident, best, sources = (np.zeros(521, np.int64) for _ in range(3))
    by_source: dict[str, list[int]] = {}
    for file in sorted((cache / "labels").glob("*.npz")):
        if file.name.endswith(".part.npz"):
            continue
        with np.load(file) as data:
            scores = data["scores"]
        hits = (scores >= CONFIDENT).sum(0)
        confident += hits
        best += np.bincount(scores.argmax(1), minlength=521)
        sources += hits > 0
        by_source[file.stem] = [int(c) for c in np.flatnonzero(hits >= 5)]
    return confident, best, sources, by_source


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=corpus.cache_folder())
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("coverage.tsv"))
    options = parser.parse_args()
    names = options.labels.read_text().splitlines()
    confident, best, sources, _ = count(options.cache)
    clips = corpus.clips_of(options.cache)
    hours = sum(c.length for c in clips) / corpus.RATE_HZ / 3600
    with options.out.open("w") as handle:
        handle.write("class\tname\tconfident\ttop1\tsources\n")
        for number in np.argsort(-confident, kind="stable"):
            row = (number, names[number], confident[number], best[number], sources[number])
            handle.write("\t".join(map(str, row)) + "\n")
    print(f"{hours:.1f} h, {len(clips)} clips, {len({c.source for c in clips})} sources")
    for least in (1, 10, 50, 200):
        print(f"classes with >= {least} confident patches: {(confident >= least).sum()}")
    print("none at all:", ", ".join(names[n] for n in np.flatnonzero(confident == 0)))


if __name__ == "__main__":
    main()
