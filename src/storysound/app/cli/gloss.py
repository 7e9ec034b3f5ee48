"""`storysound gloss`."""

from pathlib import Path
from typing import Annotated

import typer

from storysound.app.cli import progress, streams


def gloss(
    sources: Annotated[
        list[str], typer.Argument(metavar="TEXT|FILE...", help="A text; a .txt, .srt or .vtt file; a sound or a video.")
    ],
    learned: Annotated[
        Path | None, typer.Option(readable=False, help="A model of `storysound train langue2gloss`.")
    ] = None,
    profile: Annotated[str, typer.Option(help="Profile by name, or a .toml file.")] = "embedded",
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines on stdout.")] = False,
) -> None:
    """Say what a text or a sound is about in bare words: content words, uninflected, in order.

    Example: storysound gloss "Thunder claps, and hard rain falls on the roofs"
    """
    from storysound.jobs.gloss.request import GlossRequest

    requests = [GlossRequest(source, learned) for source in sources]
    for found in progress.one_by_one("gloss", profile, requests, lambda session: session.gloss):
        if as_json:
            streams.json_line({"source": found.source, "way": found.way, "gloss": list(found.words)})
        else:
            streams.line(" ".join(found.words))
