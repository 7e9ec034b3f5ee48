"""`storysound split-speech`: a sound or video without its speech."""

from pathlib import Path
from typing import Annotated

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
