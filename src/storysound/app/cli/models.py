"""`storysound models`: the weights behind the profiles."""

import enum
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from storysound.app.cli.streams import json_line

if TYPE_CHECKING:  # imported when a command runs, so that --help stays fast
    from storysound.jobs.models import WeightsFile

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
    from storysound.jobs.models import ModelsRequest
    from storysound.session import Session

    with Session() as session:
        _show(session.weights(ModelsRequest("ls", tuple(names or ()))).files, as_json)


@app.command()
def pull(
    names: Names = None,
    licence_policy: Annotated[Policy, typer.Option(help="commercial: refuse what may not be sold.")] = Policy.any,
    offline: Annotated[bool, typer.Option("--offline", help="Use local folders only, open no connection.")] = False,
    as_json: AsJson = False,
) -> None:
    """Fetch weights into the cache; those of the embedded profile by default."""
    from storysound.app.cli.progress import shown
    from storysound.jobs.models import ModelsRequest
    from storysound.session import Session

    request = ModelsRequest("pull", tuple(names or ()), offline)
    kept = "the files that were fetched stay; the same command goes on with the others"
    with Session(licence_policy=licence_policy.value) as session, shown("pull", kept) as watch:
        result = session.weights(request, watch=watch)
    _show(result.files, as_json)


@app.command()
def verify(names: Names = None, as_json: AsJson = False) -> None:
    """Read the cached weights again and compare their hashes; exit code 4 if one is broken."""
    from storysound.app.cli.progress import shown
    from storysound.errors import MissingModelError
    from storysound.jobs.models import ModelsRequest
    from storysound.session import Session

    with Session() as session, shown("verify") as watch:
        result = session.weights(ModelsRequest("verify", tuple(names or ())), watch=watch)
    _show(result.files, as_json)
    if bad := [file.name for file in result.unsound]:
        raise MissingModelError(
            f"{', '.join(bad)}: not as pinned (fetch again: `storysound models pull {' '.join(bad)}`)"
        )


def _show(rows: "Iterable[WeightsFile]", as_json: bool) -> None:
    """JSON lines, or a table."""
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
