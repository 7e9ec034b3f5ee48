"""`storysound score`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from storysound.app.cli import streams
from storysound.app.cli.models import Policy

if TYPE_CHECKING:
    from storysound.jobs.score.request import ScoreResult

Gain = typer.Option(min=-40, max=20, metavar="DB", help="Louder or softer than it would be.")


def score(
    story: Annotated[
        Path, typer.Argument(metavar="STORY", readable=False, help="A video, or a folder of pictures with a story.txt.")
    ],
    library: Annotated[
        Path, typer.Option("--library", "-l", readable=False, help="Library made by `storysound index`.")
    ],
    out: Annotated[
        Path, typer.Option("--output", "-o", readable=False, help="Video to write: .mp4, .mov, .mkv or .webm.")
    ],
    text: Annotated[str, typer.Option(help="What the story is about, in your words.")] = "",
    mood: Annotated[str, typer.Option(metavar="V,A", help="Valence and arousal the music should have.")] = "",
    report: Annotated[
        Path | None, typer.Option(readable=False, help="Folder for cue sheet and report; else beside the video.")
    ] = None,
    music: Annotated[bool, typer.Option("--music/--no-music", help="A music bed under the scenes.")] = True,
    effects: Annotated[bool, typer.Option("--effects/--no-effects", help="Ambience and spot effects.")] = True,
    keep_original: Annotated[
        bool, typer.Option("--keep-original/--drop-original", help="The clip's own sound.")
    ] = True,
    replace: Annotated[bool, typer.Option("--replace", help="Take out music the clip has; keep its voices.")] = False,
    music_gain: Annotated[float, Gain] = 0.0,
    effects_gain: Annotated[float, Gain] = 0.0,
    ignore_names: Annotated[bool, typer.Option("--ignore-names", help="Judge by sound alone.")] = False,
    licence_policy: Annotated[Policy, typer.Option(help="commercial: only sounds that may be sold.")] = Policy.any,
    rerank: Annotated[
        str, typer.Option(metavar="sos=FILE|mac=FILE", help="Judge the best again by a trained model; or none.")
    ] = "none",
    profile: Annotated[str, typer.Option(help="Profile by name, or a .toml file.")] = "embedded",
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines on stdout.")] = False,
) -> None:
    """Give a video, or a folder of pictures with a text, its sound."""
    from storysound.app.cli.progress import shown
    from storysound.app.queries import parse_mood
    from storysound.jobs.score.request import ScoreRequest
    from storysound.session import Session

    request = ScoreRequest(
        story,
        library,
        out,
        text,
        parse_mood(mood) if mood else None,
        music,
        effects,
        keep_original,
        replace,
        music_gain,
        effects_gain,
        ignore_names,
        licence_policy.value,
        rerank,
        report,
    )

    with Session(profile) as session, shown("score") as watch:
        result = session.score(request, watch=watch)
    show(result, as_json)


def show(scored: "ScoreResult", as_json: bool) -> None:
    """A line per cue, then what to know and where the files are."""
    from storysound.cue.sheet import as_dict

    if as_json:
        sheet = as_dict(scored.score)
        rows = [{"type": "cue"} | cue for cue in sheet["cues"]]
        files = {kind: str(path) for kind, path in scored.files.items()}
        seconds = {step: round(spent, 3) for step, spent in scored.seconds.items()}
        result = {"type": "result", "files": files, "notes": list(scored.notes), "seconds": seconds}
        result |= {name: sheet[name] for name in ("loudness", "stepped_aside", "duration_s")}
        for row in [*rows, result]:
            streams.json_line(row)
        return
    for line in summary(scored):
        streams.line(line)


def summary(scored: "ScoreResult") -> list[str]:
    """What was done, for people."""
    from storysound.draw.shapes import clock

    lines = []
    for cue in scored.score.cues:
        why = f"  ({'; '.join(cue.why)})" if cue.why else ""
        lines.append(f"{cue.layer:<9}{clock(cue.start_s)}–{clock(cue.end_s)}  {cue.sound.path}{why}")
    lines += [f"note: {streams.flags(note)}" for note in scored.notes]
    level = scored.score.loudness
    if level["lufs"] > float("-inf"):
        lines.append(f"loudness {level['lufs']:.1f} LUFS, true peak {level['dbtp']:.1f} dBTP")
    return lines + [f"{kind:<9}{path}" for kind, path in scored.files.items()]
