"""Valence and arousal of texts, pictures and sounds, all on one scale.

Four heads learned to foretell how people rate words and photographs, how pieces of music are called, and what the
classes of sounds mean. What they foretell crowds around the middle, of each modality around another one. So every
mood that leaves this file is put on one scale, by what its head usually says (`MoodScale`): 0.5 is usual for things of
its kind, and moods of a text, a picture and a sound can be compared.

Shipped weights: `encode/weights/mood.safetensors`, made by `shipped_weights/mood/fit.py`; the card beside them says
from which data, under which licence, and how well they do on what they have not seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

import numpy as np
import safetensors.numpy

from storysound.encode import gloss
from storysound.encode.encoder import Encoding
from storysound.media.arrays import Floats
from storysound.media.expression import Expression
from storysound.story import Mood

READER, EYES = "minilm", "efficientnet_lite2"  # encoders that the heads learned to go by
STRONGEST = 5  # classes heard in an effect that its mood is made of
# What the heads consist of.
TEXT_PARTS = ("centre", "spread", "inner", "inner_bias", "outer", "bias")
PICTURE_PARTS = ("centre", "axes", "landmarks", "coefficients", "bias")
MUSIC_PARTS = ("centre", "spread", "weights")
BEYOND = 3.0  # deviations of a measure beyond which more of it says no more


@dataclass(frozen=True)
class MoodScale:
    """Where what a head says lies among what it usually says: `mean` [2] and `deviation` [2] of valence and arousal."""

    mean: Floats
    deviation: Floats

    def __call__(self, said: Floats) -> Floats:
        """What a head says of n things [n 2] -> [n 2] in [0, 1]: 0.5 is usual, .73 a deviation above it (logistic)."""
        result: Floats = (1 / (1 + np.exp((self.mean - said) / self.deviation))).astype(np.float32)
        return result

    @classmethod
    def of(cls, said: Floats, weights: Floats | None = None) -> "MoodScale":
        """The scale of a head by what it says of many things [n 2]; `weights` [n]: how often each is met."""
        mean = np.average(said, axis=0, weights=weights)
        return cls(mean, np.sqrt(np.average((said - mean) ** 2, axis=0, weights=weights)))

    @classmethod
    def plain(cls) -> "MoodScale":
        """That of a head of which it is not known yet what it usually says."""
        return cls(np.zeros(2, np.float32), np.ones(2, np.float32))


@dataclass(frozen=True)
class NetworkHead:
    """A network with one hidden layer, from features [f] to what people would rate.

    `centre` and `spread` [f]: mean and deviation of the features; `inner` [f h], `inner_bias` [h], `outer` [h 2],
    `bias` [2].
    """

    centre: Floats
    spread: Floats
    inner: Floats
    inner_bias: Floats
    outer: Floats
    bias: Floats
    scale: MoodScale

    def ratings(self, features: Floats) -> Floats:
        """Features [n f] -> valence and arousal as people would rate them [n 2], in [0, 1] over their scale."""
        usual = (features - self.centre) / self.spread
        hidden = np.maximum(usual @ self.inner + self.inner_bias, 0)
        result: Floats = np.clip(hidden @ self.outer + self.bias, 0, 1).astype(np.float32)
        return result

    def __call__(self, features: Floats) -> Floats:
        """Features [n f] -> valence and arousal [n 2] on the common scale."""
        return self.scale(self.ratings(features))


@dataclass(frozen=True)
class KernelHead:
    """Kernel regression from features [f] to what people would rate.

    `centre` [f], `axes` [f k]: features are centred and turned onto k axes. `landmarks` [m k], `coefficients` [m 2],
    `bias` [2]; `gamma`: of the kernel exp(-gamma · |x - landmark|²).
    """

    centre: Floats
    axes: Floats
    landmarks: Floats
    coefficients: Floats
    bias: Floats
    gamma: float
    scale: MoodScale

    def ratings(self, features: Floats) -> Floats:
        """Features [n f] -> valence and arousal as people would rate them [n 2], in [0, 1] over their scale."""
        turned = np.asarray((features - self.centre) @ self.axes, np.float32)
        near = rbf(turned, self.landmarks, self.gamma)
        result: Floats = np.clip(near @ self.coefficients + self.bias, 0, 1).astype(np.float32)
        return result

    def __call__(self, features: Floats) -> Floats:
        """Features [n f] -> valence and arousal [n 2] on the common scale."""
        return self.scale(self.ratings(features))


@dataclass(frozen=True)
class LinearHead:
    """Linear regression from measures of sounds [f], brought to mean 0 and deviation 1 by `centre` and `spread`."""

    centre: Floats
    spread: Floats
    weights: Floats
    scale: MoodScale

    def says(self, features: Floats) -> Floats:
        """Measures [n f] -> valence and arousal [n 2] on no scale in particular."""
        usual = np.clip((features - self.centre) / self.spread, -BEYOND, BEYOND)
        result: Floats = (usual @ self.weights).astype(np.float32)
        return result

    def __call__(self, features: Floats) -> Floats:
        """Measures [n f] -> valence and arousal [n 2] on the common scale."""
        return self.scale(self.says(features))


def rbf(x: Floats, y: Floats, gamma: float) -> Floats:
    """exp(-gamma · |x - y|²): [n d], [m d] -> [n m].

    >>> rbf(np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32), 0.5).astype(float).round(3).tolist()
    [[1.0, 0.368], [0.368, 1.0]]
    """
    squares = (x * x).sum(axis=1)[:, None] + (y * y).sum(axis=1) - 2 * (x @ y.T)
    result: Floats = np.exp(-gamma * np.maximum(squares, 0)).astype(np.float32)
    return result


def of_texts(read: Sequence[Encoding]) -> Floats:
    """Texts as `READER` reads them -> [n 2] on the common scale."""
    return head("text")(reading(read))


def of_pictures(seen: Sequence[Encoding]) -> Floats:
    """Pictures as `EYES` see them -> [n 2] on the common scale."""
    return head("image")(looks(np.concatenate([picture.embedding for picture in seen])))


def of_music(expression: Expression) -> Mood:
    """Music by what carries its feeling."""
    return as_mood(music_head()(expression.vector()[None].astype(np.float32)))


def of_effect(heard: Floats) -> Mood:
    """Any other sound by what the classes heard in it mean: mean probabilities [521]."""
    said = effect_meaning(heard, class_moods())
    return as_mood(_scale("effect")(said[None])) if heard.any() else Mood(0.5, 0.5)


def as_mood(moods: Floats) -> Mood:
    """The mood of one thing that has several parts (sentences, frames): their mean, [n 2] -> Mood."""
    valence, arousal = moods.mean(axis=0).tolist()
    return Mood(valence, arousal)


def reading(read: Sequence[Encoding]) -> Floats:
    """What the text head goes by: all layers of `READER`, one after the other: [n 7 · 384]."""
    layers = [text.layers for text in read if text.layers is not None]
    if len(layers) < len(read):
        raise ValueError(f"the mood of a text needs the layers of {READER}")
    return np.stack([states.reshape(-1) for states in layers])


def looks(embeddings: Floats) -> Floats:
    """What the picture head goes by: embeddings of `EYES` at length 1: [n 1280]."""
    result: Floats = embeddings / np.maximum(np.linalg.norm(embeddings, axis=-1, keepdims=True), 1e-9)
    return result


def effect_meaning(heard: Floats, moods: Floats) -> Floats:
    """What the strongest classes heard in a sound mean: probabilities [521], moods of the classes [521 2] -> [2]."""
    result: Floats = gloss.strongest(heard, STRONGEST) @ moods
    return result


def class_moods() -> Floats:
    """Valence and arousal of the words that name AudioSet's 521 classes, as people would rate them: [521 2]."""
    return _tensors()["audioset.moods"]


@cache
def head(modality: Literal["text", "image"]) -> NetworkHead | KernelHead:
    """The shipped head of texts or of pictures."""
    if modality == "text":
        return NetworkHead(**_parts("text", TEXT_PARTS), scale=_scale("text"))
    return KernelHead(**_parts("image", PICTURE_PARTS), gamma=float(_tensors()["image.gamma"]), scale=_scale("image"))


@cache
def music_head() -> LinearHead:
    """The shipped head of music."""
    return LinearHead(**_parts("music", MUSIC_PARTS), scale=_scale("music"))


def _parts(kind: str, names: tuple[str, ...]) -> dict[str, Floats]:
    return {name: _tensors()[f"{kind}.{name}"] for name in names}


def _scale(kind: str) -> MoodScale:
    return MoodScale(*_tensors()[f"{kind}.usual"])


@cache
def _tensors() -> Mapping[str, Floats]:
    data = (files("storysound") / "encode" / "weights" / "mood.safetensors").read_bytes()
    return {name: value.astype(np.float32) for name, value in safetensors.numpy.load(data).items()}
