"""`storysound find`."""

import enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from storysound.app.cli.streams import json_line

if TYPE_CHECKING:
    from storysound.match.query import Hit, Query


class KindChoice(enum.StrEnum):
    """Which sounds are candidates."""

    music = "music"
    sfx = "sfx"
    any = "any"


def find(
    more: Annotated[
        list[Path] | None, typer.Argument(readable=False, metavar="PICTURE", hidden=True)
    ] = None,  # --image A B C
    *,
    library: Annotated[
        Path, typer.Option("--library", "-l", readable=False, help="Library made by `storysound index`.")
    ],
    text: Annotated[str, typer.Option(help="A word, a sentence, a whole story.")] = "",
    image: Annotated[list[Path] | None, typer.Option(readable=False, help="A picture; more may follow it.")] = None,
    video: Annotated[
        Path | None, typer.Option(readable=False, help="A video; its pictures are looked at, not its sound.")
    ] = None,
    audio: Annotated[Path | None, typer.Option(readable=False, help="A sound that the results should be like.")] = None,
    mood: Annotated[str, typer.Option(metavar="V,A", help="Valence and arousal from 0 to 1.")] = "",
    queries: Annotated[
        Path | None, typer.Option(readable=False, help="JSON lines, a query each: one model load for all.")
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="Results per query.")] = 10,
    kind: Annotated[KindChoice, typer.Option(help="Which sounds are candidates.")] = KindChoice.any,
    ignore_names: Annotated[bool, typer.Option("--ignore-names", help="Judge by sound alone.")] = False,
    taste: Annotated[
        bool, typer.Option("--taste/--no-taste", help="Whether what the library learned of your choices counts.")
    ] = True,
    rerank: Annotated[
        str, typer.Option(metavar="sos=FILE|mac=FILE", help="Judge the best again by a trained model; or none.")
    ] = "none",
    profile: Annotated[str, typer.Option(help="Profile by name, or a .toml file.")] = "embedded",
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines on stdout.")] = False,
) -> None:
    """Rank the sounds of a library by text, pictures, a video, a sound, a mood, or any mix of them."""
    from storysound.app.cli.progress import shown
    from storysound.app.queries import gather
    from storysound.jobs.find.request import FindRequest
    from storysound.session import Session

    seen = pictures(image or [], more or [])
    asked = gather(queries, text=text, images=seen, video=video, audio=audio, mood=mood)
    request = FindRequest(
        library, tuple(asked), k=k, kind=kind.value, ignore_names=ignore_names, taste=taste, rerank=rerank
    )
    with Session(profile) as session, shown("find") as watch:
        result = session.find_all(request, watch=watch)
    for query, hits in zip(asked, result.hits, strict=True):
        show(query, hits, as_json, numbered=queries is not None)


def pictures(image: list[Path], more: list[Path]) -> list[Path]:
    """All pictures: words without an option are more of them where `--image` was given, a mistake elsewhere."""
    from storysound.errors import UsageError

    if more and not image:
        raise UsageError(f"{str(more[0])!r} stands without an option (did you mean --text, --image, --video, --audio?)")
    return [*image, *more]


def asked_for(query: "Query") -> str:
    """What a query asks for, in its own words and the names of its files."""
    files = [path.name for path in (*query.images, query.video, query.audio) if isinstance(path, Path)]
    mood = f"mood {query.mood.valence:g},{query.mood.arousal:g}" if query.mood else ""
    return ", ".join(part for part in (query.text.strip(), *files, mood) if part)


def show(query: "Query", hits: "tuple[Hit, ...]", as_json: bool, *, numbered: bool) -> None:
    """One query's hits: JSON lines, or a table headed by what is asked; of several queries by its id as well."""
    if as_json:
        for rank, hit in enumerate(hits, 1):
            row = {"id": query.id, "rank": rank, "sound": hit.sound.path, "score": hit.score}
            row |= {"chance": hit.chance, "start_s": hit.start_s, "end_s": hit.end_s, "why": list(hit.why)}
            json_line(row)
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from storysound.draw.shapes import times_of
    from storysound.errors import one_line
    from storysound.match.chance import in_words
    from storysound.story import Span

    heading = f"{query.id}: {asked_for(query)}" if numbered else asked_for(query)
    table = Table(box=None, title=escape(one_line(heading)), title_justify="left")
    for column in ("#", "sound", "score", "fits", "when", "why"):
        table.add_column(column, justify="right" if column in ("#", "score", "when") else "left")
    for rank, hit in enumerate(hits, 1):
        cells = (
            escape(one_line(hit.sound.path)),
            f"{hit.score:.3f}",
            f"{in_words(hit.chance)} {hit.chance:.2f}".replace("0.", ".") if hit.chance is not None else "",
            times_of(Span(hit.start_s, hit.end_s)),
            escape("; ".join(hit.why)),
        )
        table.add_row(str(rank), *cells)
    Console().print(table if hits else "no sound of that kind in this library")
