"""`storysound stats` and `storysound export`: what a data set holds, and in other forms."""

import enum
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


class ExportForm(enum.StrEnum):
    """What is written."""

    folder = "folder"
    parquet = "parquet"
    webdataset = "webdataset"
    hf = "hf"


def export(
    data: Annotated[Path, typer.Argument(metavar="DATA", readable=False, help="Data set made by `storysound ingest`.")],
    to: Annotated[
        ExportForm,
        typer.Option(
            help="folder: stories.jsonl and media files; parquet: a row per story, media as bytes; webdataset: tar "
            "files; hf: for load_dataset of Hugging Face, with a card. Sound is FLAC, pictures are JPEG."
        ),
    ] = ExportForm.folder,
    out: Annotated[
        Path | None, typer.Option("--output", "-o", readable=False, help="A new or empty folder; else DATA-FORMAT.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines on stdout.")] = False,
) -> None:
    """Write a data set in a form that other programs read."""
    from storysound.app.cli.progress import shown
    from storysound.jobs.export import ExportRequest
    from storysound.session import Session

    folder = out or data.absolute().with_name(f"{data.absolute().name}-{to.value}")
    with Session() as session, shown("export") as watch:
        result = session.export(ExportRequest(data, folder, to.value), watch=watch)
    if as_json:
        streams.json_line({"output": result.out, "format": result.to, "stories": result.stories})
    else:
        streams.tell(f"{result.out}: {result.stories} stories")
