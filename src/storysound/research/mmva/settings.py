"""Settings of MMVA's set, training and evaluations."""

from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Literal, get_args

from storysound.ingest.music_clips import ClipConfig
from storysound.ingest.splits import Split
from storysound.metrics.summary import SHARE
from storysound.metrics.summary_shots import SHOTS
from storysound.metrics.table import Column
from storysound.research.paper import TableLayout
from storysound.train.plan import TrainingPlan

HEARD = "heard"  # the captioner of no folder
Matching = Literal["random", "fixed"]


@dataclass(frozen=True)
class MmvaBuild:
    """Settings of the set; each can be given as key=value."""

    pictures: str  # tables of ratings, FILE,FILE…; FILE@1:9 states the scale, else ratings are stretched to [0, 1]
    music: str  # the same, of music; rows with start_s rate a track moment by moment
    out: Path  # folder of the set
    joined: int = 5  # pieces of two seconds in a clip at most; the paper's
    every: int = 1  # pieces from one clip's start to the next; the paper's. 5: clips that don't overlap
    captioner: str = HEARD  # says what music without caption and tags is like: its tags, or a folder with LP-MusicCaps
    llm: str = ""  # OpenAI-compatible endpoint that takes talk of recording quality out of captions; empty: none
    llm_model: str = ""  # the model that the endpoint is to use
    validation: float = 0.05  # share of tracks and of pictures that choose the best weights
    test: float = 0.15  # share that is judged by
    kept: float = 0.1  # share of the fixed pairs; the paper's
    seed: int = 0  # of splits and pairs

    def __post_init__(self) -> None:
        if min(self.validation, self.test) <= 0 or self.validation + self.test >= 1 or not 0 < self.kept <= 1:
            raise ValueError(f"needs shares above 0 that leave something to learn from, got {self}")
        if bool(self.llm) != bool(self.llm_model):
            raise ValueError("llm= and llm_model= go together: an endpoint and its model")
        _ = self.cut

    @property
    def cut(self) -> ClipConfig:
        """How music is cut."""
        return ClipConfig(joined=self.joined, every=self.every)

    @property
    def shares(self) -> dict[Split, float]:
        """Of the parts."""
        return {"train": 1 - self.validation - self.test, "validation": self.validation, "test": self.test}


@dataclass(frozen=True)
class MmvaTraining:
    """Settings of the training; each can be given as key=value."""

    data: Path  # folder of `storysound build mmva`
    out: Path  # folder of the run; what stands there is gone on with
    steps: int = 1000
    batch: int = 128  # triples a step and device
    rate: float = 3e-4
    weight_decay: float = 0.01
    dropout: float = 0.5  # of the predictors
    matching: Matching = "random"  # pictures that music meets; fixed: IMEMNet's pairs, the paper's first ablation
    similarity: bool = True  # the similarity predictor; false: the paper's second ablation
    profile: str = "embedded"  # whose encoders tell what is said, seen and heard; mmva: the paper's, of the hub
    precision: str = "32-true"  # as Lightning Fabric names them: the network is small, nothing is gained by less
    seed: int = 0
    threads: int = 0  # of the processor; 0: torch's own choice
    devices: str = "auto"  # how many, each with batches of its own; "auto": all GPUs, or the processor
    evaluate_every: int = 100
    save_every_s: float = 120.0

    def __post_init__(self) -> None:
        if self.matching not in get_args(Matching):
            raise ValueError(f"matching is {' or '.join(get_args(Matching))}, got {self.matching!r}")
        if self.batch < 2 or not 0 <= self.dropout < 1:
            raise ValueError(f"needs batch >= 2 and 0 <= dropout < 1, got {self}")
        self.plan()

    def plan(self) -> TrainingPlan:
        """The part that the loop needs: a cosine from the first step to the last; weights are not averaged."""
        return TrainingPlan(
            self.steps, self.rate, warmup=0, decay_share=1.0, weight_decay=self.weight_decay, ema=0.0,
            evaluate_every=self.evaluate_every, save_every_s=self.save_every_s,
        )  # fmt: skip


@dataclass(frozen=True)
class MmvaEvaluation:
    """What is evaluated; each can be given as key=value."""

    data: Path  # folder of `storysound build mmva`
    model: Path  # best.safetensors of a run of `storysound train mmva`
    split: Literal["train", "validation", "test", "all"] = (
        "test"  # the part that is judged; "all" for a set it never saw
    )
    candidates: int = 1000  # of retrieval at most, drawn at random; the paper's
    pairs: int = 5000  # of pictures and clips whose matching is judged, drawn at random
    draws: int = 1000  # of the bootstrap, by pictures and by tracks
    seed: int = 0  # of all that is drawn

    def __post_init__(self) -> None:
        if self.split not in {"train", "validation", "test", "all"}:
            raise ValueError(f"split is train, validation, test or all, got {self.split!r}")
        if min(self.candidates, self.pairs, self.draws) < 2:
            raise ValueError(f"candidates, pairs and draws are at least 2, got {self}")


@dataclass(frozen=True)
class TvsumEvaluation:
    """What is evaluated; each can be given as key=value."""

    data: Path  # folder with TVSum's annotations
    seeds: int = 20  # random importances, and random shots where shots are random
    share: float = SHARE  # of a video that a summary may last
    draws: int = 2000  # of the bootstrap, by videos
    seed: int = 0
    videos: Path | None = None  # folder of the videos, named by their ids, where one has them

    def __post_init__(self) -> None:
        if self.seeds < 1 or self.draws < 1 or not 0 < self.share < 1:
            raise ValueError(f"seeds and draws are at least 1, share in (0, 1), got {self}")


MODALITIES, AXES = ("image", "music", "text"), ("valence", "arousal")
MOODS = tuple(f"{modality} {axis}" for modality in MODALITIES for axis in AXES)
WAYS = tuple(permutations(("text", "music", "image"), 2))  # that of Table 2 first
MMVA_TABLE = TableLayout(
    "mmva",
    ("1", "2", "3", "5"),
    ("similarity", *MOODS, *(f"{a} to {b}" for a, b in WAYS)),
    (
        Column("mse", "MSE", digits=4),
        Column("mae", "MAE"),
        Column("pearson", "r"),
        Column("ccc", "CCC"),
        *(Column(f"r{k}", f"R@{k} %", 100, 1) for k in (1, 5, 10)),
        Column("map10", "mAP10", 100, 1),
    ),
)
RANDOM, HUMAN = "random", "people, one left out"
IMPORTANCE, BY_PICTURE = "no shots", "change points"
PUBLISHED_TASK = "TVSum"  # in the paper: shots by kernel temporal segmentation, as all since Zhang et al. 2016
TVSUM_TABLE = TableLayout(
    "mmva",
    ("4",),
    (IMPORTANCE, *SHOTS, BY_PICTURE, PUBLISHED_TASK),
    (
        Column("f_mean", "F %, mean of people", 100, 1),
        Column("f_max", "F %, best", 100, 1),
        Column("kendall", "Kendall τ"),
        Column("spearman", "Spearman ρ"),
    ),
)
