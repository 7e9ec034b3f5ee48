"""How many of the effects that are laid an editor would keep, and how many shots that deserve one get one.

Run: python -m benchmarks.quality.effects --media FOLDER [../shared/data] [--part choose|report] [--library LIBRARY]

Shots of packages and repositories (`effects_shots.tsv`; FOLDER holds one folder for each source, unpacked), silent, as
a slideshow without music or texts; the library is ESC-50's 220 clips with the effects of Wesnoth and of the triples
(`effects_library.toml`), 345 sounds, judged by ear alone. To choose there are also photographs of OASIS, at most four
of a theme (`photograph_sounds.toml`). A shot deserves an effect where some class fits. What is heard once belongs to
the shot in which it begins, ambience to those of which it covers half. Intervals: 95 % of Wilson's.
"""

import argparse
import csv
import re
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
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

HERE = Path(__file__).parent
PER_THEME, SECONDS, BINS = 4, 4.0, (0.4, 0.5, 0.6, 0.7, 0.8, 1.0)


@dataclass(frozen=True)
class JudgedShot:
    """A file, and the classes of sounds that fit it."""

    file: Path
    fits: frozenset[str]


def shots(media: Path, part: str) -> Iterator[JudgedShot]:
    """Those of packages and repositories."""
    for line in (HERE / "effects_shots.tsv").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            half, source, file, fits = line.split("\t")
            if half == part:
                yield JudgedShot(media / source / file, frozenset(fits.split()))


def photographs(folder: Path) -> Iterator[JudgedShot]:
    """Those of OASIS."""
    table = tomllib.loads((HERE / "photograph_sounds.toml").read_text("utf-8"))
    themes = {theme: frozenset(classes.split()) for theme, classes in table["fits"].items()}
    themes |= dict.fromkeys(table["none"].split(), frozenset())
    single = {name: frozenset(classes.split()) for name, classes in table["photographs"].items()}
    counts = dict.fromkeys(themes, 0)
    for file in sorted(folder.iterdir()):
        theme = re.sub(r"[_ ]\d+$", "", file.stem)
        if counts.get(theme, PER_THEME) < PER_THEME:
            counts[theme] += 1
            yield JudgedShot(file, single.get(file.name, themes[theme]))


def classes_of_sounds(data: Path) -> dict[str, str]:
    """The class of each sound of the library, by its file's stem."""
    rows = csv.DictReader((data / "esc50" / "labels.csv").open(newline=""))
    found = {Path(row["file"]).stem: row["category"] for row in rows}
    table = tomllib.loads((HERE / "effects_library.toml").read_text("utf-8"))
    for folder, names in (("wesnoth/sounds", table["wesnoth"]), ("triples/audio", table["triples"])):
        for file in sorted((data / folder).iterdir()):
            ends = [name for name in names if re.search(rf"(^|_|-){re.escape(name)}$", file.stem)]
            if ends:
                found[file.stem] = names[max(ends, key=len)]
    return found


def scored(judged: list[JudgedShot], library: Path, scratch: Path, models: Models) -> Score:
    """The slideshow with its effects."""
    shown = scratch / "shown"
    shown.mkdir()
    for number, shot in enumerate(judged):
        (shown / f"{number:04}{shot.file.suffix}").symlink_to(shot.file.absolute())
    request = PlanRequest(
        shown, library, scratch / "effects.cues.json", music=False, seconds=SECONDS, fill="none", transition=0.0,
        keep_original=False, ignore_names=True,
    )  # fmt: skip
    return plan.run(request, models, Watch()).score


def main() -> None:
    """Prints each effect and whether it is right, and the shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?", default=Path("../shared/data"))
    parser.add_argument("--media", type=Path, required=True)
    parser.add_argument("--part", choices=("choose", "report"), default="report")
    parser.add_argument("--library", type=Path, help="of these sounds, where there is one already")
    options = parser.parse_args()
    models = Models(load_profile("embedded"), Resolver())
    labels, data = classes_of_sounds(options.data), options.data
    judged = list(shots(options.media, options.part))
    if options.part == "choose":
        judged += photographs(data / "oasis" / "images")
    with tempfile.TemporaryDirectory() as folder:
        library = options.library or Path(folder) / "library"
        if not library.exists():
            folders = (data / "esc50" / "audio", data / "wesnoth" / "sounds", data / "triples" / "audio")
            index.run(IndexRequest(folders, library), models, Watch())
        score = scored(judged, library, Path(folder), models)
    laid: list[tuple[float, bool]] = []
    served, deserving = set(), 0
    for still in score.slideshow.stills if score.slideshow else ():
        number = int(Path(still.path).stem)
        shot = judged[number]
        deserving += bool(shot.fits)
        for cue in score.cues:
            shared_s = min(cue.end_s, still.end_s) - max(cue.start_s, still.start_s)
            begins = still.start_s <= cue.start_s < still.end_s
            if begins if cue.layer == "spot" else shared_s > (still.end_s - still.start_s) / 2:
                label = labels.get(Path(cue.sound.path).stem, Path(cue.sound.path).stem)
                laid.append((cue.score, label in shot.fits))
                served |= {number} if label in shot.fits else set()
                name = f"{shot.file.parent.name[-12:]}/{shot.file.name}"[-40:]
                print(f"{'right' if label in shot.fits else 'WRONG'} {name:40} {label:16} {'; '.join(cue.why)[:90]}")
    print(share("effects that are right", sum(right for _, right in laid), len(laid)))
    print(share("shots that deserve one with a right one", len(served), deserving))
    for low, high in pairwise(BINS):
        own = [right for chance, right in laid if low <= chance < high]
        print(share(f"right of those said to be so with {low:.1f} to {high:.1f}", sum(own), len(own)))


if __name__ == "__main__":
    main()
