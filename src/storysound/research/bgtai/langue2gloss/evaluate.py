"""`storysound evaluate langue2gloss`: how near a model's glosses are to the targets it didn't learn from.

Beside it stands what needs no training: of a text every word, and every word but function words, as they are; of a
sound the names of what `storysound listen` hears.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from storysound.config import load_profile
from storysound.encode import gloss, lemmas
from storysound.encode.pool import Models
from storysound.errors import InputError
from storysound.jobs.annotate.captioners import by_events
from storysound.match.langue2gloss import Sense, Vocabulary
from storysound.metrics.bootstrap import interval
from storysound.metrics.caption import bleu, token_f1
from storysound.metrics.ptb import tokens
from storysound.research.bgtai.langue2gloss.pairs import Examples, Pair, examples_of, read_pairs
from storysound.research.results import Column, Row
from storysound.research.stories.batches import held_out
from storysound.train.loop import Tell
from storysound.trained.langue2gloss import Trained, load_trained, said
from storysound.weights.resolver import Resolver

PAPER: str = "bgtai"
TABLES: tuple[str, ...] = ()  # the paper prints no figure of its Langue2Gloss
TEXT, WORDS, SOUND = "text to gloss", "its words as a sound to gloss", "sound to gloss"
TASKS = (TEXT, WORDS, SOUND)
COLUMNS = (Column("exact", "exact %", 100, 1), Column("f1", "word F1"), Column("bleu", "BLEU-4"))

Words = Sequence[str]
_KINDS: tuple[tuple[str, Sense, bool], ...] = ((TEXT, "text", False), (WORDS, "audio", True), (SOUND, "audio", False))


@dataclass(frozen=True)
class Recipe:
    """What is evaluated; each can be given as key=value."""

    data: Path  # parallel file, as for training
    model: Path  # best.safetensors of a run of `storysound train langue2gloss`
    split: str = "held_out"  # the targets the run held out; "all" for data it never saw
    beams: int = 5
    draws: int = 1000  # of the bootstrap, by targets
    seed: int = 0

    def __post_init__(self) -> None:
        if self.split not in {"held_out", "all"} or self.beams < 1 or self.draws < 1:
            raise ValueError("split is held_out or all, beams and draws at least 1")


def evaluate(recipe: Recipe, weights: Resolver, tell: Tell) -> list[Row]:
    """All rows that are measured. Raises InputError where model and data don't go together."""
    trained = load_trained(recipe.model, weights, "gloss")
    pairs = read_pairs(recipe.data, "gloss", lemmas.load(weights).of)
    examples = examples_of(pairs, "gloss", trained.readers, tell)
    rows = list(_rows(recipe, trained, pairs, examples, weights))
    if not rows:
        raise InputError(recipe.data, "holds no pair to judge by", "try split=all on new data")
    return rows


def _rows(
    recipe: Recipe, trained: Trained, pairs: Sequence[Pair], examples: Examples, weights: Resolver
) -> Iterator[Row]:
    keys = tuple(" ".join(target) for target in examples.targets)
    chosen = held_out(keys, trained.card.held_out) if recipe.split == "held_out" else torch.ones(len(keys)) > 0
    for task, sense, imagined in _KINDS:
        rows = examples.among(chosen & (examples.imagined == imagined), sense)
        if not len(rows):
            continue
        numbers = examples.numbers[sense][rows].tolist()
        wanted = [examples.targets[number] for number in numbers]
        for model, told in _told(recipe, trained, examples, sense, rows):
            yield _row(recipe, task, model, told, wanted)
        if task == TEXT:
            texts = [pairs[examples.of[number]].text for number in numbers]
            for model, keep in _UNTRAINED.items():
                yield _row(recipe, task, model, [keep(text) for text in texts], wanted)
        if task == SOUND:
            heard = by_events(Models(load_profile(trained.card.profile), weights))
            told = [tuple(heard(pairs[examples.of[number]].sound).split()) for number in numbers]
            yield _row(recipe, task, "names of what is heard", told, wanted)


_UNTRAINED: dict[str, Callable[[str], Words]] = {
    "all words": tokens,
    "content words as they are": lambda text: gloss.of_text(text, str),
}


def _told(
    recipe: Recipe, trained: Trained, examples: Examples, sense: Sense, rows: torch.Tensor
) -> Iterator[tuple[str, list[tuple[str, ...]]]]:
    states = [examples.states[sense].of(row[None])[0][0] for row in rows]
    vocabulary = Vocabulary(trained.card.words)
    for name, beams in {"greedy": 1, f"{recipe.beams} beams": recipe.beams}.items():
        yield f"Langue2Gloss, {name}", said(trained.network, vocabulary, states, sense, beams)


def _row(recipe: Recipe, task: str, model: str, told: Sequence[Words], wanted: Sequence[Words]) -> Row:
    exact = np.array([tuple(one) == tuple(other) for one, other in zip(told, wanted, strict=True)])
    f1 = np.array([token_f1(*pair) for pair in zip(told, wanted, strict=True)])
    whole, _ = bleu([list(one) for one in told], [[list(one)] for one in wanted])
    groups = [" ".join(target) for target in wanted]
    intervals = {
        key: interval(
            lambda some, each=each: float(each[some].mean()),  # type: ignore[misc]
            len(each), groups, draws=recipe.draws, seed=recipe.seed,
        )
        for key, each in (("exact", exact), ("f1", f1))
    }  # fmt: skip
    figures = {"exact": float(exact.mean()), "f1": float(f1.mean()), "bleu": whole[3]}
    protocol = f"{len(set(groups))} different targets, none learned from; BLEU of the whole set, one reference"
    return Row(task, model, figures, intervals, len(wanted), recipe.data.name, protocol)
