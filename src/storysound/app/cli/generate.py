"""`storysound generate`: what does not exist yet."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from storysound.app.cli import streams
from storysound.app.cli.models import Policy

if TYPE_CHECKING:
    from storysound.jobs.generate.music import MusicReport

app = typer.Typer(help="Make music for a picture, and a picture for a sound.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="A JSON line on stdout.")]
Licences = Annotated[Policy, typer.Option(help="commercial: refuse models that may not be used for it.")]
Seed = Annotated[int, typer.Option(min=0, max=2**31 - 1, help="The same seed makes the same again, on one machine.")]


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
    licence_policy: Licences = Policy.any,
    as_json: AsJson = False,
) -> None:
    """Make music that feels like a picture, a text or a mood.

    What is given becomes a mood, the mood a prompt, and the prompt music.
    """
    from storysound.app.queries import parse_mood
    from storysound.config import load_profile
    from storysound.encode.pool import Models
    from storysound.jobs.generate import music as job
    from storysound.weights.resolver import Resolver

    wish = job.Wish(tuple(image or ()), text, parse_mood(mood) if mood else None)
    order = None if prompt_only else job.Order(out, seconds, seed, model)
    weights = Resolver(offline=True, licence_policy=licence_policy.value)
    show_music(job.generate_music(wish, order, Models(load_profile(), weights), streams.tell), as_json)


@app.command()
def image(
    audio: Annotated[Path, typer.Option(readable=False, help="The sound to be seen.")],
    gain: Annotated[float, typer.Option(metavar="DB", help="As if the sound were so much louder.")] = 0.0,
    mix: Annotated[
        list[str] | None, typer.Option(metavar="FILE:WEIGHT", help="Another sound and its share, from 0 to 1.")
    ] = None,
    out: Annotated[Path, typer.Option("--output", "-o", readable=False, help="A .png file.")] = Path("picture.png"),
    seed: Seed = 0,
    soundmap: Annotated[
        Path | None, typer.Option("--map", readable=False, help="best.safetensors of `train soundimage`.")
    ] = None,
    steps: Annotated[int, typer.Option(help="Of denoising: more take longer.")] = 50,
    side: Annotated[int, typer.Option(metavar="PX", help="Of the picture; a multiple of 64.")] = 512,
    model: Annotated[
        str, typer.Option(metavar="NAME", help="kandinsky; NAME=FOLDER for files of your own.")
    ] = "kandinsky",
    licence_policy: Licences = Policy.any,
    as_json: AsJson = False,
) -> None:
    """Make the picture that a sound, or a mixture of sounds, calls up.

    Example: storysound generate image --audio waves.wav --gain 6 --mix birds.wav:0.4 --map run/best.safetensors
    """
    from storysound.jobs.generate import image as job
    from storysound.weights.resolver import Resolver

    mixed = tuple(job.Mixed.parse(text) for text in mix or ())
    order = job.Order(audio, out, gain, mixed, seed, steps, side, model, soundmap)
    weights = Resolver(offline=True, licence_policy=licence_policy.value)
    report = job.generate_image(order, weights, streams.tell)
    if as_json:
        streams.json_line(vars(report))
    else:
        streams.line(report.path)


def show_music(report: "MusicReport", as_json: bool) -> None:
    """The prompt, and the file where there is one."""
    if as_json:
        streams.json_line({key: value for key, value in vars(report).items() if report.path or key not in _OF_FILES})
    else:
        streams.line(f"{report.path}: {report.prompt}" if report.path else report.prompt)


_OF_FILES = {"path", "model", "licence", "seed", "seconds"}
