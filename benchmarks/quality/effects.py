"""How many of the effects that are laid an editor would keep, and how many shots that deserve one get one.

Run: python -m benchmarks.quality.effects [../shared/data] [--part choose|report]

Photographs of OASIS, at most four of a theme, as a slideshow without music or texts; the library is ESC-50's 220 clips,
whose names say nothing. Which classes fit a theme stands in `photograph_sounds.toml`, and of single photographs where
looking at them says otherwise; every second theme chose limits and the table of things, the others report. A shot
deserves an effect where some class fits. Intervals: 95 % of Wilson's.
"""

import argparse
import csv
import re
import tempfile
import tomllib
from pathlib import Path

from benchmarks.quality.scene_words import share
from storysound.config import load_profile
from storysound.cue.score import Score
from storysound.encode.pool import Models
from storysound.jobs.index import index
from storysound.jobs.index.request import IndexRequest
from storysound.jobs.plan import plan
from storysound.jobs.plan.request import PlanRequest
from storysound.progress import Watch
from storysound.weights.resolver import Resolver

TRUTH = Path(__file__).parent / "photograph_sounds.toml"
PER_THEME, SECONDS = 4, 4.0


def truth() -> tuple[dict[str, frozenset[str]], dict[str, frozenset[str]]]:
    """Classes that fit, by theme, and by photograph where that says something else."""
    table = tomllib.loads(TRUTH.read_text("utf-8"))
    themes = {theme: frozenset(classes.split()) for theme, classes in table["fits"].items()}
    themes |= dict.fromkeys(table["none"].split(), frozenset())
    return themes, {name: frozenset(classes.split()) for name, classes in table["photographs"].items()}


def theme_of(photograph: str) -> str:
    """The theme in the name of a photograph of OASIS."""
    return re.sub(r"[_ ]\d+$", "", Path(photograph).stem)


def photographs(folder: Path, part: str) -> list[Path]:
    """Those of a part."""
    themes = sorted(truth()[0])[part == "report" :: 2]
    counts = dict.fromkeys(themes, 0)
    found = []
    for file in sorted(folder.iterdir()):
        theme = theme_of(file.name)
        if counts.get(theme, PER_THEME) < PER_THEME:
            counts[theme] += 1
            found.append(file)
    return found


def scored(pictures: list[Path], library: Path, scratch: Path, models: Models) -> Score:
    """The slideshow with its effects."""
    shown = scratch / "shown"
    shown.mkdir()
    for file in pictures:
        (shown / file.name).symlink_to(file.absolute())
    request = PlanRequest(
        shown, library, scratch / "effects.cues.json", music=False, seconds=SECONDS, fill="none", transition=0.0
    )
    return plan.run(request, models, Watch()).score


def main() -> None:
    """Prints each effect and whether it is right, and the shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?", default=Path("../shared/data"))
    parser.add_argument("--part", choices=("choose", "report"), default="report")
    parser.add_argument("--library", type=Path, help="of ESC-50, where there is one already")
    options = parser.parse_args()
    models = Models(load_profile("embedded"), Resolver())
    rows = csv.DictReader((options.data / "esc50" / "labels.csv").open(newline=""))
    labels = {Path(row["file"]).name: row["category"] for row in rows}
    pictures = photographs(options.data / "oasis" / "images", options.part)
    themes, single = truth()
    with tempfile.TemporaryDirectory() as folder:
        library = options.library or Path(folder) / "library"
        if not library.exists():
            index.run(IndexRequest((options.data / "esc50" / "audio",), library), models, Watch())
        score = scored(pictures, library, Path(folder), models)
    laid = right = 0
    served, deserving = set(), 0
    for still in score.slideshow.stills if score.slideshow else ():
        name = Path(still.path).name
        fits = single.get(name, themes[theme_of(name)])
        deserving += bool(fits)
        for cue in score.cues:  # what is heard once may reach over the next picture
            end_s = min(cue.end_s, cue.start_s + SECONDS) if cue.layer == "spot" else cue.end_s
            if min(end_s, still.end_s) - max(cue.start_s, still.start_s) > SECONDS / 2:
                label = labels[Path(cue.sound.path).name]
                laid, right = laid + 1, right + (label in fits)
                served |= {name} if label in fits else set()
                print(f"{'right' if label in fits else 'WRONG'} {name:24} {label:18} {'; '.join(cue.why)[:100]}")
    print(share("effects that are right", right, laid))
    print(share("shots that deserve one with a right one", len(served), deserving))


if __name__ == "__main__":
    main()
