"""Valence and arousal of words and pictures: a kernel regression on the profile's encoders.

Shipped weights: `encode/weights/mood.safetensors`, made by `training/mood/fit.py`; the card beside them says from
which ratings, under which licence, and how well they predict ratings they have not seen.
"""

from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Literal

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

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

    def tone(self, embedding: NDArray[np.float32]) -> Mood:
        """How the mood of one thing seen as n vectors compares with others of its modality: [n d] -> Mood.

        People's ratings crowd around the middle, of pictures more than of words; a tone is spread over [0, 1], so that
        it can be compared with that of another modality. 0.5 is the average of what the head learned from.
        """
        mean, deviation = self._usual
        valence, arousal = 1 / (1 + np.exp((mean - self(embedding).mean(axis=0)) / deviation))
        return Mood(float(valence), float(arousal))

    @cached_property
    def _usual(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mean and deviation of what it says of the things it learned from: [2], [2]."""
        known = self(self.landmarks)
        return known.mean(axis=0), known.std(axis=0)


def rbf(x: NDArray[np.float32], y: NDArray[np.float32], gamma: float) -> NDArray[np.float32]:
    """exp(-gamma · |x - y|²) of unit vectors: [n d], [m d] -> [n m].

    >>> rbf(np.eye(2), np.eye(2), 0.5).round(3).tolist()
    [[1.0, 0.368], [0.368, 1.0]]
    """
    result: NDArray[np.float32] = np.exp(2 * gamma * (x @ y.T - 1))
    return result


def load(modality: Literal["text", "image"]) -> MoodHead:
    """The shipped head: of texts (on MiniLM) or of pictures (on EfficientNet-lite2)."""
    part = {name: _tensors()[f"{modality}.{name}"] for name in ("landmarks", "coefficients", "bias")}
    return MoodHead(**part, gamma=float(_tensors()[f"{modality}.gamma"]))


def class_moods() -> NDArray[np.float32]:
    """Valence and arousal of the words that name AudioSet's 521 classes: [521 2] in [0, 1]."""
    return _tensors()["audioset.moods"]


@cache
def _tensors() -> dict[str, NDArray[np.float32]]:
    data = (files("storysound") / "encode" / "weights" / "mood.safetensors").read_bytes()
    return {name: value.astype(np.float32) for name, value in safetensors.numpy.load(data).items()}
