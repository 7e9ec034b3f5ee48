"""`storysound export`."""

import enum
from pathlib import Path
from typing import Annotated

import typer

from storysound.app.cli.streams import json_line, tell


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
        json_line({"output": result.out, "format": result.to, "stories": result.stories})
    else:
        tell(f"{result.out}: {result.stories} stories")
