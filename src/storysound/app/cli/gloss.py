"""`storysound gloss` and `story-words`: what a text is about, and what that asks of music."""

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


def story_words(
    text: Annotated[str, typer.Argument(help="A sentence, a story; without one everything the table knows.")] = "",
    library: Annotated[
        Path | None, typer.Option("--library", "-l", readable=False, help="Library whose own story_words.toml counts.")
    ] = None,
    profile: Annotated[str, typer.Option(help="Profile by name, or a .toml file.")] = "embedded",
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines on stdout.")] = False,
) -> None:
    """Tell what the words of a story ask of music, by the table that `find --kind music` and `score` go by.

    Example: storysound story-words "They feast in the village while the storm draws near"
    """
    from storysound.jobs.story_words import StoryWordsRequest
    from storysound.session import Session

    with Session(profile) as session, progress.shown("story-words") as watch:
        found = session.story_words(StoryWordsRequest(text, library), watch=watch)
    mentions = {each.concept.name: each for each in found.mentions}
    for concept in found.concepts:
        mention = mentions.get(concept.name)
        said = mention.words if mention else concept.words
        if as_json:
            row = {"concept": concept.name, "share": round(mention.share, 3) if mention else None, "words": list(said)}
            streams.json_line(row | {"levels": dict(concept.levels), "heard": list(concept.heard)})
        else:
            share = f" {mention.share:.2f}".replace("0.", ".") if mention else ""
            streams.line(f"{concept.name}{share} ({', '.join(said)}): {', '.join(concept.asks) or 'nothing'}")
    if not found.concepts and not as_json:
        streams.tell("note: none of these words is in the table")
