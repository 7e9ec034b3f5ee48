"""TVSum's annotations: how important each frame of a video is to each of twenty people."""

import gzip
from pathlib import Path

import numpy as np

from storysound.errors import InputError
from storysound.media.arrays import Doubles
from storysound.media.files import fault_of

People = dict[str, Doubles]  # by video, the importance of its frames as each person gave it [n t]

ANNOTATIONS = ("ydata-anno.tsv.gz", "ydata-tvsum50-anno.tsv")  # as others hand it on, and as it was released


def read_importances(folder: Path) -> People:
    """Importance of every frame, from 1 to 5, as each annotator gave it, by video: {id: [20 t]}.

    The file has a line per video and annotator: id, category, and the importances parted by commas.
    """
    path = next((folder / name for name in ANNOTATIONS if (folder / name).exists()), folder / ANNOTATIONS[0])
    found: dict[str, list[Doubles]] = {}
    try:
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                video, _, importances = line.rstrip("\n").split("\t")
                found.setdefault(video, []).append(np.array(importances.split(","), np.float64))
        videos = {video: np.stack(people) for video, people in found.items()}
    except (OSError, EOFError) as error:
        raise InputError(path, f"can't be read: {fault_of(error)}", f"put TVSum's {path.name} there") from error
    except ValueError as error:
        raise InputError(path, "is not TVSum's table of annotations", "take it from the data set anew") from error
    if not videos or any(len(people) < 2 for people in videos.values()):
        raise InputError(path, "has no video that two people judged", "take it from the data set anew")
    return videos
