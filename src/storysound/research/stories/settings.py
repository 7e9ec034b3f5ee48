"""Settings that all trainings on stories share. No torch here: they are listed and checked before it is loaded."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from storysound.encode.features import TOKEN_S
from storysound.train.plan import TrainingPlan

Split = Literal["held_out", "all"]


@dataclass(frozen=True)
class StoryTraining:
    """Settings of the training; each can be given as key=value."""

    data: Path  # data set of `storysound ingest`, or a file of JSON lines (`library/stories.py`)
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
    evaluate_every: int = 100
    save_every_s: float = 120.0

    def __post_init__(self) -> None:
        if self.batch < 2 or not 0 < self.held_out < 1 or self.crop_s < TOKEN_S or not 0 <= self.warmup_share <= 1:
            raise ValueError(f"needs batch >= 2, held_out in (0, 1), crop_s >= {TOKEN_S:g}, warmup_share in [0, 1]")
        self.plan()

    def plan(self) -> TrainingPlan:
        """The part that the loop needs; the rate falls as a cosine from the end of the warm-up on."""
        return TrainingPlan(
            self.steps, self.rate, round(self.warmup_share * self.steps), 1 - self.warmup_share, self.weight_decay,
            clip=self.clip, ema=self.ema, evaluate_every=self.evaluate_every, save_every_s=self.save_every_s,
        )  # fmt: skip

    def made_with(self, encoders: str) -> tuple[str, str, float, float, str]:
        """What a card says beside the network's configuration; `encoders`: their revision."""
        return self.profile, encoders, self.crop_s, self.held_out, self.data.name


@dataclass(frozen=True)
class RetrievalEvaluation:
    """What is evaluated; each can be given as key=value."""

    data: Path  # data set of `storysound ingest`, or a file of JSON lines
    model: Path  # best.safetensors of a run of `storysound train`
    split: Split = "held_out"  # the groups the run held out; "all" for data it never saw
    draws: int = 2000  # of the bootstrap, by groups (films)
    seed: int = 0  # of bootstrap and chance

    def __post_init__(self) -> None:
        if self.split not in {"held_out", "all"} or self.draws < 1:
            raise ValueError(f"split is held_out or all, and draws at least 1, got {self.split!r} and {self.draws}")
