"""`storysound index`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from storysound.app.cli.streams import json_line, tell
from storysound.errors import InputError

if TYPE_CHECKING:
    from storysound.jobs.index.index import IndexReport


def index(
    folders: Annotated[
        list[Path], typer.Argument(metavar="FOLDER", readable=False, help="Folders with sounds, or single files.")
    ],
    library: Annotated[
        Path, typer.Option("--output", "-o", metavar="LIB", readable=False, help="The library; made if need be.")
    ],
    jobs: Annotated[int, typer.Option(min=0, help="Processes that analyse; 0 is one per core.")] = 0,
    profile: Annotated[str, typer.Option(help="Profile by name, or a .toml file.")] = "embedded",
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines on stdout.")] = False,
) -> None:
    """Add the sounds of folders to a library, or refresh it: only what is new or changed is analysed."""
    from storysound.app.cli.progress import file_progress
    from storysound.jobs.index.index import index as run
    from storysound.jobs.index.index import usable_cores

    with file_progress("indexing") as progress:
        report = run(folders, library, jobs=jobs or usable_cores(), profile=profile, progress=progress)
    show(report, library, as_json)
    if not report.present:
        named = ", ".join(str(folder) for folder in folders)
        raise InputError(named, "nothing in it could be indexed", "give folders or files with sound in them")


def show(report: "IndexReport", library: Path, as_json: bool) -> None:
    """The files that were skipped, and a summary: JSON lines on stdout, or in words."""
    counts = {name: getattr(report, name) for name in ("added", "refreshed", "moved", "unchanged", "removed")}
    if as_json:
        for path, reason in report.skipped:
            json_line({"skipped": path, "reason": reason})
        numbers = counts | {"skipped": len(report.skipped), "ignored": report.ignored}
        json_line({"library": str(library), **numbers})
        return
    for path, reason in report.skipped:
        tell(f"skipped {path}: {reason}")
    words = [f"{number} {name}" for name, number in counts.items() if number]
    words += [f"{len(report.skipped)} skipped"] if report.skipped else []
    words += [f"{report.ignored} other files passed over"] if report.ignored else []
    tell(f"{library}: {', '.join(words) or 'no sound files found'}")
