"""`storysound evaluate tav-small-ablation`: Table 3's four networks at a size a processor can learn.

With and without cross-attention between the streams (Eq. 12) and the loss that aligns them (Eq. 13, 14), each trained
with the same seeds on the same clips, and judged by its end on held-out texts. The paper's begin with halves that
learned apart and know nothing of each other; ours with the halves of a network that learned with both links, which are
taken off and drawn anew (`start`), or with nothing.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from storysound.encode.pool import Models
from storysound.generate.video.small import SmallTav, read_small
from storysound.metrics.table import Row
from storysound.progress import Watch
from storysound.research.stories.training import part_of
from storysound.research.tavg.small import judges as judging
from storysound.research.tavg.small.evaluate import (
    JudgedClips,
    judged,
    made,
    real_halves,
    row_of,
    sampling_of,
    texts_of,
)
from storysound.research.tavg.small.judges import read_judges
from storysound.research.tavg.small.kept_rows import keep_row, kept_row
from storysound.research.tavg.small.settings import SmallTavAblation, SmallTavTraining
from storysound.research.tavg.small.train import FOLDER, begun, train

VARIANTS = {
    "both": (True, True),
    "neither": (False, False),
    "cross-attention": (True, False),
    "alignment": (False, True),
}
ENDS = ("both", "neither")
START = "both, before"  # links of it that have learned nothing add nothing

Judge = Callable[[str, SmallTav, Watch], Row]


def evaluate(recipe: SmallTavAblation, models: Models, watch: Watch) -> list[Row]:
    """A row of each network and seed, then one of each network, the mean over its seeds with their range.

    With `start`, before them what all begin with. Raises MissingModelError for judges or a start that aren't there.
    """
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    judge = judging_of(recipe, watch)
    if recipe.latents is None:  # autoencoders are made once, for all
        begun(SmallTavTraining(recipe.out / "latents", devices="1"), watch)
    names = ENDS if recipe.ends_only else tuple(VARIANTS)
    runs = [(name, number) for name in names for number in range(recipe.seeds)]
    first = [] if recipe.start is None else [before(recipe, judge, watch)]
    rows: dict[str, list[Row]] = {name: [] for name in names}
    for i, (name, number) in enumerate(runs):
        run = recipe.training(*VARIANTS[name], number)
        rows[name].append(row_after(name, run, recipe, judge, models, part_of(watch, i, len(runs), run.out)))
    return [*first, *(row for each in rows.values() for row in each), *(mean_of(*each) for each in rows.items())]


def judging_of(recipe: SmallTavAblation, watch: Watch) -> Judge:
    """Judges a network by a name: real clips are made when they are first needed."""
    network, clips = read_judges(recipe.judges or judging.SHIPPED), texts_of(recipe)
    real: list[tuple[JudgedClips, tuple[float, float]]] = []

    def judge(name: str, parts: SmallTav, watch: Watch) -> Row:
        if not real:
            _, others, halves = real_halves(network, recipe, watch)
            real.append((others, halves))
        found = judged(network, made(clips, parts, recipe), recipe, watch)
        return row_of(name, found, *real[0], network, clips, recipe, sampling_of(parts, recipe))

    return judge


def before(recipe: SmallTavAblation, judge: Judge, watch: Watch) -> Row:
    """The row of what all begin with: its links, drawn anew, add nothing yet."""
    run, folder = recipe.training(*VARIANTS["both"], 0), recipe.out / "before"
    row = kept_row(folder, run, recipe)
    if row is None:
        parts, _ = begun(run, watch)
        parts.worded.eval()
        row = judge(START, parts, watch)
        keep_row(row, folder, run, recipe)
    return row


def row_after(
    name: str, run: SmallTavTraining, recipe: SmallTavAblation, judge: Judge, models: Models, watch: Watch
) -> Row:
    """The row of a run, which is trained, or goes on, where it isn't kept."""
    row = kept_row(run.out, run, recipe)
    if row is None:
        train(run, models, watch)
        row = judge(f"{name}, seed {run.seed}", read_small(run.out / FOLDER), watch)
        keep_row(row, run.out, run, recipe)
        watch.say(f"{row.model}: in step {row.figures['in_step']:.3f}, by chance {row.figures['in_step_chance']:.3f}")
    return row


def mean_of(name: str, rows: list[Row]) -> Row:
    """The mean over seeds; intervals are from the least to the most of them."""
    figures, ranges = {}, {}
    for key in rows[0].figures:
        values = np.array([row.figures[key] for row in rows])
        figures[key], ranges[key] = float(values.mean()), (float(values.min()), float(values.max()))
    said = f"{rows[0].protocol.rpartition(',')[0]}, mean of {len(rows)} seeds, intervals from least to most"
    return replace(rows[0], model=name, figures=figures, intervals=ranges, protocol=said)
