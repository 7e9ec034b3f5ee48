"""What Langue2Gloss learns from: the states of texts and sounds, and the words that each should become.

A caption alone teaches what a sound is called where its gloss can stand for the sound, word for word: that needs an
audio encoder that speaks in the text encoder's space (training on text alone, as in Kouzelis and Katsouros 2023,
"Weakly-supervised automated audio captioning via text only training").
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from storysound.errors import InputError, MediaError
from storysound.ingest.parallel_pairs import ParallelPair
from storysound.match.langue2gloss import SENSES, Sense
from storysound.match.langue2gloss_readers import GlossReaders, Writes
from storysound.media.arrays import Floats
from storysound.nn.ragged import Ragged
from storysound.progress import Watch


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


def examples_of(pairs: Sequence[ParallelPair], writes: Writes, readers: GlossReaders, watch: Watch) -> Examples:
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
