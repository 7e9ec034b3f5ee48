"""`storysound evaluate bgtai_ablation`: what the parts of BGTAI, or those of its loss, are worth on one's own stories.

`study=parts` is the paper's figure 2, DS-Net and Result Filter each on or off, and the model without gloss beside them;
`study=losses` its table 4: loss, DS-Net, and how much of a sound is heard. Every setting is trained anew, with the same
seeds, and judged on the stories that all of them held out, at the end of its training.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from storysound.config import load_profile
from storysound.draw import bgtai as bgtai_plot
from storysound.draw import recalls as recall_plot
from storysound.draw.bgtai import Course
from storysound.match.bgtai import BGTAI
from storysound.media.files import atomic
from storysound.metrics import retrieval
from storysound.research.bgtai import train as train_bgtai
from storysound.research.bgtai.evaluate import COLUMNS, TASKS
from storysound.research.bgtai.glosses import GlossedStories
from storysound.research.bgtai.train import Judged, config_of, parted, similarities, stories_of, train_on
from storysound.research.results import Row
from storysound.research.stories.features import Senses
from storysound.train.loop import Tell, fabric_for, last_weights
from storysound.weights.resolver import Resolver

PAPER, TABLES = "bgtai", ()
NO_GLOSS, BASE, DS_NET, RESULT_FILTER, BOTH = "no gloss", "Base", "DS-Net", "Result Filter", "DS&RF"
# "L2 + SP" for the paper's "L_SP": alone, SP-Loss pairs nothing. "Total" without DS-Net is its contrastive part.
STUDIES: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "parts": {
        NO_GLOSS: {"gloss": False, "ds_net": False, "result_filter": False},
        BASE: {"ds_net": False, "result_filter": False},
        DS_NET: {"result_filter": False},
        RESULT_FILTER: {"ds_net": False, "result_filter": True},
        BOTH: {"result_filter": True},
    },
    "losses": {
        "A: L2, D, 10 s": {"result_filter": True, "contrastive": "l2", "cross_entropy": 0.0, "sp": 0.0},
        "B: L2 + SP, D, 10 s": {"result_filter": True, "contrastive": "l2", "cross_entropy": 0.0},
        "C: total, no D, 10 s": {"result_filter": True, "ds_net": False},
        "D: total, D, 1 s": {"result_filter": True, "crop_s": 1.0},
        "E: total, D, 5 s": {"result_filter": True, "crop_s": 5.0},
        "F: total, D, 10 s": {"result_filter": True},
    },
}
__all__ = ["COLUMNS", "PAPER", "TABLES", "TASKS", "Recipe", "evaluate"]


@dataclass(frozen=True)
class Recipe(train_bgtai.Recipe):
    """Settings of all trainings, those of `storysound train bgtai`, and of the comparison."""

    study: str = "parts"  # or losses
    steps: int = 300
    held_out: float = 0.3
    seeds: int = 3  # runs of each setting, seed and those that follow it
    draws: int = 2000  # of the bootstrap, by groups
    plot: str = "svg"  # or png: `out/STUDY.svg`

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.study not in STUDIES or self.plot not in {"svg", "png"} or min(self.seeds, self.draws) < 1:
            raise ValueError(f"needs study parts or losses, plot svg or png, seeds and draws >= 1, got {self}")
        if (self.gloss, self.ds_net, self.result_filter, self.contrastive) != (True, True, False, "infonce"):
            raise ValueError("the parts and the loss are what is compared: leave them as they are")


def evaluate(recipe: Recipe, weights: Resolver, tell: Tell) -> list[Row]:
    """A row per setting and direction, and a plot in `out`. Raises as `train_bgtai.train`."""
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    senses = Senses(load_profile(recipe.profile), weights)
    rows: list[Row] = []
    courses: dict[str, Course] = {}
    for name, change in STUDIES[recipe.study].items():
        runs = [variant_of(recipe, name, change, number) for number in range(recipe.seeds)]
        stories = stories_of(runs[0], senses, weights, recipe.out / "features", tell)
        found = [_judged(stories, senses, run, tell) for run in runs]
        rows += _rows(recipe, name, found, stories)
        courses[name] = course_of([run.out for run in runs])
    file = recipe.out / f"{recipe.study}.{recipe.plot}"
    with atomic(file) as partial:
        partial.write_bytes(_plot(recipe, rows, courses))
    tell(f"{file}: {'figure 2' if recipe.study == 'parts' else 'table 4'}")
    return rows


def variant_of(recipe: Recipe, name: str, change: Mapping[str, Any], number: int) -> train_bgtai.Recipe:
    """How one setting is trained in its run `number`."""
    given = {field.name: getattr(recipe, field.name) for field in fields(train_bgtai.Recipe)}
    folder = "".join(c if c.isalnum() else "-" for c in name.lower())
    out, seed = recipe.out / recipe.study / folder / str(number), recipe.seed + number
    return replace(train_bgtai.Recipe(**{**given, "out": out, "seed": seed}), **change)


def _judged(stories: GlossedStories, senses: Senses, run: train_bgtai.Recipe, tell: Tell) -> dict[str, Judged]:
    """What a run's last weights say of the stories it held out: not its best ones, which they chose."""
    fabric = fabric_for(run.out, precision=run.precision, devices=1)
    train_on(stories, senses, run, fabric, lambda line: tell(f"{run.out}: {line}"))
    network = BGTAI(config_of(run, stories, aligned=senses.aligned))
    network.load_state_dict(last_weights(run.out))
    return similarities(network.eval(), stories, parted(stories, run.held_out)[1])


def _rows(recipe: Recipe, name: str, runs: list[dict[str, Judged]], stories: GlossedStories) -> list[Row]:
    """Both directions of each pair, figures the means of the runs."""
    rows = []
    groups = np.array(stories.features.groups)
    for pair in runs[0]:
        for turned in (False, True):
            both = [(one[pair].similarity.T, one[pair].fits.T) if turned else one[pair][:2] for one in runs]
            reports = [retrieval.evaluate(*each) for each in both]
            own = groups[(runs[0][pair].columns if turned else runs[0][pair].rows).numpy()]
            pooled = retrieval.pooled(reports)
            task = "2".join(pair[::-1] if turned else pair)
            intervals = retrieval.intervals(
                pooled, groups=np.tile(own, len(runs)), draws=recipe.draws, seed=recipe.seed
            )
            protocol = f"{reports[0].protocol}; mean of {len(runs)} seeds; intervals over {len(np.unique(own))} groups"
            rows.append(Row(task, name, pooled.figures(), intervals, reports[0].n, recipe.data.name, protocol))
    return rows


def course_of(runs: list[Path]) -> Course:
    """How good a setting was at each look in all of its runs, and the mean time by then, its looks not counted."""
    times, figures = [], []
    for run in runs:
        lines = [json.loads(line) for line in (run / "progress.jsonl").read_text("utf-8").splitlines()]
        looks = [line for line in lines if "evaluation/geometric_mean" in line]
        times.append([line["time"] - lines[0]["time"] for line in looks])
        figures.append([line["evaluation/geometric_mean"] for line in looks])
    return Course(np.mean(times, axis=0).tolist(), figures)


def _plot(recipe: Recipe, rows: list[Row], courses: Mapping[str, Course]) -> bytes:
    suffix = f".{recipe.plot}"
    if recipe.study == "parts":
        heading = f"Held-out stories by the time of training, mean of {recipe.seeds} seeds"
        return bgtai_plot.draw(heading, "geometric mean of recalls at 1, 5 and 10", courses, suffix)
    task = next(task for task in TASKS if any(row.task == task for row in rows))
    known = {row.model: row for row in rows if row.task == task}
    heading = f"{task}: recall in per cent, n = {next(iter(known.values())).n} held-out queries"
    return recall_plot.draw(heading, [("loss, DS-Net (D) and seconds of sound", known)], suffix)
