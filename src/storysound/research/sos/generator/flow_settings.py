"""Settings of the small SoSgen: rectified flow over the codes of a spectrogram autoencoder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from storysound.train.plan import TrainingPlan


@dataclass(frozen=True)
class FlowTraining:
    """`storysound train sosgen-flow`: the autoencoder first, then the flow on its codes; each goes on where it was."""

    data: Path  # made by shipped_weights/sosgen/prepare.py, or a data set of `storysound ingest`: the paper's slices
    out: Path
    code_steps: int = 200  # of the autoencoder
    steps: int = 1000  # of the flow
    rate: float = 1e-3
    batch: int = 64
    width: int = 192
    layers: int = 4
    joined: int = 3  # columns of the code that make a token
    seed: int = 0
    threads: int = 0  # 0: as many as there are
    precision: Literal["auto", "32-true", "bf16-mixed"] = "auto"
    devices: str = "auto"

    def code_plan(self) -> TrainingPlan:
        """Of the autoencoder."""
        return TrainingPlan(
            self.code_steps, 2e-3, warmup=20, ema=0.98, show_every=20, evaluate_every=100, save_every_s=60
        )

    def plan(self) -> TrainingPlan:
        """Of the flow."""
        return TrainingPlan(
            self.steps, self.rate, warmup=50, ema=0.995, show_every=20, evaluate_every=100, save_every_s=90
        )


@dataclass(frozen=True)
class BranchTraining:
    """`storysound train sosgen-pictures`: the control branch of a SoSgen that stays as it is; goes on where it was."""

    data: Path  # made by shipped_weights/sosgen/prepare.py
    out: Path
    model: Path | None = None  # a folder with sosgen.safetensors; the shipped one
    steps: int = 3000
    rate: float = 1e-3
    batch: int = 32
    width: int = 256
    pictures: int = 400  # made of each kind
    seed: int = 0
    threads: int = 0  # 0: as many as there are
    precision: Literal["auto", "32-true", "bf16-mixed"] = "auto"
    devices: str = "auto"

    def plan(self) -> TrainingPlan:
        """Of the branch."""
        return TrainingPlan(
            self.steps, self.rate, warmup=50, ema=0.995, show_every=50, evaluate_every=250, save_every_s=90
        )
