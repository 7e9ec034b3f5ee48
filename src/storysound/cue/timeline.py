"""A score as an OpenTimelineIO timeline, for editing programs."""

from collections.abc import Sequence
from pathlib import Path

import opentimelineio as otio

from storysound.cue.score import Cue, Piece, Score
from storysound.cue.sheet import cue_dict, finite
from storysound.cue.timecode import frame_of
from storysound.media.files import write_whole


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
        "loudness": {name: finite(value) for name, value in score.loudness.items()},  # type: ignore[arg-type]
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
    write_whole(path, otio.adapters.write_to_string(timeline, "otio_json"))


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
