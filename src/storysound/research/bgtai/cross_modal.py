"""`storysound evaluate cross_modal`: a clip's pictures to its sound and back, on VGGSound's layout.

The paper's retrieval (Fang et al. 2024, Table 2), by what `storysound find` makes of pictures: nothing is learned from
the clips, and names aren't read.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from storysound.config import Profile, load_profile
from storysound.encode.pool import Models
from storysound.errors import InputError
from storysound.ingest.sound_sets import TEST, read_set
from storysound.jobs.find.find import Finder
from storysound.jobs.index.index import index
from storysound.match.query import Query
from storysound.metrics import retrieval
from storysound.research.results import Column, Row
from storysound.train.loop import Tell
from storysound.weights.resolver import Resolver

PAPER, TABLES, TASKS = "bgtai", ("2, retrieval",), ("A2I", "I2A")
COLUMNS = (
    Column("mrr", "MRR", digits=4),
    *(Column(f"r{k}", f"R@{k} %", 100, 1) for k in (1, 5, 10)),
    Column("median_rank", "median rank", digits=1),
)
Floats = NDArray[np.float64]

LEAST = 2  # clips, to be told apart


@dataclass(frozen=True)
class Recipe:
    """What is evaluated; each can be given as key=value."""

    data: Path  # folder of VGGSound: its table, and the videos of the test split
    profile: str = "embedded"
    most: int = 0  # clips, the first ones of the split; 0: all
    draws: int = 2000  # of the bootstrap, by clips
    seed: int = 0  # of bootstrap and chance

    def __post_init__(self) -> None:
        if self.most < 0 or self.draws < 1:
            raise ValueError(f"most is at least 0 and draws at least 1, got {self.most} and {self.draws}")


def evaluate(recipe: Recipe, weights: Resolver, tell: Tell) -> list[Row]:
    """Both ways, by `find` and by chance. Raises InputError where fewer than two clips have pictures and sound."""
    clips = [clip.path for clip in read_set("vggsound", recipe.data).clips if clip.fold == TEST]
    similarity = scores(clips[: recipe.most or None], load_profile(recipe.profile), weights, tell)
    if len(similarity) < LEAST:
        raise InputError(recipe.data, f"holds {len(similarity)} clips with pictures and sound: too few", "add clips")
    rows = []
    for task, matrix in (("I2A", similarity), ("A2I", similarity.T)):
        report = retrieval.evaluate(np.ascontiguousarray(matrix))
        intervals = retrieval.intervals(report, draws=recipe.draws, seed=recipe.seed)
        own = f"storysound find ({recipe.profile})"
        rows.append(Row(task, own, report.figures(), intervals, report.n, recipe.data.name, report.protocol))
        chance = retrieval.at_random(report.n, report.n, seed=recipe.seed)
        rows.append(Row(task, "random, mean of five", chance, {}, report.n, recipe.data.name, report.protocol))
    return rows


def scores(clips: list[Path], profile: Profile, weights: Resolver, tell: Tell) -> Floats:
    """How well each clip's sound fits each clip's pictures [clips clips], of those that have both."""
    with tempfile.TemporaryDirectory() as scratch:
        library = Path(scratch) / "library"
        index(clips, library, profile=profile, weights=weights)
        finder = Finder(library, Models(profile, weights))
        of_path = {Path(sound.path).name: number for number, sound in enumerate(finder.index.sounds)}
        heard = [clip for clip in clips if clip.name in of_path]
        if len(heard) < len(clips):
            tell(f"left out: {len(clips) - len(heard)} clips without a sound that can be heard")
        columns = [of_path[clip.name] for clip in heard]
        rows = []
        for clip in heard:
            row = np.zeros(len(finder.index.sounds))
            for hit in finder.search(Query(video=clip), len(row), ignore_names=True):
                row[of_path[Path(hit.sound.path).name]] = hit.score
            rows.append(row[columns])
    return np.array(rows)
