"""What Langue2Gloss reads and hears: states of the words of a text, and of a sound, by the encoders of a profile."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from storysound.config import Profile
from storysound.encode.encoder import Encoder
from storysound.encode.features import speaking
from storysound.encode.labels import remembered_vectors
from storysound.encode.pool import Models
from storysound.match.langue2gloss import Sense
from storysound.media.arrays import Floats
from storysound.media.audio import read_audio
from storysound.metrics.ptb import tokens

Writes = Literal["gloss", "caption"]

LONGEST_S = 60.0  # of a sound that is heard
MOST_WORDS = 128  # of a text that is read
MOST_STATES, ALIKE = 4, 0.8  # stretches of a sound, and the cosine from which two in a row are one
_VERSION = "1"  # of this file: raised whenever the same text or sound would give other states


class GlossReaders:
    """A profile's text encoder and one of its audio encoders: the first in the text's space, else the first of all."""

    def __init__(self, models: Models, profile: Profile | None = None, cache: Path | None = None) -> None:
        """`profile`: whose encoders, by default that of the models; `cache`: folder in which vectors of words are kept.

        Raises MissingModelError later.
        """
        self._models, self._profile, self._cache = models, profile or models.profile, cache
        speaks = speaking(models, self._profile)
        self.aligned = bool(speaks)
        self._ear_name = (speaks or self._profile.audio)[0]

    @property
    def _reader(self) -> Encoder[str]:
        return self._models.encoder(self._profile.text)

    @property
    def _ear(self) -> Encoder[Any]:
        return self._models.encoder(self._ear_name)

    def widths(self) -> dict[Sense, int]:
        """Of the states of a text and of a sound."""
        return {"text": self._reader.dim, "audio": self._ear.dim}

    def revision(self) -> str:
        """Changes whenever the same text or sound would give other states."""
        return "+".join([_VERSION, *(f"{one.name}:{one.revision}" for one in (self._reader, self._ear))])

    def texts(self, texts: Sequence[str]) -> list[Floats]:
        """States [n d] of each text: of its words as the encoder reads them in place, else each word read alone.

        Raises ValueError for a text without words.
        """
        split = [tokens(text)[:MOST_WORDS] for text in texts]
        if not all(split):
            raise ValueError("a text needs a word")
        first = self._reader.encode([texts[0]])[0].tokens if texts else None
        if first is not None:
            return [_states(one.tokens) for one in self._reader.encode(texts)]
        distinct = sorted({word for words in split for word in words})
        vectors = remembered_vectors("words", distinct, self._reader, self._cache)
        row = {word: number for number, word in enumerate(distinct)}
        return [vectors[[row[word] for word in words]] for words in split]

    def sound(self, path: Path) -> Floats:
        """States [t d] of a sound file, its first minute, one for each thing heard in turn. Raises MediaError."""
        wave = read_audio(path, channels=1, end_s=LONGEST_S)
        return in_turn(self._ear.encode([wave])[0].embedding)


def in_turn(rows: Floats) -> Floats:
    """Steps [t d] as stretches [s d] of length 1: neighbours that are most alike are joined first.

    Until no two in a row are alike (`ALIKE`) and no more than `MOST_STATES` are left: as few as a text has words.

    >>> in_turn(np.array([[1, 0], [2, 0], [0, 3]], np.float32)).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    sums = [row.astype(np.float64) for row in rows]
    while len(sums) > 1:
        units = _unit(np.stack(sums))
        near = (units[1:] * units[:-1]).sum(axis=1)
        at = int(near.argmax())
        if near[at] < ALIKE and len(sums) <= MOST_STATES:
            break
        sums[at : at + 2] = [sums[at] + sums[at + 1]]
    result: Floats = _unit(np.stack(sums)).astype(np.float32)
    return result


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows [n d] of length 1."""
    result: NDArray[np.float64] = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return result


def _states(parts: Floats | None) -> Floats:
    """States [n d] of the words [1 n d] of a text; raises ValueError where there are none."""
    if parts is None:
        raise ValueError("a text encoder tells the words of some texts and not of others")
    return parts.reshape(-1, parts.shape[-1])
