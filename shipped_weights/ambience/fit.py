"""Fits the heads that tell which ambience an editor would lay under a picture, and writes them with their card.

    OMP_NUM_THREADS=1 python -m shipped_weights.ambience.fit --media FOLDER --oasis ../shared/data/oasis/images
        --flickr FOLDER --captions captions.txt [--vectors vectors.npz] [--shots shots.npz]

They learn from the shots of `benchmarks/quality/effects_shots.tsv` of which the parts `choose` and `report` say what
fits (FOLDER as there), and from the photographs of OASIS that are judged there. Birds and waves go by the heads of
scenery: logistic regression on their log-odds. Traffic and wind are seen otherwise, by the features themselves; of wind
photographs of Flickr8k, as `shipped_weights.scenery.fit` reads them, teach too, whose captions say where mountains,
deserts and snow are. Five-fold cross-validation by source, scales by other folds of the learning part.
"""

import argparse
import csv
import re
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.numpy
from benchmarks.quality.effects import JudgedShot, photographs, shots
from numpy.typing import NDArray

from shipped_weights.scenery.fit import CAPTIONS, LENGTH, OUT, fitted, scaled, vectors
from storysound.encode import mood
from storysound.encode.detectors import scenery
from storysound.encode.encoder import load
from storysound.ingest.footage import read_footage
from storysound.ingest.pictures import Show
from storysound.media.arrays import Doubles, Floats
from storysound.metrics.classification import average_precision
from storysound.weights.resolver import Resolver

WINDY = (
    "mountain|mountains|cliff|cliffs|peak|summit|desert|dune|dunes"
    "|snowy|snow|ski|skis|skier|skiers|skiing|snowboard|snowboarder"
)
FOLDS = 5
LARGE = ({"BSDS500"}, {"shared-videos", "AnimateDiff", "lomiri-wallpapers-16.04"},
         {"deepin-wallpapers", "opencv-doc", "CogVideo", "sam2", "gradio", "moviepy"},
         {"pop-wallpapers", "Text2Video-Zero", "mate-backgrounds", "Video-LLaVA", "TokenFlow"})  # fmt: skip


@dataclass(frozen=True)
class Ambience:
    """How a head is learned."""

    sound: str  # class that fits where it is laid
    ridge: float
    by_scenery: bool = False
    windy: bool = False  # photographs with captions teach too


HEADS = {
    "birds": Ambience("chirping_birds", 5.0, by_scenery=True),
    "wind": Ambience("wind", 30.0, windy=True),
    "waves": Ambience("sea_waves", 5.0, by_scenery=True),
    "traffic": Ambience("engine", 10.0),
}


def looks_of(judged: Sequence[JudgedShot]) -> tuple[Floats, NDArray[np.intp]]:
    """Features [u f] of each unit of silent footage, mean over its pictures, and the shot of each [u]."""
    eyes = load(scenery.EYES, Resolver(offline=True))
    with tempfile.TemporaryDirectory() as folder:
        for number, shot in enumerate(judged):
            Path(folder, f"{number:04}{shot.file.suffix}").symlink_to(shot.file.absolute())
        footage = read_footage(Path(folder), show=Show(4.0))
        rows, owners = [], []
        for unit, pictures in zip(footage.story.units, footage.pictures, strict=True):
            page = max(i for i, page in enumerate(footage.pages) if page.span.start_s <= unit.start_s + 1e-6)
            rows.append(mood.looks(np.concatenate([eyes.encode([one])[0].embedding for one in pictures])).mean(axis=0))
            owners.append(int(footage.pages[page].file.stem))
    return np.stack(rows), np.array(owners)


def fits(judged: Sequence[JudgedShot], sound: str) -> Doubles:
    """Whether a sound fits each [n]: 1 or 0."""
    return np.array([sound in shot.fits for shot in judged], float)


def windy(flickr: Sequence[str], captions: Mapping[str, Sequence[str]]) -> Doubles:
    """Whether captions tell of a windy place [n]; NaN where one of five does."""
    said = [sum(bool(re.search(rf"\b({WINDY})\b", c)) for c in captions[one]) for one in flickr]
    return np.array([1.0 if count >= CAPTIONS else np.nan if count else 0.0 for count in said])


@dataclass(frozen=True)
class Examples:
    """Shots, and photographs that teach beside them."""

    x: Doubles  # features of shots [n f]
    y: Doubles
    more_x: Doubles
    more_y: Doubles

    def head(self, own: NDArray[np.bool_], ambience: Ambience) -> Doubles:
        """Weights [f + 1] of the log-odds, the last the constant, learned from some of the shots."""
        x, y = np.concatenate([self.x[own], self.more_x]), np.concatenate([self.y[own], self.more_y])
        if ambience.by_scenery:
            known = scenery.shipped("scenery")
            mix = fitted(x @ known.weights + known.bias, y, ambience.ridge)
            return np.append(known.weights @ mix[:-1], known.bias @ mix[:-1] + mix[-1])
        weights = fitted(x * LENGTH, y, ambience.ridge)
        return np.append(weights[:-1] * LENGTH, weights[-1])

    def crossed(self, own: NDArray[np.bool_], fold: NDArray[np.intp], ambience: Ambience) -> Doubles:
        """Log-odds of some of the shots by heads that learned from other folds of them; 0 of the others."""
        odds = np.zeros(len(self.y))
        for k in np.unique(fold[own]):
            weights = self.head(own & (fold != k), ambience)
            here = own & (fold == k)
            odds[here] = self.x[here] @ weights[:-1] + weights[-1]
        return odds

    def scaled_head(self, own: NDArray[np.bool_], fold: NDArray[np.intp], ambience: Ambience) -> Doubles:
        """The same as `head`, so that it tells chances: the scale is that of cross-validation within `own`."""
        slope, shift = scaled(self.crossed(own, fold, ambience)[own], self.y[own])
        weights = self.head(own, ambience) * slope
        weights[-1] += shift
        return weights


def fold_of(source: str) -> int:
    """The fold of a source."""
    return next((number for number, sources in enumerate(LARGE) if source in sources), len(LARGE))


def main() -> None:
    """Prints what was found, and writes heads and card."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("media", "oasis", "flickr", "captions"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    for name in ("vectors", "shots"):
        parser.add_argument(f"--{name}", type=Path, default=Path(tempfile.gettempdir(), f"ambience-{name}.npz"))
    asked = parser.parse_args()
    flickr, oasis = sorted(asked.flickr.glob("*.jpg")), sorted(asked.oasis.glob("*.jpg"))
    captions = defaultdict(list)
    for name, caption in csv.reader(asked.captions.open(newline="", encoding="utf-8")):
        captions[name].append(caption.lower())
    if not asked.vectors.exists():
        np.savez(asked.vectors, x=vectors([*oasis, *flickr]))
    judged = [shot for part in ("choose", "report") for shot in shots(asked.media, part)]
    if not asked.shots.exists():
        x, owners = looks_of(judged)
        np.savez(asked.shots, x=x, owners=owners)
    seen = np.load(asked.vectors)["x"].astype(np.float64)
    ours, owners = (np.load(asked.shots)[name] for name in ("x", "owners"))
    of_oasis = list(photographs(asked.oasis))
    rows = {file.name: number for number, file in enumerate(oasis)}
    photos = seen[[rows[shot.file.name] for shot in of_oasis]]
    said = windy([file.name for file in flickr], captions)
    clear = np.isfinite(said)
    units = [judged[owner] for owner in owners]
    fold = np.array([fold_of(shot.file.relative_to(asked.media).parts[0]) for shot in units])
    every = np.full(len(units), True)

    heads, table = [], []
    for name, ambience in HEADS.items():
        more_x, more_y = [photos], [fits(of_oasis, ambience.sound)]
        if ambience.windy:
            more_x.append(seen[len(oasis) :][clear])
            more_y.append(said[clear])
        own = Examples(ours.astype(float), fits(units, ambience.sound), np.concatenate(more_x), np.concatenate(more_y))
        odds = np.zeros(len(units))
        for k in range(FOLDS):
            weights = own.scaled_head(fold != k, fold, ambience)
            odds[fold == k] = own.x[fold == k] @ weights[:-1] + weights[-1]
        heads.append(own.scaled_head(every, fold, ambience))
        chances = 1 / (1 + np.exp(-odds))
        order = np.argsort(-odds, kind="stable")
        hits = own.y[order]
        precision = average_precision(hits > 0)
        parts = [(chances >= low, low) for low in (0.5, 0.7)]
        told = " | ".join(f"{int(own.y[part].sum())} of {int(part.sum())}" for part, _ in parts)
        table.append(f"| {name} | {int(hits.sum())} | {precision:.2f} | {told} |")
    tensors = {
        "names": np.frombuffer("\n".join(HEADS).encode(), np.uint8),
        "weights": np.stack(heads, axis=1)[:-1].astype(np.float32),
        "bias": np.array([head[-1] for head in heads], np.float32),
    }
    safetensors.numpy.save_file(tensors, OUT / "ambience.safetensors")
    card = CARD.format(
        units=len(units), shots=len(judged), oasis=len(of_oasis), flickr=len(flickr), table="\n".join(table)
    )
    (OUT / "ambience.md").write_text(card, "utf-8")
    print(card)


CARD = """# Which ambience fits a picture: birds, wind, waves, traffic

Code: `storysound/encode/detectors/scenery.py`; heads: `ambience.safetensors`. Made by
`python -m shipped_weights.ambience.fit` (its head says of what data; no seed): {shots} shots of packages and public
repositories ({units} units of footage) and {oasis} photographs of OASIS, judged by which sounds an editor would lay;
for wind {flickr} of Flickr8k by their captions; as EfficientNet-lite2 sees them.

| | fits, units | average precision | right of those said from .5 on | from .7 on |
|---|---|---|---|---|
{table}

Five-fold cross-validation by source, scales by other folds of the learning part; ridges, and what teaches which head,
were chosen on these folds.

- **What they say** is what one person would lay, and no more: where birdsong fits it needn't be seen.
- Rights as of the heads of scenery (`scenery.md`): OASIS and Flickr8k are for research use; of shots and photographs
  nothing can be got back from 1,280 numbers a head.
- Does badly: birds and insects of night, drawings, what is far away.
"""


if __name__ == "__main__":
    main()
