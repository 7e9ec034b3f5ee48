"""`storysound listen`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from storysound.app.cli import progress, streams

if TYPE_CHECKING:
    from storysound.jobs.listen.request import ListenResult


def listen(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", readable=False, help="Sounds, or videos with sound.")
    ],
    plot: Annotated[
        Path | None, typer.Option(readable=False, help="Draw a timeline of one file: .svg or .png.")
    ] = None,
    top: Annotated[int, typer.Option(min=0, help="Only the N kinds of sound heard most clearly; 0: all.")] = 0,
    min_score: Annotated[float, typer.Option(min=0.05, max=1, help="Clarity from which an event counts.")] = 0.7,
    profile: Annotated[str, typer.Option(help="Profile by name, or a .toml file.")] = "embedded",
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines on stdout.")] = False,
) -> None:
    """Tell what is heard when: events with start, end, name and score."""
    from storysound.jobs.listen.request import ListenRequest

    progress.check_one(files, plot)
    requests = [ListenRequest(file, min_score, top, plot) for file in files]
    for heard in progress.one_by_one("listen", profile, requests, lambda session: session.listen):
        show(heard, as_json)


def show(heard: "ListenResult", as_json: bool) -> None:
    """One file's events: JSON lines, or a table."""
    if as_json:
        for event in heard.events:
            streams.json_line({"path": heard.path} | vars(event))
        return
    from rich.console import Console
    from rich.table import Table

    streams.line(heard.path if heard.events else f"{heard.path}: nothing was heard clearly")
    table = Table(box=None)
    for heading in ("from", "to", "score", "heard"):
        table.add_column(heading, justify="left" if heading == "heard" else "right")
    for event in heard.events:
        table.add_row(f"{event.start_s:.2f} s", f"{event.end_s:.2f} s", f"{event.score:.2f}", event.label)
    if heard.events:
        Console().print(table)
