"""What each audio encoder adds to finding: `python -m benchmarks.quality.ablation`.

Indexes with all embedded audio encoders once, then searches with the evidence of some. Names ignored; data as in
benchmarks/quality/quality.py. Costs are CPU time per 10 s of sound (benchmarks/speed/encoders.py).
"""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.quality import quality
from benchmarks.speed import encoders
from storysound.config import load_profile
from storysound.encode import musicnn
from storysound.encode.encoder import Head, Traits
from storysound.encode.pool import Models
from storysound.jobs.find.finder import Finder
from storysound.weights.resolver import Resolver

ALL = ("ears", "aisfx", "soundnet", "musicnn")
SETS = (*((name,) for name in ALL), *(("ears", name) for name in ALL[1:]), ("ears", "aisfx", "soundnet"), ALL)
SEEING = {"ears", "soundnet"}  # those whose classes pictures can ask for
musicnn.TRAITS = Traits(heads={"msd": Head(seen=0.0)})  # classes that finding leaves out


@dataclass(frozen=True)
class Partial(quality.Bench):
    """A bench whose libraries hold what all encoders heard, and whose finders use some of it."""

    kept: tuple[str, ...] = ALL

    def library_of(self, folder: Path) -> Finder:
        """The library is indexed once; its finder keeps the label spaces of `kept`."""
        library = self.indexed(folder)
        finder = Finder(library, Models(replace(self.profile, audio=self.kept), self.weights))
        finder.columns = [column for column in finder.columns if column.ear in self.kept]
        return finder


def main() -> None:
    """Measure and print."""
    cost = {row["encoder"]: row["ms_per_10_s"] for row in encoders.measure()}
    table = Table(box=None)
    with tempfile.TemporaryDirectory() as scratch:
        profile = replace(load_profile(), audio=ALL)
        for kept in SETS:
            bench = Partial(quality.data_folder(), Path(scratch), Resolver(offline=True), profile, kept)
            ways = ("caption", "frames") if SEEING & set(kept) else ("caption",)
            found = {"esc50": quality.esc50(bench), "own sound": quality.own_sound(bench, ways)}
            found |= {"dialogue": quality.dialogue(bench), "music": quality.story_music(bench)}
            figures = {
                "top-1": found["esc50"]["top1"],
                "mAP": found["esc50"]["mAP"],
                "caption R@1": found["own sound"]["caption_r1"],
                "R@5": found["own sound"]["caption_r5"],
                "frames R@1": found["own sound"].get("frames_r1"),
                "frames R@5": found["own sound"].get("frames_r5"),
                "dialogue R@5": found["dialogue"]["ear_r5"],
                "story any5": found["music"]["any5"],
            }
            if not table.columns:
                for heading in ("encoders", "ms / 10 s", *figures):
                    table.add_column(heading)
            spent = sum(cost[name] for name in kept)
            table.add_row(
                " + ".join(kept), f"{spent:.0f}", *("" if v is None else f"{v:.3f}" for v in figures.values())
            )
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
