"""Queries from the command line and from files of JSON lines."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from storysound.app import wire
from storysound.cue.form import MusicHitForm
from storysound.cue.score import MusicHit
from storysound.errors import InputError, UsageError
from storysound.match.query import Query
from storysound.media.files import json_lines
from storysound.story import Mood

KEYS = frozenset({"id", "text", "images", "video", "audio", "mood"})


def parse_mood(text: str) -> Mood:
    """A mood from "V,A", both in [0, 1]. Raises UsageError.

    >>> parse_mood("0.8, 0.3")
    Mood(valence=0.8, arousal=0.3)
    """
    try:
        return wire.read_mood(text)
    except UsageError as error:
        raise UsageError(f"{text!r}: give valence,arousal, both from 0 to 1, as in 0.8,0.3", field="mood") from error


def parse_hits(text: str) -> tuple[MusicHit, ...]:
    """Marked moments from "S[:MARK],…", in order of time. Raises UsageError.

    >>> parse_hits("60:breath,41.2")
    (MusicHit(at_s=41.2, mark='accent'), MusicHit(at_s=60.0, mark='breath'))
    """
    found = []
    for word in filter(None, (part.strip() for part in text.split(","))):
        time_s, _, mark = word.partition(":")
        try:
            form = msgspec.convert({"at_s": float(time_s), "mark": mark or "accent"}, MusicHitForm)
        except ValueError as error:
            fault = f"{word!r}: give seconds, and a mark if it is no accent, as in 41.2 or 41.2:breath (or rest)"
            raise UsageError(fault, field="hits") from error
        found.append(MusicHit(form.at_s, form.mark))
    return tuple(sorted(found, key=lambda hit: hit.at_s))


def read_queries(file: Path) -> Iterator[Query]:
    """Queries of a JSON-lines file: `{"id", "text", "images", "video", "audio", "mood": [v, a]}`, all but one optional.

    Files are looked for in the working folder, then beside the query file. Raises InputError naming the line.
    """
    found = False
    for query in json_lines(file, KEYS, lambda row, number: _query(row, number, file.parent)):
        found = True
        yield query
    if not found:
        raise InputError(file, "has no queries in it", 'write one a line, as {"text": "rain on a roof"}')


def _query(row: dict[str, Any], number: int, folder: Path) -> Query:
    given = {key: value for key, value in row.items() if value is not None and value not in ("", [])}
    if not (given.keys() - {"id", "text"} or str(given.get("text", "")).strip()):
        raise UsageError("asks for nothing: give text, images, video, audio or mood")
    if isinstance(images := given.get("images"), str):
        given["images"] = [images]
    query = wire.read(Query, given | {"id": str(given.get("id", number))})
    files = {name: _near(getattr(query, name), folder) for name in ("video", "audio")}
    return replace(query, images=tuple(_near(image, folder) for image in query.images), **files)


def _near(path: Any, folder: Path) -> Any:
    """A path as it stands, or beside the query file if it is only there."""
    try:
        return path if path is None or path.exists() or not (folder / path).exists() else folder / path
    except OSError:  # no name for a file: whoever reads it will say so
        return path


def gather(
    file: Path | None, *, text: str, images: list[Path], video: Path | None, audio: Path | None, mood: str
) -> list[Query]:
    """The queries of a file, or the single one that the other options describe.

    All of a file is read before the first search, so that a mistake in its last line costs no waiting.
    Raises UsageError where both or neither are given.
    """
    asks = bool(text.strip() or images or video or audio or mood)
    if file and asks:
        raise UsageError("`queries` holds whole queries: give it without `text`, `image`, `video`, `audio` and `mood`")
    if not file and not asks:
        raise UsageError("nothing to look for: give `text`, `image`, `video`, `audio`, `mood` or `queries`")
    if file:
        return list(read_queries(file))
    return [Query("1", text, tuple(images), video, audio, parse_mood(mood) if mood else None)]
