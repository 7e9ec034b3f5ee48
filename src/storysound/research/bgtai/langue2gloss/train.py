"""`storysound train langue2gloss`: words out of texts and sounds (Fang et al. 2024, section 2.2.1).

The paper learns from How2's transcripts and summaries; here from any parallel file, or from texts alone with the rule
gloss as target (`research/bgtai/langue2gloss/pairs.py`). Encoders stay as they are.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from storysound.config import load_profile
from storysound.encode import lemmas
from storysound.errors import InputError
from storysound.match.langue2gloss import BEGIN, END, PAD, SENSES, UNKNOWN, Config, Langue2Gloss, Sense, Vocabulary
from storysound.metrics.caption import token_f1
from storysound.research.bgtai.langue2gloss.pairs import Examples, Readers, Writes, examples_of, read_pairs
from storysound.research.stories.batches import held_out, stories_at
from storysound.train.loop import Losses, Plan, Task, Tell, fabric_for, fit
from storysound.trained.cards import write_card
from storysound.trained.langue2gloss import Card, said
from storysound.weights.resolver import Resolver

LEAST = 2  # examples to learn from, and to judge by
JUDGED = 500  # examples of each sense, at most, while training


@dataclass(frozen=True)
class Recipe:
    """Settings of the training; each can be given as key=value."""

    data: Path  # parallel file: source<TAB>target, or a text, on each line
    out: Path  # folder of the run; what stands there is gone on with
    steps: int = 2000
    batch: int = 64  # examples a step and device
    rate: float = 2e-3
    warmup: int = 100
    decay_share: float = 0.5
    weight_decay: float = 0.01
    ema: float = 0.99
    width: int = 256
    dropout: float = 0.2
    least: int = 2  # targets that a word must stand in to be known
    noise: float = 0.3  # length of what is added to a word's vector where words stand for a sound
    held_out: float = 0.1  # share of the targets that choose the best weights and are what is evaluated later
    profile: str = "embedded"  # whose encoders read and hear
    precision: str = "32-true"
    seed: int = 0
    threads: int = 0  # of the processor; 0: torch's own choice
    evaluate_every: int = 250
    save_every_s: float = 120.0

    def __post_init__(self) -> None:
        if self.batch < 2 or not 0 < self.held_out < 1 or self.noise < 0 or self.least < 1:
            raise ValueError("needs batch >= 2, held_out in (0, 1), noise >= 0 and least >= 1")

    def plan(self) -> Plan:
        """The part that the loop needs."""
        return Plan(
            self.steps, self.rate, self.warmup, self.decay_share, self.weight_decay, clip=1.0, ema=self.ema,
            evaluate_every=self.evaluate_every, save_every_s=self.save_every_s,
        )  # fmt: skip


class Batch(NamedTuple):
    """Examples of one sense: `states` [b n d], `mask` [b n], and what is said, `before` and `after` [b m]."""

    states: Tensor
    mask: Tensor
    before: Tensor
    after: Tensor
    sense: Sense

    def to(self, device: torch.device) -> "Batch":
        """The same on a device."""
        states, mask, before, after = (part.to(device) for part in self[:4])
        return Batch(states, mask, before, after, self.sense)


def batch_at(
    examples: Examples, learned: Tensor, vocabulary: Vocabulary, recipe: Recipe, step: int, rank: int, ranks: int
) -> Batch:
    """Senses take turns; words that stand for a sound are blurred, so that a sound may lie a little beside them."""
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
    return Batch(states, mask, before, after.masked_fill(after == UNKNOWN, PAD), sense)


def losses(network: nn.Module, batch: Batch) -> Losses:
    """Cross-entropy of the next word; words that aren't known are passed over."""
    logits = network(batch.states, batch.mask, batch.before, batch.sense)
    loss = F.cross_entropy(logits.flatten(0, 1).float(), batch.after.flatten(), ignore_index=PAD)
    return {"loss": loss, batch.sense: loss.detach()}


def judge(network: nn.Module, examples: Examples, chosen: Tensor, vocabulary: Vocabulary) -> Mapping[str, float]:
    """Mean F1 of the words said greedily, of each sense and of both."""
    found: dict[str, float] = {}
    for sense in SENSES:
        rows = examples.among(chosen, sense)[:JUDGED]
        if len(rows):
            states = [examples.states[sense].of(row[None])[0][0] for row in rows]
            told = said(network, vocabulary, states, sense, 1)  # type: ignore[arg-type]
            wanted = [examples.targets[number] for number in examples.numbers[sense][rows].tolist()]
            found[f"{sense}_f1"] = float(np.mean([token_f1(*pair) for pair in zip(told, wanted, strict=True)]))
    return {"f1": float(np.mean(list(found.values()))), **found}


def train(recipe: Recipe, weights: Resolver, tell: Tell) -> float:
    """Runs the recipe, or goes on with it; the best F1 of words, of `out/best.safetensors`.

    Raises InputError for data that can't be learned from, MissingModelError.
    """
    return learn(recipe, "gloss", weights, tell)


def learn(recipe: Recipe, writes: Writes, weights: Resolver, tell: Tell) -> float:
    """`train`, for glosses or captions."""
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    pairs = read_pairs(recipe.data, writes, lemmas.load(weights).of)
    readers = Readers(load_profile(recipe.profile), weights, recipe.out)
    examples = examples_of(pairs, writes, readers, tell)
    out = held_out(tuple(" ".join(target) for target in examples.targets), recipe.held_out)
    if min(int(out.sum()), int((~out).sum())) < LEAST:
        raise InputError(recipe.data, f"needs {LEAST} different targets held out, and more to learn from", "add pairs")
    vocabulary = Vocabulary.of([examples.targets[i] for i in torch.nonzero(~out)[:, 0].tolist()], recipe.least)
    if not vocabulary.words:
        raise InputError(
            recipe.data, f"has no word that stands in {recipe.least} targets", "add pairs, or give least=1"
        )
    tell(f"{int((~out).sum())} examples to learn from, {int(out.sum())} held out, {len(vocabulary)} words")
    torch.manual_seed(recipe.seed)
    widths = readers.widths()
    config = Config(widths["text"], widths["audio"], len(vocabulary), recipe.width, recipe.dropout)
    fabric = fabric_for(recipe.out, precision=recipe.precision)
    revision, data = readers.revision(), recipe.data.name
    write_card(recipe.out, Card(config, writes, vocabulary.words, recipe.profile, revision, recipe.held_out, data))
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
    return fit(task, recipe.plan(), recipe.out, fabric, tell)


def _sha(pairs: Any) -> str:
    """Changes with what is learned from."""
    lines = [[pair.text, str(pair.sound), pair.target] for pair in pairs]
    return sha256(json.dumps(lines).encode("utf-8", "surrogatepass")).hexdigest()[:24]
