"""Do BGTAI's parts help? Its figure 2 and table 4 on real data that was held out.

Run: OMP_NUM_THREADS=1 python -m benchmarks.papers.bgtai_learning [parts | losses] [--seeds N] [--cache DIR]
     [--json FILE] [--plot FILE]

Three folds by source recording or file of ESC-50, triples and videos (benchmarks/papers/sos_material.py); a network
learns from two and is judged on the third. `parts` (figure 2): without gloss, with it, and with DS-Net and Result
Filter each on or off; accuracy on ESC-50 by the class's word and by a linear probe, and accuracy against the CPU time
of training. Classes were seen in training, recordings not. `losses` (table 4): pictures found by sound, by loss, with
and without DS-Net, and by how much of a sound is heard.

Steps, batch and rate are those of benchmarks/papers/sos_learning.py. All settings share seeds and batches; figures are
means over seeds, intervals over recordings. Data: ../shared/data or $STORYSOUND_TEST_DATA. Encoders: MiniLM,
EfficientNet, ears.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.papers import sos_material, sos_wesnoth
from benchmarks.papers.sos_learning import FOLDS, PROFILE, folds_of
from benchmarks.papers.sos_learning import RECIPE as SHARED
from benchmarks.papers.teaching import said, taught
from benchmarks.quality.quality import data_folder
from storysound.draw import bgtai as bgtai_plot
from storysound.encode import lemmas
from storysound.encode.features import StoryEncoder
from storysound.encode.pool import Models
from storysound.library.stories import StoryMaterial
from storysound.match.bgtai import BGTAI
from storysound.media.arrays import Doubles
from storysound.metrics import retrieval
from storysound.metrics.probe import probe
from storysound.research.bgtai.ablation import BASE, BOTH, DS_NET, NO_GLOSS, STUDIES
from storysound.research.bgtai.glosses import GlossedStories, glossed
from storysound.research.bgtai.settings import BgtaiTraining
from storysound.research.bgtai.train import batch_at, config_of, embed, losses, network_of, similarities
from storysound.research.stories.features import features_of
from storysound.weights.resolver import Resolver

RECIPE = BgtaiTraining(Path(), Path(), steps=SHARED.steps, batch=SHARED.batch, rate=SHARED.rate)
SEEDS = 3
MARKS = 5  # times at which accuracy is looked at, the first before anything is learned
PARTS, LOSSES = STUDIES["parts"], STUDIES["losses"]


class Data:
    """Stories, the fold of each, and which are of ESC-50; features by how much of a sound is heard."""

    def __init__(self, shared: Path, weights: Resolver, cache: Path) -> None:
        self._encoder, self._lemma, self._cache = (
            StoryEncoder(Models(PROFILE, weights)),
            lemmas.load(weights).of,
            cache / "clips",
        )
        self._found: list[StoryMaterial] = [
            *sos_material.triples(shared), *sos_material.videos(shared), *sos_material.esc50(shared)
        ]  # fmt: skip
        self._stories: dict[float, GlossedStories] = {}
        texts = {one.id: one.texts[0] for one in self._found}
        features = self.stories(RECIPE.crop_s).features
        self.groups = np.array(features.groups)
        self.words = np.array([texts[name] for name in features.ids])
        self.fold = folds_of(features.groups, self.words.tolist())
        self.labelled = np.char.startswith(self.groups, "esc50")
        self.classes = np.unique(self.words[self.labelled])

    def stories(self, crop_s: float) -> GlossedStories:
        """With their glosses."""
        if crop_s not in self._stories:
            features = features_of(self._found, self._encoder, self._cache, crop_s, said())
            self._stories[crop_s] = glossed(features, self._found, self._encoder, self._lemma, read_gloss=True)
        return self._stories[crop_s]

    def parted(self, fold: int) -> tuple[Tensor, Tensor]:
        """Numbers of the stories to learn from, and of those that are judged."""
        return tuple(torch.from_numpy(np.flatnonzero(part)) for part in (self.fold != fold, self.fold == fold))  # type: ignore[return-value]


def learned(
    stories: GlossedStories, among: Tensor, recipe: BgtaiTraining, look: Callable[[BGTAI, float], None]
) -> BGTAI:
    """A network that has seen the stories `among` alone; `look` sees it at `MARKS` steps, with CPU seconds so far."""
    torch.manual_seed(recipe.seed)
    network = network_of(config_of(recipe, stories, aligned=True), stories, among)
    marks = set(np.linspace(0, recipe.steps, MARKS).round().astype(int).tolist())
    spent = [0.0, time.process_time()]

    def pause() -> None:
        spent[0] += time.process_time() - spent[1]
        drawn = torch.get_rng_state()
        look(network.eval(), spent[0])
        torch.set_rng_state(drawn)
        network.train()
        spent[1] = time.process_time()

    def loss(step: int) -> Tensor:
        if step in marks:
            pause()
        return losses(network, batch_at(stories, among, recipe, step, 0, 1), recipe)["loss"]

    taught(network, recipe.plan(), loss)
    pause()
    return network.eval()


def by_word(data: Data, stories: GlossedStories, network: BGTAI, chosen: Tensor) -> NDArray[np.bool_]:
    """Whether the nearest of all classes' words is that of the clip, for each of the clips `chosen`."""
    named = torch.tensor([int(np.flatnonzero(data.labelled & (data.words == name))[0]) for name in data.classes])
    vectors = embed(network, stories, named, sounds_of(stories, chosen))
    nearest = (vectors["audio"] @ vectors["text"].T).argmax(dim=1).numpy()
    return np.asarray(data.classes[nearest] == data.words[chosen.numpy()])


def by_probe(data: Data, stories: GlossedStories, network: BGTAI, among: Tensor, chosen: Tensor) -> NDArray[np.bool_]:
    """The same by a linear probe that learns from the clips `among`."""
    rows, asked = (embed(network, stories, part[:1], sounds_of(stories, part))["audio"] for part in (among, chosen))
    truth = torch.from_numpy(data.words[among.numpy()][:, None] == data.classes)
    guess = probe(rows, truth, asked, several=False, decay=1.0).argmax(dim=1).numpy()
    return np.asarray(data.classes[guess] == data.words[chosen.numpy()])


def sounds_of(stories: GlossedStories, chosen: Tensor) -> Tensor:
    """The number of the sound of each story."""
    return stories.features.belongs[chosen].int().argmax(dim=1)


def parts(data: Data, seeds: int) -> dict[str, Any]:
    """Figure 2: every setting's accuracy on ESC-50, its gain over no gloss, and its course."""
    stories, clips = data.stories(RECIPE.crop_s), torch.from_numpy(np.flatnonzero(data.labelled))
    hits = {name: {way: np.zeros((seeds, len(data.words))) for way in ("word", "probe")} for name in PARTS}
    course = {name: np.zeros((seeds, FOLDS, MARKS, 2)) for name in PARTS}
    shares = [float(np.isin(clips, data.parted(fold)[1]).mean()) for fold in range(FOLDS)]
    for fold in range(FOLDS):
        among, judged = data.parted(fold)
        taught_by, asked = (part[torch.from_numpy(data.labelled)[part]] for part in (among, judged))
        for seed in range(seeds):
            for name, change in PARTS.items():
                seen: list[tuple[float, float]] = []

                def look(network: BGTAI, spent: float, seen: Any = seen, asked: Tensor = asked) -> None:
                    seen.append((spent, float(by_word(data, stories, network, asked).mean())))

                network = learned(stories, among, replace(RECIPE, seed=seed, **change), look)
                course[name][seed, fold] = seen
                hits[name]["word"][seed, asked] = by_word(data, stories, network, asked)
                hits[name]["probe"][seed, asked] = by_probe(data, stories, network, taught_by, asked)
        print(f"fold {fold + 1} of {FOLDS} done", flush=True)
    groups = data.groups[data.labelled]
    result: dict[str, Any] = {"course": {}}
    for name, by_seed in course.items():
        pooled = np.einsum("sfmk,f->smk", by_seed, shares)
        result["course"][name] = {"cpu_s": pooled[..., 0].mean(0).tolist(), "accuracy": pooled[..., 1].tolist()}
        print(f"{name:<14} " + "  ".join(f"{s:5.1f} s {a:.3f}" for s, a in pooled.mean(0)), flush=True)
    for way in ("word", "probe"):
        found = {name: hits[name][way][:, data.labelled] for name in PARTS}
        for name, values in found.items():
            line(result, f"{way}: {name}", values, groups)
        against_none = [(name, NO_GLOSS) for name in PARTS if name != NO_GLOSS]
        for name, other in (*against_none, (DS_NET, BASE), (BOTH, BASE)):
            line(result, f"{way}: {name} - {other}", found[name] - found[other], groups)
    return result


def line(result: dict[str, Any], name: str, values: Doubles, groups: Any) -> None:
    """A figure of all items [seeds, n]: its mean, its interval over groups, and the mean of each seed."""
    low, high = sos_wesnoth.interval(values.mean(axis=0), groups)
    seeds = values.mean(axis=1).tolist()
    result[name] = {"n": values.shape[1], "mean": float(values.mean()), "interval": [low, high], "seeds": seeds}
    told = " ".join(f"{value:+.3f}" for value in seeds)
    print(f"{name:<36} {values.mean():+.3f} [{low:+.3f}, {high:+.3f}]  n={values.shape[1]}  seeds {told}", flush=True)


def table(data: Data, seeds: int) -> dict[str, Any]:
    """Table 4: pictures by sound, R@1 and R@5 of every setting."""
    ranks: dict[str, list[list[Doubles]]] = {name: [[] for _ in range(seeds)] for name in LOSSES}
    groups: list[str] = []
    for fold in range(FOLDS):
        among, judged = data.parted(fold)
        for name, change in LOSSES.items():
            for seed in range(seeds):
                recipe = replace(RECIPE, seed=seed, **change)
                stories = data.stories(recipe.crop_s)
                network = learned(stories, among, recipe, lambda *_: None)
                one = similarities(network, stories, judged)["AI"]
                ranks[name][seed].append(retrieval.evaluate(one.similarity, one.fits).ranks)
        groups += data.groups[one.rows.numpy()].tolist()
        print(f"fold {fold + 1} of {FOLDS} done", flush=True)
    result: dict[str, Any] = {}
    for name, by_seed in ranks.items():
        found = np.stack([np.concatenate(parts) for parts in by_seed])
        for k in (1, 5):
            line(result, f"{name}: R@{k}", (found <= k).astype(float), groups)
    return result


def draw(course: Mapping[str, Any], suffix: str) -> bytes:
    """Figure 2 of what `parts` found."""
    courses = {name: bgtai_plot.Course(each["cpu_s"], each["accuracy"]) for name, each in course.items()}
    return bgtai_plot.draw("ESC-50, held-out recordings, by the class's word", "accuracy", courses, suffix)


def main() -> None:
    """Runs one study or both."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("study", nargs="?", choices=["parts", "losses"])
    parser.add_argument("--cache", type=Path, default=Path("build/sos-learning"))
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path, help="where to draw figure 2: an .svg or .png file")
    given = parser.parse_args()
    torch.set_num_threads(1)
    data = Data(data_folder(), Resolver(offline=True), given.cache)
    studies: Mapping[str, Callable[[Data, int], dict[str, Any]]] = {"parts": parts, "losses": table}
    chosen: Iterable[str] = [given.study] if given.study else studies
    found = {name: studies[name](data, given.seeds) for name in chosen}
    if given.json:
        given.json.write_text(json.dumps(found, indent=1))
    if given.plot and "parts" in found:
        given.plot.write_bytes(draw(found["parts"]["course"], given.plot.suffix))


if __name__ == "__main__":
    main()
