"""What is usual for each class of the AudioSet head: the level that events of `storysound listen` are measured by.

    python training/ears/usual.py src/storysound/encode/weights/audioset_usual.txt

Of the training windows in which the teacher doesn't hear a class, one in a hundred scores this or more.
Run it again whenever the head's weights change.
"""

import sys
from pathlib import Path

import numpy as np

if __package__ in {None, ""}:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from storysound.encode.audioset_head import AudioSetHead
from training.ears import corpus, head

ABSENT = 0.1  # the teacher's score below which a class isn't there
RARE = 0.99
FLOOR = 0.02  # classes that the corpus hardly holds score next to nothing; less than this means nothing


def main(target: Path) -> None:
    """Writes one number a class, in the order of the head's scores."""
    features, teacher = (part.numpy() for part in head.load(corpus.cache_folder(), "train", head.Config()))
    scores = AudioSetHead.load().scores(features)
    levels = [np.quantile(scores[teacher[:, c] < ABSENT, c], RARE) for c in range(scores.shape[1])]
    target.write_text("".join(f"{max(float(level), FLOOR):.4f}\n" for level in levels), "utf-8")
    print(f"{len(levels)} classes from {len(scores)} windows")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
