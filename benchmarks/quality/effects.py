"""How many of the effects that are laid an editor would keep, and how many shots that deserve one get one.

Run: python -m benchmarks.quality.effects --media FOLDER [../shared/data] [--part choose|report|fresh]
         [--told] [--library LIBRARY]
     python -m benchmarks.quality.effects --told [../shared/data] [--library LIBRARY]
     python -m benchmarks.quality.effects --fit [../shared/data] [--library LIBRARY]

Shots of packages and repositories (`effects_shots.tsv`; FOLDER holds one folder for each source, unpacked), silent, as
a slideshow without music or texts; the library is ESC-50's 220 clips with the effects of Wesnoth and of the triples
(`effects_library.toml`), 345 sounds, judged by ear alone. To choose there are also photographs of OASIS, at most four
of a theme (`photograph_sounds.toml`, and what `shipped_weights/scenery/labels.toml` says of them), by heads that
learned from them. A shot deserves an effect where some class fits. What is heard once belongs to the shot in which it
begins, ambience to those of which it covers half. Intervals: 95 % of Wilson's.

With --told each shot is told by a line that was written when it was judged (`fresh` has one); without --media it is the
photographs alone, each told by the name of its theme ("Scared cat").

`choose` and `report` are what heads and rules were chosen on since 30 November 2026; `fresh` wasn't looked at before.

With --fit the three numbers of `jobs/plan/thing_effects` are fitted on what the library has for each thing, and what
they say of things that were left out is printed; before that those of `annotate/faint_sounds.toml`, with what they say
of sounds that were left out.
"""

import argparse
import csv
import re
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from shipped_weights.scenery.fit import fitted as logistic

from benchmarks.quality.scene_words import share
from storysound.annotate.events import faint_sounds
from storysound.annotate.picture_claims import log_odds
from storysound.config import load_profile
from storysound.cue.score import Cue, Score
from storysound.encode.pool import Models
from storysound.jobs.find.find import finder_of
from storysound.jobs.index import index
from storysound.jobs.index.request import IndexRequest
from storysound.jobs.plan import plan
from storysound.jobs.plan.choice import search
from storysound.jobs.plan.request import PlanOptions, PlanRequest
from storysound.jobs.plan.thing_effects import MOST, THING_HITS, ambience_sounds, thing_sounds
from storysound.library.search import Index
from storysound.match.query import Query
from storysound.media.arrays import Doubles
from storysound.progress import Watch
from storysound.story import Span
from storysound.weights.resolver import Resolver

HERE = Path(__file__).parent
SCENERY = HERE.parents[1] / "shipped_weights" / "scenery" / "labels.toml"
PER_THEME, SECONDS, RIDGE = 4, 4.0, 0.002
FAINT_RIDGE, LEAST, LISTED = 0.1, 1e-4, 8  # of faint sounds; of a probability; sounds that are printed
SHARE = 3.0  # of probabilities beside log-odds while they are fitted
BINS = (0.55, 0.65, 0.75, 0.85, 1.0)


@dataclass(frozen=True)
class JudgedShot:
    """A file, the classes of sounds that fit it, and what a storyteller says of it."""

    file: Path
    fits: frozenset[str]
    told: str


def shots(media: Path, part: str) -> Iterator[JudgedShot]:
    """Those of packages and repositories."""
    for line in (HERE / "effects_shots.tsv").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            half, source, file, fits, *told = line.split("\t")
            if half == part:
                yield JudgedShot(media / source / file, frozenset(fits.split()), "".join(told))


def photographs(folder: Path) -> Iterator[JudgedShot]:
    """Those of OASIS."""
    table = tomllib.loads((HERE / "photograph_sounds.toml").read_text("utf-8"))
    themes = {theme: frozenset(classes.split()) for theme, classes in table["fits"].items()}
    themes |= dict.fromkeys(table["none"].split(), frozenset())
    single = {name: frozenset(classes.split()) for name, classes in table["photographs"].items()}
    around = tomllib.loads(SCENERY.read_text("utf-8"))
    counts = dict.fromkeys(themes, 0)
    for file in sorted(folder.iterdir()):
        theme = theme_of(file)
        if counts.get(theme, PER_THEME) < PER_THEME:
            counts[theme] += 1
            more = {own for name, own in table["around"].items() if file.stem in around[name]["oasis"].split()}
            yield JudgedShot(file, single.get(file.name, themes[theme]) | more, theme.replace("_", " "))


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


def library_of(data: Path, library: Path, models: Models) -> Path:
    """The library of these sounds; indexed where it isn't there yet."""
    if not library.exists():
        folders = (data / "esc50" / "audio", data / "wesnoth" / "sounds", data / "triples" / "audio")
        index.run(IndexRequest(folders, library), models, Watch())
    return library


def theme_of(file: Path) -> str:
    """The name of what a photograph of OASIS shows."""
    return re.sub(r"[_ ]\d+$", "", file.stem)


def scored(judged: list[JudgedShot], library: Path, scratch: Path, models: Models, *, told: bool) -> Score:
    """The slideshow with its effects."""
    shown = scratch / "shown"
    shown.mkdir()
    for number, shot in enumerate(judged):
        (shown / f"{number:04}{shot.file.suffix}").symlink_to(shot.file.absolute())
    if told:
        (shown / "story.txt").write_text("\n".join(shot.told for shot in judged), "utf-8")
    request = PlanRequest(
        shown, library, scratch / "effects.cues.json", music=False, seconds=SECONDS, fill="none", transition=0.0,
        keep_original=False, ignore_names=True,
    )  # fmt: skip
    return plan.run(request, models, Watch()).score


def laid_under(score: Score, span: Span, labels: Mapping[str, str]) -> Iterator[tuple[Cue, str]]:
    """Effects that belong to a stretch, with the classes of their sounds: what is heard once and begins there, ambience
    that covers half of it.
    """
    for cue in score.cues:
        begins = span.start_s <= cue.start_s < span.end_s
        if begins if cue.layer == "spot" else Span(cue.start_s, cue.end_s).overlap_s(span) > span.duration_s / 2:
            stem = Path(cue.sound.path).stem
            yield cue, labels.get(stem, stem)


def pairs(library: Path, labels: dict[str, str], models: Models) -> list[tuple[str, float, float, bool]]:
    """Of all that is heard as a thing: the thing, log-odds of what is heard and of the hit, and whether it is right."""
    things = tomllib.loads((HERE / "effects_library.toml").read_text("utf-8"))["things"]
    finder, _ = finder_of(library, models, "none", taste=False)
    found = []
    for thing, right in things.items():
        sound = thing_sounds().get(thing) or ambience_sounds()[thing]
        assert sound
        hits = search(finder, Query(text=sound.words), THING_HITS, "sfx", PlanOptions(ignore_names=True))
        for hit in hits:
            if (heard := sound.heard_in(hit)) and not faint_sounds().keys() & {event.label for event in hit.events}:
                chances = (log_odds(chance, MOST) for chance in (heard, hit.chance or 0.0))
                found.append((thing, *chances, labels.get(Path(hit.sound.path).stem) in right.split()))
    return found


def fitted(x: Doubles, y: Doubles) -> Doubles:
    """Numbers [3] of a logistic model of two features [n 2] and what is right [n], held small by a ridge."""

    def loss(numbers: Doubles) -> float:
        odds = x @ numbers[1:] + numbers[0]
        return float(np.mean(np.logaddexp(0, odds) - y * odds) + RIDGE * np.sum(numbers[1:] ** 2))

    return np.asarray(minimize(loss, np.zeros(3)).x)


def fit_faint(library: Path, labels: dict[str, str]) -> None:
    """Prints the numbers of each faint sound, and the likeliest sounds by numbers that learned from all others."""
    index = Index.load(library)
    classes = np.array([labels.get(Path(sound.path).stem, "other") for sound in index.sounds])[index.sound_of]
    for label, faint in faint_sounds().items():
        heard, names = index.matrix(faint.column).astype(float), index.labels[faint.column]
        clear = np.clip(heard, LEAST, 1 - LEAST)
        odds = [np.log(clear / (1 - clear))[:, names.index(name)] for name in faint.odds]
        x = np.column_stack([*odds, *(SHARE * heard[:, names.index(name)] for name in faint.shares)])
        y = (classes == label.lower()).astype(float)
        weights = logistic(x, y, FAINT_RIDGE) / np.array([1.0] * len(odds) + [1 / SHARE] * len(faint.shares) + [1.0])
        print(label, dict(zip([*faint.odds, *faint.shares, "constant"], weights.round(2).tolist(), strict=True)))
        chances = np.zeros(len(y))
        for sound in range(len(index.sounds)):
            own = index.sound_of == sound
            weights = logistic(x[~own], y[~own], FAINT_RIDGE)
            chances[own] = 1 / (1 + np.exp(-(x[own] @ weights[:-1] + weights[-1])))
        best = np.argsort(-chances, kind="stable")[:LISTED]
        print("  left out:", ", ".join(f"{classes[at]} {chances[at]:.2f}" for at in best))


def fit(found: list[tuple[str, float, float, bool]]) -> None:
    """Prints the numbers, and of things that were left out what is said and what is right."""
    names = np.array([row[0] for row in found])
    x, y = np.array([row[1:3] for row in found]), np.array([row[3] for row in found], float)
    print("INTERCEPT, HEARD, FITS =", fitted(x, y).round(2).tolist(), f"({len(y)} hits of {len(set(names))} things)")
    chances = np.zeros(len(y))
    for name in np.unique(names):
        own = names == name
        numbers = fitted(x[~own], y[~own])
        chances[own] = 1 / (1 + np.exp(-(x[own] @ numbers[1:] + numbers[0])))
    for low, high in pairwise((0.0, 0.3, 0.5, 0.7, 0.85, 1.0)):
        own = (chances >= low) & (chances < high)
        print(share(f"said {low:.2f} to {high:.2f}, mean {chances[own].mean():.2f}", int(y[own].sum()), int(own.sum())))


def main() -> None:
    """Prints each effect and whether it is right, and the shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?", default=Path("../shared/data"))
    parser.add_argument("--media", type=Path)
    parser.add_argument("--part", choices=("choose", "report", "fresh"), default="fresh")
    parser.add_argument("--library", type=Path, help="of these sounds, where there is one already")
    parser.add_argument("--told", action="store_true")
    parser.add_argument("--fit", action="store_true")
    options = parser.parse_args()
    models = Models(load_profile("embedded"), Resolver())
    labels, data = classes_of_sounds(options.data), options.data
    with tempfile.TemporaryDirectory() as folder:
        library = library_of(data, options.library or Path(folder) / "library", models)
        if options.fit:
            fit_faint(library, labels)
            fit(pairs(library, labels, models))
            return
        judged = list(shots(options.media, options.part)) if options.media else []
        fresh = len(judged)
        if not judged or options.part == "choose":
            judged += photographs(data / "oasis" / "images")
        score = scored(judged, library, Path(folder), models, told=options.told)
    laid: list[tuple[int, float, bool]] = []
    for still in score.slideshow.stills if score.slideshow else ():
        number = int(Path(still.path).stem)
        shot = judged[number]
        for cue, label in laid_under(score, Span(still.start_s, still.end_s), labels):
            laid.append((number, cue.score, label in shot.fits))
            name = f"{shot.file.parent.name[-12:]}/{shot.file.name}"[-40:]
            print(f"{'right' if label in shot.fits else 'WRONG'} {name:40} {label:16} {'; '.join(cue.why)[:90]}")
    for name, numbers in (("shots", range(fresh)), ("photographs of OASIS", range(fresh, len(judged)))):
        own = [(number, right) for number, _, right in laid if number in numbers]
        deserving = sum(bool(judged[number].fits) for number in numbers)
        print(share(f"{name}: effects that are right", sum(right for _, right in own), len(own)))
        print(share(f"{name}: that deserve one with a right one", len({at for at, right in own if right}), deserving))
    for low, high in pairwise(BINS):
        own_chances = [right for _, chance, right in laid if low <= chance < high]
        print(share(f"right of those said to be so with {low:.1f} to {high:.1f}", sum(own_chances), len(own_chances)))


if __name__ == "__main__":
    main()
