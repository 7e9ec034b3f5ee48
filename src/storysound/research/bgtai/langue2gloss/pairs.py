"""What Langue2Gloss learns from: texts and sounds beside the words they should become, and what encoders say of them.

A parallel file has one pair a line, `source<TAB>target`; a source that names a sound file, seen from the folder of the
list, is heard, every other one is read. A line without a tab is a text alone. Learning glosses, its target is the rule
gloss. Learning captions, it is the target, and its own rule gloss stands for the sound, word for word: that needs an
audio encoder that speaks in the text encoder's space (training on text alone, as in Kouzelis and Katsouros 2023,
"Weakly-supervised automated audio captioning via text only training").
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from storysound.config import Profile
from storysound.encode import encoder, gloss
from storysound.encode.encoder import Encoder
from storysound.encode.labels import remembered_vectors
from storysound.errors import InputError, MediaError
from storysound.match.langue2gloss import SENSES, Sense
from storysound.media.audio import read_audio
from storysound.media.files import read_text
from storysound.metrics.ptb import tokens
from storysound.research.stories.features import Ragged
from storysound.weights.resolver import Resolver

Floats = NDArray[np.float32]
Writes = Literal["gloss", "caption"]

LONGEST_S = 60.0  # of a sound that is heard
MOST_WORDS = 128  # of a text that is read
MOST_STATES, ALIKE = 4, 0.8  # stretches of a sound, and the cosine from which two in a row are one
_VERSION = "1"  # of this file: raised whenever the same text or sound would give other states


@dataclass(frozen=True)
class Pair:
    """A text, or a sound, and the words it should become; `given`: the target was, and isn't the rule's."""

    text: str
    sound: Path | None
    target: tuple[str, ...]
    given: bool


def read_pairs(file: Path, writes: Writes, lemma: Callable[[str], str]) -> list[Pair]:
    """The pairs of a parallel file. Raises InputError for a file that has none, or a line without source or target."""
    found = []
    for number, line in enumerate(read_text(file).splitlines(), 1):
        source, tab, target = line.partition("\t")
        source, target = source.strip(), target.strip()
        if not source and not tab:
            continue
        if not source or (tab and not target):
            raise InputError(
                file, f"line {number} lacks its {'target' if source else 'source'}", "write source<TAB>target"
            )
        sound = file.parent / source if tab and _is_file(file.parent / source) else None
        words = tuple(tokens(target) if tab else gloss.of_text(source, lemma) if writes == "gloss" else tokens(source))
        text = "" if sound else source if tab or writes == "gloss" else " ".join(gloss.of_text(source, lemma))
        if words and (sound or text):
            found.append(Pair(text, sound, words, bool(tab)))
    if not found:
        raise InputError(file, "holds no pairs", "write source<TAB>target, or a text, on each line")
    return found


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a text is no file name
        return False


class Readers:
    """A profile's text encoder and one of its audio encoders: the first in the text's space, else the first of all."""

    def __init__(self, profile: Profile, weights: Resolver, cache: Path | None = None) -> None:
        """`cache`: folder in which vectors of words are kept. Raises MissingModelError later."""
        self._profile, self._weights, self._cache = profile, weights, cache
        speaks = [name for name in profile.audio if encoder.traits_of(name).space == profile.text]
        self.aligned = bool(speaks)
        self._ear_name = (speaks or list(profile.audio))[0]

    @cached_property
    def _reader(self) -> Encoder[str]:
        return encoder.load(self._profile.text, self._weights)

    @cached_property
    def _ear(self) -> Encoder[Any]:
        return encoder.load(self._ear_name, self._weights)

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
    result: NDArray[np.float64] = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return result


def _states(parts: Floats | None) -> Floats:
    if parts is None:
        raise ValueError("a text encoder tells the words of some texts and not of others")
    return parts.reshape(-1, parts.shape[-1])


@dataclass(frozen=True)
class Examples:
    """What can be learned: the states of each, by sense; which are words that stand for a sound; targets; pairs."""

    states: dict[Sense, Ragged]
    numbers: dict[Sense, Tensor]  # of the examples of a sense, in the order of its states
    imagined: Tensor  # bool [n]: words that stand for a sound
    targets: tuple[tuple[str, ...], ...]
    of: tuple[int, ...]  # the pair of each

    def __len__(self) -> int:
        return len(self.targets)

    def among(self, chosen: Tensor, sense: Sense) -> Tensor:
        """Rows of a sense's states whose example is chosen, bool [n]."""
        return torch.nonzero(chosen[self.numbers[sense]])[:, 0]


def examples_of(pairs: Sequence[Pair], writes: Writes, readers: Readers, tell: Callable[[str], None]) -> Examples:
    """Every pair as it is; and where the profile's ears speak the text's space, texts as sounds too.

    Learning captions, a text alone is only that; learning glosses, the target's words are what is heard. A sound that
    can't be read is told and left out. Raises InputError where nothing is left.
    """
    states: dict[Sense, list[Floats]] = {sense: [] for sense in SENSES}
    numbers: dict[Sense, list[int]] = {sense: [] for sense in SENSES}
    imagined: list[bool] = []
    of: list[int] = []

    def add(pair: int, sense: Sense, rows: Floats, *, made_up: bool = False) -> None:
        states[sense].append(rows)
        numbers[sense].append(len(of))
        imagined.append(made_up)
        of.append(pair)

    read = [i for i, pair in enumerate(pairs) if not pair.sound and (writes == "gloss" or pair.given)]
    for i, rows in zip(read, readers.texts([pairs[i].text for i in read]), strict=True):
        add(i, "text", rows)
    for i, pair in enumerate(pairs):
        if pair.sound:
            try:
                add(i, "audio", readers.sound(pair.sound))
            except MediaError as error:
                tell(f"left out: {error}")
    if readers.aligned:
        told = [i for i, pair in enumerate(pairs) if not pair.sound and (writes == "gloss" or not pair.given)]
        words = [" ".join(pairs[i].target) if writes == "gloss" else pairs[i].text for i in told]
        for i, rows in zip(told, readers.texts(words), strict=True):
            add(i, "audio", rows, made_up=True)
    if not of:
        raise InputError(
            "the pairs", "leave nothing to learn from", "this profile needs sounds: write sound<TAB>caption"
        )
    widths = readers.widths()
    ragged = {
        sense: Ragged.from_list([torch.from_numpy(rows).half() for rows in states[sense]], widths[sense])
        for sense in SENSES
    }
    placed = {sense: torch.tensor(numbers[sense], dtype=torch.long) for sense in SENSES}
    return Examples(ragged, placed, torch.tensor(imagined), tuple(pairs[i].target for i in of), tuple(of))
