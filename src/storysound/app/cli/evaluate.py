"""`storysound evaluate`."""

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Annotated

import typer

from storysound.app.cli import streams

if TYPE_CHECKING:
    from storysound.research.results import Column, Row


def evaluate(
    task: Annotated[str, typer.Argument(metavar="TASK", help="What to evaluate, such as sos; a wrong name lists all.")],
    settings: Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Settings.")] = None,
    show: Annotated[bool, typer.Option("--show", help="List the settings with their defaults, judge nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines on stdout.")] = False,
) -> None:
    """Judge a trained model on data it has not seen, beside baselines, chance and published figures.

    Example: storysound evaluate sos data=stories model=runs/sos/best.safetensors
    """
    from storysound.research import recipes, results
    from storysound.weights.resolver import Resolver

    module = recipes.module_of(task, recipes.EVALUATE)
    if show:
        for key, value in recipes.shown(module.Recipe):
            streams.line(f"{key}={value}")
        return
    measured = module.evaluate(recipes.settings(module.Recipe, settings or []), Resolver(offline=True), streams.tell)
    published = import_module(f"storysound.research.{module.PAPER}.about").PUBLISHED
    judged = [task for task in module.TASKS if any(row.task == task for row in measured)]
    beside = [row for row in results.published(published, module.TABLES, module.TASKS) if row.task in judged]
    rows = results.in_order([*measured, *beside], module.TASKS)
    if as_json:
        for row in rows:
            streams.json_line({**vars(row), **row.figures})
        return
    table(rows, module.COLUMNS)


def table(rows: "Sequence[Row]", columns: "Sequence[Column]") -> None:
    """A row per model and task."""
    from rich.console import Console
    from rich.table import Table

    from storysound.research import results

    drawn = Table(box=None)
    for heading in ("", "model", *(column.heading for column in columns), "n"):
        drawn.add_column(heading, justify="left" if heading in ("", "model") else "right")
    before = ""
    for row in rows:
        cells = [column.text(row) for column in columns]
        drawn.add_row(row.task if row.task != before else "", row.model, *cells, str(row.n or ""))
        before = row.task
    Console().print(drawn)
    if any(row.intervals for row in rows):
        streams.line("in brackets: 95 % bootstrap intervals")
    if any(row.protocol == results.NOT_COMPARABLE for row in rows):
        streams.line("published rows are of other data or another protocol, not to be compared")
