"""`storysound evaluate mac`: how well a trained model finds videos by what is told or heard, and the other way round.

The rows of MAC's tables on data of one's own: whole videos (table 1), stretches of videos that are given as proposals
(table 2), the same among the shots that are found in the videos, and sounds by words (table 3). Which of them it is
follows from the model and the data.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from storysound.encode import whisper
from storysound.errors import InputError, UsageError
from storysound.metrics import retrieval
from storysound.metrics.retrieval import RetrievalReport
from storysound.research.mac import shots as mac_shots
from storysound.research.mac.features import SOUND, Material
from storysound.research.mac.train import parted, scores_of
from storysound.research.results import Column, Row
from storysound.research.stories import read as sos_stories
from storysound.research.stories.features import features_of
from storysound.research.stories.read import read_stories
from storysound.train.loop import Tell
from storysound.trained import mac as mac_trained
from storysound.trained.mac import Trained
from storysound.weights.resolver import Resolver

PAPER, TABLES = "mac", ("1", "2", "3")
OWN_SHOTS = "clip A2V, own shots"
TASKS = (
    "paragraph A2V", "paragraph V2A", "clip A2V", "clip V2A", OWN_SHOTS, "T2A", "A2T", "sound A2V", "sound V2A",
)  # fmt: skip
COLUMNS = (
    *(Column(f"r{k}", f"R@{k} %", 100, 1) for k in (1, 5, 10)),
    Column("median_rank", "median rank", digits=1),
    Column("rsum", "rsum", 100, 1),
)
LEAST = 2  # stories to be told apart


class Judging(Protocol):
    """What every judging says of itself."""

    @property
    def data(self) -> Path: ...  # noqa: D102
    @property
    def draws(self) -> int: ...  # noqa: D102
    @property
    def seed(self) -> int: ...  # noqa: D102


@dataclass(frozen=True)
class Recipe:
    """What is evaluated; each can be given as key=value."""

    data: Path  # data set of `storysound ingest`, or a file of JSON lines
    model: Path  # best.safetensors of a run of `storysound train mac`
    proposals: str = "given"  # where stretches of videos are looked for: among those given, or among "shots"
    split: str = "held_out"  # the groups the run held out; "all" for data it never saw
    draws: int = 2000  # of the bootstrap, by groups
    seed: int = 0  # of bootstrap and chance

    def __post_init__(self) -> None:
        if self.split not in {"held_out", "all"} or self.proposals not in {"given", "shots"} or self.draws < 1:
            raise ValueError(f"split is held_out or all, proposals given or shots, draws at least 1, got {self}")


def evaluate(recipe: Recipe, weights: Resolver, tell: Tell) -> list[Row]:
    """All rows that are measured.

    Raises InputError and UsageError where model and data don't go together, LibraryError, MissingModelError.
    """
    trained = mac_trained.load_trained(recipe.model, weights)
    told = _read(recipe, trained, weights)
    material = _material(told, trained, recipe, tell)
    stories = parted(material, trained.card.held_out)[1] if recipe.split == "held_out" else material.told()
    if len(stories) < LEAST:
        raise InputError(recipe.data, f"holds {len(stories)} stories to judge by: too few", "try split=all on new data")
    if recipe.proposals == "shots":
        return list(_among_shots(recipe, trained, told, material, stories, tell))
    seen, heard, fits = material.items(stories)
    scores = scores_of(trained.network, material, seen, heard)
    kind = kind_of(material, told)
    return [*rows_of(material, stories, {"MAC": [scores]}, kind, recipe), *chance(fits, kind, recipe)]


def _read(recipe: Recipe, trained: Trained, weights: Resolver) -> list[sos_stories.Material]:
    silent = SOUND not in (trained.card.seen, trained.card.heard)
    return read_stories(recipe.data, silent=silent, transcribe=whisper.asked(weights))


def _material(told: Sequence[sos_stories.Material], trained: Trained, recipe: Recipe, tell: Tell) -> Material:
    cache = recipe.model.parent / "features"
    return Material(features_of(told, trained.senses, cache, trained.card.crop_s, tell), trained.experts)


def kind_of(material: Material, told: Sequence[sos_stories.Material]) -> str:
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
    material: Material, stories: Tensor, scores: Mapping[str, Sequence[Tensor]], kind: str, judging: Judging
) -> list[Row]:
    """Both directions of each model by its scores [q c], several where there are several seeds: figures are means."""
    seen, heard, fits = material.items(stories)
    own = np.array([material.features.groups[i] for i in stories.tolist()])
    # A sound belongs to the group of its first story.
    by_heard = own if len(heard) == len(own) else own[fits.int().argmax(dim=0).numpy()]
    by_seen = own if len(seen) == len(own) else own[fits.int().argmax(dim=1).numpy()]
    rows = []
    for model, found in scores.items():
        a2v = [retrieval.evaluate(one.T, fits.T) for one in found]
        v2a = [retrieval.evaluate(one, fits) for one in found]
        rsum = float(np.mean([rsum_of(*both) for both in zip(a2v, v2a, strict=True)]))
        for task, reports, groups in zip(names(kind), (a2v, v2a), (by_heard, by_seen), strict=True):
            rows.append(_row(task, model, reports, groups, judging, rsum))
    return rows


def rsum_of(*reports: RetrievalReport) -> float:
    """Sum of recalls at 1, 5 and 10 of all directions, each in [0, 1] (erratum 5)."""
    return sum(report.r1 + report.r5 + report.r10 for report in reports)


def _row(
    task: str, model: str, reports: Sequence[RetrievalReport], groups: np.ndarray, judging: Judging, rsum: float | None
) -> Row:
    """One direction, the mean of its seeds."""
    figures = {name: float(np.mean([r.figures()[name] for r in reports])) for name in reports[0].figures()}
    pooled = replace(
        reports[0],
        n=sum(report.n for report in reports),
        ranks=np.concatenate([report.ranks for report in reports]),
        precision10=np.concatenate([report.precision10 for report in reports]),
    )
    tiled = np.tile(groups, len(reports))
    intervals = retrieval.intervals(pooled, groups=tiled, draws=judging.draws, seed=judging.seed)
    seeds = f"; mean of {len(reports)} seeds" if len(reports) > 1 else ""
    protocol = f"{reports[0].protocol}{seeds}; intervals over {len(set(groups.tolist()))} groups"
    if rsum is not None:
        figures["rsum"] = rsum
    return Row(task, model, figures, intervals, reports[0].n, judging.data.name, protocol)


def chance(fits: Tensor, kind: str, judging: Judging) -> list[Row]:
    """Random orders."""
    found = [retrieval.at_random(len(truth), truth.shape[1], truth, seed=judging.seed) for truth in (fits.T, fits)]
    rsum = sum(figures[name] for figures in found for name in ("r1", "r5", "r10"))
    return [
        Row(task, "random, mean of five", {**figures, "rsum": rsum}, n=len(truth), data=judging.data.name,
            protocol=f"{len(truth)} queries, {truth.shape[1]} candidates; mean of five random orders")
        for task, figures, truth in zip(names(kind), found, (fits.T, fits), strict=True)
    ]  # fmt: skip


def _among_shots(
    recipe: Recipe,
    trained: Trained,
    told: Sequence[sos_stories.Material],
    material: Material,
    stories: Tensor,
    tell: Tell,
) -> Iterator[Row]:
    """What is told of stretches finds them among the shots of their videos."""
    if kind_of(material, told) != "clip":
        fault = "proposals=shots needs a model of videos and words, and stories that are stretches of videos"
        raise UsageError(f"{recipe.data}: {fault} (start_s and end_s in every line)")
    by_id = {one.id: one for one in told}
    asked = [by_id[material.features.ids[i]] for i in stories.tolist()]
    videos = list(dict.fromkeys(one.video for one in asked if one.video))
    shots = mac_shots.shots_of(videos)
    tell(f"{len(shots)} shots in {len(videos)} videos")
    among = _material(shots, trained, recipe, tell)
    kept = {name: i for i, name in enumerate(among.features.ids)}
    shots = [shot for shot in shots if shot.id in kept]
    fits = mac_shots.right_shots(asked, shots)
    numbers = torch.tensor([kept[shot.id] for shot in shots])
    with torch.inference_mode():
        heard = trained.network.audio(material.heard(stories))
        scores = trained.network.scores(trained.network.video(among.seen(numbers)), heard).T
    found = fits.any(dim=1)
    report = retrieval.evaluate(scores[found], fits[found])
    groups = np.array([str(one.video) for one, there in zip(asked, found.tolist(), strict=True) if there])
    yield _row(OWN_SHOTS, "MAC", [report], groups, recipe, None)
    figures = retrieval.at_random(report.n, len(shots), fits[found], seed=recipe.seed)
    yield Row(OWN_SHOTS, "random, mean of five", figures, n=report.n, data=recipe.data.name, protocol=report.protocol)
