"""`storysound mood`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from storysound.app.cli import streams

if TYPE_CHECKING:
    from storysound.annotate.feeling import FileMood


def mood(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", readable=False, help="Pictures, sounds, videos, texts.")
    ],
    *,
    captions: Annotated[
        Path | None, typer.Option(readable=False, help="What is said in videos: subtitles, a table, or a folder.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(readable=False, help="Draw the mood of a video or a sound over time: .svg or .png.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines on stdout.")] = False,
) -> None:
    """Tell how pictures, sounds, texts and videos feel: valence (pleasant) and arousal (excited), from 0 to 1."""
    from storysound.config import load_profile
    from storysound.encode.pool import Models
    from storysound.jobs.mood import feel_all
    from storysound.weights.resolver import Resolver

    for felt in feel_all(files, Models(load_profile(), Resolver(offline=True)), captions=captions, plot=plot):
        show(felt, as_json)


def show(felt: "FileMood", as_json: bool) -> None:
    """One file's mood: a JSON line, or a line and, over time, a table."""
    if as_json:
        streams.json_line(row(felt))
        return
    from rich.console import Console
    from rich.table import Table

    streams.line(f"{felt.path}: {felt.modality}, valence {felt.mood.valence:.2f}, arousal {felt.mood.arousal:.2f}")
    table = Table(box=None)
    for heading in ("at", "of", "valence", "arousal"):
        table.add_column(heading, justify="left" if heading == "of" else "right")
    for moment in felt.curve:
        mood = moment.mood
        table.add_row(f"{moment.time_s:.1f} s", moment.modality, f"{mood.valence:.2f}", f"{mood.arousal:.2f}")
    if felt.curve:
        Console().print(table)


def row(felt: "FileMood") -> dict[str, Any]:
    """What programs are told; videos have their curve."""
    told = {"path": felt.path, "modality": felt.modality, **_axes(felt.mood)}
    if felt.modality != "video":
        return told
    return told | {"curve": [{"time_s": m.time_s, "modality": m.modality, **_axes(m.mood)} for m in felt.curve]}


def _axes(mood: Any) -> dict[str, float]:
    return {"valence": round(mood.valence, 4), "arousal": round(mood.arousal, 4)}
