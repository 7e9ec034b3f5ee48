"""Settings of BGTAI's training, and of the evaluations that its tables are compared with."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from storysound.annotate.events import EventConfig
from storysound.ingest.sound_sets import LAYOUTS
from storysound.metrics.table import Column
from storysound.research.paper import TableLayout
from storysound.research.stories.settings import RetrievalEvaluation, StoryTraining

Contrastive = Literal["infonce", "l2"]


@dataclass(frozen=True)
class BgtaiSettings(StoryTraining):
    """Settings of a model; each can be given as key=value."""

    gloss: bool = True  # false: texts and sounds are read as they are; then ds_net and result_filter are false too
    ds_net: bool = True  # learned alignments of gloss and sequence
    result_filter: bool = False  # alignments by time warping, which DS-Net follows where it is on (docs/RESULTS.md)
    contrastive: Contrastive = "infonce"  # l2: what belongs together is drawn together, nothing pushed apart
    cross_entropy: float = 1.0  # weight of Eq. 5
    sp: float = 1.0  # weight of Eq. 6
    scale: float = 20.0  # of similarities in the loss, at first

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.contrastive not in get_args(Contrastive):
            raise ValueError(f"contrastive is {' or '.join(get_args(Contrastive))}, got {self.contrastive!r}")
        if (self.ds_net or self.result_filter) and not self.gloss:
            raise ValueError("without a gloss there is nothing to align: give ds_net=false result_filter=false too")
        if min(self.cross_entropy, self.sp) < 0:
            raise ValueError(f"weights are 0 or more, got {self}")


@dataclass(frozen=True)
class BgtaiTraining(BgtaiSettings):
    """Settings of the training; each can be given as key=value."""

    devices: str = "auto"  # how many, each with batches of its own; "auto": all GPUs, or the processor


class BgtaiEvaluation(RetrievalEvaluation):
    """What is evaluated, of a run of `storysound train bgtai`."""


@dataclass(frozen=True)
class BgtaiAblation(BgtaiSettings):
    """Settings of all trainings, those of `storysound train bgtai` on one device, and of the comparison."""

    study: Literal["parts", "losses"] = "parts"
    steps: int = 300
    held_out: float = 0.3
    seeds: int = 3  # runs of each setting, seed and those that follow it
    draws: int = 2000  # of the bootstrap, by groups
    plot: Literal["svg", "png"] = "svg"  # `out/STUDY.svg`

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.study not in {"parts", "losses"} or self.plot not in {"svg", "png"} or min(self.seeds, self.draws) < 1:
            raise ValueError(f"needs study parts or losses, plot svg or png, seeds and draws >= 1, got {self}")
        if (self.gloss, self.ds_net, self.result_filter, self.contrastive) != (True, True, False, "infonce"):
            raise ValueError("the parts and the loss are what is compared: leave them as they are")


@dataclass(frozen=True)
class ClassificationEvaluation:
    """What is evaluated; each can be given as key=value."""

    set: str  # esc50, urbansound8k, fsd50k, vggsound or tau
    data: Path  # folder into which the official archive was unpacked
    profile: str = "embedded"
    decay: float = 1.0  # of the probe's squared weights
    keep: Path | None = None  # folder in which to keep what the encoders say
    draws: int = 1000  # of the bootstrap, by recordings
    seed: int = 0

    def __post_init__(self) -> None:
        if self.set not in LAYOUTS:
            raise ValueError(f"set is one of {', '.join(LAYOUTS)}, got {self.set!r}")
        if self.decay <= 0 or self.draws < 1:
            raise ValueError(f"decay must be positive and draws at least 1, got {self.decay} and {self.draws}")


@dataclass(frozen=True)
class CrossModalEvaluation:
    """What is evaluated; each can be given as key=value."""

    data: Path  # folder of VGGSound: its table, and the videos of the test split
    profile: str = "embedded"
    most: int = 0  # clips, the first ones of the split; 0: all
    draws: int = 2000  # of the bootstrap, by clips
    seed: int = 0  # of bootstrap and chance

    def __post_init__(self) -> None:
        if self.most < 0 or self.draws < 1:
            raise ValueError(f"most is at least 0 and draws at least 1, got {self.most} and {self.draws}")


@dataclass(frozen=True)
class EventEvaluation:
    """What is evaluated; each can be given as key=value."""

    data: Path  # table of strong labels: filename, onset, offset, event_label
    audio: Path  # folder of the sounds
    profile: str = "embedded"
    least: float = EventConfig.begins  # score from which an event counts
    draws: int = 200  # of the bootstrap, by files
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.least <= 1 or self.draws < 1:
            raise ValueError(f"least lies in (0, 1] and draws is at least 1, got {self.least} and {self.draws}")


_WAYS = ("A2I", "I2A", "A2T", "T2A", "T2I", "I2T")
_RANKS = (*(Column(f"r{k}", f"R@{k} %", 100, 1) for k in (1, 5, 10)), Column("median_rank", "median rank", digits=1))
BGTAI_TABLE = TableLayout("bgtai", ("2, retrieval",), _WAYS, (Column("mrr", "MRR"), *_RANKS))
BGTAI_ABLATION_TABLE = TableLayout("bgtai", (), _WAYS, (Column("mrr", "MRR"), *_RANKS))
CROSS_MODAL_TABLE = TableLayout("bgtai", ("2, retrieval",), ("A2I", "I2A"), (Column("mrr", "MRR", digits=4), *_RANKS))
CLASSIFICATION_TABLE = TableLayout(
    "bgtai",
    ("2",),
    tuple(name for name, *_ in LAYOUTS.values()),
    (Column("accuracy", "accuracy %", 100, 1), Column("map", "mAP")),
)
EVENTS_TABLE = TableLayout(
    "bgtai",
    ("2, events",),
    ("DESED",),
    (
        Column("f1", "event F1, macro"),
        Column("f1_micro", "micro"),
        Column("segment_f1", "segment F1, macro"),
        Column("segment_f1_micro", "micro"),
    ),
)
