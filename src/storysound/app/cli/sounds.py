"""`storysound split-speech` and `storysound spectrogram`: out of one file of sound another, or a picture."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from storysound.app.cli.streams import json_line, line


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
