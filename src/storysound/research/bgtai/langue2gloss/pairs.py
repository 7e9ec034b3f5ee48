"""What Langue2Gloss learns from: texts and sounds beside the words they should become, and what encoders say of them.

A parallel file has one pair a line, `source<TAB>target`; a source that names a sound file, seen from the folder of the
list, is heard, every other one is read. A line without a tab is a text alone. Learning glosses, its target is the rule
gloss. Learning captions, it is the target, and its own rule gloss stands for the sound, word for word: that needs an
audio encoder that speaks in the text encoder's space (training on text alone, as in Kouzelis and Katsouros 2023,
"Weakly-supervised automated audio captioning via text only training").
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from storysound.encode import gloss
from storysound.errors import InputError, MediaError
from storysound.match.langue2gloss import SENSES, Sense
from storysound.match.langue2gloss_readers import Floats, Readers, Writes
from storysound.media.files import read_text
from storysound.metrics.ptb import tokens
from storysound.nn.ragged import Ragged
from storysound.progress import Watch


@dataclass(frozen=True)
class GlossPair:
    """A text, or a sound, and the words it should become; `given`: the target was, and isn't the rule's."""

    text: str
    sound: Path | None
    target: tuple[str, ...]
    given: bool


def read_pairs(file: Path, writes: Writes, lemma: Callable[[str], str]) -> list[GlossPair]:
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
            found.append(GlossPair(text, sound, words, bool(tab)))
    if not found:
        raise InputError(file, "holds no pairs", "write source<TAB>target, or a text, on each line")
    return found


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a text is no file name
        return False


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


def examples_of(pairs: Sequence[GlossPair], writes: Writes, readers: Readers, watch: Watch) -> Examples:
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
        watch.at(i, len(pairs))
        if pair.sound:
            try:
                add(i, "audio", readers.sound(pair.sound))
            except MediaError as error:
                watch.say(f"left out: {error}")
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
