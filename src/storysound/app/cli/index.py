"""`storysound index` and `learn`: what a library holds, and what it knows of its owner."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from storysound.app.cli.streams import json_line, line, tell
from storysound.errors import InputError

if TYPE_CHECKING:
    from storysound.jobs.index.request import IndexResult
    from storysound.jobs.learn.request import LearnResult


def index(
    folders: Annotated[
        list[Path], typer.Argument(metavar="FOLDER", readable=False, help="Folders with sounds, or single files.")
    ],
    library: Annotated[
        Path, typer.Option("--output", "-o", metavar="LIB", readable=False, help="The library; made if need be.")
    ],
    jobs: Annotated[int, typer.Option(min=0, help="Processes that analyse; 0 is one per core.")] = 0,
    engine: Annotated[
        str, typer.Option(metavar="native|ray|ray://HOST:PORT", help="Where files are analysed: here, or on Ray.")
    ] = "native",
    forget: Annotated[
        bool, typer.Option("--forget", help="Sounds of other folders whose files are gone leave the library too.")
    ] = False,
    profile: Annotated[str, typer.Option(help="Profile by name, or a .toml file.")] = "embedded",
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines on stdout.")] = False,
) -> None:
    """Add the sounds of folders to a library, or refresh it: only what is new or changed is analysed."""
    from storysound.app.cli.process import one_thread, usable_cores
    from storysound.app.cli.progress import shown
    from storysound.jobs.index.request import IndexRequest
    from storysound.session import Session

    address = "" if engine == "native" else engine
    request = IndexRequest(tuple(folders), library, jobs or usable_cores(), address, forget)
    with Session(profile) as session, one_thread(), shown("index") as watch:
        result = session.index(
            request.folders,
            to=request.library,
            jobs=request.jobs,
            engine=request.engine,
            forget=request.forget,
            watch=watch,
        )
    show(result, library, as_json)
    if not result.present:
        named = ", ".join(str(folder) for folder in folders)
        raise InputError(named, "nothing in it could be indexed", "give folders or files with sound in them")


def show(result: "IndexResult", library: Path, as_json: bool) -> None:
    """The files that were skipped, and a summary: JSON lines on stdout, or in words."""
    counts = {name: getattr(result, name) for name in ("added", "refreshed", "moved", "unchanged", "removed")}
    if as_json:
        for path, reason in result.skipped:
            json_line({"skipped": path, "reason": reason})
        numbers = counts | {"skipped": len(result.skipped), "ignored": result.ignored}
        json_line({"library": str(library), **numbers})
        return
    for path, reason in result.skipped:
        tell(f"skipped {path}: {reason}")
    words = [f"{number} {name}" for name, number in counts.items() if number]
    words += [f"{len(result.skipped)} skipped"] if result.skipped else []
    words += [f"{result.ignored} other files passed over"] if result.ignored else []
    tell(f"{library}: {', '.join(words) or 'no sound files found'}")


def learn(
    sources: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILM|SHEET…", readable=False, help="Finished films, and cue sheets (cues.json)."),
    ] = None,
    *,
    library: Annotated[Path, typer.Option("--library", "-l", readable=False, help="Library whose music they have.")],
    forget: Annotated[
        list[Path] | None,
        typer.Option(readable=False, help="A film or sheet whose choices no longer count; may be given again."),
    ] = None,
    profile: Annotated[str, typer.Option(help="Profile by name, or a .toml file.")] = "embedded",
    as_json: Annotated[bool, typer.Option("--json", help="A JSON line on stdout.")] = False,
) -> None:
    """Teach a library which music you choose, by finished films and by sheets you have worked on.

    Tracks of the library are found in films by fingerprint, under voices too; of sheets counts what you swapped in or
    out, locked, banned and kept. Whether it helps is tried on films that are left out; where it doesn't, it isn't used.
    It stays beside the library, and `find` and `score` go by it unless told --no-taste.

    Example: storysound learn -l library films/*.mp4 scored/cues.json
    """
    from storysound.app import wire
    from storysound.app.cli.progress import shown
    from storysound.jobs.learn.request import LearnRequest
    from storysound.session import Session

    request = LearnRequest(library, tuple(sources or ()), tuple(forget or ()))
    with Session(profile) as session, shown("learn") as watch:
        result = session.learn(request, watch=watch)
    if as_json:
        json_line(wire.write(result))
    else:
        for told in told_of(result):
            line(told)


def told_of(result: "LearnResult") -> list[str]:
    """What was learned, in words."""
    from storysound.match.taste import LEAST_SCENES

    films = len({one.film for one in result.choices})
    how = Counter(one.how for one in result.choices)
    counted = ", ".join(f"{count} {name}" for name, count in how.items()) or "none"
    told = [*result.notes, f"{len(result.choices)} choices of {films} films and sheets: {counted}"]
    judged = result.judgement
    if judged is None:
        told.append(f"not used yet: {LEAST_SCENES} scenes with music chosen for them are needed")
    else:
        figures = f"on what is left out: {judged.with_taste:.2f} with it, {judged.without:.2f} without"
        use = "used by find and score" if result.used else "not used, as it doesn't help"
        told.append(f"{use} ({figures}; mean average precision, {judged.scenes} scenes)")
    return told
