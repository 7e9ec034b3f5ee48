"""Does Sound of Story's retrieval model learn? Two proofs on real data, each on what was held out.

Run: OMP_NUM_THREADS=1 python -m benchmarks.papers.sos_learning [wesnoth | clips] [--cache DIR] [--json FILE]

`wesnoth`: a scenario's words -> the music its author chose, by sound alone; see benchmarks/papers/sos_wesnoth.py.
`clips`: words <-> sound and pictures <-> sound, on ESC-50, triples and videos. Three folds by source recording or file;
trained on two, judged on the third; stories of one wording share their sounds. Settings are the recipe's own but for a
higher rate and fewer steps, fixed before the first run. Seeds 0 to `SEEDS` - 1; similarities are averaged over them.
Data: ../shared/data or $STORYSOUND_TEST_DATA. Encoders: MiniLM, EfficientNet, ears.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.papers import proofs, sos_material, sos_wesnoth
from benchmarks.papers.sos_wesnoth import interval
from benchmarks.papers.teaching import said, taught
from storysound.config import Profile
from storysound.encode.features import StoryEncoder
from storysound.encode.pool import Models
from storysound.match.sos_model import SoundOfStory
from storysound.metrics import retrieval
from storysound.research.sos.settings import SosTraining
from storysound.research.sos.train import PAIRS, Pair, batch_at, config_of, losses, network_of, similarity_of
from storysound.research.stories.batches import candidates
from storysound.research.stories.features import StoryFeatures, features_of
from storysound.weights.resolver import Resolver

PROFILE = Profile("sos", "minilm", "efficientnet_lite2", ("ears",))
FOLDS, SEEDS = 3, 3
RECIPE = SosTraining(Path(), Path(), steps=80, batch=32, rate=1e-3)


def folds_of(groups: tuple[str, ...], words: list[str]) -> NDArray[np.int64]:
    """A fold for each story; groups stay whole, and those of one class of ESC-50 are dealt out in turn."""
    order = np.random.default_rng(0).permutation(len(groups))
    fold: dict[str, int] = {}
    dealt: dict[str, int] = {}
    for i in order:
        if groups[i] not in fold:
            dealt[words[i]] = dealt.get(words[i], int(order[i])) + 1
            fold[groups[i]] = dealt[words[i]] % FOLDS
    return np.array([fold[group] for group in groups])


def learned(features: StoryFeatures, stories: Tensor, recipe: SosTraining) -> SoundOfStory:
    """A network that has seen these stories and their sounds alone."""
    torch.manual_seed(recipe.seed)
    network = network_of(config_of(recipe, features, aligned=True), features, stories)
    taught(
        network, recipe.plan(), lambda step: losses(network, batch_at(features, stories, recipe, step, 0, 1))["loss"]
    )
    return network


def similarities(
    features: StoryFeatures, fold: NDArray[np.int64]
) -> Iterator[tuple[Pair, str, Tensor, Tensor, Tensor, Tensor]]:
    """Pair, model, similarity [u s], relevant bool [u s], numbers of sounds and of stories, fold by fold."""
    for number in range(FOLDS):
        test, rest = (torch.from_numpy(np.flatnonzero(part)) for part in (fold == number, fold != number))
        for tokens in (True, False):
            recipe = replace(RECIPE, tokens=tokens)
            trained = [learned(features, rest, replace(recipe, seed=seed)) for seed in range(SEEDS)]
            untrained = network_of(config_of(recipe, features, aligned=True), features, rest).eval()
            what = "full similarity" if tokens else "global vectors alone"
            for pair in PAIRS:
                stories = test[torch.isin(test, features.told(pair))]
                sounds, relevant = candidates(features, stories)
                for name, networks in ((f"trained, {what}", trained), (f"untrained, {what}", [untrained])):
                    found = [similarity_of(network, features, stories, sounds, pair) for network in networks]
                    yield pair, name, torch.stack(found).mean(0), relevant, sounds, stories
        print(f"fold {number + 1} of {FOLDS} done", flush=True)


def clips(shared: Path, weights: Resolver, cache: Path) -> dict[str, Any]:
    """Figures of every model in every direction, pooled over folds, and differences between models."""
    found = [*sos_material.triples(shared), *sos_material.videos(shared), *sos_material.esc50(shared)]
    features = features_of(found, StoryEncoder(Models(PROFILE, weights)), cache / "clips", RECIPE.crop_s, said())
    words = {one.id: one.texts[0] for one in found}
    fold = folds_of(features.groups, [words[name] for name in features.ids])
    ranks: dict[tuple[str, str], list[NDArray[np.float64]]] = {}
    groups: dict[tuple[str, str], list[str]] = {}
    chance: dict[str, list[float]] = {}
    for pair, name, similarity, relevant, _, stories in similarities(features, fold):
        own = [features.groups[i] for i in stories.tolist()]
        heard = [own[i] for i in relevant.int().argmax(dim=1).tolist()]
        for task, s, truth, labels in (
            (f"{pair[0]}2{pair[1]}", similarity, relevant, heard),
            (f"{pair[1]}2{pair[0]}", similarity.T, relevant.T, own),
        ):
            ranks.setdefault((task, name), []).append(retrieval.evaluate(s, truth).ranks)
            groups.setdefault((task, name), []).extend(labels)
            chance.setdefault(task, []).append(retrieval.at_random(*truth.shape, truth)["r5"])
    return _report({key: np.concatenate(value) for key, value in ranks.items()}, groups, chance)


def _report(
    ranks: dict[tuple[str, str], NDArray[np.float64]],
    groups: dict[tuple[str, str], list[str]],
    chance: dict[str, list[float]],
) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for (task, name), found in ranks.items():
        values = {f"r{k}": (found <= k).astype(float) for k in (1, 5, 10)} | {"mean_rank": found}
        row = {key: (float(v.mean()), *interval(v, groups[task, name])) for key, v in values.items()}
        result[f"{task} | {name}"] = {"n": len(found), "chance_r5": float(np.mean(chance[task])), **row}
        print(
            f"{task} {name:<32} n={len(found):<4} chance r5 {np.mean(chance[task]):.3f}  "
            + "  ".join(f"{k} {v[0]:.3f} [{v[1]:.3f}, {v[2]:.3f}]" for k, v in row.items())
        )
    for task in dict.fromkeys(task for task, _ in ranks):
        for one, other in (
            ("trained, full similarity", "untrained, full similarity"),
            ("trained, full similarity", "trained, global vectors alone"),
            ("untrained, full similarity", "untrained, global vectors alone"),
        ):
            mine, theirs = ranks[task, one], ranks[task, other]
            gains = {
                "r1": (mine <= 1.0) - (theirs <= 1.0).astype(float),
                "r5": (mine <= 5.0) - (theirs <= 5.0).astype(float),
            }
            for name, gain in {**gains, "1/rank": 1 / mine - 1 / theirs}.items():
                low, high = interval(gain, groups[task, one])
                result[f"{task} | {name}: {one} - {other}"] = (float(gain.mean()), low, high)
                print(f"{task} {name}: {one} minus {other}: {gain.mean():+.3f} [{low:+.3f}, {high:+.3f}]")
    return result


if __name__ == "__main__":
    proofs.run(__doc__ or "", {"wesnoth": sos_wesnoth.measure, "clips": clips})
