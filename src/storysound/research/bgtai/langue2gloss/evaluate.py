"""`storysound evaluate langue2gloss`: how near a model's glosses are to the targets it didn't learn from.

Beside it stands what needs no training: of a text every word, and every word but function words, as they are; of a
sound the names of what `storysound listen` hears.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from storysound.config import load_profile
from storysound.encode import gloss, lemmas
from storysound.encode.pool import Models
from storysound.errors import InputError
from storysound.ingest.parallel_pairs import ParallelPair, read_pairs
from storysound.jobs.annotate.captioners import by_events
from storysound.match.langue2gloss import Sense, Vocabulary
from storysound.metrics.bootstrap import interval
from storysound.metrics.caption import bleu, token_f1
from storysound.metrics.ptb import tokens
from storysound.metrics.table import Row
from storysound.progress import Watch
from storysound.research.bgtai.langue2gloss.examples import Examples, examples_of
from storysound.research.bgtai.langue2gloss.settings import SOUND, TEXT, WORDS, GlossEvaluation
from storysound.research.stories.batches import held_out
from storysound.trained.langue2gloss import GlossModel, load_trained, said

Words = Sequence[str]
_KINDS: tuple[tuple[str, Sense, bool], ...] = ((TEXT, "text", False), (WORDS, "audio", True), (SOUND, "audio", False))


def evaluate(recipe: GlossEvaluation, models: Models, watch: Watch) -> list[Row]:
    """All rows that are measured. Raises InputError where model and data don't go together."""
    trained = load_trained(recipe.model, models, "gloss")
    pairs = read_pairs(recipe.data, "gloss", models.get("lemmas", lemmas.load).of)
    examples = examples_of(pairs, "gloss", trained.readers, watch)
    rows = list(_rows(recipe, trained, pairs, examples, models))
    if not rows:
        raise InputError(recipe.data, "holds no pair to judge by", "try split=all on new data")
    return rows


def _rows(
    recipe: GlossEvaluation, trained: GlossModel, pairs: Sequence[ParallelPair], examples: Examples, models: Models
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
            heard = by_events(Models(load_profile(trained.card.profile), models.weights))
            told = [tuple(heard(pairs[examples.of[number]].sound).split()) for number in numbers]
            yield _row(recipe, task, "names of what is heard", told, wanted)


_UNTRAINED: dict[str, Callable[[str], Words]] = {
    "all words": tokens,
    "content words as they are": lambda text: gloss.of_text(text, str),
}


def _told(
    recipe: GlossEvaluation, trained: GlossModel, examples: Examples, sense: Sense, rows: torch.Tensor
) -> Iterator[tuple[str, list[tuple[str, ...]]]]:
    """What the model says of rows [n] of a sense's states, greedily and by beams."""
    states = [examples.states[sense].of(row[None])[0][0] for row in rows]
    vocabulary = Vocabulary(trained.card.words)
    for name, beams in {"greedy": 1, f"{recipe.beams} beams": recipe.beams}.items():
        yield f"Langue2Gloss, {name}", said(trained.network, vocabulary, states, sense, beams)


def _row(recipe: GlossEvaluation, task: str, model: str, told: Sequence[Words], wanted: Sequence[Words]) -> Row:
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
