"""`storysound cue`: the cues of a sheet, listed and edited; and `storysound schema`."""

import enum
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from storysound.app.cli import streams
from storysound.app.cli.score import Json, ProfileOption, summary

if TYPE_CHECKING:
    from storysound.cue.score import Score

SETTINGS = {"ignore_unknown_options": True}  # -3 is a number of decibels or seconds, no option


class LayerChoice(enum.StrEnum):
    """What a cue is."""

    music = "music"
    ambience = "ambience"
    spot = "spot"


def cue(
    sheet: Annotated[Path, typer.Argument(metavar="SHEET", readable=False, help="A cue sheet (cues.json).")],
    action: Annotated[
        str,
        typer.Argument(
            metavar="ACTION",
            help="list · swap ID · set ID ensemble=NAME … · move ID ±S · jump ID N ±S · trim ID · gain ID ±DB · "
            "fade ID · mute ID · unmute ID · lock ID · unlock ID · ban SOUND · allow SOUND · remove ID · add SOUND · "
            "undo · redo",
        ),
    ],
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ID|SOUND] [N] [±NUMBER|NAME=VALUE]",
            help="What it is done to; set: ensemble=, style=, theme=, mood=V,A, seed=, hits=S[:MARK],… of music.",
        ),
    ] = None,
    runner_up: Annotated[bool, typer.Option("--next", help="swap: the next runner-up (also without it).")] = False,
    to: Annotated[str, typer.Option(metavar="SOUND", help="swap: this sound of the library, or a file.")] = "",
    text: Annotated[str, typer.Option(help="swap: the sound that fits these words best.")] = "",
    start: Annotated[float | None, typer.Option(metavar="S", help="trim, add: where it starts in the film.")] = None,
    end: Annotated[float | None, typer.Option(metavar="S", help="trim, add: where it ends in the film.")] = None,
    fade_in: Annotated[float | None, typer.Option("--in", metavar="S", help="fade: seconds to come.")] = None,
    fade_out: Annotated[float | None, typer.Option("--out", metavar="S", help="fade: seconds to go.")] = None,
    at: Annotated[float | None, typer.Option(metavar="S", help="add: where it starts, as --start.")] = None,
    layer: Annotated[LayerChoice | None, typer.Option(help="add: what it is; else by the sound.")] = None,
    profile: ProfileOption = "embedded",
    as_json: Json = False,
) -> None:
    """Edit a cue sheet, cue by cue; every edit can be undone. `storysound render` makes the film of it."""
    from storysound.app.cli.progress import shown
    from storysound.cue.sheet import read_json
    from storysound.errors import UsageError
    from storysound.jobs.edit.request import EditRequest
    from storysound.session import Session

    given = list(words or ())
    if odd := next((word for word in given if word.startswith("--")), None):
        raise UsageError(f"{odd} is no option of `cue`")
    if action == "list":
        _no_more(given, action)
        show(read_json(sheet), (), as_json)
        return
    fields: dict[str, Any] = {"text": text, "start_s": at if start is None else start, "end_s": end}
    fields |= {"in_s": fade_in, "out_s": fade_out, "layer": layer.value if layer else None}
    if runner_up and (to or text):
        raise UsageError("goes without `to` and `text`", field="runner_up")
    if action in ("ban", "allow", "add"):
        fields["sound"] = given.pop(0) if given else ""
    elif action not in ("undo", "redo"):
        fields["cue"] = given.pop(0) if given else ""
    if action == "swap":
        fields["sound"] = to
    if action == "set":
        fields |= _brief(given)
        given = []
    if action == "jump" and given:
        fields["number"] = int(_number(given.pop(0), action))
    if action in ("gain", "move", "jump"):
        name = "change_db" if action == "gain" else "change_s"
        fields[name] = _number(given.pop(0), action) if given else None
    _no_more(given, action)
    with Session(profile) as session, shown("cue", "the sheet is as it was") as watch:
        result = session.edit(EditRequest(sheet, action, **fields), watch=watch)  # type: ignore[arg-type]
    show(result.score, result.changed, as_json)


def _brief(words: list[str]) -> dict[str, Any]:
    """Fields of a request from words as ensemble=piano, seed=4, mood=0.2,0.8, hits=41.2,60:breath."""
    from storysound.app.queries import parse_hits, parse_mood
    from storysound.errors import UsageError
    from storysound.jobs.edit.request import BRIEF

    fields: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if name not in BRIEF or not equals:
            raise UsageError(f"set takes {'=, '.join(BRIEF)}=, got {word!r}")
        if name == "seed" and not value.isdecimal():
            raise UsageError(f"counts from 0, got {value!r}", field="seed")
        read: dict[str, Callable[[str], Any]] = {"mood": parse_mood, "seed": int, "hits": parse_hits}
        fields[name] = read.get(name, str)(value)
    return fields


def _number(word: str, action: str) -> float:
    from storysound.errors import UsageError

    try:
        value = float(word.replace("−", "-"))
    except ValueError:
        value = float("nan")
    if not abs(value) < 1e9:
        raise UsageError(f"{action} takes a number, as -3 or +1.5, got {word!r}")
    return value


def _no_more(words: list[str], action: str) -> None:
    from storysound.errors import UsageError

    if words:
        raise UsageError(f"{action} doesn't know what to do with {' '.join(words)!r}")


def show(score: "Score", changed: tuple[str, ...], as_json: bool) -> None:
    """All cues, or those that an edit changed."""
    from storysound.cue.sheet import cue_dict

    if as_json:
        for one in score.cues:
            if not changed or one.id in changed:
                streams.json_line({"type": "cue"} | cue_dict(one))
        streams.json_line({"type": "result", "changed": list(changed), "bans": list(score.bans)})
        return
    lines = summary(score, {}, ())
    for one, line in zip(score.cues, lines, strict=False):
        if not changed or one.id in changed:
            streams.line(line)
            jumps = [(piece.at_s, piece.jump.total) for piece in one.pieces if piece.jump]
            for number, (at_s, cost) in enumerate(jumps, 1):
                streams.line(f"{'':<12}jump {number} at {at_s:.2f} s, cost {cost:.2f}")
    for gone in [cue_id for cue_id in changed if cue_id not in {one.id for one in score.cues}]:
        streams.line(f"{gone:<12}removed")
    if score.bans:
        streams.line(f"banned: {', '.join(score.bans)}")


def schema(
    record: Annotated[str, typer.Argument(metavar="RECORD", help="score: the cue sheet.")] = "score",
) -> None:
    """Print the JSON Schema of a record: score, the cue sheet."""
    from storysound.cue.form import schema as of_score
    from storysound.errors import UsageError

    if record != "score":
        raise UsageError(f"{record!r} has no schema; score has one", field="record")
    streams.block(json.dumps(of_score(), indent=2))
