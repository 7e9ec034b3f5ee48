"""`storysound generate`: what does not exist yet."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from storysound.app.cli import streams
from storysound.app.cli.models import Policy

if TYPE_CHECKING:
    from storysound.jobs.generate.request import GenerateMusicResult, SoundShare

app = typer.Typer(
    help="Make sounds, ambience, music for a picture, a picture for a sound, and video with sound.",
    no_args_is_help=True,
)

AsJson = Annotated[bool, typer.Option("--json", help="A JSON line on stdout.")]
Licences = Annotated[Policy, typer.Option(help="commercial: refuse models that may not be used for it.")]


class VideoStages(StrEnum):
    """Ways of making video with sound, as `generate.video.maker.STAGES`."""

    together = "together"
    apart = "apart"
    pictures_first = "pictures-first"
    sound_first = "sound-first"


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
    from storysound.app.cli.progress import shown
    from storysound.app.queries import parse_mood
    from storysound.jobs.generate.request import GenerateMusicRequest
    from storysound.session import Session

    feel = parse_mood(mood) if mood else None
    request = GenerateMusicRequest(tuple(image or ()), text, feel, out, prompt_only, seconds, seed, model)
    with Session(licence_policy=licence_policy.value) as session, shown("generate") as watch:
        result = session.generate_music(request, watch=watch)
    show_music(result, as_json)


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
    from storysound.app.cli.progress import shown
    from storysound.jobs.generate.request import GenerateImageRequest
    from storysound.session import Session

    mixed = tuple(parse_share(words) for words in mix or ())
    request = GenerateImageRequest(audio, out, gain, mixed, seed, steps, side, model, soundmap)
    with Session(licence_policy=licence_policy.value) as session, shown("generate") as watch:
        result = session.generate_image(request, watch=watch)
    if as_json:
        streams.json_line(
            {"path": result.path, "audio": result.audio, "gain_db": result.gain_db}
            | {"mixed": [[str(part.path), part.share] for part in result.mix], "seed": result.seed}
            | {"model": result.model, "licence": result.licence}
        )
    else:
        streams.line(result.path)


@app.command()
def ambience(
    like: Annotated[Path | None, typer.Option(readable=False, help="A recording of rain, wind, a crowd …")] = None,
    text: Annotated[str, typer.Option(help="Words for a sound of the library instead.")] = "",
    library: Annotated[
        Path | None, typer.Option("--library", "-l", readable=False, help="Library made by `storysound index`.")
    ] = None,
    out: Annotated[
        Path, typer.Option("--output", "-o", readable=False, help="A .wav, .flac, .mp3 or .m4a file.")
    ] = Path("ambience.wav"),
    seconds: Annotated[float, typer.Option("--seconds", "-s", help="Length, from 1 s to 3 hours.")] = 60.0,
    seed: Seed = 0,
    width: Annotated[
        float | None, typer.Option(help="Of the stereo, from 0 (mono) to 1 (two sides unlike); left out: as recorded.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make ambience of any length out of a recording of it, without a loop that could be heard.

    It ends where it began, so that it may be repeated. Events and tunes are refused.

    Example: storysound generate ambience --text "rain on leaves" -l library -s 300 -o rain.wav
    """
    from storysound.app.cli.progress import shown
    from storysound.jobs.generate.request import GenerateAmbienceRequest
    from storysound.session import Session

    request = GenerateAmbienceRequest(out, like, text, library, seconds, seed, width)
    with Session() as session, shown("generate") as watch:
        result = session.generate_ambience(request, watch=watch)
    if as_json:
        streams.json_line(vars(result))
    else:
        streams.line(f"{result.path}: {result.seconds:g} s of {result.sound}")


@app.command()
def sound(
    text: Annotated[str, typer.Option(help="What is heard: a dog barks, rain on a roof.")] = "",
    image: Annotated[
        list[Path] | None, typer.Option(readable=False, help="What is seen; give it again for what is seen then.")
    ] = None,
    out: Annotated[
        Path, typer.Option("--output", "-o", readable=False, help="A .wav, .flac, .mp3 or .m4a file.")
    ] = Path("sound.wav"),
    seconds: Annotated[float, typer.Option("--seconds", "-s", help="Length; sosgen makes up to 600.")] = 5.0,
    seed: Seed = 0,
    model: Annotated[
        str,
        typer.Option(metavar="NAME", help="sosgen, which ships; riffusion, stable-audio: NAME=FOLDER for your own."),
    ] = "sosgen",
    licence_policy: Licences = Policy.any,
    as_json: AsJson = False,
) -> None:
    """Make a sound of words, pictures or both: of animals, weather, fire, water, machines, things. No speech, no songs.

    Pictures are shown one after another, each as long as the others; they can go with words or stand alone.

    Example: storysound generate sound --text "waves breaking on the shore" -s 10 --seed 3 -o sea.wav
    """
    from storysound.app.cli.progress import shown
    from storysound.jobs.generate.request import GenerateSoundRequest
    from storysound.session import Session

    request = GenerateSoundRequest(text, out, seconds, seed, model, tuple(image or ()))
    with Session(licence_policy=licence_policy.value) as session, shown("generate") as watch:
        result = session.generate_sound(request, watch=watch)
    if as_json:
        streams.json_line(vars(result))
    else:
        of = result.text or ", ".join(Path(name).name for name in result.images)
        streams.line(f"{result.path}: {result.seconds:g} s of {of}")


@app.command()
def video(
    text: Annotated[str, typer.Option(help="What is seen and heard in a clip.")] = "",
    story: Annotated[
        Path | None, typer.Option(readable=False, help="A text file; each of its sentences is a shot of one film.")
    ] = None,
    texts: Annotated[
        Path | None, typer.Option(readable=False, help="Captions by video, or a .txt with a text a line: a clip each.")
    ] = None,
    by_sentence: Annotated[bool, typer.Option("--by-sentence", help="Sentences of --text are shots as well.")] = False,
    out: Annotated[
        Path, typer.Option("--output", "-o", readable=False, help="A .mp4, .mov or .mkv file; of --texts a folder.")
    ] = Path("video.mp4"),
    seconds: Annotated[
        float | None, typer.Option("--seconds", "-s", help="Of a clip or shot; left out: what the model usually makes.")
    ] = None,
    seed: Seed = 0,
    model: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="tavdiffusion-small, animatediff, ltx-2; NAME=FOLDER of yours, tavdiffusion too.",
        ),
    ] = "tavdiffusion-small",
    stages: Annotated[
        VideoStages | None, typer.Option(help="Picture and sound together, or one after the other by two models.")
    ] = None,
    sound: Annotated[
        str, typer.Option(metavar="NAME", help="Model of the sound: sosgen, audioldm, riffusion, stable-audio.")
    ] = "",
    licence_policy: Licences = Policy.any,
    as_json: AsJson = False,
) -> None:
    """Make video with sound of words.

    A story becomes a film of several shots; `storysound score` gives it music. Clips of --texts lie beside a table that
    `storysound evaluate tavg` reads; those that are there already are not made again.

    Without --model the small model that ships makes 2 s of few things at 64 x 64 pixels: balls that bounce, glass that
    breaks, drops, strings, hammers, cars, rain, bells, knocks, drums.

    Example: storysound generate video --text "a glass ball bounces twice on stone" --seed 3 -o ball.mp4
    Example: storysound generate video --text "rain falls on a street" --model animatediff --sound audioldm -o rain.mp4
    """
    from storysound.app.cli.progress import shown
    from storysound.jobs.generate.request import GenerateVideoRequest
    from storysound.session import Session

    request = GenerateVideoRequest(
        out, text, story, texts, by_sentence, seconds, seed, model, stages.value if stages else None, sound
    )
    kept = "clips that are whole are kept" if texts else "nothing was written"
    with Session(licence_policy=licence_policy.value) as session, shown("generate", kept) as watch:
        result = session.generate_video(request, watch=watch)
    if as_json:
        streams.json_line(vars(result))
    else:
        clips = "a clip" if result.clips == 1 else f"{result.clips} clips"
        streams.line(f"{result.path}: {clips}, {result.seconds:g} s")


def parse_share(text: str) -> "SoundShare":
    """A sound and its share, from FILE:WEIGHT. Raises UsageError.

    >>> parse_share("a:b.wav:0.25").share
    0.25
    """
    from storysound.errors import UsageError
    from storysound.jobs.generate.request import SoundShare

    path, _, weight = text.rpartition(":")
    try:
        if path:
            return SoundShare(Path(path), float(weight))
    except (ValueError, UsageError):
        pass
    raise UsageError(f"{text}: give FILE:WEIGHT with a weight from 0 to 1, as in rain.wav:0.4", field="mix")


def show_music(report: "GenerateMusicResult", as_json: bool) -> None:
    """The prompt, and the file where there is one."""
    if as_json:
        streams.json_line({key: value for key, value in vars(report).items() if report.path or key not in _OF_FILES})
    else:
        streams.line(f"{report.path}: {report.prompt}" if report.path else report.prompt)


_OF_FILES = {"path", "model", "licence", "seed", "seconds"}
