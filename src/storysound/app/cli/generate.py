"""`storysound generate`: what does not exist yet."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from storysound.app.cli import streams

if TYPE_CHECKING:
    from storysound.jobs.generate_music import MusicReport

app = typer.Typer(help="Make music for a picture, a text or a mood.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="A JSON line on stdout.")]
Seed = Annotated[int, typer.Option(min=0, max=2**63 - 1, help="The same seed makes the same again.")]


@app.command()
def music(
    image: Annotated[list[Path] | None, typer.Option(readable=False, help="A picture; give it again for more.")] = None,
    text: Annotated[str, typer.Option(help="A story, a scene; what is felt in it counts.")] = "",
    mood: Annotated[str, typer.Option(metavar="V,A", help="Valence and arousal from 0 to 1.")] = "",
    prompt_only: Annotated[bool, typer.Option("--prompt-only", help="Say the prompt, make no music.")] = False,
    out: Annotated[Path, typer.Option("--output", "-o", readable=False, help="A .wav file.")] = Path("music.wav"),
    seconds: Annotated[float, typer.Option(help="Length; MusicGen makes up to 30, Stable Audio up to 47.")] = 10.0,
    seed: Seed = 0,
    model: Annotated[
        str, typer.Option(metavar="NAME", help="musicgen or stable-audio; NAME=FOLDER for files of your own.")
    ] = "musicgen",
    as_json: AsJson = False,
) -> None:
    """Make music that feels like a picture, a text or a mood.

    What is given becomes a mood, the mood a prompt, and the prompt music.
    """
    from storysound.jobs import generate_music as job
    from storysound.jobs.queries import parse_mood
    from storysound.weights import Resolver

    wish = job.Wish(tuple(image or ()), text, parse_mood(mood) if mood else None)
    order = None if prompt_only else job.Order(out, seconds, seed, model)
    show_music(job.generate_music(wish, order, Resolver(offline=True), streams.tell), as_json)


def show_music(report: "MusicReport", as_json: bool) -> None:
    """The prompt, and the file where there is one."""
    if as_json:
        streams.json_line({key: value for key, value in vars(report).items() if report.path or key not in _OF_FILES})
    else:
        streams.line(f"{report.path}: {report.prompt}" if report.path else report.prompt)


_OF_FILES = {"path", "model", "licence", "seed", "seconds"}
