"""`storysound evaluate bgtai`: how well text, sound and pictures find each other by way of their gloss.

The cross-modal columns of BGTAI's table 2 on data of one's own, and those of text with either; for the model, for the
same model before it learned anything, and for chance. Where texts are names of classes, R@1 of A2T is the accuracy.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from storysound.encode import lemmas
from storysound.errors import InputError
from storysound.match.bgtai import BGTAI
from storysound.metrics import retrieval
from storysound.research.bgtai.glosses import GlossedStories, glossed
from storysound.research.bgtai.train import Judged, network_of, similarities
from storysound.research.results import Column, Row
from storysound.research.stories.batches import held_out
from storysound.research.stories.features import features_of
from storysound.research.stories.read import read_stories
from storysound.train.loop import Tell
from storysound.trained.bgtai import load_trained
from storysound.weights.resolver import Resolver

PAPER, TABLES = "bgtai", ("2, retrieval",)
TASKS = ("A2I", "I2A", "A2T", "T2A", "T2I", "I2T")
COLUMNS = (
    Column("mrr", "MRR"),
    *(Column(f"r{k}", f"R@{k} %", 100, 1) for k in (1, 5, 10)),
    Column("median_rank", "median rank", digits=1),
)


@dataclass(frozen=True)
class Recipe:
    """What is evaluated; each can be given as key=value."""

    data: Path  # data set of `storysound ingest`, or a file of JSON lines
    model: Path  # best.safetensors of a run of `storysound train bgtai`
    split: str = "held_out"  # the groups the run held out; "all" for data it never saw
    draws: int = 2000  # of the bootstrap, by groups
    seed: int = 0  # of bootstrap and chance

    def __post_init__(self) -> None:
        if self.split not in {"held_out", "all"} or self.draws < 1:
            raise ValueError(f"split is held_out or all, and draws at least 1, got {self.split!r} and {self.draws}")


def evaluate(recipe: Recipe, weights: Resolver, tell: Tell) -> list[Row]:
    """All rows that are measured.

    Raises InputError where model and data don't go together, LibraryError, MissingModelError.
    """
    trained = load_trained(recipe.model, weights)
    config = trained.card.model
    material = read_stories(recipe.data)
    features = features_of(material, trained.senses, recipe.model.parent / "features", trained.card.crop_s, tell)
    stories = glossed(features, material, trained.senses, lemmas.load(weights).of, read_gloss=config.gloss)
    out = held_out(features.groups, trained.card.held_out)
    out = out if recipe.split == "held_out" else torch.ones_like(out)
    chosen, rest = (torch.nonzero(part)[:, 0] for part in (out, ~out))
    untrained = network_of(config, stories, rest if len(rest) else chosen).eval()
    models = {"BGTAI": trained.network, "untrained": untrained} if config.aligned else {"BGTAI": trained.network}
    rows = list(_rows(recipe, stories, chosen, models))
    if not rows:
        raise InputError(recipe.data, f"holds {len(chosen)} stories to judge by: too few", "try split=all on new data")
    return rows


def _rows(recipe: Recipe, stories: GlossedStories, chosen: Tensor, models: dict[str, BGTAI]) -> Iterator[Row]:
    groups = np.array(stories.features.groups)
    found: dict[str, Judged] = {}
    for name, network in models.items():
        found = similarities(network, stories, chosen)
        for pair, one in found.items():
            yield _row(recipe, name, pair, one.similarity, one.fits, groups[one.rows.numpy()])
            yield _row(recipe, name, pair[::-1], one.similarity.T, one.fits.T, groups[one.columns.numpy()])
    for pair, one in found.items():
        for task, fits in ((pair, one.fits), (pair[::-1], one.fits.T)):
            chance = retrieval.at_random(len(fits), fits.shape[1], fits, seed=recipe.seed)
            protocol = f"{len(fits)} queries, {fits.shape[1]} candidates; mean of five random orders"
            yield Row("2".join(task), "random, mean of five", chance, {}, len(fits), recipe.data.name, protocol)


def _row(recipe: Recipe, model: str, pair: str, similarity: Tensor, fits: Tensor, groups: np.ndarray) -> Row:
    report = retrieval.evaluate(similarity, fits)
    intervals = retrieval.intervals(report, groups=groups, draws=recipe.draws, seed=recipe.seed)
    protocol = (
        f"{report.protocol}; {fits.shape[1]} candidates; intervals over {len(np.unique(groups))} groups; "
        "most informative stretch"
    )
    return Row("2".join(pair), model, report.figures(), intervals, report.n, recipe.data.name, protocol)
