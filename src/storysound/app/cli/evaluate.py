"""`storysound evaluate`, and `storysound papers`: what the publications say and where it stands."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from storysound.app.cli import streams
from storysound.app.cli.train import list_settings, models, parsed, watched

if TYPE_CHECKING:
    from storysound.metrics.table import Column, Row


def evaluate(
    task: Annotated[str, typer.Argument(metavar="TASK", help="What to evaluate, such as sos; a wrong name lists all.")],
    settings: Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Settings.")] = None,
    show: Annotated[bool, typer.Option("--show", help="List the settings with their defaults, judge nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines on stdout.")] = False,
) -> None:
    """Judge a trained model on data it has not seen, beside baselines, chance and published figures.

    Example: storysound evaluate sos data=stories model=runs/sos/best.safetensors
    """
    from storysound.research import recipes

    evaluation = recipes.of_name(recipes.EVALUATIONS, task)
    if show:
        list_settings(evaluation.recipe)
        return
    chosen = parsed(evaluation.recipe, settings)
    with watched(f"evaluate {task}", "what was encoded or trained is kept: the same command goes on") as watch:
        measured = evaluation.run(chosen, models(), watch)
    rows = recipes.beside_published(evaluation, measured)
    if as_json:
        for row in rows:
            streams.json_line({**vars(row), **row.figures})
        return
    table(rows, evaluation.layout.columns)


def table(rows: "Sequence[Row]", columns: "Sequence[Column]") -> None:
    """A row per model and task."""
    from rich.console import Console
    from rich.table import Table

    from storysound.research.paper import NOT_COMPARABLE

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
    if any(row.protocol == NOT_COMPARABLE for row in rows):
        streams.line("published rows are of other data or another protocol, not to be compared")


def papers(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="One paper, such as sos; all of them without.")] = "",
) -> None:
    """Say where each equation of the papers lives in the code, and how what they leave open is read; as Markdown.

    Example: storysound papers sos
    """
    from storysound.research import pages

    for line in (pages.section(name) if name else pages.page()).splitlines():
        streams.line(line)
