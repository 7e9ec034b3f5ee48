"""A score as a table (CSV), a row per cue."""

import csv
import io
from pathlib import Path

from storysound.cue.score import Score
from storysound.cue.timecode import timecode
from storysound.media.files import write_whole

COLUMNS = (
    "id", "layer", "start", "end", "start_tc", "end_tc", "duration", "sound", "title", "source_in", "source_out",
    "pieces", "gain_db", "fade_in", "fade_out", "score", "why", "licence", "credit", "source",
)  # fmt: skip


def write_csv(score: Score, path: Path) -> None:
    """Writes one row per cue (RFC 4180, UTF-8). Raises OutputError."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for cue in score.cues:
        sound = cue.sound
        pieces = " ".join(f"{p.in_s:.3f}-{p.out_s:.3f}@{p.at_s:.3f}" for p in cue.pieces)
        times = (timecode(cue.start_s, score.fps), timecode(cue.end_s, score.fps))
        writer.writerow((
            cue.id, cue.layer, f"{cue.start_s:.3f}", f"{cue.end_s:.3f}", *times, f"{cue.duration_s:.3f}",
            _cell(sound.path), _cell(sound.title), f"{cue.pieces[0].in_s:.3f}", f"{cue.pieces[-1].out_s:.3f}", pieces,
            f"{cue.gain_db:.2f}", f"{cue.fade_in_s:.3f}", f"{cue.fade_out_s:.3f}", f"{cue.score:.4f}",
            _cell("; ".join(cue.why)), _cell(sound.source.licence), _cell(sound.source.credit), _cell(sound.source.uri),
        ))  # fmt: skip
    write_whole(path, text.getvalue())


def _cell(text: str) -> str:
    """Text as a table program may open it: a leading = + - @ would be run as a formula."""
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
