"""Fits the embedded mood heads (valence and arousal of words and of pictures) and writes their model card.

    python training/mood/fit.py --words Ratings_Warriner_et_al.csv --pictures oasis/norms.csv

Words: Warriner et al. 2013, 13,915 English words rated 1-9. Pictures: OASIS, Kurdi et al. 2017, rated 1-7; paths in
the first column are relative to the CSV. The correlations in the card are of five-fold cross-validation, seed 0.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from storysound.encode import encoder
from storysound.encode.labels import text_vectors
from storysound.encode.mood import MoodHead, rbf
from storysound.media.image import read_image
from storysound.weights import Resolver

OUT = Path(__file__).parents[2] / "src" / "storysound" / "encode" / "weights"
Array = NDArray[np.float32]


def fit(x: Array, y: Array, landmarks: Array, gamma: float, ridge: float) -> tuple[Array, Array]:
    """Nyström kernel ridge: x [n d], y [n 2] -> coefficients [m 2], bias [2]."""
    bias = y.mean(axis=0)
    kernel = rbf(x, landmarks, gamma)
    gram = (kernel.T @ kernel).astype(np.float64) + ridge * rbf(landmarks, landmarks, gamma)
    gram[np.diag_indices_from(gram)] += 1e-6
    return np.linalg.solve(gram, kernel.T @ (y - bias)).astype(np.float32), bias.astype(np.float32)


def cross_validate(x: Array, y: Array, m: int, gamma: float, ridge: float, folds: int = 5) -> NDArray[np.float64]:
    """Pearson r of valence and arousal, predicted for the fold left out: [2]."""
    order = np.random.default_rng(0).permutation(len(x))
    predicted = np.zeros_like(y)
    for k in range(folds):
        test = order[k::folds]
        train = np.setdiff1d(order, test, assume_unique=True)
        landmarks = x[train[:: max(1, len(train) // m)][:m]]
        coefficients, bias = fit(x[train], y[train], landmarks, gamma, ridge)
        predicted[test] = rbf(x[test], landmarks, gamma) @ coefficients + bias
    return np.array([np.corrcoef(predicted[:, i], y[:, i])[0, 1] for i in (0, 1)])


def words(file: Path, weights: Resolver) -> tuple[Array, Array]:
    """MiniLM vectors and ratings scaled to [0, 1]."""
    rows = list(csv.DictReader(file.open(newline="")))
    encodings = encoder.load("minilm", weights).encode([r["Word"] for r in rows])
    y = np.array([[float(r["V.Mean.Sum"]), float(r["A.Mean.Sum"])] for r in rows], np.float32)
    return np.concatenate([e.embedding for e in encodings]), (y - 1) / 8


def pictures(file: Path, weights: Resolver) -> tuple[Array, Array]:
    """EfficientNet vectors and ratings scaled to [0, 1]."""
    rows = list(csv.DictReader(file.open(newline="")))
    network = encoder.load("efficientnet_lite2", weights)
    x = np.concatenate([network.encode([read_image(file.parent / r["file"])])[0].embedding for r in rows])
    y = np.array([[float(r["valence_mean"]), float(r["arousal_mean"])] for r in rows], np.float32)
    return x / np.linalg.norm(x, axis=1, keepdims=True), (y - 1) / 6


def class_moods(tensors: dict[str, NDArray[np.generic]], weights: Resolver) -> Array:
    """The mood of every AudioSet class by its name: [521 2]."""
    part = {k: tensors[f"text.{k}"].astype(np.float32) for k in ("landmarks", "coefficients", "bias")}
    head = MoodHead(**part, gamma=float(tensors["text.gamma"]))
    names = [name.lower() for name in (OUT / "audioset_labels.txt").read_text("utf-8").splitlines()]
    return head(text_vectors(encoder.load("minilm", weights), names))


def best(x: Array, y: Array, sizes: tuple[int, ...]) -> tuple[int, float, float, NDArray[np.float64]]:
    """Landmarks, gamma and ridge with the highest mean r."""
    grid = [(m, g, r) for m in sizes for g in (1.0, 2.0) for r in (0.1, 1.0)]
    scored = [(*point, cross_validate(x, y, *point)) for point in grid]
    return max(scored, key=lambda row: float(row[3].mean()))


def main() -> None:
    """Fit both heads, write weights and card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--words", type=Path, required=True)
    parser.add_argument("--pictures", type=Path, required=True)
    args = parser.parse_args()
    tensors: dict[str, NDArray[np.generic]] = {}
    lines = []
    for modality, (x, y), sizes in (
        ("text", words(args.words, Resolver()), (1500,)),
        ("image", pictures(args.pictures, Resolver()), (400, 600)),
    ):
        m, gamma, ridge, r = best(x, y, sizes)
        order = np.random.default_rng(0).permutation(len(x))
        landmarks = x[order[:m]].astype(np.float16)
        coefficients, bias = fit(x, y, landmarks.astype(np.float32), gamma, ridge)
        tensors |= {
            f"{modality}.landmarks": landmarks,
            f"{modality}.coefficients": coefficients,
            f"{modality}.bias": bias,
            f"{modality}.gamma": np.array(gamma, np.float32),
        }
        lines.append(f"| {modality} | {len(x)} | {m} | {gamma} | {ridge} | {r[0]:.3f} | {r[1]:.3f} |")
    tensors["audioset.moods"] = class_moods(tensors, Resolver())
    save_file(tensors, OUT / "mood.safetensors")
    card = Path(__file__).with_name("card.md").read_text("utf-8").replace("{rows}", "\n".join(lines))
    (OUT / "mood.md").write_text(card, "utf-8")


if __name__ == "__main__":
    main()
