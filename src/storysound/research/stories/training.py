"""What all trainings on stories share: how they begin, what is checked first, and how the loop gets them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn

from storysound.errors import InputError
from storysound.library.stories import StoryMaterial
from storysound.progress import Progress, Watch
from storysound.research.stories.batches import LEAST_HELD_OUT, held_out
from storysound.research.stories.features import StoryFeatures
from storysound.research.stories.settings import StoryTraining
from storysound.train.loop import Losses, Task, check_agrees, fabric_for, fit, speaker
from storysound.trained.cards import StoryCard, write_card

if TYPE_CHECKING:
    from lightning_fabric import Fabric

HEAD_WIDTH = 64  # of the encoder of time: CLIP's
LONE_WIDTH = 384  # of the common space where no story has a text


def begin(recipe: StoryTraining, watch: Watch, devices: str = "1") -> "tuple[Fabric, Watch]":
    """Threads and devices of a run; of several processes only the first one reports.

    Raises InputError where the folder holds a run with other settings.
    """
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    check_agrees(recipe.out, recipe.plan(), seed=recipe.seed, batch=recipe.batch)
    fabric = fabric_for(recipe.out, precision=recipe.precision, devices=devices)
    watch = speaker(fabric, watch)
    watch.plan({"features": 0.3, "training": 0.7})
    return fabric, watch


def check_stories(recipe: StoryTraining, stories: Sequence[StoryMaterial]) -> None:
    """Before anything is encoded. Raises InputError where so few groups can't hold out what a model is judged by."""
    out = int(held_out(tuple(one.group for one in stories), recipe.held_out).sum())
    _check_counts(recipe, len(stories) - out, out)


def check_parts(
    recipe: StoryTraining, features: StoryFeatures, learned_from: Tensor, judged: Tensor, judgeable: int, watch: Watch
) -> None:
    """Tells how many stories are learned from [n], and held out [m], of which `judgeable` can be judged by.

    Raises InputError where they are too few.
    """
    sounds = features.belongs.shape[1]
    watch.say(f"{len(learned_from)} stories to learn from, {len(judged)} held out, {sounds} sounds")
    _check_counts(recipe, len(learned_from), judgeable)


def _check_counts(recipe: StoryTraining, learned_from: int, judgeable: int) -> None:
    if learned_from < 2 or judgeable < LEAST_HELD_OUT:
        found = (
            f"needs {LEAST_HELD_OUT} stories held out, and more to learn from: {judgeable} and {learned_from} are there"
        )
        raise InputError(recipe.data, found, "add stories, or give a larger held_out=")


def part_of(watch: Watch, number: int, of: int, name: object) -> Watch:
    """What the training `number` of several reports to: its share and its lines become the whole's."""

    def report(now: Progress) -> None:
        watch.at(number + now.share, of, str(name))
        if now.line:
            watch.say(f"{name}: {now.line}")

    return Watch(report)


class _Batch(Protocol):
    def to(self, device: torch.device) -> "_Batch": ...


def run(
    recipe: StoryTraining,
    fabric: "Fabric",
    network: nn.Module,
    card: StoryCard[Any],
    features: StoryFeatures,
    *,
    losses: Callable[[nn.Module, Any], Losses],
    batch_at: Callable[[int, int, int], _Batch],
    evaluate: Callable[[Any], Mapping[str, float]],
    watch: Watch,
    settings: Mapping[str, Any] | None = None,
) -> float:
    """Trains, or goes on with it; the best "geometric_mean" of `evaluate`, that of `out/best.safetensors`.

    `losses` (each a scalar), `batch_at` and `evaluate` as in `train.loop.Task`; `settings`: what else a resumed run
    must agree on.
    Raises InputError where the folder holds a run with other settings.
    """
    if fabric.is_global_zero:
        write_card(recipe.out, card)
        watch.say(f"untrained: geometric mean of recalls {evaluate(network.eval())['geometric_mean']:.3f}")
    given = {"seed": recipe.seed, "batch": recipe.batch, "data": features.sha, "model": asdict(card.model)}
    task = Task(
        network,
        losses,
        lambda step, rank, ranks: batch_at(step, rank, ranks).to(fabric.device),
        evaluate,
        "geometric_mean",
        {**given, **(settings or {})},
    )
    return fit(task, recipe.plan(), recipe.out, fabric, watch)
