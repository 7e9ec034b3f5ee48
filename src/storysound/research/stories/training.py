"""What all trainings on stories share: their settings, how they begin, and how they hand themselves to the loop."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from storysound.errors import InputError
from storysound.research.stories.batches import LEAST_HELD_OUT
from storysound.research.stories.features import TOKEN_S, StoryFeatures
from storysound.train.loop import Losses, Plan, Task, Tell, fabric_for, fit, speaker
from storysound.trained.cards import StoryCard, write_card


@dataclass(frozen=True)
class StoryRecipe:
    """Settings of the training; each can be given as key=value."""

    data: Path  # data set of `storysound ingest`, or a file of JSON lines (`research/stories/read.py`)
    out: Path  # folder of the run; what stands there is gone on with
    steps: int = 2000
    batch: int = 64  # stories a step and device
    rate: float = 3e-4
    warmup_share: float = 0.1  # of the steps
    weight_decay: float = 0.2
    clip: float = 1.0
    ema: float = 0.99
    dropout: float = 0.1
    crop_s: float = 10.24  # of sound: anywhere in training, the most informative stretch in tests
    held_out: float = 0.1  # share of the groups (films) that choose the best weights and are what is evaluated later
    profile: str = "embedded"  # whose encoders tell what is said, seen and heard
    precision: str = "32-true"  # as Lightning Fabric names them: maps are small, nothing is gained by less
    seed: int = 0
    threads: int = 0  # of the processor; 0: torch's own choice
    devices: str = "auto"  # how many, each with batches of its own; "auto": all GPUs, or the processor
    evaluate_every: int = 100
    save_every_s: float = 120.0

    def __post_init__(self) -> None:
        if self.batch < 2 or not 0 < self.held_out < 1 or self.crop_s < TOKEN_S or not 0 <= self.warmup_share <= 1:
            raise ValueError(f"needs batch >= 2, held_out in (0, 1), crop_s >= {TOKEN_S:g}, warmup_share in [0, 1]")

    def plan(self) -> Plan:
        """The part that the loop needs; the rate falls as a cosine from the end of the warm-up on."""
        return Plan(
            self.steps, self.rate, round(self.warmup_share * self.steps), 1 - self.warmup_share, self.weight_decay,
            clip=self.clip, ema=self.ema, evaluate_every=self.evaluate_every, save_every_s=self.save_every_s,
        )  # fmt: skip

    def made_with(self, encoders: str) -> tuple[str, str, float, float, str]:
        """What a card says beside the network's configuration; `encoders`: their revision."""
        return self.profile, encoders, self.crop_s, self.held_out, self.data.name


def begin(recipe: StoryRecipe, tell: Tell) -> tuple[Fabric, Tell]:
    """Threads and devices of a run; of several processes only the first one tells."""
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    fabric = fabric_for(recipe.out, precision=recipe.precision, devices=recipe.devices)
    return fabric, speaker(fabric, tell)


def check_parts(
    recipe: StoryRecipe, features: StoryFeatures, learned_from: Tensor, judged: Tensor, judgeable: int, tell: Tell
) -> None:
    """Tells how many stories are learned from, and held out, of which `judgeable` can be judged by.

    Raises InputError where they are too few.
    """
    sounds = features.belongs.shape[1]
    tell(f"{len(learned_from)} stories to learn from, {len(judged)} held out, {sounds} sounds")
    if len(learned_from) < 2 or judgeable < LEAST_HELD_OUT:
        raise InputError(recipe.data, f"needs {LEAST_HELD_OUT} stories held out, and more to learn from", "add stories")


class _Batch(Protocol):
    def to(self, device: torch.device) -> "_Batch": ...


def run(
    recipe: StoryRecipe,
    fabric: Fabric,
    network: nn.Module,
    card: StoryCard[Any],
    features: StoryFeatures,
    *,
    losses: Callable[[nn.Module, Any], Losses],
    batch_at: Callable[[int, int, int], _Batch],
    evaluate: Callable[[Any], Mapping[str, float]],
    tell: Tell,
    settings: Mapping[str, Any] | None = None,
) -> float:
    """Trains, or goes on with it; the best "geometric_mean" of `evaluate`, that of `out/best.safetensors`.

    `batch_at`, `losses` and `evaluate` as in `train.loop.Task`; `settings`: what else a resumed run must agree on.
    Raises InputError where the folder holds a run with other settings.
    """
    if fabric.is_global_zero:
        write_card(recipe.out, card)
        tell(f"untrained: geometric mean of recalls {evaluate(network.eval())['geometric_mean']:.3f}")
    given = {"seed": recipe.seed, "batch": recipe.batch, "data": features.sha, "model": asdict(card.model)}
    task = Task(
        network,
        losses,
        lambda step, rank, ranks: batch_at(step, rank, ranks).to(fabric.device),
        evaluate,
        "geometric_mean",
        {**given, **(settings or {})},
    )
    return fit(task, recipe.plan(), recipe.out, fabric, tell)
