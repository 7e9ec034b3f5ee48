"""`storysound stats`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from storysound.app.cli import streams

if TYPE_CHECKING:
    from storysound.jobs.stats import StatsResult


def stats(
    data: Annotated[Path, typer.Argument(metavar="DATA", readable=False, help="Data set made by `storysound ingest`.")],
    plots: Annotated[
        Path | None, typer.Option(metavar="DIR", readable=False, help="Draw the distributions there, as SVG and PNG.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines on stdout, one per story among them.")] = False,
) -> None:
    """Tell what a data set holds: the row of the paper's Table 1, and the distributions of its Figure 3."""
    from storysound.app.cli.progress import shown
    from storysound.jobs import stats as job
    from storysound.session import Session

    with Session() as session, shown("stats") as watch:
        found = session.stats(job.StatsRequest(data, plots), watch=watch)
    if as_json:
        for row in job.as_rows(found):
            streams.json_line(row)
        return
    show(found)
    if plots is not None:
        streams.tell(f"drawn: {plots / job.FIGURE}.svg and .png")


def show(found: "StatsResult") -> None:
    """Two tables, and what else to know."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from storysound.jobs.stats import PUBLISHED

    console = Console()
    table = Table(box=None, title="Table 1", title_justify="left")
    headings = ("data set", "audio", "# stories", "# images / story", "# audio hours", "avg. words", "text")
    for heading in headings:
        table.add_column(heading, justify="right" if heading[0] in "#a" and heading != "audio" else "left")
    for row in (vars(found.table1), PUBLISHED):
        name, audio, count, images, hours, words, text = row.values()
        cells = (f"{count:,}", f"{images:.1f}", f"{hours:.3g}", f"{words:.1f}")
        table.add_row(escape(name), audio, *cells, text)
    console.print(table)
    figure = Table(box=None, title="Figure 3", title_justify="left")
    for heading in ("per story", "of", "n", "mean", "sd", "min", "25 %", "median", "75 %", "max"):
        figure.add_column(heading, justify="left" if heading in ("per story", "of") else "right")
    for each in found.distributions:
        numbers = (each.mean, each.sd, each.min, each.p25, each.median, each.p75, each.max)
        figure.add_row(each.what, each.of, f"{each.n:,}", *(f"{number:.1f}" for number in numbers))
    console.print(figure)
    streams.line(f"{found.slices:,} slices to generate from, {found.slice_hours:.3g} hours")
    if found.without_text:
        streams.line(f"{found.without_text:,} stories without text")
    for licence, count in found.licences:
        streams.line(f"{count:>6,}  {licence}")
