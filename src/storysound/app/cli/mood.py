"""`storysound mood`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from storysound.app.cli import progress, streams

if TYPE_CHECKING:
    from storysound.jobs.mood.request import MoodResult


def mood(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", readable=False, help="Pictures, sounds, videos, texts.")
    ],
    *,
    captions: Annotated[
        Path | None, typer.Option(readable=False, help="What is said in videos: subtitles, a table, or a folder.")
    ] = None,
    language: Annotated[
        str, typer.Option(metavar="CODE", help="Captions to take where a video has them in several languages.")
    ] = "",
    plot: Annotated[
        Path | None, typer.Option(readable=False, help="Draw the mood of a video or a sound over time: .svg or .png.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines on stdout.")] = False,
) -> None:
    """Tell how pictures, sounds, texts and videos feel: valence (pleasant) and arousal (excited), from 0 to 1."""
    from storysound.jobs.mood.request import MoodRequest

    progress.check_one(files, plot)
    requests = [
        MoodRequest(file, captions, tuple(other for other in files if other != file), plot, language) for file in files
    ]
    notes: dict[str, None] = {}
    for told in progress.one_by_one("mood", "embedded", requests, lambda session: session.mood):
        show(told, as_json)
        notes |= dict.fromkeys(told.notes)
    for note in notes:
        if as_json:
            streams.json_line({"note": note})
        else:
            streams.tell(f"note: {note}")


def show(told: "MoodResult", as_json: bool) -> None:
    """One file's mood: a JSON line, or a line and, over time, a table."""
    if as_json:
        streams.json_line(as_row(told))
        return
    from rich.console import Console
    from rich.table import Table

    streams.line(f"{told.path}: {told.modality}, valence {told.mood.valence:.2f}, arousal {told.mood.arousal:.2f}")
    table = Table(box=None)
    for heading in ("at", "of", "valence", "arousal"):
        table.add_column(heading, justify="left" if heading == "of" else "right")
    for moment in told.curve:
        mood = moment.mood
        table.add_row(f"{moment.time_s:.1f} s", moment.modality, f"{mood.valence:.2f}", f"{mood.arousal:.2f}")
    if told.curve:
        Console().print(table)


def as_row(told: "MoodResult") -> dict[str, Any]:
    """What programs are told; videos have their curve."""
    row = {"path": told.path, "modality": told.modality, **_axes(told.mood)}
    if told.modality != "video":
        return row
    return row | {"curve": [{"time_s": m.time_s, "modality": m.modality, **_axes(m.mood)} for m in told.curve]}


def _axes(mood: Any) -> dict[str, float]:
    return {"valence": round(mood.valence, 4), "arousal": round(mood.arousal, 4)}
