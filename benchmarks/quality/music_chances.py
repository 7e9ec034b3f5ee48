"""How likely a track fits words (`match.chance`): what is said of it beside how often it does.

Run: python -m benchmarks.quality.music_chances [../shared/data] --packages FILE.deb … [--libraries FOLDER] [--fit]

Words look for music by ear alone: the five moods of the starter library, what titles of Wesnoth's tracks and of music
in packages of games tell (those of `shipped_weights/mood/titles.tsv`), and Wesnoth's narrations, each for the tracks
that its author chose. Each asks libraries of chance: all tracks, half, a quarter, an eighth of them; the three
best count.
Cross-validated over what is asked (each mood and class of titles, each campaign, with all its wordings and libraries,
is left out in turn), and each collection by the others; sets of queries count alike. ECE: expected calibration error,
ten bins.
"""

import argparse
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from shipped_weights.mood import titles
from sklearn.metrics import roc_auc_score

from benchmarks.quality.chances import RANKS, chances, fitted
from benchmarks.quality.mood import MOODS
from benchmarks.quality.quality import data_folder, read_rows
from benchmarks.quality.story_words import WORDS, music
from storysound.config import load_profile
from storysound.encode.pool import Models
from storysound.jobs.find.finder import Finder, _weighed
from storysound.jobs.index import index
from storysound.jobs.index.request import IndexRequest
from storysound.jobs.starter import starter_library
from storysound.match.chance import MUSIC_INTERCEPT, MUSIC_WEIGHTS, music_features
from storysound.match.first_stage import Verdict
from storysound.match.query import Query
from storysound.media.arrays import Doubles
from storysound.media.audio import write_flac
from storysound.metrics import bootstrap
from storysound.metrics.classification import TENTHS, calibration_error
from storysound.progress import Watch
from storysound.weights.resolver import Resolver

DRAWS, SHARES = 16, (1, 2, 4, 8)  # libraries of each query, and by how many they are fewer
LEAST = 3  # tracks of a library
# How each class of titles of packages is asked for: axis and sign of `titles.classes`, and words.
TITLED: Mapping[str, tuple[int, int, Sequence[str]]] = {
    "bright": (0, 1, ("bright", "happy and cheerful music", "victory")),
    "dark": (0, -1, ("dark", "dark music", "fear and death")),
    "wild": (1, 1, ("wild", "a battle", "fast and furious")),
    "calm": (1, -1, ("calm", "calm music", "sleep and dream")),
}
WORDINGS = ("{}", "{} music", "a piece of music that is {}")  # of the starter library's moods


@dataclass(frozen=True)
class Asked:
    """Words of a set, what is left out with them, and the tracks that fit, by path."""

    text: str
    group: str
    fits: frozenset[str]


@dataclass(frozen=True)
class Found:
    """A hit: what the chance goes by, and whether it fits."""

    collection: str
    group: str
    rank: int
    features: tuple[float, ...]
    fits: bool


def hits_of(name: str, finder: Finder, asked: Sequence[Asked]) -> Iterator[Found]:
    """The hits of words in libraries of chance."""
    paths = [sound.path for sound in finder.index.sounds]
    tracks = np.flatnonzero(np.isin(paths, music(finder)))
    for one in asked:
        evidence = _weighed(list(finder._evidence(Query(text=one.text), True, for_music=True)))
        words = len(one.text.split())
        for draw in range(DRAWS):
            count = max(LEAST, len(tracks) // SHARES[draw % len(SHARES)])
            there = np.zeros(len(paths), bool)
            there[np.random.default_rng(1000 * draw + 7).permutation(tracks)[:count]] = True
            verdict = Verdict(evidence, there[finder.index.sound_of])
            best, segments = finder.index.best_segments(verdict.scores)
            for rank, sound in enumerate(np.argsort(-np.where(there, best, -np.inf), kind="stable")[:RANKS]):
                row = music_features(verdict.by_ear(int(segments[sound])), count, words)
                yield Found(name, f"{name}: {one.group}", rank, row, paths[sound] in one.fits)


def _named(finder: Finder, stems: Sequence[str]) -> frozenset[str]:
    return frozenset(path for path in music(finder) if Path(path).stem in stems)


def of_wesnoth(finder: Finder, shared: Path) -> Iterator[Found]:
    """By words for classes of titles, and by narrations."""
    words = [Asked(text, name, _named(finder, own.split())) for name, (texts, own) in WORDS.items() for text in texts]
    yield from hits_of("Wesnoth by words", finder, words)
    stories = []
    for row in read_rows(shared / "wesnoth" / "stories.jsonl"):
        text, own = " ".join(row["texts"]).strip(), [Path(track).stem for track in row["music"] or ()]
        if text and _named(finder, own):
            stories.append(Asked(text, row["campaign"], _named(finder, own)))
    yield from hits_of("Wesnoth by narrations", finder, stories)


def of_starter(finder: Finder) -> Iterator[Found]:
    """By the five moods."""
    own = {mood: frozenset(path for path in music(finder) if Path(path).name.startswith(f"{mood}_")) for mood in MOODS}
    yield from hits_of(
        "starter by words", finder, [Asked(way.format(mood), mood, own[mood]) for mood in MOODS for way in WORDINGS]
    )


def of_packages(packages: Sequence[Path], folder: Path, models: Models) -> Iterator[Found]:
    """By words for classes of titles, among the stretches of pieces whose titles tell one."""
    pieces = folder / "titled"
    if not pieces.exists():
        pieces.mkdir(parents=True)
        for package in sorted(packages):
            for number, (name, wave) in enumerate(
                titles.named(package, lambda name: bool(titles.classes((name,)).any()))
            ):
                write_flac(pieces / f"{package.name.partition('_')[0]} {number} {name}.flac", wave)
    finder = _library(pieces, folder / "titled-library", models)
    tracks = music(finder)
    told = titles.classes(tuple(" ".join(Path(track).stem.split()[2:]) for track in tracks))
    asked = [
        Asked(text, name, frozenset(track for track, own in zip(tracks, told, strict=True) if own[axis] == sign))
        for name, (axis, sign, texts) in TITLED.items()
        for text in texts
    ]
    yield from hits_of("packages by words", finder, asked)


def _library(folder: Path, out: Path, models: Models) -> Finder:
    if not out.exists():
        index.run(IndexRequest((folder,), out), models, Watch())
    return Finder(out, models)


def _left_out(parts: np.ndarray, x: Doubles, y: Doubles, weight: Doubles) -> Doubles:
    """Chances [n], each by what all other parts teach."""
    found, unnamed = np.zeros(len(y)), np.zeros(len(y))
    for part in np.unique(parts):
        own = parts == part
        found[own] = chances(x[own], unnamed[own], fitted(x[~own], unnamed[~own], y[~own], weight[~own]))
    return found


def _row(name: str, p: Doubles, y: Doubles, weight: Doubles) -> str:
    fit, said = np.average(y, weights=weight), np.average(p, weights=weight)
    area = roc_auc_score(y, p, sample_weight=weight)
    return f"{name:34} {len(y):5} {fit:5.2f} {said:5.2f} {calibration_error(p, y, weight):5.3f} {area:5.2f}"


def main() -> None:
    """Prints both tables, and with --fit the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?", default=data_folder())
    parser.add_argument("--packages", type=Path, nargs="+", required=True, help="of titles.tsv")
    parser.add_argument("--fit", action="store_true", help="print the numbers that fit")
    parser.add_argument("--libraries", type=Path, help="folder for the libraries, to be used again")
    options = parser.parse_args()
    models = Models(load_profile("embedded"), Resolver())
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.libraries or Path(scratch)
        found = list(of_starter(Finder(starter_library(models, Watch()), models)))
        found += of_wesnoth(_library(options.data / "wesnoth" / "music", folder / "wesnoth", models), options.data)
        found += of_packages(options.packages, folder, models)
    x, y = np.array([one.features for one in found]), np.array([one.fits for one in found], float)
    sets, groups = np.array([one.collection for one in found]), np.array([one.group for one in found])
    first = np.array([one.rank == 0 for one in found])
    weight = np.array([1 / (sets == own).sum() for own in sets])
    weight /= weight.mean()
    if options.fit:
        model = fitted(x, np.zeros(len(y)), y, weight).round(2).tolist()
        print("MUSIC_INTERCEPT, MUSIC_WEIGHTS =", model[0], tuple(model[1:-1]))
    crossed, of_others = _left_out(groups, x, y, weight), _left_out(sets, x, y, weight)
    shipped = chances(x, np.zeros(len(y)), np.array([MUSIC_INTERCEPT, *MUSIC_WEIGHTS, 0.0]))
    print(f"shipped numbers agree: {np.abs(shipped - crossed).max():.2f} at most; {len(np.unique(groups))} groups\n")
    print(f"{'':34} {'n':>5} {'fit':>5} {'said':>5} {'ECE':>5} {'AUC':>5}")
    every = [("all first hits", first), ("all hits", first | True)]
    for name, own in [*((name, first & (sets == name)) for name in dict.fromkeys(sets)), *every]:
        print(_row(name, crossed[own], y[own], weight[own]))
    for name in dict.fromkeys(sets):
        own = first & (sets == name)
        print(_row(f"{name}, by the others", of_others[own], y[own], weight[own]))
    low, high = bootstrap.interval(
        lambda at: calibration_error(crossed[first][at], y[first][at], weight[first][at]),
        int(first.sum()),
        groups[first],
        draws=1000,
        seed=0,
    )
    print(f"ECE of first hits, 95 % by drawing groups: {low:.3f} to {high:.3f}")
    print("\nfirst hits by the chance that is said of them: how many, and how many fit; weighed")
    for low in np.arange(TENTHS) / TENTHS:
        own = first & (crossed >= low) & (crossed < low + 1 / TENTHS)
        if own.any():
            said, fit = (np.average(each[own], weights=weight[own]) for each in (crossed, y))
            print(f"{low:.1f}-{low + 1 / TENTHS:.1f} {own.sum():5} {said:5.2f} {fit:5.2f}")


if __name__ == "__main__":
    main()
