"""What the judges of the made world say of clips in which nothing happens: real ones that stand still, or are silent.

Of held-out texts that tell of impacts. "Still": every picture is the clip's first; "silent": no sound. What they say of
such clips is what a generator gets for making nothing of a text.

Run: python -m benchmarks.quality.tav_judges [--clips 210] [--judges FOLDER] [--part test]
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from storysound.generate.video.small import COLUMNS, FORM, RATE_HZ, SECONDS
from storysound.progress import Watch
from storysound.research.tavg.small import judges as judging
from storysound.research.tavg.small.evaluate import JudgedClips, judged, real, texts_of
from storysound.research.tavg.small.judges import SHIPPED, VALUES, read_judges
from storysound.research.tavg.small.settings import SmallTavJudging
from storysound.research.tavg.world.clips import MadeClip

FORMS = {"as they are": (False, False), "still": (True, False), "silent": (False, True), "both": (True, True)}
SAID = ("once", "twice", "three times", "evenly", "faster", "slower")  # rhythms whose shares are shown


def changed(frames: Tensor, mels: Tensor, *, still: bool, silent: bool) -> tuple[Tensor, Tensor]:
    """Frames [b f 3 h w] that stand still, log-mel frames [b t m] that are silent, where it is asked for."""
    nothing = torch.from_numpy(FORM.frames(np.zeros(round(SECONDS * RATE_HZ), np.float32), COLUMNS))
    return frames[:, :1].expand_as(frames) if still else frames, nothing.expand_as(mels) if silent else mels


def cells(found: JudgedClips, clips: list[MadeClip]) -> list[str]:
    """Contacts seen and heard a clip, rhythm right, and shares of what else is said of it."""
    said = [VALUES["rhythm"][i] for i in found.shows["rhythm"].argmax(1).tolist()]
    wanted = judging.numbers_of([clip.scene.combination for clip in clips])["rhythm"]
    right = float((found.shows["rhythm"].argmax(1) == wanted).float().mean())
    counts = [np.mean([len(times) for times in each]) for each in (found.seen, found.heard)]
    shares = [np.mean([one == name for one in said]) for name in SAID]
    return [f"{value:.2f}" for value in (*counts, right, *shares)]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=210)
    parser.add_argument("--judges", type=Path, default=SHIPPED)
    parser.add_argument("--part", choices=("validation", "test"), default="test")
    options = parser.parse_args()
    torch.set_num_threads(1)
    network = read_judges(options.judges)
    clips = [clip for clip in texts_of(SmallTavJudging(part=options.part, clips=options.clips)) if clip.impacts_s]
    recipe = SmallTavJudging(part=options.part, clips=len(clips))
    source = real(clips)
    table = Table(title=f"{len(clips)} {options.part} clips with impacts, seed 0")
    for heading in ("", "seen a clip", "heard a clip", "rhythm right", *(f"“{name}”" for name in SAID)):
        table.add_column(heading, justify="right" if heading else "left")
    for name, (still, silent) in FORMS.items():
        found = judged(
            network,
            lambda a, b, still=still, silent=silent: changed(*source(a, b), still=still, silent=silent),
            recipe,
            Watch(),
        )
        table.add_row(name, *cells(found, clips))
    Console().print(table)


if __name__ == "__main__":
    main()
