"""`storysound split-speech`, `fit` and `spectrogram`: out of one file of sound another, or a picture."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from storysound.app.cli.score import Beats
from storysound.app.cli.streams import json_line, line

if TYPE_CHECKING:
    from storysound.jobs.fit.request import FitResult


def split_speech(
    source: Annotated[Path, typer.Argument(metavar="IN", readable=False, help="Sound or video.")],
    background: Annotated[
        Path, typer.Option("-o", "--output", readable=False, help="What is left: .wav, or a video like IN.")
    ],
    speech: Annotated[Path | None, typer.Option(readable=False, help="The speech alone goes here.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON line on stdout.")] = False,
) -> None:
    """Take the speech out of a sound or video; the length stays exactly the same."""
    from storysound.app.cli.progress import shown
    from storysound.jobs.split_speech.request import SplitSpeechRequest
    from storysound.session import Session

    request = SplitSpeechRequest(source, background, speech)
    with Session() as session, shown("split-speech") as watch:
        result = session.split_speech(request, watch=watch)
    if as_json:
        json_line(vars(result))
    else:
        written = " and ".join(filter(None, (result.background, result.speech)))
        line(f"{written}: {result.duration_s:.2f} s, {result.rate_hz} Hz, {result.channels} ch")


def fit(
    source: Annotated[Path, typer.Argument(metavar="TRACK", readable=False, help="Music: a sound or a video.")],
    length: Annotated[float, typer.Option(metavar="S", help="How long it shall be, to the sample.")],
    out: Annotated[
        Path, typer.Option("-o", "--output", readable=False, help="A .wav, .flac, .mp3, .m4a, .ogg or .opus.")
    ],
    hit: Annotated[
        list[float] | None,
        typer.Option(metavar="S", help="When something new should begin, a build or a break; may be given again."),
    ] = None,
    start: Annotated[
        float | None, typer.Option("--from", metavar="S", help="Where in the track to begin; else where it begins.")
    ] = None,
    beats: Beats = "own",
    as_json: Annotated[bool, typer.Option("--json", help="A JSON line on stdout.")] = False,
) -> None:
    """Make a track exactly as long as you want, without a cut that is heard.

    It jumps from bar to bar where that sounds alike, keeps the beginning and ends with the track's own ending. Nothing
    is stretched. Each jump is shown with what it costs: 0 isn't heard, 1 is as a jump to any place.

    Example: storysound fit track.mp3 --length 93.5 --hit 41.2 -o track-93.wav
    """
    from storysound.app import wire
    from storysound.app.cli.progress import shown
    from storysound.jobs.fit.request import FitRequest
    from storysound.session import Session

    request = FitRequest(source, out, length, tuple(hit or ()), start, beats)
    with Session() as session, shown("fit") as watch:
        result = session.fit(request, watch=watch)
    if as_json:
        json_line(wire.write(result))
    else:
        _show_fit(result)


def _show_fit(result: "FitResult") -> None:
    """The track's parts, a line for each jump and each hit, and what was written."""
    from rich.console import Console
    from rich.table import Table

    if result.parts:
        line("track: " + ", ".join(f"{part.name} from {part.start_s:.1f} s" for part in result.parts))
    if result.jumps:
        table = Table(box=None)
        for heading in ("jump at", "from", "to", "cost", "timbre", "harmony", "seam", "level"):
            table.add_column(heading, justify="right")
        for jump in result.jumps:
            times = (f"{time_s:.2f} s" for time_s in (jump.at_s, jump.leave_s, jump.reach_s))
            costs = (f"{cost:.2f}" for cost in (jump.cost, jump.timbre, jump.harmony, jump.seam, jump.level))
            table.add_row(*times, *(costs if result.way == "jumps" else ("-",) * 5))
        Console().print(table)
    for hit in result.hits:
        there = f"the {hit.begins} at {hit.turn_s or 0:.2f} s of the track"
        landed = "nothing begins near it" if hit.at_s is None else there
        late = "" if hit.at_s is None else f" comes {abs(hit.at_s - hit.hit_s):.2f} s"
        late += "" if hit.at_s is None else " after it" if hit.at_s > hit.hit_s else " before it"
        line(f"hit at {hit.hit_s:.2f} s: {landed}{late}")
    ending = f"; it begins after {result.begins_s:.2f} s" if result.begins_s >= 0.005 else ""
    ending += f"; its ending rings {result.ending_cut_s:.2f} s less" if result.ending_cut_s >= 0.005 else ""
    ending += f"; faded out over {result.faded_s:.1f} s" if result.faded_s else ""
    ending += f"; {result.silence_s:.2f} s of silence after it" if result.silence_s >= 0.005 else ""
    line(f"{result.out}: {result.length_s:g} s of {result.track_s:.1f} s, {len(result.jumps)} jumps{ending}")


def spectrogram(
    source: Annotated[Path, typer.Argument(metavar="IN", readable=False, help="A sound, a video, or a .png.")],
    out: Annotated[
        Path, typer.Argument(metavar="OUT", readable=False, help="A .png of a sound; of a .png a .wav, .flac, .mp3 …")
    ],
    stereo: Annotated[bool, typer.Option("--stereo", help="Draw two channels, in green and blue.")] = False,
    vocoder: Annotated[
        Literal["griffin-lim", "hifigan"],
        typer.Option(help="What finds the sound of a picture: an algorithm, or a model (`models pull vocoders`)."),
    ] = "griffin-lim",
    iterations: Annotated[int, typer.Option(help="Of the algorithm: more take longer and sound better.")] = 32,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="The same seed gives the same sound.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON line on stdout.")] = False,
) -> None:
    """Draw the spectrogram of a sound as Riffusion does, or make such a picture sound.

    Pictures say how they were made, so that they sound at their own level and length; those of Riffusion are read too.

    Example: storysound spectrogram rain.wav rain.png && storysound spectrogram rain.png again.wav
    """
    from storysound.app.cli.progress import shown
    from storysound.jobs.spectrogram import SpectrogramRequest
    from storysound.session import Session

    request = SpectrogramRequest(source, out, stereo, vocoder, iterations, seed)
    with Session() as session, shown("spectrogram") as watch:
        result = session.spectrogram(request, watch=watch)
    if as_json:
        json_line(vars(result))
    else:
        line(f"{result.path}: {result.seconds:.2f} s, {result.width_px} × {result.height_px} pixels")
