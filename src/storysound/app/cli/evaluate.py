"""`storysound evaluate`."""

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Annotated

import typer

from storysound.app.cli import streams

if TYPE_CHECKING:
    from storysound.jobs.evaluate_sos import Row

SHOWN = ("r1", "r5", "r10", "r20", "median_rank", "mean_rank")


def evaluate(
    task: Annotated[str, typer.Argument(metavar="TASK", help="What to evaluate: sos.")],
    settings: Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Settings.")] = None,
    show: Annotated[bool, typer.Option("--show", help="List the settings with their defaults, judge nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines on stdout.")] = False,
) -> None:
    """Judge a trained model on data it has not seen, beside baselines, chance and published figures.

    Example: storysound evaluate sos data=stories model=runs/sos/best.safetensors
    """
    from storysound.jobs import recipes
    from storysound.weights import Resolver

    module = recipes.module_of(task, recipes.EVALUATE)
    if show:
        for key, value in recipes.shown(module.Recipe):
            streams.line(f"{key}={value}")
        return
    measured = module.evaluate(recipes.settings(module.Recipe, settings or []), Resolver(offline=True), streams.tell)
    rows = module.in_order([*measured, *module.published(import_module(f"storysound.papers.{task}").PUBLISHED)])
    if as_json:
        for row in rows:
            streams.json_line({**vars(row), **row.figures})
        return
    table(rows)


def table(rows: "Sequence[Row]") -> None:
    """A row per model and direction; recalls in per cent with their intervals."""
    from rich.console import Console
    from rich.table import Table

    drawn = Table(box=None)
    for heading in ("", "model", "R@1 %", "R@5", "R@10", "R@20", "median rank", "mean rank", "n"):
        drawn.add_column(heading, justify="left" if heading in ("", "model") else "right")
    before = ""
    for row in rows:
        cells = [_cell(name, row) for name in SHOWN]
        drawn.add_row(row.task if row.task != before else "", row.model, *cells, str(row.n or ""))
        before = row.task
    Console().print(drawn)
    streams.line("in brackets: 95 % bootstrap intervals; published rows are of other data, not to be compared")


def _cell(name: str, row: "Row") -> str:
    if name not in row.figures:
        return ""
    scale = 100 if name.startswith("r") else 1
    value = f"{scale * row.figures[name]:.1f}"
    if name in row.intervals:
        low, high = row.intervals[name]
        return f"{value} ({scale * low:.0f}–{scale * high:.0f})"
    return value
