"""Settings of Langue2Gloss: glosses and captions."""

from dataclasses import dataclass
from pathlib import Path

from storysound.metrics.table import Column
from storysound.research.paper import TableLayout
from storysound.research.stories.settings import Split
from storysound.train.plan import TrainingPlan


@dataclass(frozen=True)
class GlossTraining:
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
        self.plan()

    def plan(self) -> TrainingPlan:
        """The part that the loop needs."""
        return TrainingPlan(
            self.steps, self.rate, self.warmup, self.decay_share, self.weight_decay, clip=1.0, ema=self.ema,
            evaluate_every=self.evaluate_every, save_every_s=self.save_every_s,
        )  # fmt: skip


@dataclass(frozen=True)
class GlossEvaluation:
    """What is evaluated; each can be given as key=value."""

    data: Path  # parallel file, as for training
    model: Path  # best.safetensors of a run of `storysound train langue2gloss`
    split: Split = "held_out"  # the targets the run held out; "all" for data it never saw
    beams: int = 5
    draws: int = 1000  # of the bootstrap, by targets
    seed: int = 0

    def __post_init__(self) -> None:
        if self.split not in {"held_out", "all"} or self.beams < 1 or self.draws < 1:
            raise ValueError("split is held_out or all, beams and draws at least 1")


@dataclass(frozen=True)
class CaptionEvaluation:
    """What is evaluated; each can be given as key=value."""

    data: Path  # Clotho's table: file_name, caption_1 … caption_5
    audio: Path  # folder of its sounds
    model: str = ""  # best.safetensors of a run of `storysound train caption`, or "hub"; empty: baselines alone
    beams: int = 5
    meteor: bool = True  # false: without METEOR, which needs Java and its files
    spice: Path | None = None  # folder of spice-1.0.jar and its lib
    profile: str = "embedded"

    def __post_init__(self) -> None:
        if self.beams < 1:
            raise ValueError(f"beams is at least 1, got {self.beams}")


TEXT, WORDS, SOUND = "text to gloss", "its words as a sound to gloss", "sound to gloss"
GLOSS_TABLE = TableLayout(
    "bgtai",
    (),  # the paper prints no figure of its Langue2Gloss
    (TEXT, WORDS, SOUND),
    (Column("exact", "exact %", 100, 1), Column("f1", "word F1"), Column("bleu", "BLEU-4")),
)
CAPTION_TASK = "captions"
CAPTION_FIGURES = {
    "Bleu_1": "B1", "Bleu_2": "B2", "Bleu_3": "B3", "Bleu_4": "B4", "METEOR": "M", "ROUGE_L": "RL", "CIDEr": "Cr",
    "SPICE": "S", "SPIDEr": "Sr",
}  # fmt: skip
CAPTION_TABLE = TableLayout(
    "bgtai", ("3",), (CAPTION_TASK,), tuple(Column(key, heading) for key, heading in CAPTION_FIGURES.items())
)
