"""Spottings as JSON files: scenes with their moods, and what else music has to fit."""

import json
from dataclasses import replace
from pathlib import Path

import msgspec

from storysound.compose.spotting import Hit, Mark, Scene, Spotting
from storysound.errors import InputError, UsageError
from storysound.media.files import read_text, write_whole
from storysound.story import Mood, Span

EXAMPLE = '{"duration_s": 30, "scenes": [{"start_s": 0, "end_s": 30, "valence": 0.7, "arousal": 0.4}], "cuts_s": [9]}'
_SLACK_S = 0.05


class _Scene(msgspec.Struct, forbid_unknown_fields=True):
    start_s: float
    end_s: float
    valence: float
    arousal: float
    theme: str = ""
    ensemble: str = ""
    seed: int = 0
    style: str = ""
    about: str = ""


class _Hit(msgspec.Struct, forbid_unknown_fields=True):
    at_s: float
    mark: Mark = "accent"


class _Form(msgspec.Struct, forbid_unknown_fields=True):
    scenes: list[_Scene]
    duration_s: float | None = None
    cuts_s: list[float] = []
    speech: list[tuple[float, float]] = []
    hits: list[_Hit] = []


def read_spotting(path: Path) -> Spotting:
    """The spotting of a file as EXAMPLE.

    Scenes may have a `theme`, an `ensemble`, a `style`, a `seed`, and what they are `about`; there may be `speech`
    ([[start_s, end_s], …]) and `hits` ([{"at_s", "mark"}, …]). Raises InputError where it is none, or contradicts
    itself.
    """
    try:
        return spotting_of(read_text(path))
    except (ValueError, UsageError) as error:  # msgspec's are ValueErrors
        raise InputError(path, f"is no list of scenes: {error}", f"write one as {EXAMPLE}") from error


def spotting_of(text: str) -> Spotting:
    """The spotting that a JSON text holds. Raises ValueError and UsageError.

    >>> spotting_of(EXAMPLE).length_s
    30.0
    """
    form = msgspec.json.decode(text, type=_Form)
    scenes = tuple(
        Scene(
            each.start_s,
            each.end_s,
            Mood(each.valence, each.arousal),
            each.theme,
            each.ensemble,
            each.seed,
            each.style,
            each.about,
        )
        for each in form.scenes
    )
    if form.duration_s is not None and scenes:
        if abs(scenes[-1].end_s - form.duration_s) > _SLACK_S:
            raise ValueError(f"the last scene ends at {scenes[-1].end_s:g} s, `duration_s` is {form.duration_s:g}")
        scenes = (*scenes[:-1], replace(scenes[-1], end_s=form.duration_s))
    speech = tuple(Span(start_s, end_s) for start_s, end_s in form.speech)
    hits = tuple(Hit(each.at_s, each.mark) for each in form.hits)
    return Spotting(scenes, tuple(form.cuts_s), speech, hits)


def write_spotting(spotting: Spotting, path: Path) -> None:
    """Writes a spotting as `read_spotting` reads it, for people to go on with. Raises OutputError."""
    scenes = [
        {
            "start_s": scene.start_s,
            "end_s": scene.end_s,
            "valence": scene.mood.valence,
            "arousal": scene.mood.arousal,
            "theme": scene.theme,
            "ensemble": scene.ensemble,
            "style": scene.style,
            "seed": scene.seed,
            "about": scene.about,
        }
        for scene in spotting.scenes
    ]
    form = {
        "duration_s": spotting.length_s,
        "scenes": scenes,
        "cuts_s": list(spotting.cuts_s),
        "speech": [[span.start_s, span.end_s] for span in spotting.speech],
        "hits": [{"at_s": hit.at_s, "mark": hit.mark} for hit in spotting.hits],
    }
    rows = json.dumps(form, ensure_ascii=False, indent=2)
    write_whole(path, f"{rows}\n")
