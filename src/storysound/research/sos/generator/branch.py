"""The control branch of the small SoSgen: pictures in time beside words, or alone (Sound of Story, section 4.2).

The flow is frozen, only the branch learns. Its pairs are made: sounds of a kind with what the encoder would recognise
in pictures of it (`made_pictures`). A third of them show one thing after another, joined in time; a third have the
words of something else, which is heard as well; the rest show what is heard, mostly with the text "Audio", which is the
image variant's.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from storysound.encode.labels import text_vectors
from storysound.encode.pool import Models
from storysound.errors import InputError
from storysound.generate.maker import WEIGHTS
from storysound.generate.sosgen import FORM, SIGHT, Parts, fingerprint, read_parts, sight_of
from storysound.generate.variants import FIXED_TEXT
from storysound.media.arrays import Floats, Ints
from storysound.nn.flow import Control, flow_loss
from storysound.nn.picture_branch import BranchConfig, PictureBranch
from storysound.progress import Watch, check
from storysound.research.sos.generator.flow import Slices, read_slices
from storysound.research.sos.generator.flow_settings import BranchTraining
from storysound.research.sos.generator.made_pictures import MadePictures, read_shows
from storysound.train.loop import Losses, Task, fabric_for, fit, last_weights

SEQUENCES, MIXTURES = 0.3, 0.3  # shares of the batch: one thing after another; words of what isn't seen
WORDLESS = 0.1  # share without any text
OWN_WORDS = 0.3  # share of the other examples whose text says what is seen
MOST_PICTURES = 4  # in an example, of one kind
EDGE = 3  # tokens of a sequence that are one thing's at least


@dataclass(frozen=True)
class Pairs:
    """Sounds, and pictures and texts that go with them."""

    parts: Parts
    mels: Floats  # [n t m]
    kinds: Ints  # [n]
    learned: NDArray[np.intp]  # rows that are drawn from
    tokens: Tensor  # half [n k c] of the slices
    pictures: Floats  # [kinds p d]; zeros for kinds that nothing shows
    shown: NDArray[np.intp]  # kinds that something shows
    kind_of: NDArray[np.intp]  # of each text of the parts [p]
    any_sound: Tensor  # [d] of the text "Audio"
    sequences: float = SEQUENCES
    mixtures: float = MIXTURES

    def batch(self, size: int, dice: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Tokens [b k c], pictures [b k d], texts [b d]."""
        drawn = [self._example(dice) for _ in range(size)]
        tokens, pictures, texts = (torch.stack(column) for column in zip(*drawn, strict=True))
        return tokens, pictures, texts

    def _example(self, dice: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Tokens [k c], pictures [k d], a text [d]."""
        heard = np.unique(self.kinds[self.learned])
        shown = np.intersect1d(self.shown, heard)
        kind = int(dice.choice(shown))
        row, chance = self._row(kind, dice), dice.random()
        tokens, pictures = self.tokens[row].float(), self._seen(kind, len(self.tokens[row]), dice)
        texts = [kind]
        if chance < self.sequences:
            then = int(dice.choice(shown))
            cut = int(dice.integers(EDGE, len(tokens) - EDGE + 1))
            tokens = torch.cat([tokens[:cut], self.tokens[self._row(then, dice)][cut:].float()])
            pictures = torch.cat([pictures[:cut], self._seen(then, len(tokens), dice)[cut:]])
            texts.append(then)
        elif chance < self.sequences + self.mixtures:
            other = int(dice.choice(heard))
            tokens = self._mixed(row, self._row(other, dice))
            return tokens, pictures, self._text([other], dice)
        luck = dice.random()
        if luck < WORDLESS:
            return tokens, pictures, torch.zeros_like(self.any_sound)
        return tokens, pictures, self._text(texts, dice) if luck < WORDLESS + OWN_WORDS else self.any_sound

    def _row(self, kind: int, dice: np.random.Generator) -> int:
        return int(dice.choice(self.learned[self.kinds[self.learned] == kind]))

    def _seen(self, kind: int, count: int, dice: np.random.Generator) -> Tensor:
        """Some pictures of a kind, spread evenly over the tokens [count d]."""
        some = dice.choice(len(self.pictures[kind]), int(dice.integers(1, MOST_PICTURES + 1)))
        return torch.from_numpy(self.pictures[kind][some[np.arange(count) * len(some) // count]])

    def _text(self, kinds: list[int], dice: np.random.Generator) -> Tensor:
        """A text [d] of one of the kinds."""
        return self.parts.vectors[int(dice.choice(np.flatnonzero(self.kind_of == dice.choice(kinds))))]

    def _mixed(self, one: int, other: int) -> Tensor:
        """Tokens [k c] of two slices heard at once."""
        with torch.inference_mode():
            return self.parts.encode(torch.from_numpy(FORM.at_once(self.mels[one], self.mels[other]))[None])[0]


def made_pictures(data: Path, models: Models) -> MadePictures:
    """By the last layer of the encoder and its classes in the space of texts."""
    layer = models.weights.tensors(SIGHT)["_fc.weight"]
    return MadePictures.of(layer.astype(np.float32), sight_of(models).space, read_shows(data))


def pairs(recipe: BranchTraining, parts: Parts, slices: Slices, models: Models, watch: Watch) -> Pairs:
    """Raises InputError where slices and model don't belong together."""
    texts = tuple(text for group in slices.texts for text in group)
    made = made_pictures(recipe.data, models)
    if texts != parts.texts or len(made.shows) != len(slices.texts):
        raise InputError(recipe.data, "has other texts than the model", "make the slices by the same prepare.py")
    watch.say(f"making {recipe.pictures} pictures of {len(made.shown)} kinds")
    dice = np.random.default_rng([recipe.seed, 1])
    pictures = np.zeros((len(made.shows), recipe.pictures, made.space.vectors.shape[1]), np.float32)
    for kind in made.shown:
        check()
        pictures[kind] = made.vectors(int(kind), recipe.pictures, dice)
    with torch.inference_mode():
        mels = torch.split(torch.from_numpy(np.array(slices.mels)), 32)
        tokens = torch.cat([parts.encode(some.float()).half() for some in mels])
    kind_of = np.repeat(np.arange(len(slices.texts)), [len(group) for group in slices.texts])
    any_sound = torch.from_numpy(text_vectors(models.encoder("minilm"), [FIXED_TEXT]))[0]
    rows = np.flatnonzero(~slices.held_out)
    return Pairs(parts, slices.mels, slices.kinds, rows, tokens, pictures, made.shown, kind_of, any_sound)


def controlled(parts: Parts, branch: nn.Module, pictures: Tensor) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """The frozen flow under the control of a branch that sees pictures [b n d]."""

    def seen(x: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        control: Control = branch(pictures, t, condition)
        out: Tensor = parts.flow(x, t, condition, control)
        return out

    return seen


def train(recipe: BranchTraining, models: Models, watch: Watch) -> float:
    """Runs the recipe, or goes on with it; the best figure (held-out loss, negative). Writes `out/sosgen`.

    Raises InputError as `pairs`, MissingModelError as `read_parts`.
    """
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    parts = read_parts(recipe.model or WEIGHTS)
    parts.flow.requires_grad_(False)
    before = fingerprint(parts.flow)
    slices = read_slices(recipe.data)
    learned = pairs(recipe, parts, slices, models, watch)
    held = replace(learned, learned=np.flatnonzero(slices.held_out))
    fabric = fabric_for(recipe.out / "branch", precision=recipe.precision, devices=recipe.devices)
    parts.flow.to(fabric.device)

    def batch_at(step: int, rank: int, ranks: int) -> Batch:
        dice = np.random.default_rng([recipe.seed, step, rank, ranks])
        tokens, pictures, texts = (one.to(fabric.device) for one in learned.batch(recipe.batch, dice))
        return tokens, pictures, texts, int(dice.integers(1 << 40))

    def losses(network: nn.Module, batch: Batch) -> Losses:
        tokens, pictures, texts, seed = batch
        return {"loss": flow_loss(controlled(parts, network, pictures), tokens, texts, _generator(seed))}

    judged = held.batch(256, np.random.default_rng(0))

    def judge(network: nn.Module) -> dict[str, float]:
        dice = _generator(0)
        columns = zip(*(torch.split(one.to(fabric.device), 64) for one in judged), strict=True)
        found = [flow_loss(controlled(parts, network, shown), data, texts, dice) for data, shown, texts in columns]
        return {"fit": -float(torch.stack(found).mean())}

    flow = parts.flow.config
    config = BranchConfig(learned.pictures.shape[2], flow.condition, flow.width, flow.layers + 1, recipe.width)
    settings = {"batch": recipe.batch, "seed": recipe.seed, "width": recipe.width, "pictures": recipe.pictures}
    task = Task(PictureBranch(config), losses, batch_at, judge, "fit", {**settings, "flow": before})
    best = fit(task, recipe.plan(), recipe.out / "branch", fabric, watch)
    if fingerprint(parts.flow) != before:
        raise RuntimeError("the flow has changed, which was to stay as it is")
    if fabric.is_global_zero:
        branch = PictureBranch(config)
        branch.load_state_dict(last_weights(recipe.out / "branch"))
        replace(parts, branch=branch).save(recipe.out / "sosgen")
    return best


Batch = tuple[Tensor, Tensor, Tensor, int]  # tokens [b k c], pictures [b k d], texts [b d], the seed of the noise


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
