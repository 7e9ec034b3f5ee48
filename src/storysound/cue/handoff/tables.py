"""A score as tables (CSV) that a spreadsheet opens: all cues, and the music as rights societies ask for it."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from storysound.cue.handoff.timecode import timecode
from storysound.cue.score import Cue, Score
from storysound.media.files import write_whole

COLUMNS = (
    "id", "layer", "start", "end", "start_tc", "end_tc", "duration", "sound", "title", "source_in", "source_out",
    "pieces", "gain_db", "fade_in", "fade_out", "muted", "score", "why", "licence", "credit", "source",
)  # fmt: skip
# What societies' forms have in common; what a library can't know is left for the user to fill in.
RIGHTS_COLUMNS = (
    "no", "production", "title", "composer / author", "publisher", "society", "usage", "in", "out", "duration",
    "licence", "source", "file",
)  # fmt: skip
_SUNG = {"vocal", "vocals", "sung", "singing", "song", "choir"}


def write_csv(score: Score, path: Path, *, start_timecode: str = "") -> None:
    """Writes one row per cue (RFC 4180; UTF-8, with the mark by which spreadsheets know it where it matters).

    Time codes go on from `start_timecode`, the picture's own. `source_in` and `source_out` are the ends of what is
    used of the sound; `pieces` has each stretch as in-out@place. Raises OutputError.
    """
    rows = []
    for cue in score.cues:
        sound = cue.sound
        pieces = " ".join(f"{p.in_s:.3f}-{p.out_s:.3f}@{p.at_s:.3f}" for p in cue.pieces)
        times = (timecode(time_s, score.fps, start_timecode) for time_s in (cue.start_s, cue.end_s))
        source_in, source_out = min(p.in_s for p in cue.pieces), max(p.out_s for p in cue.pieces)
        rows.append((
            cue.id, cue.layer, f"{cue.start_s:.3f}", f"{cue.end_s:.3f}", *times, f"{cue.duration_s:.3f}",
            sound.path, sound.title, f"{source_in:.3f}", f"{source_out:.3f}", pieces,
            f"{cue.gain_db:.2f}", f"{cue.fade_in_s:.3f}", f"{cue.fade_out_s:.3f}", "yes" if cue.muted else "",
            f"{cue.score:.4f}", "; ".join(cue.why), sound.source.licence, sound.source.credit, sound.source.uri,
        ))  # fmt: skip
    _write(path, COLUMNS, rows)


def write_rights(score: Score, path: Path, *, start_timecode: str = "") -> None:
    """Writes the music cue sheet: a row for each music cue that sounds, in order of time. Raises OutputError."""
    music = sorted((cue for cue in score.audible if cue.layer == "music"), key=lambda cue: (cue.start_s, cue.id))
    rows = [
        (
            str(number), score.title, cue.sound.title or PurePosixPath(cue.sound.path).stem, cue.sound.source.credit,
            "", "", _usage(cue), *(timecode(time_s, score.fps, start_timecode) for time_s in (cue.start_s, cue.end_s)),
            _length(cue.duration_s), cue.sound.source.licence, cue.sound.source.uri, cue.sound.path,
        )
        for number, cue in enumerate(music, 1)
    ]  # fmt: skip
    _write(path, RIGHTS_COLUMNS, rows)


def _usage(cue: Cue) -> str:
    words = {word for tag in cue.sound.tags for word in tag.lower().split()}
    return "background vocal" if words & _SUNG and "no" not in words else "background instrumental"


def _length(seconds: float) -> str:
    """Hours, minutes and whole seconds, rounded."""
    whole = round(seconds)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in rows)
    table = text.getvalue()
    write_whole(path, table if table.isascii() else "\ufeff" + table)  # the mark is in the way of plain readers


def _cell(text: str) -> str:
    """Text as a table program may open it: a leading = + - @ would be run as a formula, but for a number."""
    if text[:1] not in ("=", "+", "-", "@", "\t", "\r"):
        return text
    try:
        float(text)
    except ValueError:
        return "'" + text
    return text
