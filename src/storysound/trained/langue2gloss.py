"""Trained models of Langue2Gloss: weights, a card beside them, and what they say of texts and sounds."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from storysound.encode.pool import Models
from storysound.errors import InputError
from storysound.match.langue2gloss import Config, Langue2Gloss, Sense, Vocabulary
from storysound.match.langue2gloss_readers import GlossReaders, Writes
from storysound.media.arrays import Floats
from storysound.progress import check
from storysound.trained.cards import load_model

BLOCK = 256  # items at once
_MANY = {"gloss": "glosses", "caption": "captions"}


@dataclass(frozen=True)
class GlossCard:
    """What a network was made with."""

    model: Config
    writes: Writes
    words: tuple[str, ...]  # its vocabulary
    profile: str  # whose encoders' states it learned from
    encoders: str  # their revisions
    held_out: float  # share of the targets it did not learn from
    data: str  # name of the file it did learn from

    def __post_init__(self) -> None:
        object.__setattr__(self, "words", tuple(self.words))  # JSON knows no tuples


@dataclass(frozen=True)
class GlossModel:
    """A network with the encoders whose states it knows."""

    network: Langue2Gloss
    card: GlossCard
    readers: GlossReaders

    def of_texts(self, texts: Sequence[str], beams: int = 5) -> list[tuple[str, ...]]:
        """Words for each text; raises ValueError for one without words."""
        return said(self.network, Vocabulary(self.card.words), self.readers.texts(texts), "text", beams)

    def of_sound(self, path: Path, beams: int = 5) -> tuple[str, ...]:
        """Words for a sound file. Raises MediaError."""
        return said(self.network, Vocabulary(self.card.words), [self.readers.sound(path)], "audio", beams)[0]


def said(
    network: Langue2Gloss, vocabulary: Vocabulary, states: Sequence[Floats | Tensor], sense: Sense, beams: int
) -> list[tuple[str, ...]]:
    """Words for states [n d] of each item; one beam is greedy."""
    device = next(network.parameters()).device
    found: list[tuple[str, ...]] = []
    for start in range(0, len(states), BLOCK):
        check()
        rows = [torch.as_tensor(one).float() for one in states[start : start + BLOCK]]
        values = pad_sequence(rows, batch_first=True).to(device)
        lengths = torch.tensor([len(one) for one in rows], device=device)
        mask = torch.arange(values.shape[1], device=device) < lengths[:, None]
        spoken = network.greedy(values, mask, sense) if beams == 1 else network.beam(values, mask, sense, beams)
        found += [vocabulary.spelled(numbers) for numbers in spoken]
    return found


def load_trained(weights_file: Path, models: Models, writes: Writes | None = None) -> GlossModel:
    """The model of `best.safetensors`; `writes`: what it has to.

    Raises InputError where weights or card are missing, damaged, of something else, or of states that the encoders give
    no more.
    """
    network, card, readers = load_model(
        weights_file,
        "langue2gloss (or caption)",
        GlossCard,
        Config,
        Langue2Gloss,
        lambda known: GlossReaders(models, known),
    )
    if writes and card.writes != writes:
        task = "langue2gloss" if writes == "gloss" else "caption"
        raise InputError(
            weights_file, f"writes {_MANY[card.writes]}, not {_MANY[writes]}", f"use a run of: storysound train {task}"
        )
    return GlossModel(network, card, readers)
