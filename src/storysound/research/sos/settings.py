"""Settings of Sound of Story's training and evaluation."""

from dataclasses import dataclass
from typing import Literal

from storysound.metrics.table import Column
from storysound.research.paper import TableLayout
from storysound.research.stories.settings import RetrievalEvaluation, StoryTraining


@dataclass(frozen=True)
class SosTraining(StoryTraining):
    """Settings of the training; each can be given as key=value."""

    batch: int = 64  # stories a step and device; the paper's 128 and 256 are for far more of them
    scale: float = 20.0  # of similarities in the loss, at first: 100 at once learns a small set by heart
    mode: Literal["corrected", "paper"] = "corrected"  # see match/sos_model.py
    matrices: bool = False  # X-CLIP's learned matrices
    tokens: bool = True  # false: global vectors alone, for comparison
    devices: str = "auto"  # how many, each with batches of its own; "auto": all GPUs, or the processor

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.mode not in {"corrected", "paper"}:
            raise ValueError(f"mode must be corrected or paper, got {self.mode!r}")


class SosEvaluation(RetrievalEvaluation):
    """What is evaluated, of a run of `storysound train sos`."""


SOS_TABLE = TableLayout(
    "sos",
    ("2",),
    ("A2V", "V2A", "A2T", "T2A"),
    (
        *(Column(f"r{k}", f"R@{k} %", 100, 1) for k in (1, 5, 10, 20)),
        Column("median_rank", "median rank", digits=1),
        Column("mean_rank", "mean rank", digits=1),
    ),
)
