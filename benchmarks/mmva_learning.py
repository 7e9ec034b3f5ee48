"""Does MMVA learn from little, and do its parts help: `python -m benchmarks.mmva_learning`.

Pictures: OASIS, rated by people. Music: the starter library, whose five folders name a mood, and the tracks of Wesnoth,
which have titles; a track's valence and arousal are those of its mood word or title by the text mood head, so music's
labels are weak and captions made of the same words give them away. `heard`: captions of the tags that musicnn hears.
Every seed divides tracks and pictures anew (80/5/15) and trains MMVA and both ablations; figures are of the test part.
"""

import argparse
import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch

from benchmarks.quality import data_folder
from storysound.encode import encoder, mood
from storysound.jobs import build_mmva, evaluate_mmva, train_mmva
from storysound.jobs.results import Row
from storysound.story import Mood
from storysound.weights import Resolver, catalogue, default_cache

MOODS = ("calm", "energetic", "happy", "nostalgic", "tender")
VARIANTS = {
    "MMVA": {"matching": "random", "similarity": True},
    "no random matching": {"matching": "fixed", "similarity": True},
    "no similarity predictor": {"matching": "random", "similarity": False},
}
STEPS = 300
SHOWN = ("mse", "pearson", "map10")


def felt(words: Iterable[str], weights: Resolver) -> dict[str, Mood]:
    """How words feel, as people would rate them, by the text mood head."""
    said = list(dict.fromkeys(words))
    ratings = mood.head("text").ratings(mood.reading(encoder.load(mood.READER, weights).encode(said)))
    return {one: Mood(*map(float, rating)) for one, rating in zip(said, ratings, strict=True)}


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


def write(file: Path, rows: Sequence[dict[str, str]], weights: Resolver, *, heard: bool) -> Path:
    """The table of music; without words where these are to be heard."""
    file.parent.mkdir(parents=True, exist_ok=True)
    moods = felt([one["words"] for one in rows], weights)
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file", "valence", "arousal", "caption", "tags"])
        for one in rows:
            own = moods[one["words"]]
            said = ("", "") if heard else (one["caption"], one["tags"])
            writer.writerow([one["file"], own.valence, own.arousal, *said])
    return file


def runs(name: str, music: Path, shared: Path, out: Path, seeds: int, weights: Resolver) -> list[tuple[str, Row]]:
    """All rows of all seeds and variants of one set."""
    found: list[tuple[str, Row]] = []
    features = (out / "features").absolute()
    features.mkdir(parents=True, exist_ok=True)
    for seed in range(seeds):
        folder = out / f"set-{seed}"
        pictures = f"{shared / 'oasis' / 'norms.csv'}@1:7"
        recipe = build_mmva.Recipe(pictures, str(music), folder, every=5, seed=seed)
        known = out / "captions.jsonl"  # what was heard is heard once for all seeds
        folder.mkdir(parents=True, exist_ok=True)
        if known.exists():
            (folder / "captions.jsonl").write_bytes(known.read_bytes())
        build_mmva.build(recipe, weights, quiet)
        if (folder / "captions.jsonl").exists():
            known.write_bytes((folder / "captions.jsonl").read_bytes())
        for variant, settings in VARIANTS.items():
            run = out / f"run-{seed}-{variant.replace(' ', '-')}"
            run.mkdir(parents=True, exist_ok=True)
            if not (run / "features").exists():
                (run / "features").symlink_to(features)
            train_mmva.train(
                train_mmva.Recipe(folder, run, steps=STEPS, seed=seed, threads=1, evaluate_every=50, **settings),  # type: ignore[arg-type]
                weights,
                quiet,
            )
            judged = evaluate_mmva.Recipe(folder, run / "best.safetensors", draws=2)
            found += [(variant, one) for one in evaluate_mmva.evaluate(judged, weights, quiet)]
        print(f"{name}: seed {seed} done", flush=True)
    return found


def quiet(_: str) -> None:
    """Nobody listens."""


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
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    weights, shared = Resolver(offline=True), data_folder()
    known, titled = list(starter()), list(wesnoth(shared))
    sets = {
        "starter": (known, False),
        "starter, heard": (known, True),
        "starter and Wesnoth": ([*known, *titled], False),
        "starter and Wesnoth, heard": ([*known, *titled], True),
    }
    results = {}
    for name, (rows, heard) in sets.items():
        out = given.out / name.replace(", ", "-").replace(" ", "-")
        music = write(out / "music.csv", rows, weights, heard=heard)
        results[name] = summary(runs(name, music, shared, out, given.seeds, weights))
        for task, models in results[name].items():
            for model, figures in models.items():
                told = "  ".join(f"{key} {mean:.4f} ± {spread:.4f}" for key, (mean, spread) in figures.items())
                print(f"{name:<28} {task:<16} {model:<40} {told}")
    if given.json:
        given.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
