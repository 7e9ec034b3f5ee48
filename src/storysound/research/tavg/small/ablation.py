"""`storysound evaluate tav-small-ablation`: Table 3's four networks at a size a processor can learn.

With and without cross-attention between the streams (Eq. 12) and the loss that aligns them (Eq. 13, 14), each trained
anew with the same seeds on the same clips, and judged by its end on held-out texts.
"""

from dataclasses import replace

import numpy as np
import torch

from storysound.encode.pool import Models
from storysound.generate.video.small import read_small
from storysound.metrics.table import Row
from storysound.progress import Watch
from storysound.research.stories.training import part_of
from storysound.research.tavg.small import judges as judging
from storysound.research.tavg.small.evaluate import judged, made, real_halves, row_of, texts_of
from storysound.research.tavg.small.judges import read_judges
from storysound.research.tavg.small.settings import SmallTavAblation, SmallTavTraining
from storysound.research.tavg.small.train import FOLDER, begun, train

VARIANTS = {
    "neither": (False, False),
    "alignment": (False, True),
    "cross-attention": (True, False),
    "both": (True, True),
}


def evaluate(recipe: SmallTavAblation, models: Models, watch: Watch) -> list[Row]:
    """A row of each network and seed, then one of each network, the mean over its seeds with their range.

    Raises MissingModelError for judges that aren't there.
    """
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    network, clips = read_judges(recipe.judges or judging.SHIPPED), texts_of(recipe)
    if recipe.latents is None:  # autoencoders are made once, for all
        begun(SmallTavTraining(recipe.out / "latents", devices="1"), watch)
    _, others, halves = real_halves(network, recipe, watch)
    runs = [(name, number) for name in VARIANTS for number in range(recipe.seeds)]
    rows: dict[str, list[Row]] = {name: [] for name in VARIANTS}
    for i, (name, number) in enumerate(runs):
        run = recipe.training(*VARIANTS[name], number)
        part = part_of(watch, i, len(runs), run.out)
        train(run, models, part)
        found = judged(network, made(clips, read_small(run.out / FOLDER), recipe), recipe, part)
        row = row_of(f"{name}, seed {run.seed}", found, others, halves, network, clips, recipe)
        rows[name].append(row)
    return [row for each in rows.values() for row in each] + [mean_of(name, each) for name, each in rows.items()]


def mean_of(name: str, rows: list[Row]) -> Row:
    """The mean over seeds; intervals are from the least to the most of them."""
    figures, ranges = {}, {}
    for key in rows[0].figures:
        values = np.array([row.figures[key] for row in rows])
        figures[key], ranges[key] = float(values.mean()), (float(values.min()), float(values.max()))
    said = f"{rows[0].protocol.rpartition(',')[0]}, mean of {len(rows)} seeds, intervals from least to most"
    return replace(rows[0], model=name, figures=figures, intervals=ranges, protocol=said)
