"""Does MMVA learn from little, and do its parts help: `python -m benchmarks.papers.mmva_learning`.

Pictures: OASIS, rated by people. Music: the starter library, whose five folders name a mood, and the tracks of Wesnoth,
which have titles. A track feels as people rate those words (Warriner et al. 2013): weak labels, of the name and not of
the sound. Two sets: all tracks, with captions of the very words their labels are made of, which gives text away; and
the starter library alone, with captions of the tags that musicnn hears in each clip. Every seed divides tracks and
pictures anew (80 : 5 : 15) and trains MMVA and both ablations; figures are of the test part, means over seeds.
"""

import argparse
import csv
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch

from benchmarks.quality.quality import data_folder
from storysound.config import load_profile
from storysound.encode.pool import Models
from storysound.metrics.table import Row
from storysound.progress import Watch
from storysound.research.mmva import build as build_mmva
from storysound.research.mmva import evaluate as evaluate_mmva
from storysound.research.mmva import train as train_mmva
from storysound.research.mmva.settings import MmvaBuild, MmvaEvaluation, MmvaTraining
from storysound.weights.catalogue import catalogue
from storysound.weights.resolver import Resolver, default_cache

MOODS = ("calm", "energetic", "happy", "nostalgic", "tender")
VARIANTS = {
    "MMVA": {"matching": "random", "similarity": True},
    "no random matching": {"matching": "fixed", "similarity": True},
    "no similarity predictor": {"matching": "random", "similarity": False},
}
STEPS = 150
SHOWN = ("mse", "pearson", "map10")


def rated(shared: Path) -> dict[str, tuple[float, float]]:
    """Valence and arousal of words, from 1 to 9, as people rated them."""
    with (shared / "warriner" / "Ratings_Warriner_et_al.csv").open(newline="") as stream:
        return {row["Word"]: (float(row["V.Mean.Sum"]), float(row["A.Mean.Sum"])) for row in csv.DictReader(stream)}


def felt(words: str, ratings: dict[str, tuple[float, float]]) -> tuple[float, float] | None:
    """The mean of the words that people rated, in the singular too; None where there is none."""
    found = re.findall(r"[a-z]+", words.lower())
    forms = (next((form for form in (word, word.removesuffix("s")) if form in ratings), "") for word in found)
    known = [ratings[form] for form in forms if form]
    return tuple(np.mean(known, axis=0).tolist()) if known else None  # type: ignore[return-value]


def starter() -> Iterable[dict[str, str]]:
    """The starter library: what its folder says of its mood, and its name of what plays."""
    for name in catalogue():
        parts = Path(name).parts
        if parts[0] == "starter" and parts[1] in MOODS:
            file, kind = default_cache() / "files" / name, parts[2].split("_")[1]
            yield {"file": str(file), "words": parts[1], "tags": f"{parts[1]},{kind}", "caption": ""}


def wesnoth(shared: Path) -> Iterable[dict[str, str]]:
    """Tracks by their titles."""
    for name, track in json.loads((shared / "wesnoth" / "tracks.json").read_text())["tracks"].items():
        title = track["title"] or Path(name).stem.replace("_", " ").replace("-", " ")
        if "silence" not in track["file"]:
            yield {"file": str(shared / "wesnoth" / track["file"]), "words": title, "tags": "", "caption": title}


def write(file: Path, rows: Sequence[dict[str, str]], shared: Path, *, heard: bool) -> Path:
    """The table of music, of tracks whose words were rated; without words where these are to be heard."""
    file.parent.mkdir(parents=True, exist_ok=True)
    ratings = rated(shared)
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file", "valence", "arousal", "caption", "tags"])
        for one in rows:
            if mood := felt(one["words"], ratings):
                writer.writerow([one["file"], *mood, *(("", "") if heard else (one["caption"], one["tags"]))])
    return file


def runs(name: str, music: Path, shared: Path, out: Path, seeds: int, models: Models) -> list[tuple[str, Row]]:
    """All rows of all seeds and variants of one set."""
    found: list[tuple[str, Row]] = []
    features = (out / "features").absolute()
    features.mkdir(parents=True, exist_ok=True)
    for seed in range(seeds):
        folder = out / f"set-{seed}"
        pictures = f"{shared / 'oasis' / 'norms.csv'}@1:7"
        recipe = MmvaBuild(pictures, f"{music}@1:9", folder, every=5, seed=seed)
        known = out / "captions.jsonl"  # what was heard is heard once for all seeds
        folder.mkdir(parents=True, exist_ok=True)
        if known.exists():
            (folder / "captions.jsonl").write_bytes(known.read_bytes())
        build_mmva.build(recipe, models, Watch())
        if (folder / "captions.jsonl").exists():
            known.write_bytes((folder / "captions.jsonl").read_bytes())
        for variant, settings in VARIANTS.items():
            run = out / f"run-{seed}-{variant.replace(' ', '-')}"
            run.mkdir(parents=True, exist_ok=True)
            if not (run / "features").exists():
                (run / "features").symlink_to(features)
            train_mmva.train(
                MmvaTraining(folder, run, steps=STEPS, seed=seed, threads=1, evaluate_every=50, **settings),  # type: ignore[arg-type]
                models,
                Watch(),
            )
            judged = MmvaEvaluation(folder, run / "best.safetensors", draws=2)
            found += [(variant, one) for one in evaluate_mmva.evaluate(judged, models, Watch())]
        print(f"{name}: seed {seed} done", flush=True)
    return found


def summary(found: list[tuple[str, Row]]) -> dict[str, dict[str, dict[str, tuple[float, float]]]]:
    """Mean and standard deviation over seeds of each figure, by task and model; baselines once."""
    values: dict[tuple[str, str], dict[str, list[float]]] = {}
    for variant, one in found:
        baseline = one.model in (evaluate_mmva.NOTHING, "random, mean of five")
        if baseline and variant != "MMVA":
            continue
        model = one.model if baseline else variant + (", by Eq. 1" if one.model.endswith("by Eq. 1") else "")
        for key in SHOWN:
            if key in one.figures:
                values.setdefault((one.task, model), {}).setdefault(key, []).append(one.figures[key])
    result: dict[str, dict[str, dict[str, tuple[float, float]]]] = {}
    for (task, model), figures in values.items():
        spread = {key: (float(np.mean(each)), float(np.std(each))) for key, each in figures.items()}
        result.setdefault(task, {})[model] = spread
    return result


def main() -> None:
    """Runs both sets, prints means over seeds, and keeps them with --json."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", type=Path, default=Path("build/mmva-learning"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    weights, shared = Resolver(offline=True), data_folder()
    known, titled = list(starter()), list(wesnoth(shared))
    sets = {
        "all tracks, their own words": ([*known, *titled], False),
        "starter library, tags heard": (known, True),
    }
    results = {}
    for name, (rows, heard) in sets.items():
        out = given.out / name.replace(", ", "-").replace(" ", "-")
        music = write(out / "music.csv", rows, shared, heard=heard)
        results[name] = summary(runs(name, music, shared, out, given.seeds, Models(load_profile(), weights)))
        for task, models in results[name].items():
            for model, figures in models.items():
                told = "  ".join(f"{key} {mean:.4f} ± {spread:.4f}" for key, (mean, spread) in figures.items())
                print(f"{name}: {task:<16} {model:<36} {told}")
    if given.json:
        given.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
