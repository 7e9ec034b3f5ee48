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
    from storysound.jobs.split_speech import split_speech as run
    from storysound.weights.resolver import Resolver

    report = run(source, background, speech, Resolver(offline=True))
    if as_json:
        json_line(vars(report))
    else:
        written = " and ".join(filter(None, (report.background, report.speech)))
        line(f"{written}: {report.duration_s:.2f} s, {report.rate_hz} Hz, {report.channels} ch")
