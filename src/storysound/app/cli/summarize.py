"""`storysound summarize`: the most exciting shots of a video."""

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from storysound.app.cli import streams
from storysound.app.cli.score import Beats

if TYPE_CHECKING:
    from storysound.jobs.summarize.request import SummarizeResult


class By(Enum):
    """What makes a shot exciting."""

    image = "image"
    music = "music"


def summarize(
    video: Annotated[Path, typer.Argument(metavar="VIDEO", readable=False, help="A video, with sound or without.")],
    out: Annotated[Path, typer.Option("--output", "-o", readable=False, help="Video to write: .mp4, .mov or .mkv.")],
    by: Annotated[By, typer.Option(help="Excitement of what is seen, or of the sound under it.")] = By.image,
    share: Annotated[float, typer.Option(min=0.01, max=0.9, help="Of the video's length, at most.")] = 0.15,
    music: Annotated[
        Path | None, typer.Option(readable=False, help="A track to lie under the summary, made as long as it.")
    ] = None,
    to_beat: Annotated[
        bool, typer.Option("--to-beat", help="Pictures change on beats of the music; without a track it is composed.")
    ] = False,
    beats: Beats = "own",
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines on stdout: a line per shot kept.")] = False,
) -> None:
    """Cut a video to its most exciting shots, with their sound; says which and why."""
    from storysound.app.cli.progress import shown
    from storysound.jobs.summarize.request import SummarizeRequest
    from storysound.session import Session

    request = SummarizeRequest(video, out, by.value, share, music, to_beat, beats)
    with Session() as session, shown("summarize") as watch:
        result = session.summarize(request, watch=watch)
    show(result, as_json)


def show(summary: "SummarizeResult", as_json: bool) -> None:
    """A line per shot that was kept, in order of time."""
    if as_json:
        for shot in summary.kept:
            streams.json_line({"path": summary.path, "by": summary.by} | vars(shot))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None)
    for heading in ("from", "to", "shown at", "arousal", "seen"):
        table.add_column(heading, justify="left" if heading == "seen" else "right")
    for shot in summary.kept:
        times = (f"{time_s:.2f} s" for time_s in (shot.start_s, shot.end_s, shot.at_s))
        table.add_row(*times, f"{shot.importance:.3f}", ", ".join(shot.shows))
    Console().print(table)
    kept = f"{len(summary.kept)} of {summary.shots} shots, {summary.length_s:.1f} of {summary.duration_s:.1f} s"
    if summary.beats is not None:
        streams.line(f"{summary.beats:.0%} of its pictures change on a beat of the music")
    for note in summary.notes:
        streams.line(f"note: {note}")
    streams.line(f"{summary.out}: {kept}; arousal is {summary.importance:.3f} over the whole video")
