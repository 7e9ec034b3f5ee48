"""Which prompts photographs get: `python -m benchmarks.quality.prompts`.

For each photograph of OASIS the nearest prompt, once with moods as the heads foretell them, as the MMVA paper compares
them, once on the common scale, as `storysound generate music` does. How many different prompts are chosen, which share
of the photographs gets one of the five most frequent, and how the moods of the chosen prompts go with people's ratings
of the photographs (Pearson's r; the picture head has learned from these, so that says how much is lost on the way, not
how good it is on others).
"""

import csv
import sys
from collections import Counter

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.quality.quality import data_folder
from storysound.annotate.feeling import MoodReader
from storysound.config import load_profile
from storysound.encode import mood as moods
from storysound.encode.pool import Models
from storysound.generate.prompts import Prompts
from storysound.jobs.generate.music import SIDE_PX, all_prompts
from storysound.media.arrays import Floats
from storysound.media.image import read_image
from storysound.weights.resolver import Resolver

SHOWN = 12  # photographs whose prompts are printed, evenly spread


def nearest(wanted: Floats, offered: Floats) -> NDArray[np.intp]:
    """The number of the nearest of `offered` [p 2] for each of `wanted` [n 2]."""
    return np.asarray(np.linalg.norm(wanted[:, None] - offered[None], axis=2).argmin(axis=1))


def row(name: str, chosen: NDArray[np.intp], prompts: Prompts, rated: Floats) -> tuple[str, ...]:
    """What is told of one way to choose."""
    frequent = sum(count for _, count in Counter(chosen.tolist()).most_common(5)) / len(chosen)
    found = [np.corrcoef(prompts.moods[chosen, axis], rated[:, axis])[0, 1] for axis in (0, 1)]
    return name, str(len(set(chosen.tolist()))), f"{frequent:.2f}", *(f"{r:.2f}" for r in found)


def main() -> None:
    """Prints the table, then examples."""
    folder = data_folder() / "oasis"
    with (folder / "norms.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    rated = np.array([(float(r["valence_mean"]), float(r["arousal_mean"])) for r in rows], np.float32)
    weights = Resolver(offline=True)
    feeling = MoodReader(Models(load_profile(), weights))
    seen = feeling.eyes.encode([read_image(folder / r["file"], max_side=SIDE_PX) for r in rows])
    prompts = all_prompts(feeling, weights.cache / "prompts", lambda line: print(line, file=sys.stderr))
    raw = moods.head("image").ratings(moods.looks(np.concatenate([one.embedding for one in seen])))
    ways = {"as foretold (paper)": nearest(raw, prompts.moods)}
    ways["common scale"] = nearest(moods.of_pictures(seen), prompts.tones)
    table = Table(box=None)
    for heading in ("moods", "prompts", "share of 5", "r valence", "r arousal"):
        table.add_column(heading)
    for name, chosen in ways.items():
        table.add_row(*row(name, chosen, prompts, rated))
    Console().print(table)
    for i in np.linspace(0, len(rows) - 1, SHOWN).astype(int):
        print(f"{rows[i]['theme']}: " + " | ".join(prompts.texts[chosen[i]] for chosen in ways.values()))
    print(f"{len(rows)} photographs, {len(prompts.texts)} prompts")


if __name__ == "__main__":
    main()
