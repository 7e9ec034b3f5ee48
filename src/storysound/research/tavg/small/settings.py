"""Settings of the small TAVDiffusion. No torch here: they are listed and checked before it is loaded."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from storysound.metrics.table import Column
from storysound.research.paper import TableLayout
from storysound.research.tavg.settings import Match
from storysound.train.plan import TrainingPlan

Network = Literal["unets", "streams"]


@dataclass(frozen=True)
class SmallTavTraining:
    """`storysound train tav-small`: autoencoders, then the network, on clips of the made world; goes on where it was.

    Clips are made as they are needed and kept as latents: 12 kB each.
    """

    out: Path
    latents: Path | None = None  # a run whose autoencoders and latents are taken; none: this one makes its own
    start: Path | None = None  # a folder with a small TAVDiffusion: its network is what is begun with
    network: Network = "unets"  # the paper's; streams: a rectified-flow transformer of sound, picture and text
    links_afresh: bool = False  # of `start` UNets' cross-attention and alignment are drawn anew, and all else is taken
    clips: int = 20_000  # that are learned from
    cross_attention: bool = True  # Eq. 12, or that streams see each other; False: an ablation of table 3
    alignment: bool = True  # Eq. 13, 14; False: an ablation of table 3
    share: float = 0.1  # λ of Eq. 15
    temperature: float = 0.1  # τ of Eq. 13
    match: Match = "max"  # of Eq. 14
    wordless: float = 0.1  # share of the clips without their words: what guidance weighs against
    code_clips: int = 2000  # that autoencoders learn from
    code_steps: int = 3500
    steps: int = 6000
    batch: int = 16
    rate: float = 1e-3
    ema: float = 0.998
    judged: int = 256  # clips of other combinations whose loss is looked at
    evaluate_every: int = 500
    checkpointing: bool = False  # activations are computed again instead of kept: less memory, a third slower
    seed: int = 0
    threads: int = 0  # of the processor; 0: torch's own choice
    precision: Literal["auto", "32-true", "bf16-mixed"] = "auto"
    devices: str = "auto"  # how many, each with batches of its own; "auto": all GPUs, or the processor

    def __post_init__(self) -> None:
        if self.match not in get_args(Match):
            raise ValueError(f"match is {' or '.join(get_args(Match))}, got {self.match!r}")
        if min(self.clips, self.code_clips, self.batch, self.judged) < 1 or not 0 <= self.wordless < 1:
            raise ValueError("needs clips, code_clips, batch and judged >= 1, wordless in [0, 1)")
        if self.network not in get_args(Network):
            raise ValueError(f"network is {' or '.join(get_args(Network))}, got {self.network!r}")
        if self.links_afresh and (self.start is None or self.network == "streams"):
            raise ValueError("links_afresh says what is taken of the UNets of start, which aren't given")
        self.plan()

    def code_plan(self) -> TrainingPlan:
        """Of an autoencoder."""
        return TrainingPlan(self.code_steps, 2e-3, warmup=100, ema=0.995, evaluate_every=500)

    def plan(self) -> TrainingPlan:
        """Of the network."""
        return TrainingPlan(
            self.steps, self.rate, warmup=100, decay_share=0.5, clip=1.0, ema=self.ema,
            evaluate_every=self.evaluate_every,
        )  # fmt: skip


@dataclass(frozen=True)
class JudgeTraining:
    """`storysound train tav-judges`: who judges clips of the made world; goes on where it was."""

    out: Path
    model: Path  # a folder with a small TAVDiffusion: half of the clips are seen as its autoencoders keep them
    clips: int = 4000  # that are learned from
    steps: int = 2000
    batch: int = 16
    rate: float = 1e-3
    seed: int = 1
    threads: int = 0  # of the processor; 0: torch's own choice
    precision: Literal["auto", "32-true", "bf16-mixed"] = "auto"
    devices: str = "auto"

    def __post_init__(self) -> None:
        if min(self.clips, self.batch) < 2:
            raise ValueError("needs clips and batch >= 2")
        self.plan()

    def plan(self) -> TrainingPlan:
        """The part that the loop needs."""
        return TrainingPlan(self.steps, self.rate, warmup=100, ema=0.995, evaluate_every=500)


@dataclass(frozen=True)
class SmallTavJudging:
    """How clips made of the made world's held-out texts are judged."""

    judges: Path | None = None  # a run of `storysound train tav-judges`; none: those that ship
    part: Literal["validation", "test"] = "test"  # whose combinations are asked for; choices are made on the other
    clips: int = 210
    least: float = 0.4  # probability of a contact that counts; chosen on real clips of the validation part
    sampling_steps: int | None = None  # none: the model's own
    guidance: float | None = None  # none: the model's own
    mutual: float | None = None  # guidance of each side by the other, 1 for none; none given: the model's own
    draws: int = 2000  # of the bootstrap, by clips
    seed: int = 0
    threads: int = 0  # of the processor; 0: torch's own choice

    def __post_init__(self) -> None:
        if self.part not in ("validation", "test"):
            raise ValueError(f"part is validation or test, got {self.part!r}")
        steps = 1 if self.sampling_steps is None else self.sampling_steps
        if self.clips < 2 or steps < 1 or self.draws < 1 or not 0 < self.least < 1:
            raise ValueError("needs clips >= 2, sampling_steps and draws >= 1, least in (0, 1)")


@dataclass(frozen=True)
class SmallTavEvaluation(SmallTavJudging):
    """`storysound evaluate tav-small`: a small TAVDiffusion beside real clips, shuffled ones, and an untaught one."""

    model: Path | None = None  # a folder with a small TAVDiffusion; none: the one that ships
    untaught: bool = True  # whether an untaught network's clips are made, too: it takes as long again


@dataclass(frozen=True)
class SmallTavAblation(SmallTavJudging):
    """`storysound evaluate tav-small-ablation`: Table 3's four networks, each trained and judged alike.

    With `start` all begin with one network that has learned, its links drawn anew, as the paper's begin with Stable
    Diffusion's halves; else with none. Runs and figures that are there are taken as they are.
    """

    out: Path = Path("tav-small-ablation")  # runs, which go on where they were
    latents: Path | None = None  # a run of `storysound train tav-small` whose autoencoders and latents are taken
    start: Path | None = None  # a folder with a small TAVDiffusion whose halves all begin with; none: untaught ones
    ends_only: bool = False  # two of the four: with both links, and with neither
    clips_learned: int = 20_000
    steps: int = 1500  # of each
    rate: float = 1e-3
    ema: float = 0.998
    batch: int = 16
    judged: int = 256  # clips of other combinations whose loss is looked at
    seeds: int = 3  # runs of each, from `seed` on: order and noise of what is learned, and new weights

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.seeds < 1:
            raise ValueError(f"needs seeds >= 1, got {self.seeds}")

    def training(self, cross_attention: bool, alignment: bool, number: int) -> SmallTavTraining:
        """Settings of one run."""
        name = {(True, True): "both", (True, False): "cross-attention", (False, True): "alignment"}
        return SmallTavTraining(
            self.out / name.get((cross_attention, alignment), "neither") / str(self.seed + number),
            latents=self.latents or self.out / "latents", start=self.start, links_afresh=self.start is not None,
            clips=self.clips_learned, cross_attention=cross_attention, alignment=alignment, steps=self.steps,
            rate=self.rate, ema=self.ema, batch=self.batch, judged=self.judged, seed=self.seed + number,
            threads=self.threads, devices="1",
        )  # fmt: skip


SMALL_TASK = "clips of the made world"
SMALL_TABLE = TableLayout(
    "tavg",
    (),
    (SMALL_TASK,),
    (
        Column("harmony", "pairs %", 100, 1),
        Column("harmony_alike", "of a kind %", 100, 1),
        Column("p", "p", digits=4),
        Column("in_step", "in step %", 100, 1),
        Column("in_step_chance", "by chance %", 100, 1),
        Column("in_step_heard", "of heard %", 100, 1),
        Column("in_step_both", "of both %", 100, 1),
        Column("in_step_both_chance", "by chance %", 100, 1),
        Column("unseen", "none seen %", 100, 1),
        Column("counted", "as many as told %", 100, 1),
        Column("text", "text %", 100, 1),
        *(Column(name, f"{name} %", 100, 1) for name in ("kind", "material", "surface", "rhythm")),
        Column("fvd", "FVD ÷ real"),
        Column("fad", "FAD ÷ real"),
    ),
)
