"""Which spaces meet, and how: classes by the words that name them, embeddings that lie in one space by their cosine.

Every label space becomes points of a text space (`labels.LabelSpace`). An embedding that lies in the space of a text
encoder meets its texts, and whatever else speaks that space. A picture encoder that names nothing tells apart whatever
words its text encoder is given.
"""

import logging
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from storysound.encode.ears import TRAITS as EARS
from storysound.encode.ears import class_names
from storysound.encode.encoder import Encoder, Encoding, Head
from storysound.encode.labels import LabelSpace, label_space, softmax
from storysound.encode.pool import Models
from storysound.errors import MissingModelError, UsageError
from storysound.media.arrays import Floats

log = logging.getLogger(__name__)

Vocabulary = Mapping[str, tuple[str, ...]]  # label -> phrases that say what it means


def space_of(encoder: Encoder[Any]) -> str:
    """The name of the space in which an encoder's embeddings lie; "" for one that nothing else speaks."""
    return encoder.traits.space or (encoder.name if encoder.modality == "text" else "")


def best_head(encoders: Mapping[str, Encoder[Any]]) -> tuple[Encoder[Any], str] | None:
    """The encoder, and which of its label spaces, that counts most for what is said; of equals the first.

    Probabilities come before logits. None where nobody names anything.
    """
    heads = [(encoder, space, encoder.traits.head(space)) for encoder in encoders.values() for space in encoder.labels]
    found = max(heads, key=lambda each: (not each[2].logits, each[2].said), default=None)
    return None if found is None else found[:2]


def vocabulary(heads: Iterable[tuple[Sequence[str], Head]]) -> Vocabulary:
    """What label spaces name, each name once; AudioSet's classes where they name nothing."""
    named = {label: head.wording(label) for labels, head in heads for label in labels}
    return named or {label: EARS.head("audioset").wording(label) for label in class_names()}


class Spaces:
    """Text encoders by the space they speak, and label spaces as points there; safe for several threads."""

    def __init__(self, models: Models) -> None:
        """Text encoders other than the profile's are asked of `models` when a space needs them."""
        self._models = models
        self._lock = threading.RLock()
        self._silent: set[str] = set()
        self._known: dict[tuple[str, tuple[str, ...], str], LabelSpace] = {}

    def reader(self, space: str) -> Encoder[str] | None:
        """The text encoder that speaks a space; None, and a line in the log, where there is none to be had."""
        if not space:
            return None
        if space == space_of(self._models.text):
            return self._models.text
        with self._lock:
            if space in self._silent:
                return None
            try:
                found = self._models.encoder(space)
                if found.modality == "text":
                    return found
                why = f"{space} is no text encoder"
            except (MissingModelError, ModuleNotFoundError) as error:
                why = str(error)
            self._silent.add(space)
            log.warning("nothing can be asked in the space of %s: %s", space, why)
            return None

    def classes(self, name: str, labels: Sequence[str], head: Head, reader: Encoder[str] | None = None) -> LabelSpace:
        """The classes of a head as points of the space of a text encoder, the profile's by default; made once."""
        return self.words(name, labels, [head.wording(label) for label in labels], reader)

    def words(
        self, name: str, labels: Sequence[str], wordings: Sequence[Sequence[str]], reader: Encoder[str] | None = None
    ) -> LabelSpace:
        """Labels, each with the phrases that say what it means, as such points; made once."""
        reader = reader or self._models.text
        with self._lock:
            key = (name, tuple(labels), reader.name)
            if key not in self._known:
                self._known[key] = label_space(name, labels, wordings, reader, self._models.weights.cache)
            return self._known[key]


class PictureClasses:
    """What a profile's picture encoder recognises, in classes that have words.

    Those it names itself; of one that names nothing, those of a vocabulary that its text encoder tells apart.
    """

    def __init__(self, models: Models, spaces: Spaces, words: Vocabulary) -> None:
        """`words`: what to tell apart where the encoder names nothing itself.

        Raises UsageError for an encoder that neither names what it sees nor speaks the space of a text encoder.
        """
        eyes = models.picture
        self._name = next(iter(eyes.labels), "")
        self._head = eyes.traits.head(self._name)
        self._temperature = eyes.traits.temperature
        self._texts: LabelSpace | None = None
        if self._name:
            self.wordings = tuple(self._head.wording(label) for label in eyes.labels[self._name])
            self.space = spaces.words(self._name, eyes.labels[self._name], self.wordings)
            return
        reader = spaces.reader(space_of(eyes))
        if reader is None:
            raise UsageError(
                f"profile {models.profile.name!r}: its picture encoder {eyes.name} neither names what it sees nor "
                "speaks the space of a text encoder: choose another for pictures"
            )
        self.wordings = tuple(words.values())
        self._texts = spaces.words("words", tuple(words), self.wordings, reader)
        self.space = spaces.words("words", tuple(words), self.wordings)

    def scores(self, seen: Sequence[Encoding]) -> Floats:
        """Probability of each class in each picture: [n c]."""
        if self._texts is not None:
            looks = np.concatenate([picture.embedding for picture in seen])
            looks = looks / np.maximum(np.linalg.norm(looks, axis=1, keepdims=True), 1e-9)
            return self._texts.weights(looks, self._temperature)
        scores = np.concatenate([picture.scores[self._name] for picture in seen])
        return softmax(scores) if self._head.logits else scores
