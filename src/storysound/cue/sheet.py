"""A score as cue sheets: JSON for programs, CSV for tables, OpenTimelineIO for editing programs.

Seconds are given to the millisecond; editors get non-drop SMPTE time codes (SMPTE ST 12-1) at the video's rate.
"""

import csv
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import opentimelineio as otio

from storysound.cue.score import Cue, Piece, Score
from storysound.media.files import atomic
from storysound.story import Sound, Span

COLUMNS = (
    "id", "layer", "start", "end", "start_tc", "end_tc", "duration", "sound", "title", "source_in", "source_out",
    "pieces", "gain_db", "fade_in", "fade_out", "score", "why", "licence", "credit", "source",
)  # fmt: skip


def frame_of(time_s: float, fps: float) -> int:
    """The frame that is shown at a time, the same in every sheet; a time rounded to its millisecond is still at it.

    >>> frame_of(0.99, 25), frame_of(1.01, 25)
    (24, 25)
    """
    return math.floor((time_s + 0.0005) * fps + 1e-6)


def timecode(time_s: float, fps: float) -> str:
    """HH:MM:SS:FF, non-drop, counted at the nearest whole rate.

    >>> timecode(3661.5, 24), timecode(1.0, 29.97)
    ('01:01:01:12', '00:00:00:29')
    """
    seconds, frame = divmod(frame_of(time_s, fps), max(1, round(fps)))
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{frame:02d}"


def write_json(score: Score, path: Path) -> None:
    """Writes the score as JSON, whole or not at all. Raises OutputError."""
    _write(path, json.dumps(as_dict(score), ensure_ascii=False, indent=2) + "\n")


def as_dict(score: Score) -> dict[str, Any]:
    """The score in plain types; numbers that JSON can't hold (silence: -inf) become None."""
    return {
        "version": score.version,
        "title": score.title,
        "duration_s": _ms(score.duration_s),
        "fps": score.fps,
        "stepped_aside": score.stepped_aside,
        "loudness": {name: _number(value) for name, value in score.loudness.items()},  # type: ignore[arg-type]
        "speech": [_span(span) for span in score.speech],
        "own_music": [_span(span) for span in score.own_music],
        "scenes": [
            {
                "start_s": _ms(scene.start_s),
                "end_s": _ms(scene.end_s),
                "valence": round(scene.mood.valence, 3),
                "arousal": round(scene.mood.arousal, 3),
                "gloss": scene.gloss,
                "text": scene.text,
                "shots": [_span(shot) for shot in scene.shots],
            }
            for scene in score.scenes
        ],
        "cues": [cue_dict(cue) for cue in score.cues],
    }


def cue_dict(cue: Cue) -> dict[str, Any]:
    """One cue in plain types."""
    return {
        "id": cue.id,
        "layer": cue.layer,
        "start_s": _ms(cue.start_s),
        "end_s": _ms(cue.end_s),
        "sound": _sound(cue.sound),
        "pieces": [{"in_s": _ms(p.in_s), "out_s": _ms(p.out_s), "at_s": _ms(p.at_s)} for p in cue.pieces],
        "gain_db": round(cue.gain_db, 2),
        "fade_in_s": _ms(cue.fade_in_s),
        "fade_out_s": _ms(cue.fade_out_s),
        "score": round(cue.score, 4),
        "why": list(cue.why),
        "runners_up": [{"sound": r.path, "score": round(r.score, 4)} for r in cue.runners_up],
    }


def _sound(sound: Sound) -> dict[str, Any]:
    return {
        "path": sound.path,
        "root": sound.root,
        "title": sound.title,
        "kind": sound.kind,
        "duration_s": _ms(sound.duration_s),
        "tempo_bpm": sound.tempo_bpm,
        "key": sound.key,
        "loudness_lufs": _number(sound.loudness_lufs),
        "valence": round(sound.mood.valence, 3),
        "arousal": round(sound.mood.arousal, 3),
        "source": sound.source.uri,
        "sha256": sound.source.sha256,
        "licence": sound.source.licence,
        "credit": sound.source.credit,
    }


def _span(span: Span) -> list[float]:
    return [_ms(span.start_s), _ms(span.end_s)]


def _ms(time_s: float) -> float:
    return round(float(time_s), 3)


def _number(value: float) -> float | None:
    return round(float(value), 2) if math.isfinite(value) else None


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
    _write(path, text.getvalue())


def _cell(text: str) -> str:
    """Text as a table program may open it: a leading = + - @ would be run as a formula."""
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _write(path: Path, text: str) -> None:
    with atomic(path) as temporary, temporary.open("w", encoding="utf-8", errors="replace", newline="") as stream:
        stream.write(text)


def write_otio(score: Score, path: Path, *, video: Path, scored: Path, has_audio: bool) -> None:
    """Writes an OpenTimelineIO timeline: video, original sound, and the added sounds as clips of their own files.

    `video` is the story's picture (and original sound if `has_audio`), `scored` the finished file. Cues that overlap
    lie on tracks of their own; crossfades between pieces are transitions; gains and fades are in the metadata.
    Raises OutputError.
    """
    timeline = otio.schema.Timeline(name=score.title, global_start_time=_time(0.0, score.fps))
    timeline.metadata["storysound"] = {
        "scored": str(scored.resolve()),
        "stepped_aside": score.stepped_aside,
        "loudness": {name: _number(value) for name, value in score.loudness.items()},  # type: ignore[arg-type]
    }
    whole = Piece(0.0, max(score.duration_s, 1e-3), 0.0)
    kinds = [("Video", otio.schema.TrackKind.Video)]
    kinds += [("Original sound", otio.schema.TrackKind.Audio)] if has_audio else []
    for name, kind in kinds:
        track = otio.schema.Track(name=name, kind=kind)
        track.append(_clip(video.stem, video.resolve(), whole, score.duration_s, score.fps))
        timeline.tracks.append(track)
    for name, layers in (("Music", ("music",)), ("Effects", ("ambience", "spot"))):
        for lane, cues in enumerate(_lanes([cue for cue in score.cues if cue.layer in layers])):
            timeline.tracks.append(_track(f"{name} {lane + 1}", cues, score.fps))
    for index, scene in enumerate(score.scenes):
        length = _time(scene.end_s - scene.start_s, score.fps)
        marked = otio.opentime.TimeRange(_time(scene.start_s, score.fps), length)
        timeline.tracks.markers.append(
            otio.schema.Marker(name=f"scene {index + 1}: {scene.gloss}", marked_range=marked)
        )
    _write(path, otio.adapters.write_to_string(timeline, "otio_json"))


def _lanes(cues: Sequence[Cue]) -> list[list[Cue]]:
    """Cues dealt to as few tracks as possible such that none overlap on a track."""
    lanes: list[list[Cue]] = []
    for cue in sorted(cues, key=lambda c: (c.start_s, c.end_s)):
        free = next((lane for lane in lanes if lane[-1].end_s <= cue.start_s + 1e-6), None)
        if free is None:
            lanes.append([cue])
        else:
            free.append(cue)
    return lanes


def _track(name: str, cues: Sequence[Cue], fps: float) -> otio.schema.Track:
    track = otio.schema.Track(name=name, kind=otio.schema.TrackKind.Audio)
    cursor = 0.0
    for cue in cues:
        if _time(cue.start_s, fps) > _time(cursor, fps):
            track.append(otio.schema.Gap(duration=_time(cue.start_s, fps) - _time(cursor, fps)))
        for index, piece in enumerate(cue.pieces):
            before = cue.pieces[index - 1].end_s - piece.at_s if index else 0.0
            after = piece.end_s - cue.pieces[index + 1].at_s if index + 1 < len(cue.pieces) else 0.0
            if index:
                half = _time(before / 2, fps)
                kind = otio.schema.TransitionTypes.SMPTE_Dissolve
                track.append(otio.schema.Transition(transition_type=kind, in_offset=half, out_offset=half))
            # Clips meet in the middle of their crossfade; the transition reaches into both.
            cut = Piece(piece.in_s + before / 2, piece.out_s - after / 2, piece.at_s + before / 2)
            source = Path(cue.sound.root) / cue.sound.path
            clip = _clip(cue.sound.title or Path(cue.sound.path).stem, source, cut, cue.sound.duration_s, fps)
            clip.metadata["storysound"] = cue_dict(cue)
            track.append(clip)
        cursor = cue.end_s
    return track


def _clip(name: str, source: Path, piece: Piece, available_s: float, fps: float) -> otio.schema.Clip:
    # Both ends are rounded in story time, so that neighbours still meet.
    length = _time(piece.end_s, fps) - _time(piece.at_s, fps)
    available = otio.opentime.TimeRange(_time(0.0, fps), _time(available_s, fps))
    url = source.as_uri() if source.is_absolute() else source.as_posix()
    return otio.schema.Clip(
        name=name,
        media_reference=otio.schema.ExternalReference(target_url=url, available_range=available),
        source_range=otio.opentime.TimeRange(_time(piece.in_s, fps), length),
    )


def _time(time_s: float, fps: float) -> otio.opentime.RationalTime:
    """A time on the frame grid of the video: what an editing program can place."""
    return otio.opentime.RationalTime(frame_of(time_s, fps), fps)
