"""How likely a hit fits (`match.chance`): what is said of it beside how often it does.

Run: python -m benchmarks.quality.chances [../shared/data] [--fit]

Words and pictures look for sounds in ESC-50 (the words of its classes; photographs of OASIS whose theme has one,
`photograph_sounds.toml`), among the sounds of 26 videos (their captions and frames) and of triples (their words, with
and without names, and pictures). Each asks libraries of chance: all classes, half, a third and a quarter of them, so
that nothing fits in half of the cases. Figures are of five-fold cross-validation over what is asked, and of each
collection by the others; sets of queries count alike, whatever their size. ECE: expected calibration error, ten bins.
"""

import argparse
import csv
import json
import re
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.optimize
from sklearn.metrics import roc_auc_score

from storysound.config import load_profile
from storysound.encode.pool import Models
from storysound.jobs.find.finder import Finder
from storysound.jobs.index import index
from storysound.jobs.index.request import IndexRequest
from storysound.match.chance import INTERCEPT, NAMED, WEIGHTS, features
from storysound.match.first_stage import Verdict
from storysound.match.query import Query
from storysound.media.arrays import Doubles
from storysound.metrics.classification import TENTHS, calibration_error
from storysound.progress import Watch
from storysound.weights.resolver import Resolver

TRUTH = Path(__file__).parent / "photograph_sounds.toml"
RANKS = 3  # hits of each search
DRAWS, SHARES = 8, (1, 2, 3, 4)  # libraries of each query, and by how many they are fewer
PER_THEME = 6  # photographs
FOLDS, RIDGE = 5, 0.0005


@dataclass(frozen=True)
class Asked:
    """A query of a set, and the labels of the sounds that fit."""

    name: str
    query: Query
    fits: frozenset[str]


@dataclass(frozen=True)
class Found:
    """A hit: what the chance goes by, and whether it fits."""

    collection: str
    asked: str
    rank: int
    features: tuple[float, ...]
    name: float  # share of the query's words in its name
    fits: bool


def hits_of(
    name: str, finder: Finder, asked: list[Asked], labels: Mapping[str, str], ignore_names: bool = True
) -> Iterator[Found]:
    """The hits of queries in libraries of chance; `labels`: of sounds, by file name."""
    own = np.array([labels.get(Path(sound.path).name, "") for sound in finder.index.sounds])
    sound_of, every = finder.index.sound_of, np.unique(own)
    for one in asked:
        evidence = list(finder._evidence(one.query, ignore_names, for_music=False))
        for draw in range(DRAWS):
            rng = np.random.default_rng(1000 * draw + 7)
            count = max(RANKS, len(every) // SHARES[draw % len(SHARES)])
            there = np.isin(own, rng.permutation(every)[:count])
            verdict = Verdict(evidence, there[sound_of])
            best, segments = finder.index.best_segments(verdict.scores)
            order = np.argsort(-np.where(there, best, -np.inf), kind="stable")[: min(RANKS, int(there.sum()))]
            for rank, sound in enumerate(order):
                at = int(segments[sound])
                events = verdict.events(at)
                heard, named = events[0].score if events else 0.0, verdict.highest("name", at)
                row = features(verdict.by_ear(at), int(there.sum()), heard)
                yield Found(name, one.name, rank, row, named, bool(own[sound] in one.fits))


def collected(shared: Path, scratch: Path, models: Models) -> list[Found]:
    """All hits of all sets."""

    def library(folder: Path) -> Finder:
        out = scratch / f"{folder.parent.name}-{folder.name}"
        if not out.exists():
            index.run(IndexRequest((folder,), out), models, Watch())
        return Finder(out, models)

    found: list[Found] = []
    finder = library(shared / "esc50" / "audio")
    rows = csv.DictReader((shared / "esc50" / "labels.csv").open(newline=""))
    labels = {Path(row["file"]).name: row["category"] for row in rows}
    words = [Asked(one, Query(text=one.replace("_", " ")), frozenset({one})) for one in sorted(set(labels.values()))]
    found += hits_of("esc words", finder, words, labels)
    truth = tomllib.loads(TRUTH.read_text("utf-8"))
    fits = {theme: frozenset(classes.split()) for theme, classes in truth["fits"].items()}
    fits |= dict.fromkeys(truth["none"].split(), frozenset())
    shown: dict[str, list[Asked]] = {}
    for file in sorted((shared / "oasis" / "images").iterdir()):
        theme = re.sub(r"[_ ]\d+$", "", file.stem)
        if theme in fits:
            shown.setdefault(theme, []).append(Asked(theme, Query(images=(file,)), fits[theme]))
    found += hits_of("oasis", finder, [one for own in shown.values() for one in own[:PER_THEME]], labels)
    finder = library(shared / "videos" / "clips")
    labels = {Path(sound.path).name: Path(sound.path).stem for sound in finder.index.sounds}
    clips = [json.loads(line) for line in (shared / "videos" / "captions.jsonl").read_text("utf-8").splitlines()]
    clips = [clip for clip in clips if Path(clip["path"]).name in labels]
    names = [Path(clip["path"]).stem for clip in clips]
    captions = [Asked(n, Query(text=clip["caption"]), frozenset({n})) for n, clip in zip(names, clips, strict=True)]
    frames = [
        Asked(n, Query(video=shared / "videos" / clip["path"]), frozenset({n}))
        for n, clip in zip(names, clips, strict=True)
    ]
    found += hits_of("video captions", finder, captions, labels)
    found += hits_of("video frames", finder, frames, labels)
    finder = library(shared / "triples" / "audio")
    lines = (shared / "triples" / "triples.jsonl").read_text("utf-8").splitlines()
    triples = [json.loads(line) for line in lines]
    labels = {Path(each["audio"]).name: each["id"] for each in triples}
    told = [Asked(each["id"], Query(text=each["text"]), frozenset({each["id"]})) for each in triples]
    seen = [
        Asked(each["id"], Query(images=(shared / "triples" / each["image"],)), frozenset({each["id"]}))
        for each in triples
    ]
    found += hits_of("triple words", finder, told, labels)
    found += hits_of("triple words, names", finder, told, labels, ignore_names=False)
    found += hits_of("triple pictures", finder, seen, labels)
    return found


def fitted(x: Doubles, names: Doubles, y: Doubles, weight: Doubles) -> Doubles:
    """Intercept and weights of a logistic model of features [n f], held small by a ridge; and what a name counts.

    The first are fitted where names [n] say nothing, the last where they do.
    """

    def loss(b: Doubles) -> float:
        logits = b[0] + x[plain] @ b[1:]
        return float(
            np.mean(weight[plain] * (np.logaddexp(0, logits) - y[plain] * logits)) + RIDGE * (b[1:] ** 2).sum()
        )

    def loss_of_names(named: float) -> float:
        p = chances(x[~plain], names[~plain], np.append(model, named))
        return -float(np.mean(np.log(np.where(y[~plain] > 0, p, 1 - p))))

    plain = names == 0
    model = np.asarray(scipy.optimize.minimize(loss, np.zeros(x.shape[1] + 1)).x)
    if plain.all():
        return np.append(model, NAMED)
    return np.append(model, scipy.optimize.minimize_scalar(loss_of_names, bounds=(0.01, 0.99), method="bounded").x)


def chances(x: Doubles, names: Doubles, model: Doubles) -> Doubles:
    """Of features [n f] and names [n], by what `fitted` gives."""
    by_ear = 1 / (1 + np.exp(-(model[0] + x @ model[1:-1])))
    return np.asarray(1 - (1 - by_ear) * (1 - model[-1] * names))


def main() -> None:
    """Prints both tables, and with --fit the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?", default=Path("../shared/data"))
    parser.add_argument("--fit", action="store_true", help="print the numbers that fit")
    parser.add_argument("--libraries", type=Path, help="folder for the libraries, to be used again")
    options = parser.parse_args()
    models = Models(load_profile("embedded"), Resolver())
    with tempfile.TemporaryDirectory() as scratch:
        found = collected(options.data, options.libraries or Path(scratch), models)
    x, y = np.array([one.features for one in found]), np.array([one.fits for one in found], float)
    names = np.array([one.name for one in found])
    sets, asked = np.array([one.collection for one in found]), np.array([one.asked for one in found])
    rank = np.array([one.rank for one in found])
    first = rank == 0
    weight = np.array([1 / np.sqrt((sets == own).sum()) for own in sets])
    weight /= weight.mean()
    if options.fit:
        model = fitted(x[first], names[first], y[first], weight[first]).round(2).tolist()
        print("INTERCEPT, WEIGHTS, NAMED =", model[0], tuple(model[1:-1]), model[-1])
    shuffled = np.random.default_rng(0).permutation(np.unique(asked))
    fold = np.array([{one: i % FOLDS for i, one in enumerate(shuffled)}[one] for one in asked])
    crossed = np.zeros(len(y))
    for number in range(FOLDS):
        own, others = fold == number, first & (fold != number)
        crossed[own] = chances(x[own], names[own], fitted(x[others], names[others], y[others], weight[others]))
    shipped = chances(x, names, np.array([INTERCEPT, *WEIGHTS, NAMED]))
    print(f"shipped numbers agree: {np.abs(shipped - crossed).max():.2f} at most\n")
    print(f"{'':22} {'n':>5} {'fit':>5} {'said':>5} {'ECE':>5} {'AUC':>5}")
    for name, own in [
        *((each, first & (sets == each)) for each in dict.fromkeys(sets)), ("all first hits", first),
        *((f"all hits of rank {r + 1}", rank == r) for r in range(1, RANKS)),
    ]:  # fmt: skip
        p, t = crossed[own], y[own]
        area = roc_auc_score(t, p)
        print(f"{name:22} {own.sum():5} {t.mean():5.2f} {p.mean():5.2f} {calibration_error(p, t):5.3f} {area:5.2f}")
    for name in dict.fromkeys(one.split()[0] for one in sets):
        own = first & np.array([one.split()[0] == name for one in sets])
        rest = first & ~own
        p = chances(x[own], names[own], fitted(x[rest], names[rest], y[rest], weight[rest]))
        area = roc_auc_score(y[own], p)
        print(f"{name + ' by the others':22} {own.sum():5} {y[own].mean():5.2f} {p.mean():5.2f} "
              f"{calibration_error(p, y[own]):5.3f} {area:5.2f}")  # fmt: skip
    print("\nfirst hits by the chance that is said of them: how many, and how many fit")
    for low in np.arange(TENTHS) / TENTHS:
        own = first & (crossed >= low) & (crossed < low + 1 / TENTHS)
        if own.any():
            print(f"{low:.1f}-{low + 1 / TENTHS:.1f} {own.sum():5} {crossed[own].mean():5.2f} {y[own].mean():5.2f}")


if __name__ == "__main__":
    main()
