"""Settings of the map from sounds to pictures, and of judging pictures."""

from dataclasses import dataclass
from pathlib import Path

from storysound.metrics.table import Column
from storysound.research.paper import TableLayout


@dataclass(frozen=True)
class SoundImageTraining:
    """Settings of the training; each can be given as key=value."""

    data: Path  # data set of `storysound ingest`, or a file of JSON lines with audio and images or a video
    out: Path  # folder of the run
    model: str = "kandinsky"  # whose picture encoder; NAME=FOLDER for files of your own
    profile: str = "embedded"  # whose ears
    held_out: float = 0.1  # share of the groups (films) to judge by

    def __post_init__(self) -> None:
        if not 0 < self.held_out < 1:
            raise ValueError(f"held_out must lie between 0 and 1, got {self.held_out}")


@dataclass(frozen=True)
class PictureEvaluation:
    """What is evaluated; each can be given as key=value."""

    made: Path  # folder of generated pictures
    real: Path  # folder of real ones of the same kind, best twice as many: half of them are what is compared with
    profile: str = "embedded"  # whose picture encoder looks
    seed: int = 0  # of the halves, and of the choice where there are more pictures than that


PICTURE_TASK = "A2I"
PICTURE_TABLE = TableLayout(
    "bgtai",
    ("4",),
    (PICTURE_TASK,),
    (Column("fid", "FID", digits=2), Column("kid", "KID", digits=4), Column("is", "IS", digits=2)),
)
