"""Valence and arousal of words and pictures: a kernel regression on the profile's encoders.

Shipped weights: `encode/weights/mood.safetensors`, made by `training/mood/fit.py`; the card beside them says from
which ratings, under which licence, and how well they predict ratings they have not seen.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from storysound.story import Mood


@dataclass(frozen=True)
class MoodHead:
    """Radial-basis kernel regression from an embedding to (valence, arousal).

    `landmarks` [m d] unit vectors; `coefficients` [m 2]; `bias` [2]; `gamma`: width of the kernel
    exp(-gamma · |x - landmark|²).
    """

    landmarks: NDArray[np.float32]
    coefficients: NDArray[np.float32]
    bias: NDArray[np.float32]
    gamma: float

    def __call__(self, embedding: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embeddings [n d] of any length -> [n 2], valence and arousal in [0, 1]."""
        unit = embedding / np.maximum(np.linalg.norm(embedding, axis=-1, keepdims=True), 1e-9)
        kernel = rbf(unit, self.landmarks, self.gamma)
        result: NDArray[np.float32] = np.clip(kernel @ self.coefficients + self.bias, 0, 1).astype(np.float32)
        return result

    def mood(self, embedding: NDArray[np.float32]) -> Mood:
        """The mood of one thing seen as n vectors (sentences, frames): their mean. [n d] -> Mood."""
        valence, arousal = self(embedding).mean(axis=0)
        return Mood(float(valence), float(arousal))


def rbf(x: NDArray[np.float32], y: NDArray[np.float32], gamma: float) -> NDArray[np.float32]:
    """exp(-gamma · |x - y|²) of unit vectors: [n d], [m d] -> [n m].

    >>> rbf(np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32), 0.5).round(3).tolist()
    [[1.0, 0.3680000007152557], [0.3680000007152557, 1.0]]
    """
    result: NDArray[np.float32] = np.exp(2 * gamma * (x @ y.T - 1))
    return result


@cache
def load(modality: str) -> MoodHead:
    """The shipped head: "text" (on MiniLM) or "image" (on EfficientNet-lite2)."""
    with (
        as_file(files("storysound") / "encode" / "weights" / "mood.safetensors") as file,
        safe_open(file, framework="np") as tensors,
    ):
        part = {k: tensors.get_tensor(f"{modality}.{k}") for k in ("landmarks", "coefficients", "bias", "gamma")}
    return MoodHead(
        part["landmarks"].astype(np.float32),
        part["coefficients"].astype(np.float32),
        part["bias"].astype(np.float32),
        float(part["gamma"]),
    )
