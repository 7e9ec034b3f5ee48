"""`storysound evaluate tvsum`: what a random summary and a person reach on TVSum, by the shots a summary is made of.

TVSum's videos don't come with its annotations, and without them the shots by kernel temporal segmentation over which
the literature reports F can't be made. So there are shots that need no picture: those of the authors' own script, those
of Otani et al. 2019, and shots of random length around five seconds whose spread is set. They show what the published
figures are made of: F rises with the spread of the shots' lengths, for a random summary as for a person. Who has the
videos gets the paper's own experiment too: shots by change points, and the arousal of pictures as importance.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from storysound.annotate.feeling import MoodReader
from storysound.encode.encoder import Encoder
from storysound.encode.pool import Models
from storysound.errors import InputError
from storysound.ingest.change_points import change_points
from storysound.jobs.summarize.summarize import sample_frames
from storysound.media.arrays import Doubles, Ints, Pixels
from storysound.media.film.mux import picture_end_s
from storysound.metrics.bootstrap import interval
from storysound.metrics.summary import evaluate as evaluate_summary
from storysound.metrics.summary import kendall, leave_one_out, overlap, pairwise, spearman, summarise
from storysound.metrics.summary_shots import SHOTS, STEP, Shots, boundaries
from storysound.metrics.table import Row
from storysound.progress import Watch
from storysound.research.mmva.importances import People, read_importances
from storysound.research.mmva.settings import BY_PICTURE, HUMAN, IMPORTANCE, RANDOM, TVSUM_TABLE, TvsumEvaluation


def evaluate(recipe: TvsumEvaluation, models: Models, watch: Watch) -> list[Row]:
    """All rows that are measured.

    Raises InputError for a folder without annotations, or broken ones, or without one of the videos; MissingModelError
    where videos are to be seen and there are no weights.
    """
    people = read_importances(recipe.data)
    rows = list(_without_shots(recipe, people))
    for task, shots in SHOTS.items():
        watch.say(f"{task} …")
        rows += _with_shots(recipe, people, task, lambda _, shots=shots: shots)  # type: ignore[misc]
    if recipe.videos:
        rows += _with_pictures(recipe, recipe.videos, people, MoodReader(models).eyes, watch)
    return rows


def _with_pictures(
    recipe: TvsumEvaluation, folder: Path, people: People, eyes: Encoder[Pixels], watch: Watch
) -> Iterator[Row]:
    """The arousal of pictures over shots by change points, and chance and people [n t] over the same shots."""
    names = {path.stem: path for path in sorted(folder.glob("*"))}
    here = {video: own for video, own in people.items() if video in names}
    if not here:
        raise InputError(folder, "has none of TVSum's videos", f"name them by their ids, as {next(iter(people))}.mp4")
    found: list[list[list[float]]] = []
    edges: dict[str, Ints] = {}
    for video, own in here.items():
        watch.say(f"{names[video].name} …")
        duration_s, frames = picture_end_s(names[video]), own.shape[1]
        looked = sample_frames(names[video], duration_s, eyes, Watch())
        per_s = frames / duration_s
        changes_s = looked.times_s[change_points(looked.embeddings)]
        edges[video] = boundaries(np.rint(changes_s * per_s).astype(np.int64), frames)
        latest = np.searchsorted(looked.times_s, np.arange(frames) / per_s, side="right") - 1
        report = evaluate_summary(
            looked.arousal[np.maximum(latest, 0)], own, edges[video], share=recipe.share, step=STEP
        )
        found.append([[report.figures()[column.key]] for column in TVSUM_TABLE.columns])
    what = "shots by change points of the pictures"
    keys = tuple(column.key for column in TVSUM_TABLE.columns)
    yield _row(recipe, BY_PICTURE, "arousal of pictures", keys, np.array(found), f"{what}; {report.protocol}")
    yield from _with_shots(recipe, here, BY_PICTURE, lambda video: Shots(what, lambda frames, rng: edges[video]))


def _without_shots(recipe: TvsumEvaluation, videos: People) -> Iterator[Row]:
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


def _with_shots(recipe: TvsumEvaluation, videos: People, task: str, shots_of: Callable[[str], Shots]) -> Iterator[Row]:
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


def _row(recipe: TvsumEvaluation, task: str, model: str, keys: tuple[str, ...], found: Doubles, protocol: str) -> Row:
    """Figures [videos keys seeds] as one row: means, and their intervals over videos."""
    of_videos = found.mean(axis=2)

    def mean_of(i: int) -> Callable[[Ints], float]:
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
