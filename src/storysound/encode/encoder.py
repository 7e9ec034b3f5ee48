"""What every encoder looks like from outside.

An encoder is one file of this room; the file name is its public name. Its module offers `load(weights: Resolver) ->
Encoder`, before which nothing is read from disk, and `TRAITS`: what can be known of the encoder without loading it.
"""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any, Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from storysound.encode.wording import plain
from storysound.media.arrays import Floats
from storysound.weights.resolver import Resolver

log = logging.getLogger(__name__)

Modality = Literal["text", "image", "audio", "video"]
Item_contra = TypeVar("Item_contra", contravariant=True)


@dataclass(frozen=True)
class Encoding:
    """What an encoder says of one item.

    `embedding` [t d] float32: one row per time step (t = 1 for all but sounds), what is said of it as a whole.
    `tokens` [t n d] float32: the parts that each row is of, in the same space and without padding: the words of a text,
    the patches of a stretch of sound. `layers` [l d] float32: every hidden layer's mean over all steps, the first of
    them the input of the first block. Both None where an encoder doesn't offer them.
    `scores` {label space: [t c] float32}: what it recognises; probabilities in [0, 1] unless its `Head` says otherwise.
    `step_s`: seconds from one row to the next (0 where t is always 1).
    """

    embedding: Floats
    scores: Mapping[str, Floats] = field(default_factory=dict)
    step_s: float = 0.0
    tokens: Floats | None = None
    layers: Floats | None = None


@dataclass(frozen=True, eq=False)
class Head:
    """What is to be known of one label space of an encoder. The defaults do where nobody measured anything.

    `wording`: what a label means in plain words, a phrase or several. `logits`: scores are logits, not probabilities.
    `usual` [c] float32: what a class reaches in one of a hundred items without it; None where that isn't known.
    `said`, `seen`: how much what it hears counts in a search for what is said, and for what pictures show; 0 leaves it
    out, of what is said only where another knows words. `clear`: agreement of what is heard with what is seen from
    which on it is heard clearly. `music`: the class that means music, and `music_from` the score it reaches where music
    plays; "": a class called music, if any.
    `moments`: its scores tell what is heard when. `sights`: its classes are of things that are seen, which sounds go
    with. `feature`: trained models go by its probabilities too.
    """

    wording: Callable[[str], tuple[str, ...]] = plain
    logits: bool = False
    usual: Floats | None = None
    said: float = 0.3
    seen: float = 0.3
    clear: float = 0.1
    music: str = ""
    music_from: float = 0.4
    moments: bool = True
    sights: bool = False
    feature: bool = False

    def music_class(self, labels: Sequence[str]) -> int | None:
        """Where the class that means music stands among `labels`; None where there is none."""
        wanted = self.music.lower() or "music"
        return next((i for i, label in enumerate(labels) if label.lower() == wanted), None)


@dataclass(frozen=True, eq=False)
class Traits:
    """What is to be known of an encoder beside what it says. The defaults do where nobody measured anything.

    `space`: the text encoder in whose space the embeddings lie, so that cosines with its texts, and with whatever else
    speaks it, mean something; "": a space of its own (that of a text encoder is called by its own name).
    `near`: how much nearness there counts in a search. `temperature`: of the softmax over cosines with texts there.
    `patch_s`: how much sound a row is about where that is more than a step. `stretch_s`: how much sound is heard as
    one, with its parts (`Encoding.tokens`); 0 where none is. `heads`: by label space.
    """

    space: str = ""
    near: float = 0.4
    temperature: float = 0.05
    patch_s: float = 0.0
    stretch_s: float = 0.0
    heads: Mapping[str, Head] = field(default_factory=dict)

    def head(self, space: str) -> Head:
        """Of a label space; the defaults where nothing is said of it."""
        return self.heads.get(space, Head())


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

    Items are `str` for text, `uint8 [h w 3]` RGB arrays for pictures, `uint8 [f h w 3]` for videos, frames at a steady
    rate, mono `Waveform`s of any rate for audio. Several threads may use one at the same time.
    """

    name: str
    revision: str  # changes whenever the same input would give other numbers
    modality: Modality
    dim: int
    labels: Mapping[str, tuple[str, ...]]  # label space -> class names in the order of the scores
    traits: Traits

    def encode(self, items: Sequence[Item_contra]) -> list[Encoding]:
        """One `Encoding` per item, in order. Raises ValueError for an empty item or a wrong dtype."""
        ...


def load(name: str, weights: Resolver) -> Encoder[Any]:
    """The encoder of the file `encode/<name>.py`. Raises MissingModelError where its weights can't be had."""
    encoder: Encoder[Any] = import_module(f"storysound.encode.{name}").load(weights)
    return encoder


@cache
def traits_of(name: str) -> Traits:
    """What can be known of an encoder without loading it; the defaults, and a line in the log, for one not here."""
    try:
        traits: Traits = import_module(f"storysound.encode.{name}").TRAITS
    except (ModuleNotFoundError, AttributeError):
        log.warning("no encoder %r here: nothing is known of it but what a library says", name)
        return Traits()
    return traits
