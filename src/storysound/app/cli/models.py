"""`storysound models`: the weights behind the profiles."""

import enum
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from storysound.app.cli.streams import json_line

if TYPE_CHECKING:  # imported when a command runs, so that --help stays fast
    from storysound.jobs.models import ModelRow

app = typer.Typer(help="List, fetch and check the weights.", no_args_is_help=True)


class Policy(enum.StrEnum):
    """Which licences are accepted."""

    any = "any"
    commercial = "commercial"


Names = Annotated[
    list[str] | None, typer.Argument(metavar="NAME", help="Entries or groups (embedded, starter, demo, paper).")
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON lines on stdout.")]


@app.command()
def ls(names: Names = None, as_json: AsJson = False) -> None:
    """List the weights, their licences, and which are here."""
    from storysound.jobs import models
    from storysound.weights.resolver import Resolver

    _show(models.ls(names or [], Resolver(offline=True)), as_json)


@app.command()
def pull(
    names: Names = None,
    licence_policy: Annotated[Policy, typer.Option(help="commercial: refuse what may not be sold.")] = Policy.any,
    offline: Annotated[bool, typer.Option("--offline", help="Use local folders only, open no connection.")] = False,
    as_json: AsJson = False,
) -> None:
    """Fetch weights into the cache; those of the embedded profile by default."""
    from storysound.app.cli.progress import download_progress
    from storysound.jobs import models
    from storysound.weights.resolver import Resolver

    with download_progress() as progress:
        weights = Resolver(offline=offline, licence_policy=licence_policy.value, progress=progress)
        _show(models.pull(names or [], weights), as_json)


@app.command()
def verify(names: Names = None, as_json: AsJson = False) -> None:
    """Read the cached weights again and compare their hashes; exit code 4 if one is broken."""
    from storysound.errors import MissingModelError
    from storysound.jobs import models
    from storysound.weights.resolver import Resolver

    rows = list(models.verify(names or [], Resolver(offline=True)))
    _show(rows, as_json)
    if bad := [row.name for row in rows if row.state != "ok"]:
        raise MissingModelError(
            f"{', '.join(bad)}: not as pinned (fetch again: `storysound models pull {' '.join(bad)}`)"
        )


def _show(rows: "Iterable[ModelRow]", as_json: bool) -> None:
    """JSON lines as they come, or a table when all are known."""
    if as_json:
        for row in rows:
            json_line(vars(row))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None)
    for heading in ("name", "state", "MB", "commercial"):
        justify: Literal["left", "right"] = "right" if heading == "MB" else "left"
        table.add_column(heading, no_wrap=True, min_width=None if heading == "name" else 10, justify=justify)
    table.add_column("licence", no_wrap=True)  # whom to credit stands in --json
    for row in rows:
        size = f"{row.size_bytes / 1e6:.1f}" if row.size_bytes else ""
        table.add_row(row.name, row.state, size, row.commercial, row.licence)
    console = Console(width=None if sys.stdout.isatty() else 120)  # a pipe has no edge to cut at
    console.print(table)
