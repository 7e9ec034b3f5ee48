"""`storysound evaluate sos`: how well a trained model finds the sound of a story and the story of a sound.

The rows of Sound of Story's Table 2 on data of one's own: each direction for the model, for the same model before it
learned anything, for the mean of tokens without attention, for CLAP where its weights are here, and for chance.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from storysound.encode.pool import Models
from storysound.errors import InputError
from storysound.library.stories import read_stories
from storysound.match.sos import mean_pooled
from storysound.metrics.retrieval_table import Judging, both_ways, chance_both_ways
from storysound.metrics.table import Row
from storysound.progress import Watch
from storysound.research.sos import baselines as sos_baselines
from storysound.research.sos.baselines import Similarities
from storysound.research.sos.settings import SosEvaluation
from storysound.research.sos.train import PAIRS, Pair, network_of, similarity_of
from storysound.research.stories.batches import candidates, held_out
from storysound.research.stories.features import StoryFeatures, features_of
from storysound.trained.sos import SosModel, load_trained

LEAST = 2  # stories with one another's modality, to be told apart


def evaluate(recipe: SosEvaluation, models: Models, watch: Watch) -> list[Row]:
    """All rows that are measured. Raises InputError where model and data don't go together, LibraryError."""
    trained = load_trained(recipe.model, models)
    cache = recipe.model.parent / "features"
    stories = read_stories(recipe.data)
    features = features_of(stories, trained.encoder, cache, trained.card.crop_s, watch)
    out = held_out(features.groups, trained.card.held_out)
    chosen = torch.nonzero(out if recipe.split == "held_out" else torch.ones_like(out))[:, 0]
    baseline = sos_baselines.clap(stories, features, chosen, models, cache, watch)
    rows = [row for pair in PAIRS for row in _rows(recipe, trained, features, chosen, pair, baseline)]
    if not rows:
        raise InputError(recipe.data, f"holds {len(chosen)} stories to judge by: too few", "try split=all on new data")
    return rows


def _rows(
    recipe: SosEvaluation,
    trained: SosModel,
    features: StoryFeatures,
    chosen: Tensor,
    pair: Pair,
    baseline: Similarities | None,
) -> list[Row]:
    """Both ways of a pair of modalities, of the stories `chosen` [s] that have them."""
    stories = chosen[torch.isin(chosen, features.told(pair))]
    if len(stories) < LEAST:
        return []
    sounds, relevant = candidates(features, stories)
    measured = {name: [found] for name, found in _similarities(trained, features, stories, sounds, pair)}
    if baseline is not None and pair == "AT":
        measured["CLAP"] = [baseline(stories, sounds)]
    told = np.array([features.groups[i] for i in stories.tolist()])
    heard = told[relevant.int().argmax(dim=1).numpy()]  # a sound belongs to the group of its first story
    tasks, judging = (
        (f"{pair[0]}2{pair[1]}", f"{pair[1]}2{pair[0]}"),
        Judging(recipe.data.name, recipe.draws, recipe.seed),
    )
    rows = both_ways(tasks, measured, relevant, judging, groups=(heard, told), note="most informative crop")
    return [*rows, *chance_both_ways(tasks, relevant, judging)]


def _similarities(
    trained: SosModel, features: StoryFeatures, stories: Tensor, sounds: Tensor, pair: Pair
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
    """Sounds to stories [u s] without network and attention: cosine of mean tokens in the encoders' common space."""
    heard, told = features.sounds(sounds), features.texts(stories)
    tokens, mask = features.pictures(stories) if pair == "AV" else (told.tokens, told.mask)
    a, b = (F.normalize(rows[..., :width], dim=-1) for rows in (heard.tokens, tokens))
    return mean_pooled(a, b, a_mask=heard.mask, b_mask=mask)
