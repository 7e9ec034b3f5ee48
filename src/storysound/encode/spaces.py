"""Which spaces meet, and how: classes by the words that name them, embeddings that lie in one space by their cosine.

Every label space becomes points of a text space (`labels.LabelSpace`). An embedding that lies in the space of a text
encoder meets its texts, and whatever else speaks that space. A picture encoder that names nothing tells apart whatever
words its text encoder is given.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
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


def spaces_of(models: Models) -> Spaces:
    """The spaces of a pool; made once, so that all its users share what they know."""
    return models.get("spaces", lambda _: Spaces(models))


class Recogniser:
    """What an encoder of pictures or sounds recognises, in classes that have words.

    Those of the label space of its that counts most; of an encoder that names nothing those of a vocabulary that the
    text encoder of its space tells apart.
    """

    def __init__(self, encoder: Encoder[Any], models: Models, words: Callable[[], Vocabulary]) -> None:
        """`words`: what to tell apart where the encoder names nothing itself.

        Raises UsageError for an encoder that neither names anything nor speaks the space of a text encoder.
        """
        spaces, found = spaces_of(models), best_head({encoder.name: encoder})
        self._name = found[1] if found else ""
        self.head = encoder.traits.head(self._name)
        self._temperature = encoder.traits.temperature
        self._texts: LabelSpace | None = None
        if found:
            labels = encoder.labels[self._name]
            self.wordings = tuple(self.head.wording(label) for label in labels)
            self.space = spaces.words(self._name, labels, self.wordings)
            return
        reader = spaces.reader(space_of(encoder))
        if reader is None:
            raise UsageError(
                f"profile {models.profile.name!r}: {encoder.name} neither names anything nor speaks the space of a "
                "text encoder that is here: choose another encoder"
            )
        told_apart = words()
        self.wordings = tuple(told_apart.values())
        self._texts = spaces.words("words", tuple(told_apart), self.wordings, reader)
        self.space = spaces.words("words", tuple(told_apart), self.wordings)

    def scores(self, said: Sequence[Encoding]) -> Floats:
        """Probability of each class in each row of what the encoder said: [n c]."""
        if self._texts is not None:
            rows = np.concatenate([encoding.embedding for encoding in said])
            rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
            return self._texts.weights(rows, self._temperature)
        scores = np.concatenate([encoding.scores[self._name] for encoding in said])
        return softmax(scores) if self.head.logits else scores


def heard_words(models: Models) -> Vocabulary:
    """What the profile's encoders of sound name: what an encoder of pictures that names nothing looks for."""
    return vocabulary(
        (labels, ear.traits.head(space)) for ear in models.audio.values() for space, labels in ear.labels.items()
    )
