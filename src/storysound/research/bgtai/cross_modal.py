"""`storysound evaluate cross_modal`: a clip's pictures to its sound and back, on VGGSound's layout.

The paper's retrieval (Fang et al. 2024, Table 2), by what `storysound find` makes of pictures: nothing is learned from
the clips, and names aren't read.
"""

import tempfile
from pathlib import Path

import numpy as np
import torch

from storysound.config import Profile, load_profile
from storysound.encode.pool import Models
from storysound.errors import InputError
from storysound.ingest.sound_sets import TEST, read_set
from storysound.jobs.find.finder import Finder
from storysound.jobs.index import index
from storysound.jobs.index.request import IndexRequest
from storysound.match.query import Query
from storysound.media.arrays import Doubles
from storysound.metrics.retrieval_table import Judging, chance_row, model_rows
from storysound.metrics.table import Row
from storysound.progress import Watch
from storysound.research.bgtai.settings import CrossModalEvaluation

LEAST = 2  # clips, to be told apart


def evaluate(recipe: CrossModalEvaluation, models: Models, watch: Watch) -> list[Row]:
    """Both ways, by `find` and by chance. Raises InputError where fewer than two clips have pictures and sound."""
    clips = [clip.path for clip in read_set("vggsound", recipe.data).clips if clip.fold == TEST]
    similarity = scores(clips[: recipe.most or None], load_profile(recipe.profile), models, watch)
    if len(similarity) < LEAST:
        raise InputError(recipe.data, f"holds {len(similarity)} clips with pictures and sound: too few", "add clips")
    own, judging = f"storysound find ({recipe.profile})", Judging(recipe.data.name, recipe.draws, recipe.seed)
    rows, right = [], torch.eye(len(similarity), dtype=torch.bool)
    for task, matrix in (("I2A", similarity), ("A2I", similarity.T)):
        rows += model_rows(task, {own: [np.ascontiguousarray(matrix)]}, right, judging)
        rows.append(chance_row(task, right, judging))
    return rows


def scores(clips: list[Path], profile: Profile, models: Models, watch: Watch) -> Doubles:
    """How well each clip's sound fits each clip's pictures [clips clips], of those that have both."""
    with tempfile.TemporaryDirectory() as scratch:
        library = Path(scratch) / "library"
        index.run(IndexRequest(tuple(clips), library), Models(profile, models.weights), Watch())
        finder = Finder(library, Models(profile, models.weights))
        of_path = {Path(sound.path).name: number for number, sound in enumerate(finder.index.sounds)}
        heard = [clip for clip in clips if clip.name in of_path]
        if len(heard) < len(clips):
            watch.say(f"left out: {len(clips) - len(heard)} clips without a sound that can be heard")
        columns = [of_path[clip.name] for clip in heard]
        rows = []
        for clip in heard:
            row = np.zeros(len(finder.index.sounds))
            for hit in finder.search(Query(video=clip), len(row), ignore_names=True):
                row[of_path[Path(hit.sound.path).name]] = hit.score
            rows.append(row[columns])
    return np.array(rows)
