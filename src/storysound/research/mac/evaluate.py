"""`storysound evaluate mac`: how well a trained model finds videos by what is told or heard, and the other way round.

The rows of MAC's tables on data of one's own: whole videos (table 1), stretches of videos that are given as proposals
(table 2), the same among the shots that are found in the videos, and sounds by words (table 3). Which of them it is
follows from the model and the data.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from storysound.encode import whisper
from storysound.encode.pool import Models
from storysound.errors import InputError, UsageError
from storysound.library.stories import StoryMaterial, read_stories
from storysound.match.mac_experts import SOUND
from storysound.metrics.retrieval_table import Judging, both_ways, chance_both_ways, chance_row, model_rows
from storysound.metrics.table import Row
from storysound.progress import Watch
from storysound.research.mac import shots as mac_shots
from storysound.research.mac.settings import OWN_SHOTS, MacAblation, MacEvaluation
from storysound.research.mac.stories import MacStories
from storysound.research.mac.train import parted, scores_of
from storysound.research.stories.features import features_of
from storysound.trained import mac as mac_trained
from storysound.trained.mac import MacModel

LEAST = 2  # stories to be told apart


def judging_of(recipe: MacEvaluation | MacAblation) -> Judging:
    """What all rows share."""
    return Judging(recipe.data.name, recipe.draws, recipe.seed)


def evaluate(recipe: MacEvaluation, models: Models, watch: Watch) -> list[Row]:
    """All rows that are measured.

    Raises InputError and UsageError where model and data don't go together, LibraryError, MissingModelError.
    """
    trained = mac_trained.load_trained(recipe.model, models)
    told = _read(recipe, trained, models)
    material = _material(told, trained, recipe, watch)
    stories = parted(material, trained.card.held_out)[1] if recipe.split == "held_out" else material.told()
    if len(stories) < LEAST:
        raise InputError(recipe.data, f"holds {len(stories)} stories to judge by: too few", "try split=all on new data")
    if recipe.proposals == "shots":
        return list(_among_shots(recipe, trained, told, material, stories, watch))
    seen, heard, _ = material.items(stories)
    scores = scores_of(trained.network, material, seen, heard)
    kind = kind_of(material, told)
    return rows_of(material, stories, {"MAC": [scores]}, kind, judging_of(recipe))


def _read(recipe: MacEvaluation, trained: MacModel, models: Models) -> list[StoryMaterial]:
    silent = SOUND not in (trained.card.seen, trained.card.heard)
    return read_stories(recipe.data, silent=silent, transcribe=whisper.reader_of(models))


def _material(told: Sequence[StoryMaterial], trained: MacModel, recipe: MacEvaluation, watch: Watch) -> MacStories:
    cache = recipe.model.parent / "features"
    return MacStories(features_of(told, trained.encoder, cache, trained.card.crop_s, watch), trained.experts)


def kind_of(material: MacStories, told: Sequence[StoryMaterial]) -> str:
    """Which of the paper's tasks this is: paragraph, clip, sound, or "" for sounds and words."""
    if material.sides.seen == SOUND:
        return ""
    if material.sides.heard == SOUND:
        return "sound"
    return "clip" if all(one.span for one in told) else "paragraph"


def names(kind: str) -> tuple[str, str]:
    """Of finding what is seen by what is heard, and the other way round, as in the paper's tables.

    >>> names("clip"), names("")
    (('clip A2V', 'clip V2A'), ('T2A', 'A2T'))
    """
    return (f"{kind} A2V", f"{kind} V2A") if kind else ("T2A", "A2T")


def rows_of(
    stories: MacStories, chosen: Tensor, scores: Mapping[str, Sequence[Tensor]], kind: str, judging: Judging
) -> list[Row]:
    """Both directions of each model by its scores [q c], several where there are several seeds, and chance."""
    seen, heard, fits = stories.items(chosen)
    own = np.array([stories.features.groups[i] for i in chosen.tolist()])
    # A sound belongs to the group of its first story.
    by_heard = own if len(heard) == len(own) else own[fits.int().argmax(dim=0).numpy()]
    by_seen = own if len(seen) == len(own) else own[fits.int().argmax(dim=1).numpy()]
    turned = {model: [one.T for one in found] for model, found in scores.items()}
    rows = both_ways(names(kind), turned, fits.T, judging, groups=(by_heard, by_seen))
    return _with_rsum([*rows, *chance_both_ways(names(kind), fits.T, judging)])


def _with_rsum(rows: Sequence[Row]) -> list[Row]:
    """With the sum of recalls at 1, 5 and 10 of both directions, each in [0, 1] (erratum 5)."""
    sums = {
        model: sum(row.figures[name] for row in rows if row.model == model for name in ("r1", "r5", "r10"))
        for model in {row.model for row in rows}
    }
    return [replace(row, figures={**row.figures, "rsum": sums[row.model]}) for row in rows]


def _among_shots(
    recipe: MacEvaluation,
    trained: MacModel,
    told: Sequence[StoryMaterial],
    material: MacStories,
    stories: Tensor,
    watch: Watch,
) -> Iterator[Row]:
    """What is told of stretches finds them among the shots of their videos; of `stories` [s], by number."""
    if kind_of(material, told) != "clip":
        fault = "proposals=shots needs a model of videos and words, and stories that are stretches of videos"
        raise UsageError(f"{recipe.data}: {fault} (start_s and end_s in every line)")
    by_id = {one.id: one for one in told}
    asked = [by_id[material.features.ids[i]] for i in stories.tolist()]
    videos = list(dict.fromkeys(one.video for one in asked if one.video))
    shots = mac_shots.shots_of(videos)
    watch.say(f"{len(shots)} shots in {len(videos)} videos")
    among = _material(shots, trained, recipe, watch)
    kept = {name: i for i, name in enumerate(among.features.ids)}
    shots = [shot for shot in shots if shot.id in kept]
    fits = mac_shots.right_shots(asked, shots)
    numbers = torch.tensor([kept[shot.id] for shot in shots])
    with torch.inference_mode():
        heard = trained.network.audio(material.heard(stories))
        scores = trained.network.scores(trained.network.video(among.seen(numbers)), heard).T
    found = fits.any(dim=1)
    groups = np.array([str(one.video) for one, there in zip(asked, found.tolist(), strict=True) if there])
    judging = judging_of(recipe)
    yield from model_rows(OWN_SHOTS, {"MAC": [scores[found]]}, fits[found], judging, groups=groups)
    yield chance_row(OWN_SHOTS, fits[found], judging)
