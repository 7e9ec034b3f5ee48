"""`storysound train langue2gloss`: words out of texts and sounds (Fang et al. 2024, section 2.2.1).

`storysound train caption`: sentences about sounds, by the same network and training, from lines `sound<TAB>caption` or,
where the profile's ears speak the text encoder's space, from captions alone.

The paper learns from How2's transcripts and summaries; here from any parallel file, or from texts alone with the rule
gloss as target (`research/bgtai/langue2gloss/pairs.py`). Encoders stay as they are.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from hashlib import sha256
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from storysound.config import load_profile
from storysound.encode import lemmas
from storysound.encode.pool import Models
from storysound.errors import InputError
from storysound.ingest.parallel_pairs import ParallelPair, read_pairs
from storysound.match.langue2gloss import BEGIN, END, PAD, SENSES, UNKNOWN, Config, Langue2Gloss, Sense, Vocabulary
from storysound.match.langue2gloss_readers import GlossReaders, Writes
from storysound.metrics.caption import token_f1
from storysound.progress import Watch
from storysound.research.bgtai.langue2gloss.examples import Examples, examples_of
from storysound.research.bgtai.langue2gloss.settings import GlossTraining
from storysound.research.stories.batches import held_out, stories_at
from storysound.train.loop import Losses, Task, check_agrees, fabric_for, fit
from storysound.trained.cards import write_card
from storysound.trained.langue2gloss import GlossCard, said

LEAST = 2  # examples to learn from, and to judge by
JUDGED = 500  # examples of each sense, at most, while training


class GlossBatch(NamedTuple):
    """Examples of one sense: `states` [b n d], `mask` [b n], and what is said, `before` and `after` [b m]."""

    states: Tensor
    mask: Tensor
    before: Tensor
    after: Tensor
    sense: Sense

    def to(self, device: torch.device) -> "GlossBatch":
        """The same on a device."""
        states, mask, before, after = (part.to(device) for part in self[:4])
        return GlossBatch(states, mask, before, after, self.sense)


def batch_at(
    examples: Examples, learned: Tensor, vocabulary: Vocabulary, recipe: GlossTraining, step: int, rank: int, ranks: int
) -> GlossBatch:
    """Of the examples `learned`, bool [n]. Senses take turns.

    Words that stand for a sound are blurred, so that a sound may lie a little beside them.
    """
    senses = [sense for sense in SENSES if len(examples.among(learned, sense))]
    sense, turn = senses[step % len(senses)], step // len(senses)
    rows = stories_at(examples.among(learned, sense), recipe.batch, recipe.seed, turn, rank, ranks)
    states, mask = examples.states[sense].of(rows)
    numbers = examples.numbers[sense][rows]
    rng = np.random.default_rng([recipe.seed, 2, step, rank])
    blur = torch.from_numpy(rng.standard_normal(states.shape, np.float32)) / states.shape[-1] ** 0.5
    states = states + recipe.noise * blur * examples.imagined[numbers][:, None, None] * mask[..., None]
    said = [torch.tensor(vocabulary.numbers(examples.targets[number])) for number in numbers.tolist()]
    longest = Config.longest - 1
    before = pad_sequence([F.pad(one[:longest], (1, 0), value=BEGIN) for one in said], batch_first=True)
    after = pad_sequence([F.pad(one[:longest], (0, 1), value=END) for one in said], batch_first=True)
    return GlossBatch(states, mask, before, after.masked_fill(after == UNKNOWN, PAD), sense)


def losses(network: nn.Module, batch: GlossBatch) -> Losses:
    """Cross-entropy of the next word; words that aren't known are passed over."""
    logits = network(batch.states, batch.mask, batch.before, batch.sense)
    loss = F.cross_entropy(logits.flatten(0, 1).float(), batch.after.flatten(), ignore_index=PAD)
    return {"loss": loss, batch.sense: loss.detach()}


def judge(network: nn.Module, examples: Examples, chosen: Tensor, vocabulary: Vocabulary) -> Mapping[str, float]:
    """Mean F1 of the words said greedily of the examples `chosen`, bool [n]: of each sense and of both."""
    found: dict[str, float] = {}
    for sense in SENSES:
        rows = examples.among(chosen, sense)[:JUDGED]
        if len(rows):
            states = [examples.states[sense].of(row[None])[0][0] for row in rows]
            told = said(network, vocabulary, states, sense, 1)  # type: ignore[arg-type]
            wanted = [examples.targets[number] for number in examples.numbers[sense][rows].tolist()]
            found[f"{sense}_f1"] = float(np.mean([token_f1(*pair) for pair in zip(told, wanted, strict=True)]))
    return {"f1": float(np.mean(list(found.values()))), **found}


def train(recipe: GlossTraining, writes: Writes, models: Models, watch: Watch) -> float:
    """Runs the recipe, for glosses or captions, or goes on with it; the best F1 of words, of `out/best.safetensors`.

    Raises InputError for data that can't be learned from, MissingModelError.
    """
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    pairs = read_pairs(recipe.data, writes, models.get("lemmas", lemmas.load).of)
    readers = GlossReaders(models, load_profile(recipe.profile), recipe.out)
    _check_counts(recipe, [pair.target for pair in pairs for _ in range(1 + readers.aligned)])  # texts stand for sounds
    check_agrees(recipe.out, recipe.plan(), seed=recipe.seed, batch=recipe.batch, noise=recipe.noise, data=_sha(pairs))
    fabric = fabric_for(recipe.out, precision=recipe.precision)
    watch.plan({"features": 0.3, "training": 0.7})
    watch.step("features")
    examples = examples_of(pairs, writes, readers, watch)
    _check_counts(recipe, examples.targets)
    out = held_out(tuple(" ".join(target) for target in examples.targets), recipe.held_out)
    vocabulary = Vocabulary.of([examples.targets[i] for i in torch.nonzero(~out)[:, 0].tolist()], recipe.least)
    if not vocabulary.words:
        raise InputError(
            recipe.data, f"has no word that stands in {recipe.least} targets", "add pairs, or give least=1"
        )
    watch.say(f"{int((~out).sum())} examples to learn from, {int(out.sum())} held out, {len(vocabulary)} words")
    torch.manual_seed(recipe.seed)
    widths = readers.widths()
    config = Config(widths["text"], widths["audio"], len(vocabulary), recipe.width, recipe.dropout)
    revision, data = readers.revision(), recipe.data.name
    write_card(recipe.out, GlossCard(config, writes, vocabulary.words, recipe.profile, revision, recipe.held_out, data))
    task = Task(
        Langue2Gloss(config),
        losses,
        lambda step, rank, ranks: batch_at(examples, ~out, vocabulary, recipe, step, rank, ranks).to(fabric.device),
        partial(judge, examples=examples, chosen=out, vocabulary=vocabulary),
        "f1",
        {
            "seed": recipe.seed,
            "batch": recipe.batch,
            "noise": recipe.noise,
            "model": asdict(config),
            "data": _sha(pairs),
        },
    )
    return fit(task, recipe.plan(), recipe.out, fabric, watch)


def _check_counts(recipe: GlossTraining, targets: Sequence[tuple[str, ...]]) -> None:
    """Raises InputError where too few targets can be held out."""
    out = held_out(tuple(" ".join(target) for target in targets), recipe.held_out)
    if min(int(out.sum()), int((~out).sum())) < LEAST:
        raise InputError(recipe.data, f"needs {LEAST} different targets held out, and more to learn from", "add pairs")


def _sha(pairs: Sequence[ParallelPair]) -> str:
    """Changes with what is learned from."""
    lines = [[pair.text, str(pair.sound), pair.target] for pair in pairs]
    return sha256(json.dumps(lines).encode("utf-8", "surrogatepass")).hexdigest()[:24]
