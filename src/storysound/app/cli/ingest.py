"""`storysound ingest`."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from storysound.app.cli.streams import json_line, tell
from storysound.errors import InputError, UsageError

if TYPE_CHECKING:
    from storysound.jobs.ingest.request import IngestResult

KEY_CLIP = "150s"  # what --join-clips means by itself; the length of a key clip in the paper


class Command(TyperCommand):
    """Lets --join-clips stand alone: it then means the length of a key clip."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Gives a bare --join-clips its value."""
        full: list[str] = []
        for at, word in enumerate(args):
            full.append(word)
            following = args[at + 1] if at + 1 < len(args) else ""
            if word == "--join-clips" and not re.fullmatch(r"[\d.]+ ?s?", following):
                full.append(KEY_CLIP)
        return super().parse_args(ctx, full)


def ingest(
    videos: Annotated[list[Path], typer.Argument(metavar="VIDEO", readable=False, help="Videos, or folders of them.")],
    data: Annotated[
        Path, typer.Option("--output", "-o", metavar="DATA", readable=False, help="The data set; made if need be.")
    ],
    captions: Annotated[
        Path | None,
        typer.Option(
            readable=False, help="CSV, TSV, JSON lines, SRT, VTT, ASS, or a folder of SRT, VTT, ASS, TXT files."
        ),
    ] = None,
    language: Annotated[
        str, typer.Option(metavar="CODE", help="Captions to take where a video has them in several languages.")
    ] = "",
    join_clips: Annotated[
        str,
        typer.Option(
            metavar="[N|SECONDSs]",
            help=f"Join short clips of a film in order, N together or until near so many seconds (alone: {KEY_CLIP}).",
        ),
    ] = "",
    frames_per_s: Annotated[
        float | None, typer.Option(help="Pictures a second to choose key frames from; 2, or 10 with --paper.")
    ] = None,
    similarity: Annotated[float, typer.Option(help="Pictures more alike than this become one key frame.")] = 0.5,
    paper: Annotated[
        bool, typer.Option("--paper", help="Key frames as the paper's scripts choose them: many in static scenes.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=0, help="Processes that make stories; 0 is one per core.")] = 0,
    batch: Annotated[int, typer.Option(min=1, help="Stories per commit: so many a crash can cost.")] = 16,
    engine: Annotated[
        str, typer.Option(metavar="native|ray|ray://HOST:PORT", help="Where stories are made: here, or on Ray.")
    ] = "native",
    profile: Annotated[str, typer.Option(help="Profile by name, or a .toml file.")] = "embedded",
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines on stdout.")] = False,
) -> None:
    """Make a data set of stories from videos and what people wrote about them; goes on where it was interrupted."""
    from storysound.app.cli.process import one_thread, usable_cores
    from storysound.app.cli.progress import shown
    from storysound.ingest.clips import Join
    from storysound.jobs.ingest.request import IngestRequest
    from storysound.session import Session

    request = IngestRequest(
        videos=tuple(videos),
        data=data,
        captions=captions,
        language=language,
        joining=Join.parse(join_clips) if join_clips else None,
        config=wish(frames_per_s, similarity, paper=paper),
        jobs=jobs or usable_cores(),
        engine="" if engine == "native" else engine,
        batch=batch,
    )
    with Session(profile) as session, one_thread(), shown("ingest") as watch:
        result = session.ingest(request, watch=watch)
    show(result, data, as_json)
    if not result.present:
        named = ", ".join(str(video) for video in videos)
        raise InputError(named, "no story could be made of it", "give videos with picture and sound")


def wish(frames_per_s: float | None, similarity: float, *, paper: bool) -> Any:
    """The settings of the stages. Raises UsageError for one out of its range."""
    from dataclasses import replace

    from storysound.jobs.ingest.request import Config

    try:
        config = Config.paper(similarity) if paper else Config(similarity=similarity)
        return config if frames_per_s is None else replace(config, look=replace(config.look, frames_per_s=frames_per_s))
    except ValueError as error:
        raise UsageError(str(error)) from error


def show(result: "IngestResult", data: Path, as_json: bool) -> None:
    """What was skipped and what else to know, then a summary: JSON lines on stdout, or in words."""
    counts = {name: getattr(result, name) for name in ("added", "refreshed", "unchanged")}
    if as_json:
        for path, reason in result.skipped:
            json_line({"skipped": path, "reason": reason})
        for note in result.notes:
            json_line({"note": note})
        more = {"skipped": len(result.skipped), "uncaptioned": result.uncaptioned, "ignored": result.ignored}
        json_line({"data": str(data), **counts, **more, "duration_s": round(result.duration_s, 3)})
        return
    for path, reason in result.skipped:
        tell(f"skipped {path}: {reason}")
    for note in result.notes:
        tell(f"note: {note}")
    words = [f"{number} {name}" for name, number in counts.items() if number]
    words += [f"{result.uncaptioned} without text"] if result.uncaptioned else []
    words += [f"{len(result.skipped)} skipped"] if result.skipped else []
    words += [f"{result.ignored} other files passed over"] if result.ignored else []
    tell(f"{data}: {', '.join(words) or 'no videos found'}")
