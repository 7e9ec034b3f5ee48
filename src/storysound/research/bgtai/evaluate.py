"""`storysound evaluate bgtai`: how well text, sound and pictures find each other by way of their gloss.

The cross-modal columns of BGTAI's table 2 on data of one's own, and those of text with either; for the model, for the
same model before it learned anything, and for chance. Where texts are names of classes, R@1 of A2T is the accuracy.
"""

import numpy as np
import torch
from torch import Tensor

from storysound.encode import lemmas
from storysound.encode.pool import Models
from storysound.errors import InputError
from storysound.library.stories import read_stories
from storysound.match.bgtai import BGTAI
from storysound.metrics.retrieval_table import Judging, both_ways, chance_both_ways
from storysound.metrics.table import Row
from storysound.progress import Watch
from storysound.research.bgtai.glosses import GlossedStories, glossed
from storysound.research.bgtai.settings import BgtaiEvaluation
from storysound.research.bgtai.train import network_of, similarities
from storysound.research.stories.batches import held_out
from storysound.research.stories.features import features_of
from storysound.trained.bgtai import load_trained


def evaluate(recipe: BgtaiEvaluation, models: Models, watch: Watch) -> list[Row]:
    """All rows that are measured.

    Raises InputError where model and data don't go together, LibraryError, MissingModelError.
    """
    trained = load_trained(recipe.model, models)
    config = trained.card.model
    material = read_stories(recipe.data)
    features = features_of(material, trained.encoder, recipe.model.parent / "features", trained.card.crop_s, watch)
    stories = glossed(
        features, material, trained.encoder, models.get("lemmas", lemmas.load).of, read_gloss=config.gloss
    )
    out = held_out(features.groups, trained.card.held_out)
    out = out if recipe.split == "held_out" else torch.ones_like(out)
    chosen, rest = (torch.nonzero(part)[:, 0] for part in (out, ~out))
    untrained = network_of(config, stories, rest if len(rest) else chosen).eval()
    networks = {"BGTAI": trained.network, "untrained": untrained} if config.aligned else {"BGTAI": trained.network}
    rows = _rows(recipe, stories, chosen, networks)
    if not rows:
        raise InputError(recipe.data, f"holds {len(chosen)} stories to judge by: too few", "try split=all on new data")
    return rows


def _rows(recipe: BgtaiEvaluation, stories: GlossedStories, chosen: Tensor, networks: dict[str, BGTAI]) -> list[Row]:
    """Of the stories chosen [s], by number: both ways of each pair of modalities."""
    groups, judging = np.array(stories.features.groups), Judging(recipe.data.name, recipe.draws, recipe.seed)
    found = {name: similarities(network, stories, chosen) for name, network in networks.items()}
    rows: list[Row] = []
    for pair, one in next(iter(found.values())).items():
        tasks = ("2".join(pair), "2".join(pair[::-1]))
        measured = {name: [own[pair].similarity] for name, own in found.items()}
        own = (groups[one.rows.numpy()], groups[one.columns.numpy()])
        rows += both_ways(tasks, measured, one.fits, judging, groups=own, note="most informative stretch")
        rows += chance_both_ways(tasks, one.fits, judging)
    return rows
