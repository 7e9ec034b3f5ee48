"""Settings of the training of ears."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from storysound.train.plan import TrainingPlan


@dataclass(frozen=True)
class EarsTraining:
    """Settings of the training; each can be given as key=value."""

    data: Path  # folder of shards: train-*.safetensors, test-*.safetensors, and clips-*.txt, what they are made of
    out: Path  # folder of the run; what stands there is gone on with
    steps: int = 60_000
    batch: int = 48  # patches a step and device
    rate: float = 3e-3
    warmup: int = 200
    decay_share: float = 0.3
    weight_decay: float = 0.02
    ema: float = 0.999
    hint: float = 100.0  # weight of the teacher's last hidden layer
    text: float = 1.0  # weight of the choice among the classes' names
    names: float = 0.2  # weight of the choice among the file names of the batch
    temperature: float = 0.05  # of both choices
    size: Literal["full", "tiny"] = "full"  # tiny: to try the recipe
    precision: str = "auto"  # as Lightning Fabric names them; "auto": bfloat16 where the hardware has it
    seed: int = 0
    threads: int = 0  # of the processor; 0: torch's own choice
    evaluate_every: int = 2000
    save_every_s: float = 120.0

    def __post_init__(self) -> None:
        if self.size not in {"full", "tiny"}:
            raise ValueError(f"size must be full or tiny, got {self.size!r}")
        if self.batch < 1 or min(self.hint, self.text, self.names) < 0 or self.temperature <= 0:
            raise ValueError("needs batch >= 1, temperature > 0 and weights that are not negative")
        self.plan()

    def plan(self) -> TrainingPlan:
        """The part that the loop needs."""
        return TrainingPlan(
            self.steps, self.rate, self.warmup, self.decay_share, self.weight_decay, ema=self.ema,
            evaluate_every=self.evaluate_every, save_every_s=self.save_every_s,
        )  # fmt: skip
