"""Settings of the paper's SoSgen. No torch here: they are listed and checked before it is loaded."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from storysound.generate.variants import SamplerName, Variant
from storysound.metrics.table import Column
from storysound.research.paper import TableLayout
from storysound.train.plan import TrainingPlan

STEPS = {"text": 406_000, "image": 525_000, "text+image": 525_000}
"""As printed. Two days on one RTX 3090 are 2.3 a second: of batches of 1, not of 16 of them, could so many be."""


@dataclass(frozen=True)
class SosgenTraining:
    """`storysound train sosgen`: from a folder in the layout of Stable Diffusion 1.5 to one of the same layout.

    The variant "text" first; "text+image" goes on from its `out/sosgen`; "image" begins as "text" does, with the fixed
    text "Audio". Rate, batch, accumulation and schedule are the paper's; it says nothing of the rest.
    """

    data: Path  # data set of `storysound ingest`
    out: Path
    variant: Variant = "text"
    model: str = "stable-diffusion"  # what is begun with: a folder (Riffusion's, as the paper), or this name
    eyes: Path | None = None  # folder of a CLIP that sees frames; none: that of the catalogue
    steps: int | None = None  # none: the paper's, 406,000 for text, 525,000 with frames
    batch: int = 1  # slices at once on each device
    accumulation: int = 16  # batches of a step
    rate: float = 1e-6  # falls to zero as a cosine
    ema: float = 0.9999
    weight_decay: float = 0.01
    clip: float = 1.0
    checkpointing: bool = True  # activations are computed again instead of kept: less memory, a third slower
    held_out: float = 0.005  # share of the films; the paper held out 879 of 185,341 slices
    judged: int = 64  # held-out slices whose loss is looked at
    evaluate_every: int = 2000
    save_every_s: float = 600.0
    seed: int = 0
    threads: int = 0  # of the processor; 0: torch's own choice
    precision: Literal["auto", "32-true", "bf16-mixed"] = "auto"
    devices: str = "auto"  # how many, each with batches of its own; "auto": all GPUs, or the processor

    def __post_init__(self) -> None:
        if self.variant not in get_args(Variant):
            raise ValueError(f"variant must be {', '.join(get_args(Variant))}, got {self.variant!r}")
        if min(self.batch, self.judged) < 1 or not 0 < self.held_out < 1:
            raise ValueError("needs batch and judged >= 1, held_out in (0, 1)")
        self.plan()

    def plan(self) -> TrainingPlan:
        """The part that the loop needs."""
        return TrainingPlan(
            self.steps or STEPS[self.variant], self.rate, warmup=0, decay_share=1.0, weight_decay=self.weight_decay,
            clip=self.clip, ema=self.ema, accumulation=self.accumulation, evaluate_every=self.evaluate_every,
            save_every_s=self.save_every_s,
        )  # fmt: skip


@dataclass(frozen=True)
class SosgenEvaluation:
    """What is evaluated; each can be given as key=value."""

    data: Path  # data set of `storysound ingest`
    model: Path  # folder in the layout of diffusers: out/sosgen of a run, or Riffusion's
    out: Path  # what is heard of sounds is kept there
    split: Literal["held_out", "all"] = "held_out"  # the films a run of this held_out left out; "all" for new data
    held_out: float = 0.005  # as in the training
    sounds: int = 879  # slices that are made, at most
    encoder: str = "ears"  # whose vectors the Fréchet distance compares: any encoder of sounds
    profile: str = "embedded"  # whose encoders judge whether sound fits words and frames
    sampler: SamplerName = "dpm-solver"
    steps: int = 25
    guidance: float = 7.0
    draws: int = 2000  # of the bootstrap, by films
    seed: int = 0

    def __post_init__(self) -> None:
        if self.split not in {"held_out", "all"} or self.sampler not in get_args(SamplerName):
            raise ValueError("split is held_out or all, sampler ddim or dpm-solver")
        if self.sounds < 4 or min(self.steps, self.draws) < 1 or not 0 < self.held_out < 1:
            raise ValueError("needs sounds >= 4, steps and draws >= 1, held_out in (0, 1)")


SOSGEN_TASK = "generation"
SOSGEN_TABLE = TableLayout(
    "sos",
    ("3",),
    (SOSGEN_TASK,),
    (
        Column("fad_vggish", "FAD, VGGish"),
        Column("fad", "FAD"),
        Column("fad_inf", "FAD∞"),
        Column("right_text", "right text %", 100, 1),
        Column("right_frames", "right frames %", 100, 1),
    ),
)
