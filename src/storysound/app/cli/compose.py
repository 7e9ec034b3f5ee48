"""`storysound compose`: music to a picture, as notes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from storysound.app.cli import streams

if TYPE_CHECKING:
    from storysound.jobs.compose.request import ComposeResult

app = typer.Typer(help="Compose music to a picture.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Compose music to a picture."""


@app.command()
def music(
    story: Annotated[
        Path | None,
        typer.Argument(
            metavar="[STORY]",
            readable=False,
            show_default=False,
            help="A video, a folder of pictures, a text, a sound.",
        ),
    ] = None,
    scenes: Annotated[
        Path | None, typer.Option(readable=False, help="Instead: JSON, scenes with their moods, cuts, speech, hits.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--output", "-o", readable=False, help="A .wav, .flac or .mp3.")] = None,
    midi: Annotated[Path | None, typer.Option(readable=False, help="A .mid file: the notes.")] = None,
    stems: Annotated[Path | None, typer.Option(readable=False, help="A folder for a WAV of each part.")] = None,
    text: Annotated[str, typer.Option(help="What the story is about, in your words.")] = "",
    themes: Annotated[
        list[str] | None,
        typer.Option(
            "--theme", metavar="NAME=2,4", help="Who or what scenes are about; they share a motif; repeatable."
        ),
    ] = None,
    write_scenes: Annotated[
        Path | None, typer.Option(readable=False, help="A .json file for the scenes, to edit and give as --scenes.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="The same seed makes the same music again.")] = 0,
    ensemble: Annotated[str, typer.Option(metavar="NAME", help="Who plays: piano, strings, folk …")] = "orchestra",
    style: Annotated[str, typer.Option(metavar="NAME", help="How, if not as the ensemble does: film, minimal …")] = "",
    ensembles: Annotated[Path | None, typer.Option(readable=False, help="TOML: ensembles of your own.")] = None,
    styles: Annotated[Path | None, typer.Option(readable=False, help="TOML: styles of your own.")] = None,
    font: Annotated[Path | None, typer.Option(readable=False, help="A SoundFont of your own, .sf2 or .sf3.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON line on stdout.")] = False,
) -> None:
    """Compose music that turns where the scenes turn, and is exactly as long.

    The MIDI file has a tempo map, bars, keys, markers and a track for each part. Sound is played with a SoundFont:
    `storysound models pull soundfonts` brings one of 40 MB.

    Of a story the scenes are those that `plan` sees, with what is seen, felt and said in them.

    Example: storysound compose music clip.mp4 --ensemble piano -o music.wav --midi music.mid
    """
    from storysound.app.cli.progress import shown
    from storysound.jobs.compose.request import ComposeRequest
    from storysound.session import Session

    request = ComposeRequest(
        scenes,
        midi,
        out,
        stems,
        seed,
        ensemble,
        style,
        ensembles,
        styles,
        font,
        story,
        text,
        tuple(themes or ()),
        write_scenes,
    )
    with Session() as session, shown("compose") as watch:
        result = session.compose(request, watch=watch)
    show(result, as_json)


def show(result: "ComposeResult", as_json: bool) -> None:
    """A line per scene, and what was written."""
    if as_json:
        from storysound.app import wire

        streams.json_line(wire.write(result))
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None)
    told = any(scene.theme or scene.about for scene in result.scenes)
    for heading in ("", "from", "to", "key", "tempo", "bars", "off a bar line", *(("theme", "about") if told else ())):
        words = heading in ("key", "theme", "about")
        table.add_column(heading, justify="left" if words else "right", no_wrap=heading != "about")
    for number, scene in enumerate(result.scenes, 1):
        times = (f"{scene.start_s:.2f} s", f"{scene.end_s:.2f} s")
        row = (*times, scene.key, f"{scene.bpm:.0f}", str(scene.bars), f"{scene.off_bar_s * 1000:.0f} ms")
        table.add_row(str(number), *row, *(map(escape, (scene.theme, scene.about[:40])) if told else ()))
    Console().print(table)
    cuts = f"; {result.cuts_on_beats} of {result.cuts} cuts on beats" if result.cuts else ""
    written = ", ".join(name for name in (result.out, result.midi, *result.stems[:1], result.scenes_file) if name)
    streams.line(f"{written}: {result.length_s:g} s, {result.notes} notes, {len(result.parts)} parts{cuts}")
