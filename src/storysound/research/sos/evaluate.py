"""`storysound evaluate sos`: how well a trained model finds the sound of a story and the story of a sound.

The rows of Sound of Story's Table 2 on data of one's own: each direction for the model, for the same model before it
learned anything, for the mean of tokens without attention, for CLAP where its weights are here, and for chance.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from storysound.errors import InputError
from storysound.match.sos import mean_pooled
from storysound.metrics import retrieval
from storysound.research.results import Column, Row
from storysound.research.sos import baselines as sos_baselines
from storysound.research.sos.baselines import Similarities
from storysound.research.sos.train import PAIRS, Pair, network_of, similarity_of
from storysound.research.stories.batches import candidates, held_out
from storysound.research.stories.features import StoryFeatures, features_of
from storysound.research.stories.read import read_stories
from storysound.train.loop import Tell
from storysound.trained.sos import Trained, load_trained
from storysound.weights.resolver import Resolver

PAPER, TABLES = "sos", ("2",)
TASKS = ("A2V", "V2A", "A2T", "T2A")
COLUMNS = (
    *(Column(f"r{k}", f"R@{k} %", 100, 1) for k in (1, 5, 10, 20)),
    Column("median_rank", "median rank", digits=1),
    Column("mean_rank", "mean rank", digits=1),
)
LEAST = 2  # stories with one another's modality, to be told apart


@dataclass(frozen=True)
class Recipe:
    """What is evaluated; each can be given as key=value."""

    data: Path  # data set of `storysound ingest`, or a file of JSON lines
    model: Path  # best.safetensors of a run of `storysound train sos`
    split: str = "held_out"  # the groups the run held out; "all" for data it never saw
    draws: int = 2000  # of the bootstrap, by groups (films)
    seed: int = 0  # of bootstrap and chance

    def __post_init__(self) -> None:
        if self.split not in {"held_out", "all"} or self.draws < 1:
            raise ValueError(f"split is held_out or all, and draws at least 1, got {self.split!r} and {self.draws}")


def evaluate(recipe: Recipe, weights: Resolver, tell: Tell) -> list[Row]:
    """All rows that are measured. Raises InputError where model and data don't go together, LibraryError."""
    trained = load_trained(recipe.model, weights)
    cache = recipe.model.parent / "features"
    stories = read_stories(recipe.data)
    features = features_of(stories, trained.senses, cache, trained.card.crop_s, tell)
    out = held_out(features.groups, trained.card.held_out)
    chosen = torch.nonzero(out if recipe.split == "held_out" else torch.ones_like(out))[:, 0]
    baseline = sos_baselines.clap(stories, features, chosen, weights, cache, tell)
    rows = [row for pair in PAIRS for row in _rows(recipe, trained, features, chosen, pair, baseline)]
    if not rows:
        raise InputError(recipe.data, f"holds {len(chosen)} stories to judge by: too few", "try split=all on new data")
    return rows


def _rows(
    recipe: Recipe,
    trained: Trained,
    features: StoryFeatures,
    chosen: Tensor,
    pair: Pair,
    baseline: Similarities | None,
) -> Iterator[Row]:
    stories = chosen[torch.isin(chosen, features.told(pair))]
    if len(stories) < LEAST:
        return
    sounds, relevant = candidates(features, stories)
    measured = [*_similarities(trained, features, stories, sounds, pair)]
    if baseline is not None and pair == "AT":
        measured.append(("CLAP", baseline(stories, sounds)))
    for name, similarity in measured:
        for turned in (False, True):
            yield _row(recipe, features, name, pair, similarity, relevant, stories, turned)
    for turned in (False, True):
        truth = relevant.T if turned else relevant
        queries, count = truth.shape
        chance = retrieval.at_random(queries, count, truth, seed=recipe.seed)
        protocol = f"{queries} queries, {count} candidates; mean of five random orders"
        yield Row(_task(pair, turned), "random, mean of five", chance, {}, queries, recipe.data.name, protocol)


def _similarities(
    trained: Trained, features: StoryFeatures, stories: Tensor, sounds: Tensor, pair: Pair
) -> Iterator[tuple[str, Tensor]]:
    """Sounds to stories [u s] by each model."""
    yield "Sound of Story", similarity_of(trained.network, features, stories, sounds, pair)
    if trained.card.model.aligned:
        everything = torch.arange(len(features.ids))
        rest = everything[~torch.isin(everything, stories)]
        untrained = network_of(trained.card.model, features, rest if len(rest) else everything).eval()
        yield "untrained", similarity_of(untrained, features, stories, sounds, pair)
        yield "mean of tokens, dot product", _pooled(features, stories, sounds, pair, trained.card.model.width)


def _pooled(features: StoryFeatures, stories: Tensor, sounds: Tensor, pair: Pair, width: int) -> Tensor:
    """Without network and attention: cosine of the mean tokens in the encoders' common space."""
    heard, told = features.sounds(sounds), features.texts(stories)
    tokens, mask = features.pictures(stories) if pair == "AV" else (told.tokens, told.mask)
    a, b = (F.normalize(rows[..., :width], dim=-1) for rows in (heard.tokens, tokens))
    return mean_pooled(a, b, a_mask=heard.mask, b_mask=mask)


def _task(pair: Pair, turned: bool) -> str:
    """The name of a direction, as in the paper's tables."""
    return f"{pair[1]}2{pair[0]}" if turned else f"{pair[0]}2{pair[1]}"


def _row(
    recipe: Recipe,
    features: StoryFeatures,
    name: str,
    pair: Pair,
    similarity: Tensor,
    relevant: Tensor,
    stories: Tensor,
    turned: bool,
) -> Row:
    truth = relevant.T if turned else relevant
    report = retrieval.evaluate(similarity.T if turned else similarity, truth)
    groups = np.array([features.groups[i] for i in stories.tolist()])
    # A sound belongs to the group of its first story.
    own = groups if turned else groups[relevant.int().argmax(dim=1).numpy()]
    intervals = retrieval.intervals(report, groups=own, draws=recipe.draws, seed=recipe.seed)
    protocol = (
        f"{report.protocol}; {truth.shape[1]} candidates; intervals over {len(set(own.tolist()))} groups; "
        "most informative crop"
    )
    return Row(_task(pair, turned), name, report.figures(), intervals, report.n, recipe.data.name, protocol)
