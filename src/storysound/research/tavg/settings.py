"""Settings of TAVGBench's judging. No torch here: they are listed and checked before it is loaded."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from storysound.metrics.table import Column
from storysound.research.paper import TableLayout

Both = Literal["imagenet", "words"]
VIDEOS = ("frames", "videomae", "vjepa2")


@dataclass(frozen=True)
class TavgEvaluation:
    """What is evaluated; each can be given as key=value."""

    generated: Path  # folder of videos with sound
    reference: Path  # folder of real ones, named alike
    texts: Path | None = (
        None  # captions by video: a table, or a folder; none: a table beside `generated`, or file names
    )
    profile: str = "embedded"  # whose eyes see the frames, and in whose words they are compared with texts
    video: str = "frames"  # whose vectors FVD and KVD compare: the eyes' by frames, videomae's, vjepa2's, or i3d=FILE
    sound: str = "ears"  # whose vectors the Fréchet distance of sounds compares: any encoder of sounds
    both: str = "words"  # in which space frames meet sounds: the profile's words, imagenet's classes, or imagebind=FILE
    frames_per_s: float = 5.0  # that eyes look at; the paper's 20 frames of 10 s are 2 (erratum 7)
    longest_s: float = 10.0  # of a video; the rest is not looked at
    out: Path | None = None  # folder where what is seen and heard is kept; none: nothing is
    draws: int = 200  # of the bootstrap, by videos
    seed: int = 0

    def __post_init__(self) -> None:
        if self.video not in VIDEOS and not (self.video.startswith("i3d=") and self.video[4:]):
            raise ValueError(f"video is {', '.join(VIDEOS)} or i3d=FILE, got {self.video!r}")
        if self.both not in get_args(Both) and not (self.both.startswith("imagebind=") and self.both[10:]):
            raise ValueError(f"both is {', '.join(get_args(Both))} or imagebind=FILE, got {self.both!r}")
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
