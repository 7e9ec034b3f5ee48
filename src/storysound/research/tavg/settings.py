"""Settings of TAVGBench's judging. No torch here: they are listed and checked before it is loaded."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from storysound.metrics.table import Column
from storysound.research.paper import TableLayout
from storysound.train.plan import TrainingPlan

Both = Literal["imagenet", "words"]
Match = Literal["max", "mean"]
VIDEOS = ("frames", "videomae", "vjepa2")
VIDEO_FILES, SOUND_FILES, BOTH_FILES = ("i3d", "pe-av"), ("vggish", "panns"), ("imagebind", "pe-av")


def _named(setting: str, value: str, names: Sequence[str], files: Sequence[str]) -> None:
    """Raises ValueError unless a value is one of the names, or one of `files` with the path of one."""
    name, _, path = value.partition("=")
    if value not in names and not (name in files and path):
        known = ", ".join((*dict.fromkeys(names), *(f"{each}=PATH" for each in files)))
        raise ValueError(f"{setting} is one of {known}; got {value!r}")


@dataclass(frozen=True)
class TavTraining:
    """`storysound train tav`: the paper's TAVDiffusion on clips of a table over local media; sizes are the paper's.

    Begins with Stable Diffusion's UNet (`seeing`) beside AudioLDM's autoencoder and vocoder (`hearing`), or goes on
    with `model`. Rate, steps and weights of the loss are the paper's; it says nothing of the rest.
    """

    data: Path  # table of clips: id, start, caption, as AudioSet's and TAVGBench's
    media: Path  # folder of their videos
    out: Path
    seeing: Path | None = None  # folder in the layout of Stable Diffusion 1.5
    hearing: Path | None = None  # folder in the layout of AudioLDM
    model: Path | None = None  # out/tavdiffusion of another run, in place of both
    height: int = 256
    width: int = 320
    frames: int = 20  # of a clip
    seconds: float = 10.0
    columns: int = 1024  # of the spectrogram, those of AudioLDM's 10.24 s
    bands: int = 64
    heads: int = 8  # of new attention
    cross_attention: bool = True  # Eq. 12; False: an ablation of table 3
    alignment: bool = True  # Eq. 13, 14; False: an ablation of table 3
    share: float = 0.1  # λ of Eq. 15
    temperature: float = 0.1  # τ of Eq. 13
    match: Match = "max"  # of Eq. 14
    wordless: float = 0.1  # share of the clips without their words: what guidance weighs against
    steps: int = 100_000  # on 64 A100
    batch: int = 2  # clips at once on each device; alignment needs two
    accumulation: int = 1  # batches of a step
    rate: float = 1e-4
    ema: float = 0.9999
    weight_decay: float = 0.01
    clip: float = 1.0
    checkpointing: bool = True  # activations are computed again instead of kept: less memory, a third slower
    held_out: float = 0.02  # share of the videos
    judged: int = 32  # held-out clips whose loss is looked at
    evaluate_every: int = 2000
    save_every_s: float = 600.0
    seed: int = 0
    threads: int = 0  # of the processor; 0: torch's own choice
    precision: Literal["auto", "32-true", "bf16-mixed"] = "auto"
    devices: str = "auto"  # how many, each with batches of its own; "auto": all GPUs, or the processor

    def __post_init__(self) -> None:
        if (self.model is None) == (self.seeing is None or self.hearing is None):
            raise ValueError("needs seeing and hearing, or model in place of both")
        if self.match not in get_args(Match):
            raise ValueError(f"match is {' or '.join(get_args(Match))}, got {self.match!r}")
        if self.batch < 1 + self.alignment or self.judged < 1 or not 0 <= self.wordless < 1:
            raise ValueError("needs judged >= 1, wordless in [0, 1), a batch of 2 or more with alignment")
        if not 0 < self.held_out < 1:
            raise ValueError(f"held_out must be in (0, 1), got {self.held_out}")
        self.plan()

    def plan(self) -> TrainingPlan:
        """The part that the loop needs."""
        return TrainingPlan(
            self.steps, self.rate, warmup=1000, decay_share=0.0, weight_decay=self.weight_decay, clip=self.clip,
            ema=self.ema, accumulation=self.accumulation, evaluate_every=self.evaluate_every,
            save_every_s=self.save_every_s,
        )  # fmt: skip


@dataclass(frozen=True)
class TavgEvaluation:
    """What is evaluated; each can be given as key=value."""

    generated: Path  # folder of videos with sound
    reference: Path  # folder of real ones, named alike
    texts: Path | None = (
        None  # captions by video: a table, or a folder; none: a table beside `generated`, or file names
    )
    profile: str = "embedded"  # whose eyes see the frames, and in whose words they are compared with texts
    video: str = (
        "frames"  # whose vectors FVD and KVD compare: eyes' by frames, videomae, vjepa2, i3d=FILE, pe-av=FOLDER
    )
    sound: str = "ears"  # whose vectors FAD compares: any encoder of sounds, vggish=FILE or panns=FILE
    both: str = (
        "words"  # where frames meet sounds: the profile's words, imagenet's classes, imagebind=FILE, pe-av=FOLDER
    )
    frames_per_s: float = 5.0  # that eyes look at; the paper's 20 frames of 10 s are 2 (erratum 7)
    longest_s: float = 10.0  # of a video; the rest is not looked at
    out: Path | None = None  # folder where what is seen and heard is kept; none: nothing is
    draws: int = 200  # of the bootstrap, by videos
    seed: int = 0

    def __post_init__(self) -> None:
        _named("video", self.video, VIDEOS, VIDEO_FILES)
        if "=" in self.sound:
            _named("sound", self.sound, ("an encoder",), SOUND_FILES)
        _named("both", self.both, get_args(Both), BOTH_FILES)
        if not 1 <= self.frames_per_s <= 60 or not 0 < self.longest_s <= 600 or self.draws < 1:
            raise ValueError("needs frames_per_s in [1, 60], longest_s in (0, 600], draws >= 1")


TAVG_TASK = "audible video"
TAVG_TABLE = TableLayout(
    "tavg",
    ("2",),
    (TAVG_TASK,),
    (
        Column("fvd", "FVD", digits=1),
        Column("fvd_inf", "FVD∞", digits=1),
        Column("kvd", "KVD", digits=4),
        Column("clipsim", "CLIPSIM × 100", 100, 1),
        Column("fad", "FAD"),
        Column("fad_inf", "FAD∞"),
        Column("avh", "AVHScore"),
        Column("avh", "× 100", 100, 1),
        Column("javis", "JavisScore"),
        Column("in_step", "in step %", 100, 1),
        Column("offset_ms", "offset ms", digits=0),
        Column("strength", "strength"),
    ),
)
