"""What the encoders of a profile say of stories, in one space: the features that trained models start from.

Each modality's features begin, where the profile can, with what it says in the words of one space, that of the text
encoder: sentences as they are, pictures by their gloss, sounds by an encoder that speaks it. That is where a network
starts from (`Config.aligned`); what else the encoders know comes after it. Every encoder's part has length 1.

Encoders that say what an item's parts are (`Encoding.tokens`) are taken at their word, as in Sound of Story: a text's
tokens are its words instead of its sentences, a sound's the patches of a stretch that an encoder hears as one (AST),
the first token of which stands for the whole.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from storysound.config import Profile
from storysound.encode import gloss
from storysound.encode.encoder import Encoder, Encoding, Head
from storysound.encode.labels import LabelSpace, head_space, remembered_vectors, text_vectors
from storysound.encode.pool import Models
from storysound.encode.wording import sentences
from storysound.errors import UsageError
from storysound.media.arrays import Floats, Pixels
from storysound.media.audio import Waveform

TOKEN_S = 0.96  # of sound in one token
LONGEST_S = 600.0  # of a sound that is listened to
_VERSION = "1"  # of this file: raised whenever the same story would give other features


def speaking(models: Models, profile: Profile) -> tuple[str, ...]:
    """Names of the profile's audio encoders that speak in the space of its text encoder; nothing is loaded."""
    space = models.traits(profile.text).space or profile.text
    return tuple(name for name in profile.audio if models.traits(name).space == space)


class StoryEncoder:
    """The encoders of a profile, loaded when they are first needed."""

    def __init__(self, models: Models, profile: Profile | None = None) -> None:
        """`profile`: whose encoders, by default that of the models. Raises MissingModelError later."""
        self._models, self._profile = models, profile or models.profile
        speaks = speaking(models, self._profile)
        self.ears = (*speaks, *(name for name in self._profile.audio if name not in speaks))
        self.aligned = bool(speaks)

    def revision(self) -> str:
        """Changes whenever the same story would give other features."""
        names = (self._profile.text, self._profile.picture, *self.ears)
        return "+".join([_VERSION, *(f"{name}:{self._encoder(name).revision}" for name in names)])

    def text(self, texts: Sequence[str]) -> Floats:
        """The whole [1 d], then its words where the encoder says them, else its sentences: [1 + n d]."""
        reader = self._encoder(self._profile.text)
        (whole,) = reader.encode([" ".join(texts)])
        if whole.tokens is not None:
            return np.concatenate([_unit(whole.embedding), _unit(whole.tokens[0])])
        rows = text_vectors(reader, [part for text in texts for part in sentences(text)])
        return np.concatenate([_unit(rows.mean(axis=0, keepdims=True)), rows])

    def frames(self, pictures: Sequence[Pixels]) -> Floats:
        """Gloss, where the encoder names what it sees, and embedding of each picture: [m d]."""
        eyes = self._encoder(self._profile.picture)
        if not eyes.labels:
            return _unit(np.concatenate([seen.embedding for seen in eyes.encode(pictures)]))
        (name, labels), *_ = eyes.labels.items()
        space = self.space(name, labels)
        rows = []
        for seen in eyes.encode(pictures):
            said = gloss.vector(seen.scores[name][0], space)
            rows.append(np.concatenate([said, _unit(seen.embedding)[0]]))
        return np.stack(rows)

    def audio(self, wave: Waveform) -> Floats:
        """What every encoder hears in each `TOKEN_S`: [t d]. Raises ValueError for a sound of no length."""
        heard = wave.mono().cut(0.0, LONGEST_S)
        count = max(1, round(heard.duration_s / TOKEN_S))
        parts = []
        for name in self.ears:
            encoding = self._encoder(name).encode([heard])[0]
            parts += [_unit(_clocked(rows, encoding.step_s, count)) for rows in self._said(name, encoding)]
        return np.concatenate(parts, axis=1)

    @property
    def stretch_s(self) -> float:
        """How much of a sound an encoder hears as one, with its parts; 0 where none does."""
        return max(self._encoder(name).traits.stretch_s for name in self.ears)

    def stretches(self, wave: Waveform, starts_s: Iterable[float], length_s: float) -> Floats:
        """What every encoder hears in stretches of a sound as a whole, then in their parts: [k 1 + n d].

        An encoder that doesn't say parts says the same of all. Raises UsageError where several say different ones, or
        where a stretch is longer than what is heard as one.
        """
        if length_s > self.stretch_s + 0.01:
            raise UsageError(f"crop_s={length_s:g}: this profile hears {self.stretch_s:g} s as one")
        return np.stack([self._stretch(wave.mono().cut(start, start + length_s)) for start in starts_s])

    def _stretch(self, heard: Waveform) -> Floats:
        parts = []
        for name in self.ears:
            encoding = self._encoder(name).encode([heard])[0]
            whole = encoding.embedding.mean(axis=0, keepdims=True)
            parts.append(_unit(whole if encoding.tokens is None else np.concatenate([whole, encoding.tokens[0]])))
        count = max(len(rows) for rows in parts)
        if any(len(rows) not in (1, count) for rows in parts):
            raise UsageError(f"{' and '.join(self.ears)} hear different parts of a sound: give a profile one of them")
        return np.concatenate([np.broadcast_to(rows, (count, rows.shape[1])) for rows in parts], axis=1)

    def _said(self, name: str, encoding: Encoding) -> Iterable[Floats]:
        yield encoding.embedding
        for space in _features(self._encoder(name)):
            yield np.sqrt(encoding.scores[space])

    def heard(self) -> dict[str, int]:
        """Widths of the parts of `audio` in order: embeddings by the name of their encoder, classes by their space."""
        widths: dict[str, int] = {}
        for name in self.ears:
            ear = self._encoder(name)
            widths |= {
                name: ear.dim,
                **{space: len(ear.labels[space]) for space in _features(ear)},
            }
        return widths

    def space(self, name: str, labels: Sequence[str], head: Head | None = None) -> LabelSpace:
        """Classes as points of the text encoder's space; `head`: of classes that no encoder of the profile names."""
        if head is None:
            owners = map(self._encoder, (self._profile.picture, *self.ears))
            head = next(own.traits.head(name) for own in owners if own.labels.get(name) == tuple(labels))
        return head_space(name, labels, head, self._encoder(self._profile.text), self._models.weights.cache)

    def classes(self, name: str) -> tuple[LabelSpace, Floats]:
        """Classes that `heard` names as points of the text encoder's space; the usual score of each [c]."""
        ear = next(ear for ear in map(self._encoder, self.ears) if name in ear.labels)
        usual = ear.traits.head(name).usual
        return self.space(name, ear.labels[name]), np.ones(
            len(ear.labels[name]), np.float32
        ) if usual is None else usual

    def word_vectors(self, words: Sequence[str]) -> Floats:
        """Single words as points of the text encoder's space: [n d]."""
        return remembered_vectors("words", words, self._encoder(self._profile.text), self._models.weights.cache)

    def _encoder(self, name: str) -> Encoder[Any]:
        return self._models.encoder(name)


def _features(ear: Encoder[Any]) -> list[str]:
    """Label spaces whose classes are features too, by the root of their probability."""
    return [space for space in ear.labels if ear.traits.head(space).feature]


def _clocked(rows: Floats, step_s: float, count: int) -> Floats:
    """Means of the rows in each of `count` tokens, the nearest row where there is none: [t d] -> [count d]."""
    times = (np.arange(len(rows)) + 0.5) * step_s
    owner = np.minimum((times / TOKEN_S).astype(int), count - 1)
    middle = (np.arange(count) + 0.5) * TOKEN_S
    nearest = np.abs(times[None] - middle[:, None]).argmin(axis=1)
    return np.stack([rows[owner == i].mean(axis=0) if (owner == i).any() else rows[nearest[i]] for i in range(count)])


def _unit(rows: Floats) -> Floats:
    """Rows [n d] of length 1."""
    result: Floats = rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-9)
    return result
