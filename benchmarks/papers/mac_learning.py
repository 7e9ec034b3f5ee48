"""Does MAC's co-attention help? The same model with and without it, on real data that was held out.

Run: OMP_NUM_THREADS=1 python -m benchmarks.papers.mac_learning [wesnoth | clips | experts] [--cache DIR] [--json FILE]

`wesnoth`: a scenario's words -> the tracks its author chose, one campaign held out at a time, 40 candidates, as
benchmarks/papers/sos_wesnoth.py. Words: narration, title, dialogue and objectives, a vector each, through NetVLAD.
Experts: the classes heard in a track, and its embedding. Popularity in the other campaigns is added as a prior in a
second pair of rows. `clips`: three folds by source recording or file of ESC-50, triples and videos
(benchmarks/papers/sos_material.py): videos and pictures with words, pictures with sounds, sounds with words. `experts`:
the first of these three tasks with one expert alone and with all but one, as the paper's figure 4, one seed.

Settings are the recipe's own but for the steps; both models share them, the seeds and the batches. Figures are means
over `SEEDS` seeds, each seed's ranks counted; intervals are over groups (campaigns; recordings). Data: ../shared/data
or $STORYSOUND_TEST_DATA. Encoders: MiniLM, EfficientNet, ears.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from benchmarks.papers import proofs, sos_material, sos_wesnoth
from benchmarks.papers.sos_learning import PROFILE, folds_of
from benchmarks.papers.teaching import said, taught
from storysound.encode.features import StoryEncoder
from storysound.encode.pool import Models
from storysound.losses.ranking import bidirectional_margin
from storysound.match.mac_experts import Experts
from storysound.match.mac_model import Config, Mac, Tokens
from storysound.media.arrays import Doubles
from storysound.metrics import retrieval
from storysound.research.mac.ablation import variants
from storysound.research.mac.settings import MacTraining
from storysound.research.mac.stories import MacStories
from storysound.research.mac.train import batch_at, config_of, losses, network_of, scores_of, sides_of
from storysound.research.stories.batches import stories_at
from storysound.research.stories.features import StoryFeatures, features_of
from storysound.weights.resolver import Resolver

FOLDS, SEEDS, STEPS = 3, 3, 100
EXPERT_SEEDS = 1  # ten models are trained
RECIPE = MacTraining(Path(), Path(), steps=STEPS, crop_s=10.24)
MODELS = {"co-attention": True, "none": False}
TASKS = {
    "videos and words": replace(RECIPE, seen="video", heard="words"),
    "pictures and sounds": replace(RECIPE, seen="video", heard="sound"),
    "sounds and words": replace(RECIPE, seen="sound", heard="words"),
}
PRIOR_SCALE = 5.0  # of a score beside the log of how often other campaigns chose a track


def read_clips(shared: Path, weights: Resolver, cache: Path) -> "Clips":
    """ESC-50, triples and videos; features are kept in the folder `cache`."""
    found = [*sos_material.triples(shared), *sos_material.videos(shared), *sos_material.esc50(shared)]
    encoder = StoryEncoder(Models(PROFILE, weights))
    features = features_of(found, encoder, cache / "clips", RECIPE.crop_s, said())
    words = {one.id: one.texts[0] for one in found}
    return Clips(features, encoder, folds_of(features.groups, [words[name] for name in features.ids]))


@dataclass(frozen=True)
class Clips:
    """Stories of all clips, and the fold of each."""

    features: StoryFeatures
    encoder: StoryEncoder
    fold: NDArray[np.int64]

    def material(self, recipe: MacTraining) -> tuple[MacStories, Tensor]:
        """What is seen and heard by a recipe, and the stories that are told by it; of videos, those with pictures."""
        material = MacStories(self.features, Experts(sides_of(recipe, self.encoder), self.encoder))
        told = material.told()
        return material, told if recipe.seen == "sound" else told[self.features.frames.lengths()[told] > 0]

    def ranks(self, recipe: MacTraining, whole: MacTraining, seeds: int = SEEDS) -> Doubles:
        """Ranks [seeds, queries of both directions] of all folds, over the stories that are told by `whole`."""
        judged, material = self.material(whole), self.material(recipe)
        return np.concatenate([_fold(*judged, *material, self.fold, recipe, k, seeds) for k in range(FOLDS)], axis=1)

    def groups(self, recipe: MacTraining) -> list[str]:
        """The group of each query."""
        material, told = self.material(recipe)
        return [label for k in range(FOLDS) for label in _groups(material, told[_of(self.fold, told) == k])]

    def chance(self, recipe: MacTraining) -> float:
        """R@5 of random orders."""
        material, told = self.material(recipe)
        return float(np.mean([_chance(material, told[_of(self.fold, told) == k]) for k in range(FOLDS)]))


def clips(shared: Path, weights: Resolver, cache: Path) -> dict[str, Any]:
    """Both models on three tasks, pooled over folds and both directions."""
    data, result = read_clips(shared, weights, cache), {}
    for task, recipe in TASKS.items():
        ranks = {name: data.ranks(replace(recipe, co_attention=on), recipe) for name, on in MODELS.items()}
        result[f"{task} | chance r5"] = data.chance(recipe)
        print(f"{task}: chance r5 {result[f'{task} | chance r5']:.3f}", flush=True)
        _compare(result, task, ranks, data.groups(recipe))
    return result


def experts(shared: Path, weights: Resolver, cache: Path) -> dict[str, Any]:
    """One expert alone and all but one, with co-attention."""
    data, result, (task, recipe) = read_clips(shared, weights, cache), {}, next(iter(TASKS.items()))
    groups = data.groups(recipe)
    for name, names, on in variants(sides_of(recipe, data.encoder).experts):
        ranks = data.ranks(replace(recipe, experts=",".join(names), co_attention=on), recipe, EXPERT_SEEDS)
        for what, values in _figures(ranks).items():
            _line(result, f"{task} | {name}, {what}", values.mean(axis=0), groups, values.mean(axis=1))
    return result


def _of(fold: NDArray[np.int64], stories: Tensor) -> Tensor:
    return torch.from_numpy(fold)[stories]


def _fold(
    whole: MacStories,
    judged: Tensor,
    material: MacStories,
    told: Tensor,
    fold: NDArray[np.int64],
    recipe: MacTraining,
    number: int,
    seeds: int,
) -> Doubles:
    """Ranks [seeds, queries of both directions] of one fold of `judged`; learned from the other folds of `told`."""
    rest = told[_of(fold, told) != number]
    seen, heard, fits = whole.items(judged[_of(fold, judged) == number])
    rows = []
    for seed in range(seeds):
        chosen = replace(recipe, seed=seed)
        torch.manual_seed(seed)
        network = network_of(config_of(chosen, material), material, rest)
        taught(network, chosen.plan(), _loss(network, material, rest, chosen))
        reports = retrieval.both_ways(scores_of(network, material, seen, heard), "seen", "heard", fits)
        rows.append(np.concatenate([report.ranks for report in reports.values()]))
    return np.stack(rows)


def _loss(network: Mac, material: MacStories, stories: Tensor, recipe: MacTraining) -> Callable[[int], Tensor]:
    return lambda step: losses(network, batch_at(material, stories, recipe, step, 0, 1), recipe)["loss"]


def _groups(material: MacStories, stories: Tensor) -> list[str]:
    """The group of each query of both directions; a sound's is that of its first story."""
    own = [material.features.groups[i] for i in stories.tolist()]
    seen, heard, fits = material.items(stories)
    by_seen = own if len(seen) == len(own) else [own[i] for i in fits.int().argmax(dim=1).tolist()]
    by_heard = own if len(heard) == len(own) else [own[i] for i in fits.int().argmax(dim=0).tolist()]
    return [*by_seen, *by_heard]


def _chance(material: MacStories, stories: Tensor) -> float:
    fits = material.items(stories)[2]
    return retrieval.at_random(*fits.shape, fits)["r5"]


def _compare(result: dict[str, Any], task: str, ranks: dict[str, Doubles], groups: Any) -> None:
    """Figures of both models, and what co-attention gains: [seeds, queries] of ranks."""
    for name, found in ranks.items():
        for what, values in _figures(found).items():
            _line(result, f"{task} | {name}, {what}", values.mean(axis=0), groups, values.mean(axis=1))
    for what, values in _figures(ranks["co-attention"]).items():
        gain = values - _figures(ranks["none"])[what]
        _line(result, f"{task} | gain, {what}", gain.mean(axis=0), groups, gain.mean(axis=1))


def _figures(ranks: Doubles) -> dict[str, Doubles]:
    return {**{f"r{k}": (ranks <= k).astype(float) for k in (1, 5, 10)}, "1/rank": 1 / ranks}


def _line(result: dict[str, Any], name: str, values: Doubles, groups: Any, by_seed: Doubles) -> None:
    low, high = sos_wesnoth.interval(values, groups)
    result[name] = {"n": len(values), "mean": float(values.mean()), "interval": [low, high], "seeds": by_seed.tolist()}
    seeds = " ".join(f"{value:+.3f}" for value in by_seed)
    print(f"{name:<52} {values.mean():+.3f} [{low:+.3f}, {high:+.3f}]  n={len(values)}  seeds {seeds}", flush=True)


def wesnoth(shared: Path, weights: Resolver, cache: Path) -> dict[str, Any]:
    """Both models, alone and beside popularity, and popularity alone."""
    data = sos_wesnoth.read(shared, weights, cache)
    result: dict[str, Any] = {}
    everyone = np.full(len(data.campaign), True)
    base = sos_wesnoth.joined(sos_wesnoth.popularity(data, everyone))
    for what in ("first", "any5", "mrr", "chance"):
        _line(result, f"popularity, {what}", np.asarray(getattr(base, what), float), base.campaign, np.zeros(0))
    found: dict[str, dict[str, Doubles]] = {}
    for name, on in MODELS.items():
        scored = [[_campaign(data, held, seed, on) for held in np.unique(data.campaign)] for seed in range(SEEDS)]
        for way in ("alone", "with popularity"):
            judged = [sos_wesnoth.joined([one[way] for one in seed]) for seed in scored]
            found[f"{name}, {way}"] = {
                what: np.stack([np.asarray(getattr(one, what), float) for one in judged])
                for what in ("first", "any5", "mrr")
            }
            for what, values in found[f"{name}, {way}"].items():
                _line(result, f"{name}, {way}, {what}", values.mean(axis=0), base.campaign, values.mean(axis=1))
    for way in ("alone", "with popularity"):
        for what in ("first", "any5", "mrr"):
            gain = found[f"co-attention, {way}"][what] - found[f"none, {way}"][what]
            _line(result, f"gain, {way}, {what}", gain.mean(axis=0), base.campaign, gain.mean(axis=1))
    return result


def _campaign(data: sos_wesnoth.Data, held: str, seed: int, co_attention: bool) -> dict[str, sos_wesnoth.RankedQueries]:
    """One campaign judged by what the others teach."""
    train = np.flatnonzero(data.campaign != held)
    test = np.flatnonzero((data.campaign == held) & data.judged)
    chosen = torch.from_numpy(data.chosen)
    blocks = len(sos_wesnoth.BLOCKS)
    texts = torch.from_numpy(data.words[:, :-3]).float().unflatten(1, (blocks, -1))  # without the place
    words = F.normalize(texts, dim=-1)
    both = torch.from_numpy(data.sounds["both"]).float()
    width = data.sounds["classes"].shape[1]
    config = Config(
        ("classes", "embedding"), (width, both.shape[1] - width), (), words.shape[-1],
        dim=RECIPE.dim, heads=RECIPE.heads, co_attention=co_attention, dropout=RECIPE.dropout,
    )  # fmt: skip
    torch.manual_seed(seed)
    network = Mac(config)
    network.centre(classes=both[:, :width].mean(0), embedding=both[:, width:].mean(0), heard=words[train].mean((0, 1)))

    def tracks(numbers: Tensor) -> dict[str, Tokens]:
        rows = both[numbers][:, None]
        there = torch.ones(rows.shape[:2], dtype=torch.bool)
        return {"classes": Tokens(rows[..., :width], there), "embedding": Tokens(rows[..., width:], there)}

    def told(numbers: Tensor) -> Tokens:
        return Tokens(words[numbers], torch.ones(len(numbers), blocks, dtype=torch.bool))

    def loss(step: int) -> Tensor:
        stories = stories_at(torch.from_numpy(train), RECIPE.batch, seed, step, 0, 1)
        rng = np.random.default_rng([seed, 1, step])
        drawn = torch.tensor([int(rng.choice(np.flatnonzero(data.chosen[one]))) for one in stories.tolist()])
        scores = network(tracks(drawn), told(stories))
        return bidirectional_margin(scores, RECIPE.margin, "mean", chosen[stories][:, drawn].T)

    taught(network, RECIPE.plan(), loss)
    with torch.inference_mode():
        seen = network.video(tracks(torch.arange(len(both))))
        scores = network.scores(seen, network.audio(told(torch.from_numpy(test)))).T.double().numpy()
    prior = sos_wesnoth.log_share(data.chosen[train])
    ways = {"alone": scores, "with popularity": PRIOR_SCALE * scores + prior}
    return {way: sos_wesnoth.judge(s, data.chosen[test], data.campaign[test]) for way, s in ways.items()}


if __name__ == "__main__":
    proofs.run(__doc__ or "", {"wesnoth": wesnoth, "clips": clips, "experts": experts})
