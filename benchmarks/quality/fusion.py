"""How voices are weighed in a search, chosen anew by nested cross-validation: `python -m benchmarks.quality.fusion`.

Asked are words, captions, photographs and frames; found are clips of ESC-50, made mixtures of two of them, the sounds
of videos and triples; names are ignored. All settings are tried (`settings`). Inner: the one that does best on
everything, on everything. Outer: each fifth of what is asked (classes, videos, triples, themes of OASIS; with a class
go all its clips, so recordings stay together) by what does best on the rest, mean of ten partings. Elsewhere: each
collection by what does best on the others. Best: the mean over tasks. Intervals: 95 %, by drawing what is asked anew
2,000 times. By Wesnoth's effects, asked for in the words of their names, nothing is chosen.

Libraries and what is seen are kept in `--cache`: making them takes minutes, the choice itself less than one.
"""

import argparse
import itertools
import re
import sys
import tempfile
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.quality.quality import data_folder, labelled, read_rows
from storysound.config import load_profile
from storysound.encode import gloss
from storysound.encode.labels import LabelSpace, softmax, text_vectors
from storysound.encode.pool import Models
from storysound.encode.spaces import spaces_of
from storysound.jobs.find.finder import Finder, pictures_of
from storysound.jobs.index import index
from storysound.jobs.index.request import IndexRequest
from storysound.match.first_stage import SMALL, above, meant, usual
from storysound.match.names import words
from storysound.match.query import Query
from storysound.media.arrays import Doubles, Floats, standardise
from storysound.media.audio import Waveform, read_audio, write_wav
from storysound.metrics.classification import average_precision
from storysound.progress import Watch
from storysound.weights.resolver import Resolver

TRUTH = Path(__file__).parent / "photograph_sounds.toml"
PER_THEME = 6  # photographs
MIXTURES, RATE_HZ, LEVEL = 150, 32_000, 0.05
FOLDS, PARTINGS, DRAWS = 5, 10, 2_000


@dataclass(frozen=True)
class Setting:
    """How voices are made and weighed; what the ears hear by class weighs 1."""

    temperature: float = 0.05
    idf: float = 1.0  # power of a class's mean in the library, by which its scores are divided
    hubs: bool = True  # ratings by class are told beside what a segment gets for whatever is asked
    near: float = 1.0  # of the ears' embedding
    imagenet: float = 0.0  # of SoundNet's objects
    places: float = 0.0  # of SoundNet's places


BEFORE = {
    "said": Setting(0.05, 0.75, False, 0.4, 0.3, 0.2),
    "seen": Setting(0.05, 0.75, True, 0.0, 1.0, 0.0),
}
SHIPPED = {"said": Setting(), "seen": Setting(imagenet=1.0)}  # all voices that do anything, none weighed


def settings(way: str) -> list[Setting]:
    """All that are tried for what is said, or for what is seen."""
    shared = ((0.03, 0.05, 0.08), (0.0, 0.75, 1.0), (False, True))
    weights = ((0.0, 0.4, 1.0), (0.0, 0.3, 1.0), (0.0, 0.2)) if way == "said" else ((0.0, 0.4, 1.0), (0.3, 1.0), (0.0,))
    return [Setting(*each) for each in itertools.product(*shared, *weights)]


@dataclass(frozen=True)
class Task:
    """Queries to a library: `asked` is text vectors [1 d] or what is seen in pictures [f c], `fits` [q s] what fits.

    `groups`: what is left out together. `first`: ranks count, of the first that is right; else the average precision.
    """

    name: str
    collection: str
    way: str
    library: "Heard"
    asked: Sequence[Floats]
    fits: np.ndarray
    groups: Sequence[str]
    first: bool = False


class Heard:
    """A library's columns, and the voices they give a query under a setting."""

    def __init__(self, finder: Finder, models: Models) -> None:
        self.index = finder.index
        self.paths = [Path(sound.path).name for sound in finder.index.sounds]
        self._seen: LabelSpace = finder._seen.space
        self._spaces = {}
        for column, labels in finder.index.labels.items():
            ear, _, space = column.partition(".")
            head = models.traits(ear).head(space)
            self._spaces[column] = spaces_of(models).classes(space, labels, head).vectors
        self._known: dict[tuple[object, ...], Floats] = {}
        self._usuals: dict[tuple[object, ...], tuple[Floats, Floats]] = {}

    def best(self, asked: Floats, way: str, setting: Setting) -> Doubles:
        """The score of each sound [s]."""
        weights = {"ears.audioset": 1.0, "ears": setting.near, "soundnet.imagenet": setting.imagenet}
        weights["soundnet.places"] = setting.places
        voices = [w * standardise(self._voice(n, asked, way, setting)) for n, w in weights.items() if w]
        return np.maximum.reduceat(np.sum(voices, axis=0, dtype=float), self.index.first[:-1])

    def _voice(self, name: str, asked: Floats, way: str, setting: Setting) -> Floats:
        """What one column says of the segments [n]; remembered, as many settings share it."""
        idf, hubs = (setting.idf, setting.hubs) if name.startswith("ears") else (0.0, False)
        if name == "ears":
            idf = 0.0
        key = (name, id(asked), way, setting.temperature, idf, hubs)
        if key not in self._known:
            bank = self._bank(name, way, setting.temperature)
            if name == "ears":
                wish = asked.mean(axis=0) if way == "said" else gloss.vector(asked.mean(axis=0), self._seen)
                points = self.index.matrix(name).T
                self._known[key] = (
                    above(wish @ points, usual(bank, points)) if way == "seen" and hubs else wish @ points
                )
                return self._known[key]
            if way == "said":
                wish = softmax(asked @ self._spaces[name].T / setting.temperature).mean(axis=0)
            else:
                wish = np.mean([gloss.translate(frame, bank) for frame in asked], axis=0)
            few, scores = meant(wish), self._scores(name, idf)
            rated = wish[few] @ scores[few]
            self._known[key] = above(rated, self._usual(name, way, setting.temperature, idf)) if hubs else rated
        return self._known[key]

    def _bank(self, name: str, way: str, temperature: float) -> Floats:
        """What is asked by whatever can be said (the classes' own words) or seen: [b c]; of the embedding [b d]."""
        key = ("bank", name, way, temperature)
        if key not in self._known:
            vectors = self._spaces["ears.audioset"] if way == "said" else self._seen.vectors
            found = vectors if name == "ears" else softmax(vectors @ self._spaces[name].T / temperature)
            self._known[key] = found
        return self._known[key]

    def _usual(self, name: str, way: str, temperature: float, idf: float) -> tuple[Floats, Floats]:
        """What each segment gets for whatever is asked."""
        key = (name, way, temperature, idf)
        if key not in self._usuals:
            self._usuals[key] = usual(self._bank(name, way, temperature), self._scores(name, idf))
        return self._usuals[key]

    def _scores(self, name: str, idf: float) -> Floats:
        """Scores of classes [c n]."""
        key = ("scores", name, idf)
        if key not in self._known:
            mean = self.index.matrix(name)
            if name.startswith("soundnet"):
                found = softmax(mean - mean.mean(axis=0))
            else:
                score = np.sqrt(np.maximum(mean, 0) * np.maximum(self.index.matrix(f"{name}^max"), 0))
                found = score / (score.mean(axis=0) + SMALL) ** idf
            self._known[key] = np.ascontiguousarray(found.T)
        return self._known[key]


def mixtures(folder: Path, shared: Path) -> dict[str, tuple[str, str]]:
    """Writes mixtures of two clips of different classes at one level; their classes by file name (seed 0)."""
    rng, rows = np.random.default_rng(0), labelled(shared)
    made: dict[str, tuple[str, str]] = {}
    folder.mkdir(parents=True, exist_ok=True)
    while len(made) < MIXTURES:
        one, other = (rows[i] for i in rng.choice(len(rows), 2, replace=False))
        if one["category"] == other["category"]:
            continue
        name = f"{len(made):03d}.wav"
        made[name] = (one["category"], other["category"])
        if (folder / name).exists():
            continue
        both = [read_audio(shared / "esc50" / row["file"], rate_hz=RATE_HZ, channels=1).samples for row in (one, other)]
        length = min(samples.shape[1] for samples in both)
        level = [s[:, :length] * (LEVEL / max(float(np.sqrt(np.mean(s**2))), 1e-4)) for s in both]
        write_wav(folder / name, Waveform(level[0] + level[1], RATE_HZ))
    return made


def tasks_of(shared: Path, cache: Path, models: Models) -> list[Task]:
    """All tasks, with libraries and what is seen kept in `cache`."""

    def heard(folder: Path) -> Heard:
        out = cache / f"{folder.parent.name}-{folder.name}"
        if not out.exists():
            index.run(IndexRequest((folder,), out), models, Watch())
        return Heard(Finder(out, models), models)

    def said(texts: Iterable[str]) -> list[Floats]:
        return [vector[None] for vector in text_vectors(models.text, list(texts))]

    def seen(name: str, queries: Sequence[Query]) -> list[Floats]:
        file = cache / f"seen-{name}.npz"
        if not file.exists():
            encode = models.picture.encode
            rows = [np.concatenate([one.scores["imagenet"] for one in encode(pictures_of(each))]) for each in queries]
            np.savez(file, *rows)
        with np.load(file) as stored:
            return [stored[f"arr_{i}"] for i in range(len(queries))]

    cache.mkdir(parents=True, exist_ok=True)
    esc, label = heard(shared / "esc50" / "audio"), {Path(r["file"]).name: r["category"] for r in labelled(shared)}
    own, classes = np.array([label[path] for path in esc.paths]), sorted(set(label.values()))
    asked = said(name.replace("_", " ") for name in classes)
    of_class = np.array(classes)[:, None]
    found = [Task("ESC-50 by words", "ESC-50", "said", esc, asked, own == of_class, classes)]
    made = mixtures(cache / "made" / "mixtures", shared)
    mixed = heard(cache / "made" / "mixtures")
    held = np.array([[name in made[path] for path in mixed.paths] for name in classes])
    found.append(Task("mixtures by words", "ESC-50", "said", mixed, asked, held, classes))
    truth = {theme: set(own.split()) for theme, own in tomllib.loads(TRUTH.read_text("utf-8"))["fits"].items()}
    shown: dict[str, list[Path]] = defaultdict(list)
    for file in sorted((shared / "oasis" / "images").iterdir()):
        theme = re.sub(r"[_ ]\d+$", "", file.stem)
        if truth.get(theme, set()) & set(classes) and len(shown[theme]) < PER_THEME:
            shown[theme].append(file)
    right = {theme: np.isin(own, list(truth[theme])) for theme in shown}
    names = list(shown)
    found.append(Task("OASIS names", "OASIS", "said", esc, said(n.replace("_", " ") for n in names),
                      np.array([right[n] for n in names]), names))  # fmt: skip
    each = [(theme, file) for theme in names for file in shown[theme]]
    pictures = seen("oasis", [Query(images=(file,)) for _, file in each])
    found.append(Task("OASIS photographs", "OASIS", "seen", esc, pictures, np.array([right[t] for t, _ in each]),
                      [theme for theme, _ in each]))  # fmt: skip
    videos = heard(shared / "videos" / "clips")
    caption = {Path(row["path"]).name: row["caption"] for row in read_rows(shared / "videos" / "captions.jsonl")}
    itself = np.eye(len(videos.paths), dtype=bool)
    found.append(Task("captions", "videos", "said", videos, said(caption[p] for p in videos.paths), itself,
                      videos.paths, True))  # fmt: skip
    frames = seen("videos", [Query(video=shared / "videos" / "clips" / path) for path in videos.paths])
    found.append(Task("frames", "videos", "seen", videos, frames, itself, videos.paths, True))
    triples = heard(shared / "triples" / "audio")
    rows = {Path(row["audio"]).name: row for row in read_rows(shared / "triples" / "triples.jsonl")}
    itself = np.eye(len(triples.paths), dtype=bool)
    found.append(Task("triples by words", "triples", "said", triples, said(rows[p]["text"] for p in triples.paths),
                      itself, triples.paths, True))  # fmt: skip
    pictures = seen("triples", [Query(images=(shared / "triples" / rows[p]["image"],)) for p in triples.paths])
    found.append(Task("triples by pictures", "triples", "seen", triples, pictures, itself, triples.paths, True))
    effects = heard(shared / "wesnoth" / "sounds")
    spoken = [" ".join(words(path.rpartition("__")[2].removesuffix(".ogg"))) for path in effects.paths]
    same = np.array(spoken)[:, None] == np.array(spoken)
    found.append(Task("Wesnoth's effects", "Wesnoth", "said", effects, said(spoken), same, spoken, True))
    return found


def values(task: Task, setting: Setting) -> dict[str, tuple[Doubles, Sequence[str]]]:
    """What a setting is worth for each item, in [0, 1], and the groups of the items, by name of the figure."""
    scores = np.array([task.library.best(asked, task.way, setting) for asked in task.asked])
    if task.first:
        rank = 1 + (scores > np.where(task.fits, scores, -np.inf).max(axis=1, keepdims=True)).sum(axis=1)
        return {task.name: (1 / rank, task.groups)}
    order = np.argsort(-scores, axis=1, kind="stable")
    found = np.array([average_precision(fits[row]) for fits, row in zip(task.fits, order, strict=True)])
    result = {task.name: (found, task.groups)}
    if task.name == "ESC-50 by words":
        own = task.fits.argmax(axis=0)
        result["ESC-50, class of a clip"] = (
            (scores.argmax(axis=0) == own).astype(float), [task.groups[i] for i in own]
        )  # fmt: skip
    return result


@dataclass(frozen=True)
class Trials:
    """One way of asking: what each setting is worth for each item [s i], and each item's figure, group, collection."""

    settings: Sequence[Setting]
    worth: Doubles
    figure: np.ndarray
    group: np.ndarray
    collection: np.ndarray

    def choose(self, among: np.ndarray) -> int:
        """The setting that does best on the items `among` [i]; of equals the first."""
        names = np.unique(self.figure[among])
        mean = np.mean([self.worth[:, among & (self.figure == name)].mean(axis=1) for name in names], axis=0)
        return int(np.argmax(mean.round(6)))


def trials(tasks: Sequence[Task], way: str, tried: Sequence[Setting]) -> Trials:
    """Of all tasks that are asked that way."""
    own = [task for task in tasks if task.way == way]
    rows = [[values(task, setting) for task in own] for setting in tried]
    worth = np.array([np.concatenate([v for each in row for v, _ in each.values()]) for row in rows])
    items = [(name, group, task.collection) for task, each in zip(own, rows[0], strict=True)
             for name, (_, groups) in each.items() for group in groups]  # fmt: skip
    return Trials(tried, worth, *(np.array([item[k] for item in items]) for k in range(3)))


def outer(made: Trials, chosen_on: np.ndarray) -> tuple[Doubles, list[int]]:
    """Each item's worth by what its group didn't choose, of every parting [p i]; and what was chosen, in turn."""
    keys = np.array([f"{c} {g}" for c, g in zip(made.collection, made.group, strict=True)])
    found, chosen = np.zeros((PARTINGS, len(keys))), []
    for parting in range(PARTINGS):
        shuffled = np.random.default_rng(parting).permutation(np.unique(keys))
        fold = np.array([dict(zip(shuffled, np.arange(len(shuffled)) % FOLDS, strict=True))[key] for key in keys])
        for k in range(FOLDS):
            chosen.append(made.choose(chosen_on & (fold != k)))
            found[parting, fold == k] = made.worth[chosen[-1], fold == k]
    return found, chosen


def interval(worth: Doubles, group: np.ndarray) -> tuple[float, float]:
    """95 % of the mean of items [i], by drawing groups anew (seed 0)."""
    names, inverse = np.unique(group, return_inverse=True)
    total, count = np.bincount(inverse, worth), np.bincount(inverse)
    draws = np.random.default_rng(0).integers(0, len(names), (DRAWS, len(names)))
    low, high = np.percentile(total[draws].sum(axis=1) / count[draws].sum(axis=1), (2.5, 97.5))
    return float(low), float(high)


MEASURES: Mapping[str, Callable[[Doubles], Doubles]] = {
    "mean": lambda worth: worth, "R@1": lambda worth: (worth == 1) * 1.0, "R@5": lambda worth: (worth >= 0.2) * 1.0,
}  # fmt: skip


def report(tasks: Sequence[Task], way: str) -> None:
    """Prints the table of one way of asking."""
    fixed = [BEFORE[way], SHIPPED[way]]
    made = trials(tasks, way, [*fixed, *settings(way)])
    tried = replace(made, settings=made.settings[len(fixed) :], worth=made.worth[len(fixed) :])
    chosen_on = made.collection != "Wesnoth"
    best = tried.choose(chosen_on)
    nested, chosen = outer(tried, chosen_on)
    elsewhere = np.zeros(made.worth.shape[1])
    for name in np.unique(made.collection):
        own = made.collection == name
        elsewhere[own] = tried.worth[tried.choose(chosen_on & ~own)][own]
    ranked = {task.name for task in tasks if task.first}
    lines = [f"\n{way}: {len(tried.settings)} settings; best on everything {tried.settings[best]}"]
    often, count = np.unique(chosen, return_counts=True)
    for at in often[np.argsort(-count, kind="stable")][:4]:
        lines.append(f"  chosen {count[often.tolist().index(at)]} of {len(chosen)} times: {tried.settings[at]}")
    lines.append(f"{'':30} {'n':>4} before  ships  inner  outer  95 %        elsewhere  ships less before")
    for name in dict.fromkeys(made.figure):
        own = made.figure == name
        for measure in ("R@1", "R@5") if name in ranked else ("mean",):
            of = MEASURES[measure]
            before, ships = (of(row[own]) for row in made.worth[: len(fixed)])
            each = of(nested[:, own]).mean(axis=0)
            gain = interval(ships - before, made.group[own])
            low, high = interval(each, made.group[own])
            title = name if measure == "mean" else f"{name} {measure}"
            lines.append(
                f"{title:30} {own.sum():4} {before.mean():6.3f} {ships.mean():6.3f} "
                f"{of(tried.worth[best, own]).mean():6.3f} {each.mean():6.3f}  {low:.3f}-{high:.3f} "
                f"{of(elsewhere[own]).mean():9.3f}  {(ships - before).mean():+.3f} ({gain[0]:+.3f} to {gain[1]:+.3f})"
            )
    sys.stdout.write("\n".join(lines) + "\n")


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, help="folder for libraries and what was seen, to be used again")
    options = parser.parse_args()
    models = Models(load_profile("embedded"), Resolver())
    with tempfile.TemporaryDirectory() as scratch:
        tasks = tasks_of(data_folder(), options.cache or Path(scratch), models)
        for way in ("said", "seen"):
            report(tasks, way)


if __name__ == "__main__":
    main()
