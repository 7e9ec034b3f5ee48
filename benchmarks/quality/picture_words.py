"""How often the words that are shown of a picture are right, and how often there are some.

Run: python -m benchmarks.quality.picture_words [../shared/data] [--fit]

320 photographs of OASIS, parted by themes into `choose` and `report`. All words that the two eyes offer for them were
judged by looking, before anything was fitted (`picture_words_truth.tsv`). With --fit the model is fitted on `choose`
and its numbers are printed; of `choose` the figures are those of ten-fold cross-validation over pictures, of `report`
those of the model that ships. Words are counted as `annotate.picture_words` shows them: of a thing and a special case
of it one, at most four. Intervals: 95 %, by drawing pictures anew 2,000 times.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import scipy.optimize

from storysound.annotate.picture_claims import IMAGENET, Things, things
from storysound.annotate.picture_words import Evidence, WordModel, evidence_of, picture_words, word_model
from storysound.config import load_profile
from storysound.encode.detectors import nanodet
from storysound.encode.detectors.boxes import Box
from storysound.encode.pool import Models
from storysound.media.arrays import Floats
from storysound.media.image import read_image
from storysound.weights.resolver import Resolver

TRUTH = Path(__file__).parent / "picture_words_truth.tsv"
FOLDS, RIDGE, DRAWS = 10, 0.002, 2_000
PEOPLE = ("person", "people", "crowd")
ALIVE = ("Person", "Animal")  # categories of OASIS


@dataclass(frozen=True)
class Judged:
    """A picture, what both eyes see in it, and which words for it are right and wrong."""

    category: str
    classes: Floats  # [c]
    boxes: list[Box]
    right: frozenset[str]
    wrong: frozenset[str]


def words_judged() -> list[list[str]]:
    """Half, picture, right and wrong words, of each picture."""
    lines = TRUTH.read_text("utf-8").splitlines()
    return [line.split("\t") for line in lines if not line.startswith("#")]


def judged(data: Path, models: Models) -> dict[str, list[Judged]]:
    """All pictures, by half."""
    categories = {
        Path(row[0]).name: row[2]
        for row in (line.split(",") for line in (data / "oasis" / "norms.csv").read_text("utf-8").splitlines())
    }
    detector = models.get(nanodet.NanoDet.name, nanodet.load)
    found: dict[str, list[Judged]] = {}
    for half, name, right, wrong in words_judged():
        picture = read_image(data / "oasis" / "images" / name)
        classes = models.picture.encode([picture])[0].scores[IMAGENET][0]
        words = (frozenset(filter(None, part.split(", "))) for part in (right, wrong))
        found.setdefault(half, []).append(Judged(categories[name], classes, detector.find([picture])[0], *words))
    return found


def evidence(
    pictures: Sequence[Judged], known: Things, thing_of: Mapping[str, int]
) -> list[list[tuple[Evidence, bool]]]:
    """What was offered for each picture and judged, and whether it is right."""
    return [
        [
            (one, one.words(known) in picture.right)
            for one in evidence_of(picture.classes, picture.boxes, known, thing_of)
            if one.words(known) in picture.right | picture.wrong
        ]
        for picture in pictures
    ]


def fitted(offered: Sequence[Sequence[tuple[Evidence, bool]]]) -> Floats:
    """Weights [5] of a logistic model, held small by a ridge."""
    x = np.stack([one.features for own in offered for one, _ in own])
    y = np.array([right for own in offered for _, right in own], float)

    def loss(weights: Floats) -> float:
        logits = x @ weights
        return float(np.mean(np.logaddexp(0, logits) - y * logits) + RIDGE * np.sum(weights**2))

    return np.asarray(scipy.optimize.minimize(loss, np.zeros(x.shape[1])).x, np.float32)


@dataclass(frozen=True)
class Shown:
    """Of a picture: how many words are shown and how many of them are right."""

    alive: bool
    right: int
    words: int


def shown(picture: Judged, known: Things, model: WordModel) -> Shown:
    """A word that nobody judged, as a place is, doesn't count."""
    words = [word.words for word in picture_words(picture.classes[None], [picture.boxes], known, model)]
    words = ["person" if word in PEOPLE else word for word in words]
    right, wrong = (sum(word in part for word in words) for part in (picture.right, picture.wrong))
    return Shown(picture.category in ALIVE, right, right + wrong)


def row(name: str, pictures: Sequence[Shown]) -> str:
    """Precision of words; shares of pictures with some, of all and of those of people and animals."""
    table = np.array([(one.right, one.words, one.words > 0, one.alive) for one in pictures], float)
    rng = np.random.default_rng(0)

    def figures(own: np.ndarray) -> tuple[float, float, float]:
        alive = own[own[:, 3] > 0]
        return own[:, 0].sum() / own[:, 1].sum(), own[:, 2].mean(), alive[:, 2].mean()

    draws = np.array([figures(table[rng.integers(0, len(table), len(table))]) for _ in range(DRAWS)])
    low, high = np.percentile(draws, [2.5, 97.5], axis=0)
    parts = [f"{f:.2f} ({a:.2f}-{b:.2f})" for f, a, b in zip(figures(table), low, high, strict=True)]
    return f"{name:22} {len(table):4} {int(table[:, 1].sum()):6}  " + "  ".join(parts)


def main() -> None:
    """Prints both rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?", default=Path("../shared/data"))
    parser.add_argument("--fit", action="store_true")
    options = parser.parse_args()
    models = Models(load_profile("embedded"), Resolver())
    pictures = judged(options.data, models)
    known = things(IMAGENET, models.picture.labels[IMAGENET])
    model = word_model()
    offered = evidence(pictures["choose"], known, model.things(known))
    if options.fit:
        print("weights =", [round(float(weight), 2) for weight in fitted(offered)])
    print(f"{'':22} {'n':>4} {'words':>6}  {'precision':16}  {'pictures with':16}  people, animals")
    crossed = []
    for number, picture in enumerate(pictures["choose"]):
        others = [own for other, own in enumerate(offered) if other % FOLDS != number % FOLDS]
        crossed.append(shown(picture, known, replace(model, weights=fitted(others))))
    print(row("choose, cross-validated", crossed))
    print(row("report", [shown(picture, known, model) for picture in pictures["report"]]))


if __name__ == "__main__":
    main()
