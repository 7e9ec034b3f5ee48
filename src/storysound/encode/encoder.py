"""What every encoder looks like from outside.

An encoder is one file of this room; the file name is its public name. Its module offers
`load(weights: Resolver) -> Encoder` and nothing is read from disk before that call.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from storysound.weights.resolver import Resolver

Modality = Literal["text", "image", "audio"]
Item_contra = TypeVar("Item_contra", contravariant=True)


@dataclass(frozen=True)
class Encoding:
    """What an encoder says of one item.

    `embedding` [t d] float32: one row per time step (t = 1 for a text or a picture), what is said of it as a whole.
    `tokens` [t n d] float32: the parts that each row is of, in the same space and without padding: the words of a text,
    the patches of a stretch of sound. `layers` [l d] float32: every hidden layer's mean over all steps, the first of
    them the input of the first block. Both None where an encoder doesn't offer them.
    `scores` {label space: [t c] float32}: what it recognises; probabilities in [0, 1] unless the encoder's
    docstring says otherwise. `step_s`: seconds from one row to the next (0 where t is always 1).
    """

    embedding: NDArray[np.float32]
    scores: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    step_s: float = 0.0
    tokens: NDArray[np.float32] | None = None
    layers: NDArray[np.float32] | None = None


def ticks(count: int, step_s: float, from_s: float, start_s: float, end_s: float) -> NDArray[np.int64]:
    """Which of `count` rows stand at the ticks i · step_s of a clock in [start_s, end_s); the first is at `from_s`.

    So a long sound that is heard piece by piece gets the rows, to half a step, that it had got in one.

    >>> ticks(5, 2.0, 6.0, 9.0, 15.0).tolist()
    [2, 3, 4]
    """
    times = np.arange(math.ceil(start_s / step_s - 1e-6), math.ceil(end_s / step_s - 1e-6))
    rows: NDArray[np.int64] = np.clip(np.rint(times - from_s / step_s).astype(np.int64), 0, count - 1)
    return rows


class Encoder(Protocol[Item_contra]):
    """Maps items of one modality to vectors. Nothing is drawn, and each item is encoded alone: its batch is no matter.

    Items are `str` for text, `uint8 [h w 3]` RGB arrays for pictures, mono `Waveform`s of any rate for audio.
    """

    name: str
    revision: str  # changes whenever the same input would give other numbers
    modality: Modality
    dim: int
    labels: Mapping[str, tuple[str, ...]]  # label space -> class names in the order of the scores

    def encode(self, items: Sequence[Item_contra]) -> list[Encoding]:
        """One `Encoding` per item, in order. Raises ValueError for an empty item or a wrong dtype."""
        ...


def load(name: str, weights: Resolver) -> Encoder[Any]:
    """The encoder of the file `encode/<name>.py`. Raises MissingModelError where its weights can't be had."""
    encoder: Encoder[Any] = import_module(f"storysound.encode.{name}").load(weights)
    return encoder
