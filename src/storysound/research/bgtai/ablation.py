"""`storysound evaluate bgtai_ablation`: what the parts of BGTAI, or those of its loss, are worth on one's own stories.

`study=parts` is the paper's figure 2, DS-Net and Result Filter each on or off, and the model without gloss beside them;
`study=losses` its table 4: loss, DS-Net, and how much of a sound is heard. Every setting is trained anew, with the same
seeds, and judged on the stories that all of them held out, at the end of its training.
"""

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from storysound.config import load_profile
from storysound.draw import bgtai as bgtai_plot
from storysound.draw import recalls as recall_plot
from storysound.draw.bgtai import Course
from storysound.encode.features import StoryEncoder
from storysound.encode.pool import Models
from storysound.match.bgtai import BGTAI
from storysound.media.files import atomic
from storysound.metrics.retrieval_table import Judging, both_ways
from storysound.metrics.table import Row
from storysound.progress import Watch
from storysound.research.bgtai.glosses import GlossedStories
from storysound.research.bgtai.settings import BGTAI_ABLATION_TABLE, BgtaiAblation, BgtaiSettings, BgtaiTraining
from storysound.research.bgtai.train import PairSimilarity, config_of, parted, similarities, stories_of, train_on
from storysound.research.stories.training import begin, part_of
from storysound.train.loop import last_weights

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


def evaluate(recipe: BgtaiAblation, models: Models, watch: Watch) -> list[Row]:
    """A row per setting and direction, and a plot in `out`. Raises as `train_bgtai.train`."""
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    watch.plan({"training": 1.0})
    watch.step("training")
    encoder = StoryEncoder(models, load_profile(recipe.profile))
    study = STUDIES[recipe.study]
    rows: list[Row] = []
    courses: dict[str, Course] = {}
    for at, (name, change) in enumerate(study.items()):
        runs = [variant_of(recipe, name, change, number) for number in range(recipe.seeds)]
        first, of = at * recipe.seeds, len(study) * recipe.seeds
        stories = stories_of(runs[0], encoder, models, recipe.out / "features", part_of(watch, first, of, name))
        found = [_judged(stories, encoder, run, part_of(watch, first + i, of, run.out)) for i, run in enumerate(runs)]
        rows += _rows(recipe, name, found, stories)
        courses[name] = course_of([run.out for run in runs])
    file = recipe.out / f"{recipe.study}.{recipe.plot}"
    with atomic(file) as partial:
        partial.write_bytes(_plot(recipe, rows, courses))
    watch.say(f"{file}: {'figure 2' if recipe.study == 'parts' else 'table 4'}")
    return rows


def variant_of(recipe: BgtaiAblation, name: str, change: Mapping[str, Any], number: int) -> BgtaiTraining:
    """How one setting is trained in its run `number`."""
    given = {field.name: getattr(recipe, field.name) for field in fields(BgtaiSettings)}
    folder = "".join(c if c.isalnum() else "-" for c in name.lower())
    out, seed = recipe.out / recipe.study / folder / str(number), recipe.seed + number
    return BgtaiTraining(**{**given, "out": out, "seed": seed, "devices": "1", **change})


def _judged(
    stories: GlossedStories, encoder: StoryEncoder, run: BgtaiTraining, watch: Watch
) -> dict[str, PairSimilarity]:
    """What a run's last weights say of the stories it held out: not its best ones, which they chose."""
    fabric, watch = begin(run, watch)
    train_on(stories, encoder, run, fabric, watch)
    network = BGTAI(config_of(run, stories, aligned=encoder.aligned))
    network.load_state_dict(last_weights(run.out))
    return similarities(network.eval(), stories, parted(stories, run.held_out)[1])


def _rows(
    recipe: BgtaiAblation, name: str, runs: list[dict[str, PairSimilarity]], stories: GlossedStories
) -> list[Row]:
    """Both directions of each pair."""
    groups, judging = np.array(stories.features.groups), Judging(recipe.data.name, recipe.draws, recipe.seed)
    rows = []
    for pair, one in runs[0].items():
        tasks = ("2".join(pair), "2".join(pair[::-1]))
        own = (groups[one.rows.numpy()], groups[one.columns.numpy()])
        rows += both_ways(tasks, {name: [run[pair].similarity for run in runs]}, one.fits, judging, groups=own)
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


def _plot(recipe: BgtaiAblation, rows: list[Row], courses: Mapping[str, Course]) -> bytes:
    suffix = f".{recipe.plot}"
    if recipe.study == "parts":
        heading = f"Held-out stories by the time of training, mean of {recipe.seeds} seeds"
        return bgtai_plot.draw(heading, "geometric mean of recalls at 1, 5 and 10", courses, suffix)
    task = next(task for task in BGTAI_ABLATION_TABLE.tasks if any(row.task == task for row in rows))
    known = {row.model: row for row in rows if row.task == task}
    heading = f"{task}: recall in per cent, n = {next(iter(known.values())).n} held-out queries"
    return recall_plot.draw(heading, [("loss, DS-Net (D) and seconds of sound", known)], suffix)
