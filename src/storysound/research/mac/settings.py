"""Settings of MAC's training, evaluation and ablation."""

from dataclasses import dataclass
from typing import Literal, get_args

from storysound.metrics.table import Column
from storysound.research.paper import TableLayout
from storysound.research.stories.settings import RetrievalEvaluation, StoryTraining

SeenSide = Literal["video", "sound"]
HeardSide = Literal["words", "sound"]
Negatives = Literal["sum", "mean", "hardest"]


@dataclass(frozen=True)
class MacSettings(StoryTraining):
    """Settings of a model; each can be given as key=value."""

    seen: SeenSide = "video"  # what experts judge
    heard: HeardSide = "words"  # what is matched to it
    experts: str = ""  # by name, commas between; "": all that there are
    co_attention: bool = True  # false: for comparison
    negatives: Negatives = "mean"  # of Eq. 3: sum is as printed
    margin: float = 0.3
    dim: int = 128  # the paper's 768 are for thousands of videos
    heads: int = 4
    steps: int = 1000
    batch: int = 32  # the paper's 128
    rate: float = 1e-3  # the paper's 1e-2
    clip: float = 5.0
    dropout: float = 0.3
    evaluate_every: int = 50

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.negatives not in get_args(Negatives):
            raise ValueError(f"negatives are {', '.join(get_args(Negatives))}, got {self.negatives!r}")
        if self.seen not in get_args(SeenSide) or self.heard not in get_args(HeardSide):
            raise ValueError(f"seen is {' or '.join(get_args(SeenSide))}, heard is {' or '.join(get_args(HeardSide))}")


@dataclass(frozen=True)
class MacTraining(MacSettings):
    """Settings of the training; each can be given as key=value."""

    devices: str = "auto"  # how many, each with batches of its own; "auto": all GPUs, or the processor


@dataclass(frozen=True)
class MacEvaluation(RetrievalEvaluation):
    """What is evaluated, of a run of `storysound train mac`."""

    proposals: Literal["given", "shots"] = (
        "given"  # where stretches are looked for: those given, or shots of the videos
    )

    def __post_init__(self) -> None:
        if self.split not in {"held_out", "all"} or self.proposals not in {"given", "shots"} or self.draws < 1:
            raise ValueError(f"split is held_out or all, proposals given or shots, draws at least 1, got {self}")


@dataclass(frozen=True)
class MacAblation(MacSettings):
    """Settings of all trainings, those of `storysound train mac` on one device, and of the comparison."""

    steps: int = 300
    held_out: float = 0.3
    seeds: int = 3  # runs of each variant, seed and those that follow it
    draws: int = 2000  # of the bootstrap, by groups
    plot: Literal["svg", "png"] = "svg"  # `out/ablation.svg`, the paper's figures 3 and 4

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.seeds < 1 or self.draws < 1 or self.plot not in {"svg", "png"}:
            raise ValueError(f"needs seeds >= 1, draws >= 1, plot svg or png, got {self}")
        if not self.co_attention:
            raise ValueError("co_attention is what is compared: leave it out")


OWN_SHOTS = "clip A2V, own shots"
_TASKS = (
    "paragraph A2V", "paragraph V2A", "clip A2V", "clip V2A", OWN_SHOTS, "T2A", "A2T", "sound A2V", "sound V2A",
)  # fmt: skip
_COLUMNS = (
    *(Column(f"r{k}", f"R@{k} %", 100, 1) for k in (1, 5, 10)),
    Column("median_rank", "median rank", digits=1),
    Column("rsum", "rsum", 100, 1),
)
MAC_TABLE = TableLayout("mac", ("1", "2", "3"), _TASKS, _COLUMNS)
MAC_ABLATION_TABLE = TableLayout("mac", (), _TASKS, _COLUMNS)
