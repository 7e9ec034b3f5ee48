"""521 AudioSet classes heard through another encoder's embedding: a small head that we trained ourselves.

The head reads aiSFX's 512 numbers per block. Shipped weights: `encode/weights/audioset_head.safetensors`, made by
`training/ears/head.py`; the card beside them says from which audio, taught by whom, and what it does badly. Classes are
those of AudioSet (Gemmeke et al. 2017, "Audio Set: an ontology and human-labeled dataset for audio events").
"""

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

Float = NDArray[np.float32]


@dataclass(frozen=True)
class AudioSetHead:
    """A network with one hidden layer: embedding -> 521 independent probabilities.

    `inner` [h d], `inner_bias` [h], `outer` [c h], `outer_bias` [c]; `labels`: c class names in the order of the
    scores; `usual` [c]: the score of a class that one in a hundred sounds without it reaches, at least .02, which is
    what scores of different classes are to be measured by; `revision`: changes with the weights.
    """

    inner: Float
    inner_bias: Float
    outer: Float
    outer_bias: Float
    labels: tuple[str, ...]
    usual: Float
    revision: str

    @staticmethod
    def load() -> "AudioSetHead":
        """The shipped head, read once."""
        return _load()

    def scores(self, embedding: NDArray[np.float32]) -> Float:
        """Probabilities of the classes: embeddings [t d] of aiSFX blocks -> float32 [t 521] in [0, 1].

        A row depends on its own block alone. Raises ValueError for embeddings of another width.
        """
        if embedding.ndim != 2 or embedding.shape[1] != self.inner.shape[1]:
            raise ValueError(f"needs embeddings [t {self.inner.shape[1]}], got {embedding.shape}")
        hidden = np.maximum(embedding @ self.inner.T + self.inner_bias, 0)
        logits = hidden @ self.outer.T + self.outer_bias
        result: Float = (0.5 + 0.5 * np.tanh(0.5 * logits)).astype(
            np.float32
        )  # the logistic function, without overflow
        return result


@cache
def _load() -> AudioSetHead:
    folder = files("storysound") / "encode" / "weights"
    data = (folder / "audioset_head.safetensors").read_bytes()
    tensors = {name: value.astype(np.float32) for name, value in safetensors.numpy.load(data).items()}
    labels = tuple((folder / "audioset_labels.txt").read_text("utf-8").splitlines())
    usual = np.array((folder / "audioset_usual.txt").read_text("utf-8").split(), np.float32)
    return AudioSetHead(
        tensors["inner.weight"],
        tensors["inner.bias"],
        tensors["outer.weight"],
        tensors["outer.bias"],
        labels,
        usual,
        sha256(data).hexdigest()[:12],
    )
