"""Rows of tables of retrieval: models in one direction, each trained from one seed or several, and chance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from storysound.metrics import retrieval
from storysound.metrics.table import Row

CHANCE = "random, mean of five"


@dataclass(frozen=True)
class Judging:
    """What all rows of an evaluation share: name of the data, draws of the bootstrap, seed of bootstrap and chance."""

    data: str
    draws: int
    seed: int


def model_rows(
    task: str,
    models: Mapping[str, Sequence[ArrayLike | Tensor]],
    relevant: Tensor | None,
    judging: Judging,
    *,
    groups: ArrayLike | None = None,
    note: str = "",
) -> list[Row]:
    """A row for each model by its similarities [q c], one of each seed it was trained from.

    Of several seeds, figures are the means of each seed's, and intervals those of that mean over the same queries.
    `relevant` as for `retrieval.evaluate`; `groups` [q]: queries that aren't independent. Raises what it raises.
    """
    rows = []
    for model, similarities in models.items():
        reports = [retrieval.evaluate(similarity, relevant) for similarity in similarities]
        spread = retrieval.intervals(reports, groups=groups, draws=judging.draws, seed=judging.seed)
        protocol = [
            reports[0].protocol,
            f"mean of {len(reports)} seeds" if len(reports) > 1 else "",
            "" if groups is None else f"intervals over {len(np.unique(np.asarray(groups)))} groups",
            note,
        ]
        figures, said = retrieval.mean_figures(reports), "; ".join(part for part in protocol if part)
        rows.append(Row(task, model, figures, spread, reports[0].n, judging.data, said))
    return rows


def chance_row(task: str, relevant: Tensor, judging: Judging, *, note: str = "") -> Row:
    """Random orders of the candidates; `relevant` bool [q c]."""
    queries, candidates = relevant.shape
    figures = retrieval.at_random(queries, candidates, relevant, seed=judging.seed)
    said = f"{queries} queries, {candidates} candidates; mean of five random orders" + (f"; {note}" if note else "")
    return Row(task, CHANCE, figures, n=queries, data=judging.data, protocol=said)


def both_ways(
    tasks: tuple[str, str],
    models: Mapping[str, Sequence[Tensor]],
    relevant: Tensor,
    judging: Judging,
    *,
    groups: tuple[ArrayLike, ArrayLike],
    note: str = "",
) -> list[Row]:
    """`model_rows` of similarities [q c] as they are and turned, by the names of both tasks.

    `groups`: of the queries [q], and of the candidates [c], which are the queries of the second task.
    """
    turned = {model: [one.T for one in found] for model, found in models.items()}
    return [
        *model_rows(tasks[0], models, relevant, judging, groups=groups[0], note=note),
        *model_rows(tasks[1], turned, relevant.T, judging, groups=groups[1], note=note),
    ]


def chance_both_ways(tasks: tuple[str, str], relevant: Tensor, judging: Judging) -> list[Row]:
    """`chance_row` of both directions; `relevant` bool [q c] of the first."""
    return [chance_row(task, fits, judging) for task, fits in zip(tasks, (relevant, relevant.T), strict=True)]
