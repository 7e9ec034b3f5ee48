"""Fits the heads that tell fire, the sea, snow … of a picture, and writes them with their card.

    OMP_NUM_THREADS=1 python -m shipped_weights.scenery.fit --oasis ../shared/data/oasis/images
        --flickr FOLDER --captions captions.txt [--vectors vectors.npz]

OASIS's photographs by a list of who shows what (`labels.toml`, written by looking at each), and photographs of Flickr8k
by what their captions say: 1,000 of them at 200 pixels, as github.com/quantumnaan/sic_translator has them (d27da85),
with its `captions.txt` (image, caption). Logistic regression with a ridge, then a scale for each head by log-odds of
other folds; five-fold cross-validation over photographs (seed 0) chooses the ridge. Vectors are kept in `--vectors`.
"""

import argparse
import csv
import re
import tempfile
import tomllib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import safetensors.numpy
import scipy.optimize
from numpy.typing import NDArray

from storysound.encode import mood
from storysound.encode.detectors import scenery
from storysound.encode.encoder import load
from storysound.media.arrays import Doubles, Floats
from storysound.media.image import read_image
from storysound.metrics.classification import average_precision
from storysound.weights.resolver import Resolver

OUT = Path(__file__).parents[2] / "src" / "storysound" / "encode" / "weights"
LABELS = Path(__file__).parent / "labels.toml"
RIDGES, FOLDS, CAPTIONS, SHOWN = (10.0, 30.0), 5, 2, 0.6
# What captions often leave out isn't known not to be there, unless they name another place.
OFTEN_UNSAID = ("greenery", "street", "room", "crowd", "lake")
PLACES = ("sea", "river", "lake", "greenery", "snow", "street", "room", "underwater")
USUAL, TOWARDS = (1.3, 0.5), 1.0  # slope and shift that a scale is drawn to, and how hard
LENGTH = 10.0  # features have it while heads are fitted, so that ridges are near 1


def vectors(pictures: Sequence[Path]) -> Floats:
    """What the heads go by of each picture: [n f]."""
    eyes = load(scenery.EYES, Resolver(offline=True))
    return mood.looks(np.concatenate([eyes.encode([read_image(file)])[0].embedding for file in pictures]))


def labels(oasis: Sequence[str], flickr: Sequence[str], captions: Mapping[str, Sequence[str]]) -> dict[str, Doubles]:
    """Whether each photograph shows each [n]: 1, 0, or NaN where that isn't clear."""
    table = tomllib.loads(LABELS.read_text("utf-8"))
    said = {
        name: np.array(
            [sum(bool(re.search(rf"\b({entry['captions']})\b", c)) for c in captions[one]) for one in flickr]
        )
        for name, entry in table.items()
    }
    placed = np.max([said[name] for name in PLACES], axis=0) >= CAPTIONS
    found = {}
    for name, entry in table.items():
        shows, unclear = set(entry["oasis"].split()), set(entry["unclear"].split())
        if unknown := (shows | unclear) - set(oasis):
            raise SystemExit(f"{LABELS.name}: {name}: OASIS has no {', '.join(sorted(unknown))}")
        rows = [1.0 if one in shows else np.nan if one in unclear else 0.0 for one in oasis]
        silent = np.where(placed, 0.0, np.nan) if name in OFTEN_UNSAID else np.zeros(len(flickr))
        rows += np.where(said[name] >= CAPTIONS, 1.0, np.where(said[name] > 0, np.nan, silent)).tolist()
        found[name] = np.array(rows)
    return found


def fitted(x: Doubles, y: Doubles, ridge: float) -> Doubles:
    """Weights [f + 1], the last the constant, of logistic regression of [n f] and [n]."""
    rows = np.column_stack([x, np.ones(len(x))])
    keep = np.append(np.ones(x.shape[1]), 0.0)

    def loss(weights: Doubles) -> tuple[float, Doubles]:
        odds = rows @ weights
        value = np.sum(np.logaddexp(0, odds) - y * odds) + 0.5 * ridge * np.sum(keep * weights**2)
        slope = rows.T @ (1 / (1 + np.exp(-odds)) - y) + ridge * keep * weights
        return float(value), slope

    start = np.append(np.zeros(x.shape[1]), np.log(y.mean() / (1 - y.mean())))
    return np.asarray(scipy.optimize.minimize(loss, start, jac=True, method="L-BFGS-B").x)


def folds(count: int) -> NDArray[np.intp]:
    """The fold of each photograph [n]."""
    return np.random.default_rng(0).permutation(count) % FOLDS


def crossed(x: Doubles, y: Doubles, ridge: float) -> Doubles:
    """Log-odds of each [n] by heads that learned from other folds; of unclear ones too."""
    fold = folds(len(y))
    odds = np.zeros(len(y))
    for k in range(FOLDS):
        own = (fold != k) & np.isfinite(y)
        weights = fitted(x[own], y[own], ridge)
        odds[fold == k] = x[fold == k] @ weights[:-1] + weights[-1]
    return odds


def scaled(odds: Doubles, y: Doubles) -> Doubles:
    """Slope and shift that make log-odds of cross-validation [n] chances of [n]; few examples leave them as usual."""

    def loss(two: Doubles) -> float:
        own = two[0] * odds + two[1]
        return float(np.sum(np.logaddexp(0, own) - y * own) + TOWARDS * np.sum((two - USUAL) ** 2))

    return np.asarray(scipy.optimize.minimize(loss, np.array(USUAL)).x)


def chances(odds: Doubles, y: Doubles) -> Doubles:
    """Chances of each [n] by a scale that learned from other folds."""
    fold = folds(len(y))
    found = np.zeros(len(y))
    for k in range(FOLDS):
        own = (fold != k) & np.isfinite(y)
        slope, shift = scaled(odds[own], y[own])
        found[fold == k] = 1 / (1 + np.exp(-(slope * odds[fold == k] + shift)))
    return found


def main() -> None:
    """Prints what was found, and writes heads and card."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--oasis", type=Path, required=True)
    parser.add_argument("--flickr", type=Path, required=True)
    parser.add_argument("--captions", type=Path, required=True)
    parser.add_argument("--vectors", type=Path, default=Path(tempfile.gettempdir(), "scenery-vectors.npz"))
    asked = parser.parse_args()
    pictures = [sorted(folder.glob("*.jpg")) for folder in (asked.oasis, asked.flickr)]
    captions = defaultdict(list)
    for name, caption in csv.reader(asked.captions.open(newline="", encoding="utf-8")):
        captions[name].append(caption.lower())
    if not asked.vectors.exists():
        np.savez(asked.vectors, x=vectors([*pictures[0], *pictures[1]]))
    x = np.load(asked.vectors)["x"].astype(np.float64) * LENGTH
    shows = labels([file.stem for file in pictures[0]], [file.name for file in pictures[1]], captions)

    known = {name: np.isfinite(y) for name, y in shows.items()}
    truth = np.concatenate([y[known[name]] for name, y in shows.items()])

    def pooled(of: Mapping[str, Doubles]) -> Doubles:
        return np.concatenate([of[name][own] for name, own in known.items()])

    odds, likely, ridges = {}, {}, {}
    for name, y in shows.items():
        losses = {}
        for ridge in RIDGES:
            own = crossed(x, y, ridge)
            p = np.clip(chances(own, y), 1e-6, 1 - 1e-6)
            losses[ridge] = -np.mean(np.log(np.where(y > 0, p, 1 - p))[known[name]])
            if losses[ridge] == min(losses.values()):
                odds[name], likely[name], ridges[name] = own, p, ridge
    table, heads = [], []
    for name, y in shows.items():
        own = known[name]
        slope, shift = scaled(odds[name][own], y[own])
        head = fitted(x[own], y[own], ridges[name])
        heads.append(np.append(slope * LENGTH * head[:-1], slope * head[-1] + shift))
        order = np.argsort(-odds[name][own], kind="stable")
        hits = y[own][order]
        precision = average_precision(hits > 0)
        said = own & (likely[name] >= SHOWN)
        right = int(y[said].sum())
        table.append(
            f"| {name} | {int(y[: len(pictures[0])][own[: len(pictures[0])]].sum())} | {int(hits.sum())} "
            f"| {precision:.2f} | {right} of {int(said.sum())} | {right / hits.sum():.2f} | {ridges[name]:g} |"
        )
    p = pooled(likely)
    bins = [
        f"| {low:.1f}–{low + 0.2:.1f} | {int(part.sum())} | {p[part].mean():.2f} | {truth[part].mean():.2f} |"
        for low in (0.0, 0.2, 0.4, 0.6, 0.8)
        for part in [(p >= low) & (p < low + 0.2 + 1e-9)]
    ]
    tensors = {
        "names": np.frombuffer("\n".join(shows).encode(), np.uint8),
        "weights": np.stack(heads, axis=1)[:-1].astype(np.float16),
        "bias": np.array([head[-1] for head in heads], np.float32),
    }
    safetensors.numpy.save_file(tensors, OUT / "scenery.safetensors")
    card = CARD.format(oasis=len(pictures[0]), flickr=len(pictures[1]), table="\n".join(table), bins="\n".join(bins))
    (OUT / "scenery.md").write_text(card, "utf-8")
    print(card)


CARD = """# What surrounds: fire, the sea, snow, streets …

Code: `storysound/encode/detectors/scenery.py`; heads: `scenery.safetensors` (float16). Made by
`python -m shipped_weights.scenery.fit` (its head says of what data; seed 0): {oasis} photographs of OASIS and
{flickr} of Flickr8k, as EfficientNet-lite2 sees them.

| | shown in, OASIS | in both | average precision | right of those said (from .6 on) | recall | ridge |
|---|---|---|---|---|---|---|
{table}

Five-fold cross-validation over photographs, scales too; each head's ridge was chosen by the same folds (log loss). Said
and true, all heads together:

| chance | photographs and names | said, mean | true |
|---|---|---|---|
{bins}

- **Who shows what**: OASIS (Kurdi, Lozano & Banaji 2017, free for research use) by looking at each photograph; Flickr8k
  (Hodosh, Young & Hockenmaier 2013, for research use) where two of five captions say so. What is unclear teaches
  nothing, nor does what captions often leave out (greenery, streets, rooms, crowds, lakes) where they name no place.
- Commercial use: ask the owners of the photographs. No picture can be got back from 1,280 numbers a head.
- Does badly: what few photographs show (crowds, fireworks, thunderstorms); drawings; a lake beside a sea; what is small
  in the picture.
"""


if __name__ == "__main__":
    main()
