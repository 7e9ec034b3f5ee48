"""The mood of pictures: OASIS's photographs by kernel ridge regression on what the picture encoder makes of them.

Pictures: Kurdi, Lozano and Banaji 2017, photographs rated 1 to 7; a CSV with the columns `file` (relative to it),
`valence_mean` and `arousal_mean`.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from storysound.encode import mood
from storysound.encode.encoder import Encoder
from storysound.encode.mood import KernelHead, MoodScale, rbf
from storysound.media.arrays import Floats, Pixels
from storysound.media.image import read_image


@dataclass(frozen=True)
class Config:
    """Constants of the regression; chosen by five-fold cross-validation, where others nearby do as well."""

    axes: int = 200
    gamma: float = 0.5
    ridge: float = 0.1


@dataclass(frozen=True)
class Photographs:
    """Rated pictures: `ratings` [n 2] over [0, 1]; `views` [n v f]: features of each as it is, then altered."""

    ratings: Floats
    views: Floats


def altered(picture: Pixels) -> list[Pixels]:
    """A picture as it is, mirrored, squeezed to a square, and without its margins: one learns from all four."""
    height, width = picture.shape[:2]
    margin = int(0.12 * min(height, width))
    square = np.asarray(Image.fromarray(picture).resize((292, 292)))
    middle = picture[margin : height - margin, margin : width - margin]
    return [picture, *(np.ascontiguousarray(view) for view in (picture[:, ::-1], square, middle))]


def read(file: Path, eyes: Encoder[Pixels]) -> Photographs:
    """Pictures with their ratings and features."""
    rows = list(csv.DictReader(file.open(newline="")))
    ratings = np.array([[float(row["valence_mean"]), float(row["arousal_mean"])] for row in rows], np.float32)
    seen = [eyes.encode(altered(read_image(file.parent / row["file"]))) for row in rows]
    views = np.stack([mood.looks(np.concatenate([view.embedding for view in views])) for views in seen])
    return Photographs((ratings - 1) / 6, views)


def fit(data: Photographs, chosen: NDArray[np.intp], config: Config | None = None) -> KernelHead:
    """Learns from all views of the chosen pictures; the scale is left at 0 and 1."""
    config = config or Config()
    views = data.views[chosen]
    x = views.reshape(-1, views.shape[-1]).astype(np.float64)
    y = np.repeat(data.ratings[chosen], views.shape[1], axis=0)
    centre, bias = x.mean(axis=0), y.mean(axis=0)
    axes = np.linalg.eigh((x - centre).T @ (x - centre))[1][:, ::-1][:, : config.axes]
    axes /= np.sqrt((((x - centre) @ axes) ** 2).sum(axis=1).mean())
    turned = ((x - centre) @ axes).astype(np.float32)
    gram = rbf(turned, turned, config.gamma).astype(np.float64)
    gram[np.diag_indices_from(gram)] += config.ridge
    weights = np.linalg.solve(gram, y - bias)
    parts = (np.asarray(part, np.float32) for part in (centre, axes, turned, weights, bias))
    return KernelHead(*parts, config.gamma, MoodScale.plain())


def cross_validated(data: Photographs, config: Config | None = None, folds: int = 5, seed: int = 0) -> Floats:
    """What is foretold of each picture, as it is, by a head that learned from the other folds: [n 2]."""
    order = np.random.default_rng(seed).permutation(len(data.ratings))
    foretold = np.zeros_like(data.ratings)
    for k in range(folds):
        held = order[k::folds]
        head = fit(data, np.setdiff1d(order, held, assume_unique=True), config)
        foretold[held] = head.ratings(data.views[held, 0])
    return foretold
