"""`storysound evaluate tvsum`: what a random summary and a person reach on TVSum, by the shots a summary is made of.

TVSum's videos don't come with its annotations, and without them the shots by kernel temporal segmentation over which
the literature reports F can't be made. So there are shots that need no picture: those of the authors' own script, those
of Otani et al. 2019, and shots of random length around five seconds whose spread is set. They show what the published
figures are made of: F rises with the spread of the shots' lengths, for a random summary as for a person. Who has the
videos gets the paper's own experiment too: shots by change points, and the arousal of pictures as importance.
"""

import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from storysound.annotate.feeling import MoodReader
from storysound.config import load_profile
from storysound.encode.encoder import Encoder
from storysound.encode.pool import Models
from storysound.errors import InputError
from storysound.ingest.change_points import change_points
from storysound.jobs.summarize import look
from storysound.media.arrays import Pixels
from storysound.media.files import fault_of
from storysound.media.mux import picture_end_s
from storysound.metrics.bootstrap import interval
from storysound.metrics.summary import SHARE, kendall, leave_one_out, overlap, pairwise, spearman, summarise
from storysound.metrics.summary import evaluate as evaluate_summary
from storysound.research.results import Column, Row
from storysound.train.loop import Tell
from storysound.weights.resolver import Resolver

Floats = NDArray[np.float64]
Edges = NDArray[np.int64]
People = dict[str, Floats]  # by video, the importance of its frames as each person gave it [n t]
Cutter = Callable[[int, np.random.Generator], Edges]  # number of frames -> boundaries of shots

ANNOTATIONS = ("ydata-anno.tsv.gz", "ydata-tvsum50-anno.tsv")  # as others hand it on, and as it was released
TWO_S = 60  # frames: the authors' script takes 60 whatever the rate (24 to 30 a second)
STEP = 15  # frames: published features and importances are 15 frames apart
MEAN_LENGTH = 145  # frames, about 5 s: what common settings of kernel temporal segmentation aim at
SPREADS = (0.25, 0.5, 0.65, 0.8, 1.0)  # standard deviation of shots' lengths over their mean

PAPER, TABLES = "mmva", ("4",)
COLUMNS = (
    Column("f_mean", "F %, mean of people", 100, 1),
    Column("f_max", "F %, best", 100, 1),
    Column("kendall", "Kendall τ"),
    Column("spearman", "Spearman ρ"),
)


@dataclass(frozen=True)
class Recipe:
    """What is evaluated; each can be given as key=value."""

    data: Path  # folder with TVSum's annotations
    seeds: int = 20  # random importances, and random shots where shots are random
    share: float = SHARE  # of a video that a summary may last
    draws: int = 2000  # of the bootstrap, by videos
    seed: int = 0
    videos: str = ""  # folder of the videos, named by their ids, where one has them

    def __post_init__(self) -> None:
        if self.seeds < 1 or self.draws < 1 or not 0 < self.share < 1:
            raise ValueError(f"seeds and draws are at least 1, share in (0, 1), got {self}")


def evaluate(recipe: Recipe, weights: Resolver, tell: Tell) -> list[Row]:
    """All rows that are measured.

    Raises InputError for a folder without annotations, or broken ones, or without one of the videos; MissingModelError
    where videos are to be seen and there are no weights.
    """
    people = read(recipe.data)
    rows = list(_without_shots(recipe, people))
    for task, shots in SHOTS.items():
        tell(f"{task} …")
        rows += _with_shots(recipe, people, task, lambda _, shots=shots: shots)  # type: ignore[misc]
    if recipe.videos:
        rows += _with_pictures(recipe, people, MoodReader(Models(load_profile(), weights)).eyes, tell)
    return rows


def read(folder: Path) -> People:
    """Importance of every frame, from 1 to 5, as each annotator gave it, by video: {id: [20 t]}.

    The file has a line per video and annotator: id, category, and the importances parted by commas.
    """
    path = next((folder / name for name in ANNOTATIONS if (folder / name).exists()), folder / ANNOTATIONS[0])
    found: dict[str, list[Floats]] = {}
    try:
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                video, _, importances = line.rstrip("\n").split("\t")
                found.setdefault(video, []).append(np.array(importances.split(","), np.float64))
        videos = {video: np.stack(people) for video, people in found.items()}
    except (OSError, EOFError) as error:
        raise InputError(path, f"can't be read: {fault_of(error)}", f"put TVSum's {path.name} there") from error
    except ValueError as error:
        raise InputError(path, "is not TVSum's table of annotations", "take it from the data set anew") from error
    if not videos or any(len(people) < 2 for people in videos.values()):
        raise InputError(path, "has no video that two people judged", "take it from the data set anew")
    return videos


def _with_pictures(recipe: Recipe, people: People, eyes: Encoder[Pixels], tell: Tell) -> Iterator[Row]:
    """The arousal of pictures over shots by change points, and chance and people over the same shots."""
    names = {path.stem: path for path in sorted(Path(recipe.videos).glob("*"))}
    here = {video: own for video, own in people.items() if video in names}
    if not here:
        raise InputError(
            recipe.videos, "has none of TVSum's videos", f"name them by their ids, as {next(iter(people))}.mp4"
        )
    found, edges = [], {}
    for video, own in here.items():
        tell(f"{names[video].name} …")
        duration_s, frames = picture_end_s(names[video]), own.shape[1]
        looked = look(names[video], duration_s, eyes)
        per_s = frames / duration_s
        edges[video] = _edges(
            np.rint(looked.times_s[change_points(looked.embeddings)] * per_s).astype(np.int64), frames
        )
        latest = np.searchsorted(looked.times_s, np.arange(frames) / per_s, side="right") - 1
        report = evaluate_summary(
            looked.arousal[np.maximum(latest, 0)], own, edges[video], share=recipe.share, step=STEP
        )
        found.append([[report.figures()[column.key]] for column in COLUMNS])
    what = "shots by change points of the pictures"
    keys = tuple(column.key for column in COLUMNS)
    yield _row(recipe, BY_PICTURE, "arousal of pictures", keys, np.array(found), f"{what}; {report.protocol}")
    yield from _with_shots(recipe, here, BY_PICTURE, lambda video: Shots(what, lambda frames, rng: edges[video]))


def _without_shots(recipe: Recipe, videos: People) -> Iterator[Row]:
    """Rank correlations, which no shots enter."""
    rng = np.random.default_rng(recipe.seed)
    chance, human = [], []
    for people in videos.values():
        thin = people[:, ::STEP]
        drawn = rng.random((recipe.seeds, thin.shape[1]))
        chance.append(
            [[np.mean([measure(one, own) for own in thin]) for one in drawn] for measure in (kendall, spearman)]
        )
        human.append([[value] for value in pairwise(thin)])
    protocol = f"importances {STEP} frames apart, mean over people (or pairs of them) and over videos"
    for model, figures in ((RANDOM, chance), (HUMAN, human)):
        yield _row(recipe, IMPORTANCE, model, ("kendall", "spearman"), np.array(figures), protocol)


def _with_shots(recipe: Recipe, videos: People, task: str, shots_of: "Callable[[str], Shots]") -> Iterator[Row]:
    """F of a random importance against people, and of people against each other."""
    rng = np.random.default_rng(recipe.seed)
    chance, human = [], []
    for video, people in videos.items():
        shots = shots_of(video)
        frames = people.shape[1]
        drawn, among = [], []
        for _ in range(recipe.seeds):
            edges = shots.cut(frames, rng)
            of_people = shots.of_people(frames, rng) if shots.of_people else edges
            summaries = np.stack([summarise(one, of_people, recipe.share) for one in people])
            f = overlap(summarise(rng.random(frames), edges, recipe.share), summaries)[2]
            drawn.append((f.mean(), f.max()))
            f = leave_one_out(summaries)[2]
            among.append((f.mean(), f.max(axis=1).mean()))
        chance.append(np.transpose(drawn))
        human.append(np.transpose(among))
    protocol = f"{shots.what}; knapsack at {recipe.share:.0%} of the frames by the mean importance of a shot"
    for model, figures in ((RANDOM, chance), (HUMAN, human)):
        yield _row(recipe, task, model, ("f_mean", "f_max"), np.array(figures), protocol)


def _row(recipe: Recipe, task: str, model: str, keys: tuple[str, ...], found: Floats, protocol: str) -> Row:
    """Figures [videos keys seeds] as one row: means, and their intervals over videos."""
    of_videos = found.mean(axis=2)

    def mean_of(i: int) -> Callable[[Edges], float]:
        return lambda chosen: float(of_videos[chosen, i].mean())

    seeds = found.mean(axis=0)
    spread = f"; of {seeds.shape[1]} seeds {keys[0]} has a standard deviation of {seeds[0].std():.4f}"
    return Row(
        task,
        model,
        dict(zip(keys, of_videos.mean(axis=0).tolist(), strict=True)),
        {key: interval(mean_of(i), len(found), draws=recipe.draws, seed=recipe.seed) for i, key in enumerate(keys)},
        len(found),
        recipe.data.name,
        protocol + (spread if seeds.shape[1] > 1 else ""),
    )


def _edges(inner: Edges, frames: int) -> Edges:
    """Boundaries of shots from those that lie within a video."""
    return np.unique(np.concatenate([[0], inner[(inner > 0) & (inner < frames)], [frames]]))


def _even(frames: int, rng: np.random.Generator) -> Edges:
    """Shots of 60 frames."""
    return _edges(np.arange(0, frames, TWO_S), frames)


def _shaken(frames: int, rng: np.random.Generator) -> Edges:
    """Shots of 50 frames, each boundary moved by up to 15: a summary's shots in the authors' script."""
    at = np.arange(50, frames, 50)
    return _edges(at + rng.integers(-14, 16, len(at)), frames)


def _poisson(*means: int) -> Cutter:
    """Lengths drawn from a Poisson distribution, of either mean for each shot (Otani et al. 2019)."""

    def cut(frames: int, rng: np.random.Generator) -> Edges:
        lengths = rng.poisson(rng.choice(means, size=frames // min(means) * 2))
        return _edges(np.cumsum(lengths), frames)

    return cut


def _spread(ratio: float) -> Cutter:
    """Lengths drawn from a log-normal distribution of that ratio of deviation to mean, rounded to STEP frames."""

    def cut(frames: int, rng: np.random.Generator) -> Edges:
        width = np.sqrt(np.log1p(ratio**2))
        lengths = rng.lognormal(np.log(MEAN_LENGTH) - width**2 / 2, width, size=frames // STEP + 1)
        return _edges(np.cumsum(np.maximum(1, np.rint(lengths / STEP)).astype(np.int64)) * STEP, frames)

    return cut


@dataclass(frozen=True)
class Shots:
    """How a video is cut; `of_people`: how it is cut for people, where that differs."""

    what: str
    cut: Cutter
    of_people: Cutter | None = None


RANDOM, HUMAN = "random", "people, one left out"
IMPORTANCE = "no shots"
SHOTS = {
    "authors' script": Shots("shots of 50 frames, each cut moved by up to 15; people's of 60 frames", _shaken, _even),
    "60 frames": Shots("shots of 60 frames, about 2 s", _even),
    "one peak": Shots("lengths from Poisson(60)", _poisson(60)),
    "two peaks": Shots("lengths from Poisson(30) or Poisson(90)", _poisson(30, 90)),
    **{
        f"5 s ± {ratio:.0%}": Shots(
            f"log-normal lengths of mean {MEAN_LENGTH} frames, deviation {ratio:.0%}", _spread(ratio)
        )
        for ratio in SPREADS
    },
}
BY_PICTURE = "change points"
PUBLISHED_TASK = "TVSum"  # in the paper: shots by kernel temporal segmentation, as all since Zhang et al. 2016
TASKS = (IMPORTANCE, *SHOTS, BY_PICTURE, PUBLISHED_TASK)
