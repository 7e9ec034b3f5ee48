"""`storysound score`, and the two steps it is made of: `storysound plan` and `storysound render`."""

import enum
import inspect
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from storysound.app.cli import streams
from storysound.app.cli.models import Policy

if TYPE_CHECKING:
    from storysound.cue.score import Score
    from storysound.jobs.score.request import ScoreRequest
    from storysound.session import Session

log = logging.getLogger(__name__)


class Layout(enum.StrEnum):
    """Choices of --layout; the names are those of `PlanOptions.layout`."""

    own = "own"
    stereo = "stereo"


class Fill(enum.StrEnum):
    """Choices of --fill; the names are those of `PlanOptions.fill`."""

    make = "make"
    hub = "hub"
    none = "none"


class Compose(enum.StrEnum):
    """Choices of --compose; the names are those of `PlanOptions.compose`."""

    always = "always"
    missing = "missing"
    never = "never"


class Changes(enum.StrEnum):
    """Choices of --changes; the names are those of `PlanOptions.changes`."""

    few = "few"
    some = "some"
    many = "many"


_GAIN = typer.Option(min=-40, max=20, metavar="DB", help="Louder or softer than it would be.")
Library = Annotated[
    Path | None,
    typer.Option(
        "--library", "-l", readable=False, help="Library made by `storysound index`; without it the starter sounds."
    ),
]
Text = Annotated[str, typer.Option(help="What the story is about, in your words.")]
MoodOption = Annotated[str, typer.Option(metavar="V,A", help="Valence and arousal the music should have.")]
Music = Annotated[bool, typer.Option("--music/--no-music", help="A music bed under the scenes.")]
Effects = Annotated[bool, typer.Option("--effects/--no-effects", help="Ambience and spot effects.")]
FillOption = Annotated[
    Fill | None,
    typer.Option(
        help="Effects the library hasn't: made here, by a model of the hub, or none; made where no library is given.",
        show_default=False,
    ),
]
ComposeOption = Annotated[
    Compose | None,
    typer.Option(
        help="Music composed to the scenes, or only where the library has none that fits; without a library it is "
        "composed to pictures, and to films where none fits.",
        show_default=False,
    ),
]
Ensemble = Annotated[str, typer.Option(metavar="NAME", help="Who plays what is composed: piano, strings, folk …")]
Hits = Annotated[
    list[str] | None,
    typer.Option(metavar="S[:MARK]", help="A moment that the music marks: accent, breath or rest; repeatable."),
]
KeepOriginal = Annotated[bool, typer.Option("--keep-original/--drop-original", help="The clip's own sound.")]
Replace = Annotated[bool, typer.Option("--replace", help="Take out music the clip has; keep its voices.")]
Gain = Annotated[float, _GAIN]
IgnoreNames = Annotated[bool, typer.Option("--ignore-names", help="Judge by sound alone.")]
Taste = Annotated[
    bool, typer.Option("--taste/--no-taste", help="Whether what the library learned of your choices counts.")
]
PolicyOption = Annotated[Policy, typer.Option(help="commercial: only sounds that may be sold.")]
Rerank = Annotated[
    str, typer.Option(metavar="sos=FILE|mac=FILE", help="Judge the best again by a trained model; or none.")
]
Avoid = Annotated[
    list[str] | None, typer.Option(metavar="SOUND", help="Never this sound, by its path in the library; repeatable.")
]
Seed = Annotated[int, typer.Option(min=0, help="0 is the best choice, each other number another good one.")]
Take = Annotated[int, typer.Option(min=1, help="Take 2 is the second choice, and so on.")]
Themes = Annotated[
    int | None, typer.Option(min=1, max=1000, help="Of the music; else about one for 45 s, where turns are worth it.")
]
ChangesOption = Annotated[Changes, typer.Option(help="How often the music changes.")]
ShortestScene = Annotated[
    float | None, typer.Option(min=1, max=3600, metavar="S", help="Scenes last so long; else 8 s, and 4 of pictures.")
]
Silence = Annotated[
    bool | None,
    typer.Option(
        "--silence/--no-silence",
        help="No music where speech or action carries a scene; else only where the film's own music does; or never.",
        show_default=False,
    ),
]
Track = Annotated[int | None, typer.Option(min=1, help="Which of the film's sounds is its own, counted from 1.")]
EveryTrack = Annotated[bool, typer.Option("--every-track", help="Score each language of a film, under its own speech.")]
Size = Annotated[str, typer.Option(metavar="WxH", help="Of a slideshow, in pixels; else 1280x720, or upright.")]
Fps = Annotated[float, typer.Option(help="Pictures a second of a slideshow.")]
Seconds = Annotated[float | None, typer.Option(help="How long a slideshow shows each picture; else by its words.")]
Transition = Annotated[float, typer.Option(metavar="S", help="Dissolve from picture to picture; 0 cuts.")]
Narration = Annotated[
    Path | None, typer.Option(readable=False, help="A voice that tells the pictures; they share its length.")
]
ToBeat = Annotated[bool, typer.Option("--to-beat", help="Pictures of a slideshow change on beats of the music.")]
Beats = Annotated[
    Literal["own", "beatnet"],
    typer.Option(help="Who counts the beats of tracks: ours, or BeatNet's networks (`models pull beats`)."),
]
Loudness = Annotated[str, typer.Option(metavar="NAME|LUFS", help="film, ebu, youtube, podcast, or a number.")]
VoicePeaks = Annotated[
    float,
    typer.Option(min=0, max=6, metavar="DB", help="Lower single peaks of voices by so much, to be as loud as asked."),
]
LayoutOption = Annotated[Layout, typer.Option(help="Loudspeakers of the result: the film's own, or two.")]
Report = Annotated[
    Path | None, typer.Option(readable=False, help="Folder for cue sheet and report; else beside the film.")
]
Stems = Annotated[
    Path | None, typer.Option(readable=False, help="Folder for dialogue, music, ambience and effects as WAV.")
]
ProfileOption = Annotated[str, typer.Option(help="Profile by name, or a .toml file.")]
Json = Annotated[bool, typer.Option("--json", help="JSON lines on stdout.")]


def _options(given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of PlanOptions from the words of the command line."""
    from storysound.app.queries import parse_hits, parse_mood
    from storysound.errors import UsageError

    if given["seed"] and given["take"] > 1:
        raise UsageError("a `take` is a seed: give one of them", field="seed")
    same = (
        "text", "music", "effects", "ensemble", "keep_original", "replace", "ignore_names", "taste", "rerank",
        "every_track", "fps", "seconds", "transition", "narration", "to_beat", "beats", "themes", "shortest_scene",
        "silence",
    )  # fmt: skip
    return {name: given[name] for name in same} | {
        "mood": parse_mood(given["mood"]) if given["mood"] else None,
        "music_gain_db": given["music_gain"],
        "effects_gain_db": given["effects_gain"],
        "licence_policy": given["licence_policy"].value,
        "fill": given["fill"].value if given["fill"] else None,
        "compose": given["compose"].value if given["compose"] else None,
        "hits": parse_hits(",".join(given["hit"] or ())),
        "avoid": tuple(given["avoid"] or ()),
        "seed": given["seed"] or given["take"] - 1,
        "track": None if given["track"] is None else given["track"] - 1,
        "size": _size(given["size"]),
        "loudness": given["loudness"],
        "voice_peaks_db": given["voice_peaks"],
        "layout": given["layout"].value,
        "changes": given["changes"].value,
    }


def _size(text: str) -> tuple[int, int] | None:
    """Width and height of "1920x1080"; None of nothing."""
    from storysound.errors import UsageError

    if not text:
        return None
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise UsageError(f"is width x height as 1920x1080, got {text!r}", field="size")
    return int(width), int(height)


def score(
    stories: Annotated[
        list[Path],
        typer.Argument(
            metavar="STORY...", readable=False, help="A video, a folder of pictures and films, a text, a sound."
        ),
    ],
    out: Annotated[
        Path,
        typer.Option("--output", "-o", readable=False, help="Film or sound to write; of several stories: a folder."),
    ],
    library: Library = None,
    text: Text = "",
    mood: MoodOption = "",
    report: Report = None,
    stems: Stems = None,
    music: Music = True,
    effects: Effects = True,
    fill: FillOption = None,
    compose: ComposeOption = None,
    ensemble: Ensemble = "orchestra",
    hit: Hits = None,
    keep_original: KeepOriginal = True,
    replace: Replace = False,
    music_gain: Gain = 0.0,
    effects_gain: Gain = 0.0,
    loudness: Loudness = "",
    voice_peaks: VoicePeaks = 0.0,
    layout: LayoutOption = Layout.own,
    themes: Themes = None,
    changes: ChangesOption = Changes.some,
    shortest_scene: ShortestScene = None,
    silence: Silence = None,
    track: Track = None,
    every_track: EveryTrack = False,
    size: Size = "",
    fps: Fps = 25.0,
    seconds: Seconds = None,
    transition: Transition = 0.5,
    narration: Narration = None,
    to_beat: ToBeat = False,
    beats: Beats = "own",
    avoid: Avoid = None,
    seed: Seed = 0,
    take: Take = 1,
    ignore_names: IgnoreNames = False,
    taste: Taste = True,
    licence_policy: PolicyOption = Policy.any,
    rerank: Rerank = "none",
    profile: ProfileOption = "embedded",
    as_json: Json = False,
) -> None:
    """Give stories their sound: videos, folders of pictures with a text, texts, sounds."""
    options = _options(locals())  # before anything else is local
    from storysound.app.cli.process import one_thread
    from storysound.app.cli.progress import shown
    from storysound.jobs.score.request import ScoreRequest
    from storysound.session import Session

    if len(stories) > 1:
        _many(stories, library, out, options | {"stems": stems, "report": report}, profile, as_json)
        return
    request = ScoreRequest(stories[0], library, out, report=report, stems=stems, **options)
    with Session(profile) as session, one_thread():
        _one(session, request, as_json, shown)


def _one(session: "Session", request: "ScoreRequest", as_json: bool, shown: Any, title: str = "score") -> None:
    with shown(title) as watch:
        result = session.score(request, watch=watch)
    show(result.score, result.files, result.notes, result.seconds, as_json)


def _many(
    stories: Sequence[Path], library: Path | None, folder: Path, options: dict[str, Any], profile: str, as_json: bool
) -> None:
    """Scores each into the folder; those that are there already stay, and one that fails doesn't stop the others."""
    from storysound.app.cli.process import one_thread
    from storysound.app.cli.progress import shown
    from storysound.errors import InputError, UsageError
    from storysound.jobs.score.batch import fitting, is_done, outputs
    from storysound.jobs.score.request import ScoreRequest
    from storysound.session import Session

    if options["report"] or options["stems"]:
        raise UsageError("`report` and `stems` are for one story: call it once for each")
    faults: list[InputError] = []
    with Session(profile) as session, one_thread():
        for number, (story, out) in enumerate(outputs(stories, folder), 1):
            request = ScoreRequest(story, library, out, **fitting(story, options))
            if is_done(request):
                streams.tell(f"{story}: done already, {out}")
                continue
            try:
                _one(session, request, as_json, shown, f"score {number}/{len(stories)}")
            except InputError as error:
                log.warning("%s", error)
                faults.append(error)
    if faults:
        raise InputError(folder, f"{len(faults)} of {len(stories)} stories failed", "see above; run it again to go on")


def plan(
    source: Annotated[
        Path, typer.Argument(metavar="STORY|SHEET", readable=False, help="A story, or a cue sheet to plan anew.")
    ],
    library: Annotated[
        Path | None,
        typer.Option(
            "--library", "-l", readable=False, help="Library; a sheet has its own, without one the starter sounds."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--output", "-o", readable=False, help="Sheet to write, for a story: .json.")
    ] = None,
    text: Text = "",
    mood: MoodOption = "",
    music: Music = True,
    effects: Effects = True,
    fill: FillOption = None,
    compose: ComposeOption = None,
    ensemble: Ensemble = "orchestra",
    hit: Hits = None,
    keep_original: KeepOriginal = True,
    replace: Replace = False,
    music_gain: Gain = 0.0,
    effects_gain: Gain = 0.0,
    loudness: Loudness = "",
    voice_peaks: VoicePeaks = 0.0,
    layout: LayoutOption = Layout.own,
    themes: Themes = None,
    changes: ChangesOption = Changes.some,
    shortest_scene: ShortestScene = None,
    silence: Silence = None,
    track: Track = None,
    every_track: EveryTrack = False,
    size: Size = "",
    fps: Fps = 25.0,
    seconds: Seconds = None,
    transition: Transition = 0.5,
    narration: Narration = None,
    to_beat: ToBeat = False,
    beats: Beats = "own",
    avoid: Avoid = None,
    seed: Annotated[int | None, typer.Option(min=0, help="0 is the best choice, others are other good ones.")] = None,
    take: Annotated[int | None, typer.Option(min=1, help="Take 2 is the second choice, and so on.")] = None,
    ignore_names: IgnoreNames = False,
    taste: Taste = True,
    licence_policy: PolicyOption = Policy.any,
    rerank: Rerank = "none",
    profile: ProfileOption = "embedded",
    as_json: Json = False,
) -> None:
    """Plan the sound of a story into a cue sheet; or plan a sheet anew: what isn't locked is chosen again."""
    given = locals() | {"seed": seed or 0, "take": take or 1}
    from storysound.app.cli.process import one_thread
    from storysound.app.cli.progress import shown
    from storysound.errors import UsageError
    from storysound.jobs.plan.request import PlanRequest, ReplanRequest
    from storysound.session import Session

    options = _options(given)
    with Session(profile) as session, one_thread():
        if source.suffix.lower() == ".json":
            _refuse_wishes(given)
            chosen = None if seed is None and take is None else options["seed"]
            with shown("plan", "the sheet is as it was") as watch:
                result = session.replan(ReplanRequest(source, library, chosen), watch=watch)
        else:
            if out is None:
                raise UsageError("a story needs a sheet to write", field="out")
            with shown("plan") as watch:
                result = session.plan(PlanRequest(source, library, out, **options), watch=watch)
    show(result.score, {"sheet": result.sheet}, result.notes, result.seconds, as_json)


_BESIDE_SHEET = ("source", "library", "seed", "take", "profile", "as_json")  # what is asked for when planning anew


def _refuse_wishes(given: Mapping[str, Any]) -> None:
    """Raises UsageError for an option of `plan` whose value stands in the sheet."""
    from storysound.errors import UsageError

    for name, option in inspect.signature(plan).parameters.items():
        if name not in _BESIDE_SHEET and given[name] != option.default:
            raise UsageError("stands in the sheet: change it there, and plan it anew", field=name)


def render(
    sheet: Annotated[Path, typer.Argument(metavar="SHEET", readable=False, help="A cue sheet (cues.json).")],
    out: Annotated[Path, typer.Option("--output", "-o", readable=False, help="Film or sound to write.")],
    stems: Stems = None,
    report: Report = None,
    otio: Annotated[
        Path | None,
        typer.Option(readable=False, help="This sheet's timeline as it was edited elsewhere: it changes the sheet."),
    ] = None,
    relink: Annotated[
        list[Path] | None, typer.Option(metavar="FOLDER", readable=False, help="Where files that moved are now.")
    ] = None,
    loudness: Loudness = "",
    voice_peaks: Annotated[
        float | None,
        typer.Option(
            min=0, max=6, metavar="DB", help="Lower single peaks of voices by so much; else as the sheet has it."
        ),
    ] = None,
    relevel: Annotated[bool, typer.Option("--relevel", help="Bring the mix to its loudness anew.")] = False,
    as_json: Json = False,
) -> None:
    """Make film, stems and hand-off of a cue sheet; nothing is analysed again."""
    from storysound.app.cli.progress import shown
    from storysound.jobs.render.request import RenderRequest
    from storysound.session import Session

    request = RenderRequest(
        sheet,
        out,
        otio,
        tuple(relink or ()),
        relevel,
        report=report,
        stems=stems,
        loudness=loudness,
        voice_peaks_db=voice_peaks,
    )
    with Session() as session, shown("render") as watch:
        result = session.render(request, watch=watch)
    show(result.score, result.files, result.notes, result.seconds, as_json)


def show(
    score: "Score",
    files: Mapping[str, Path],
    notes: Sequence[str],
    seconds: Mapping[str, float],
    as_json: bool,
) -> None:
    """A line per cue, then what to know and where the files are."""
    from storysound.cue.sheet import as_dict

    if as_json:
        sheet = as_dict(score)
        rows = [{"type": "cue"} | cue for cue in sheet["cues"]]
        result = {
            "type": "result",
            "files": {kind: str(path) for kind, path in files.items()},
            "notes": list(notes),
            "seconds": {step: round(spent, 3) for step, spent in seconds.items()},
        }
        result |= {name: sheet[name] for name in ("loudness", "stepped_aside", "duration_s")}
        for row in [*rows, result]:
            streams.json_line(row)
        return
    for line in summary(score, files, notes):
        streams.line(line)


def summary(score: "Score", files: Mapping[str, Path], notes: Sequence[str]) -> list[str]:
    """What was done, for people."""
    from storysound.draw.shapes import clock

    lines = []
    for cue in score.cues:
        why = f"  ({'; '.join(cue.why)})" if cue.why else ""
        marks = "".join(f", {mark}" for mark in ("muted", "locked") if getattr(cue, mark))
        when = f"{clock(cue.start_s)}–{clock(cue.end_s)}"
        lines.append(f"{cue.id:<12}{when}  {cue.gain_db:+5.1f} dB{marks}  {cue.sound.path}{why}")
    lines += [f"note: {streams.flags(note)}" for note in notes]
    level = score.loudness
    if level["lufs"] > float("-inf"):
        lines.append(f"loudness {level['lufs']:.1f} LUFS, true peak {level['dbtp']:.1f} dBTP")
    return lines + [f"{kind:<9}{path}" for kind, path in files.items()]
