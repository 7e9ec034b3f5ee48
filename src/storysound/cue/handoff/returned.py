"""What an editing program made of a score's timeline, brought back into the score.

Each clip of a cue says which it is and how it was handed over; what differs now was done in the program, and is done to
the score: moved, trimmed, slipped, muted, turned up or down, deleted. Whatever can't be said of a score is listed.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import opentimelineio as otio

from storysound.cue import edit
from storysound.cue.handoff.automation import PREMIERE, RESOLVE, Keys, at, has_faders, is_level, levels_in
from storysound.cue.handoff.segments import segments
from storysound.cue.handoff.timecode import timecode
from storysound.cue.handoff.timeline import OURS, PICTURE, identity, path_of
from storysound.cue.score import Cue, Piece, Score
from storysound.errors import InputError, UsageError, one_line
from storysound.media.files import read_text
from storysound.progress import check

SAME_DB = 0.1  # levels that differ by less are the same
_EXPORT = "export the timeline that was imported from this film's .otio"


@dataclass(frozen=True)
class Returned:
    """The score as it was edited, and in words what of the edits is in it and what isn't."""

    score: Score
    understood: tuple[str, ...]
    not_understood: tuple[str, ...]


@dataclass(frozen=True)
class _Handed:
    """A clip as it was handed over: frames of the film, frames of its sound, levels by frame of the clip."""

    cue: str
    piece: int
    first: int
    frames: int
    source: float
    muted: bool
    levels: Keys


@dataclass(frozen=True)
class _Found:
    """A clip as it came back, in frames at the rate it was handed over with."""

    handed: _Handed
    first: float
    frames: float
    source: float
    enabled: bool
    change_db: float | None  # None: no levels came back

    @property
    def end(self) -> float:
        return self.first + self.frames

    @property
    def shift(self) -> float:
        """How much later in the film the same moment of the sound is heard."""
        return (self.first - self.source) - (self.handed.first - self.handed.source)


@dataclass
class _Notes:
    understood: list[str] = field(default_factory=list)
    not_understood: list[str] = field(default_factory=list)


def read_edited(path: Path, score: Score) -> Returned:
    """The score with what was done to its timeline in an editing program.

    Clips are known by the cue they say they are of; where a program dropped that, by their file, if just one clip of
    the score is of it. Frames are compared to half a frame. Raises InputError for what is no OpenTimelineIO timeline,
    and for the timeline of another film.
    """
    timeline = _timeline(path)
    own = timeline.metadata.get(OURS)
    if own is not None and not _is_of(own, score):
        fault = f"is a timeline of another film: {own.get('title')!r}, the sheet is of {score.title!r}"
        raise InputError(path, fault, "give the sheet of that film")
    if own is not None and own.get("holds") != "cues":
        raise InputError(path, "is the timeline of the stems, which says nothing of single cues", _EXPORT)
    reader = _Reader(score)
    reader.read(timeline.tracks)
    if own is None and not reader.found:
        raise InputError(path, f"holds no clip of {score.title!r}", _EXPORT)
    handed_over = set(own.get("cues", ())) if own is not None else {cue.id for cue in score.cues}
    for cue in score.cues:
        check()
        if cue.id in handed_over:  # others were added since
            reader.bring_back(cue)
    return Returned(reader.score, tuple(reader.notes.understood), tuple(reader.notes.not_understood))


def _timeline(path: Path) -> otio.schema.Timeline:
    text = read_text(path)
    try:
        data = json.loads(text)
    except RecursionError as error:
        raise InputError(path, "is nested too deep to be a timeline", _EXPORT) from error
    except ValueError as error:
        raise InputError(path, f"is not JSON: {error}", "give the .otio file that a program exported") from error
    schema = data.get("OTIO_SCHEMA", "") if isinstance(data, dict) else ""
    if not str(schema).startswith("Timeline."):
        what = f"an OpenTimelineIO {schema}" if schema else "no OpenTimelineIO file"
        raise InputError(path, f"is {what}, a timeline is wanted", _EXPORT)
    try:
        timeline = otio.adapters.read_from_string(text, "otio_json")
        timeline.tracks.range_of_all_children()
    except (otio.exceptions.OTIOError, ValueError, TypeError, KeyError, IndexError, RuntimeError) as error:
        raise InputError(path, f"can't be read as a timeline: {one_line(str(error))[:200]}", _EXPORT) from error
    return timeline


def _is_of(own: Mapping[str, Any], score: Score) -> bool:
    mine = identity(score)
    if own.get("story") and mine["story"]:
        return bool(own["story"] == mine["story"])
    return bool(own.get("title") == mine["title"] and own.get("duration_s") == mine["duration_s"])


class _Reader:
    """Finds the clips of a score in a timeline, and does to the score what was done to them."""

    def __init__(self, score: Score) -> None:
        self.score, self.fps = score, score.fps
        self.notes = _Notes()
        self.origin = 0.0  # frames of the timeline before the film begins
        self.found: dict[str, list[_Found]] = {}
        self.unclear: set[str] = set()  # cues of which something came back that can't be understood
        self._by_file: dict[str, list[_Handed]] = {}
        for cue in score.cues:
            for segment in segments(cue, self.fps):
                handed = _Handed(cue.id, segment.piece, segment.first, segment.frames, segment.source, cue.muted, {})
                self._by_file.setdefault(Path(cue.sound.path).name, []).append(handed)

    # --- finding

    def read(self, stack: otio.schema.Stack) -> None:
        self._find_origin(stack)
        for track in stack:
            if not isinstance(track, otio.schema.Track):
                self._pass_over(track, "lies beside the tracks")
            elif track.kind == otio.schema.TrackKind.Audio:
                self._read_track(track)
            else:
                self._read_pictures(track)

    def _find_origin(self, stack: otio.schema.Stack) -> None:
        """Where the film begins on the timeline: with its picture, if that is whole."""
        for clip in stack.find_clips():
            track = clip.parent()
            if clip.metadata.get(OURS, {}).get("role") == PICTURE and isinstance(track, otio.schema.Track):
                begin, played = track.range_of_child(clip).start_time, clip.trimmed_range()
                given = clip.media_reference.available_range if clip.media_reference is not None else None
                self.origin = begin.to_seconds() * self.fps
                if given is not None and abs((played.start_time - given.start_time).to_seconds() * self.fps) >= 0.5:
                    self.origin -= (played.start_time - given.start_time).to_seconds() * self.fps
                if given is not None and abs((played.duration - given.duration).to_seconds() * self.fps) >= 0.5:
                    self.notes.not_understood.append("the picture was cut; the film stays as long as it was")
                if abs(self.origin) >= 0.5:
                    place = f"{self.origin / self.fps:+.3f} s"
                    self.notes.understood.append(
                        f"the film begins at {place} of the timeline; all is counted from there"
                    )
                return

    def _read_pictures(self, track: otio.schema.Track) -> None:
        for clip in track.find_clips():
            own = clip.metadata.get(OURS, {})
            if own.get("cue"):
                self._pass_over(clip, "lies on a track of pictures")
            elif not own.get("role"):
                self.notes.not_understood.append(
                    f"{one_line(clip.name)!r} on {track.name!r} is no picture of this film"
                )

    def _read_track(self, track: otio.schema.Track) -> None:
        if track.source_range is not None or any(not is_level(effect) for effect in track.effects):
            self.notes.not_understood.append(f"track {track.name!r} has a trim or effects, which are left out")
        for child in track:
            check()
            if isinstance(child, otio.schema.Gap):
                continue
            if isinstance(child, otio.schema.Transition):
                self._read_transition(track, child)
            elif isinstance(child, otio.schema.Clip):
                self._read_clip(track, child)
            else:
                self._pass_over(child, "is nested")

    def _read_transition(self, track: otio.schema.Track, transition: otio.schema.Transition) -> None:
        """Dissolves between pieces of one cue are ours."""
        index = track.index(transition)
        beside = [track[i] for i in (index - 1, index + 1) if 0 <= i < len(track)]
        cues = {item.metadata.get(OURS, {}).get("cue") for item in beside}
        if len(beside) < 2 or len(cues) > 1 or None in cues:
            place = self._place(track, beside[-1])
            self.notes.not_understood.append(f"a transition on {track.name!r} at {place} is left out")

    def _place(self, track: otio.schema.Track, item: otio.core.Item) -> str:
        at_s = track.range_of_child(item).start_time.to_seconds() - self.origin / self.fps
        return timecode(max(0.0, at_s), self.fps)

    def _pass_over(self, item: otio.core.Composable, why: str) -> None:
        """Lists an item that isn't understood, and leaves the cues in it as they are."""
        clips: list[otio.schema.Clip] = [item] if isinstance(item, otio.schema.Clip) else []
        if isinstance(item, otio.core.Composition):
            clips = list(item.find_clips())
        cues = sorted({str(clip.metadata.get(OURS, {}).get("cue") or "") for clip in clips} - {""})
        self.unclear.update(cues)
        of = f", with {', '.join(cues)}" if cues else ""
        self.notes.not_understood.append(f"{one_line(item.name or item.schema_name())!r} {why}{of}")

    def _read_clip(self, track: otio.schema.Track, clip: otio.schema.Clip) -> None:
        own = clip.metadata.get(OURS, {})
        if own.get("role"):
            if not (clip.enabled and track.enabled):
                self.notes.not_understood.append(f"{track.name!r} was muted; the mix keeps the original")
            return
        handed = self._handed(clip)
        where = f"{one_line(clip.name)!r} on {track.name!r} at {self._place(track, clip)}"
        if handed is None:
            self.notes.not_understood.append(f"{where} is no clip of this score")
            return
        retimed = [effect for effect in clip.effects if isinstance(effect, otio.schema.TimeEffect)]
        if any(getattr(effect, "time_scalar", 0.0) != 1.0 for effect in retimed):
            self.unclear.add(handed.cue)
            self.notes.not_understood.append(f"{where} ({handed.cue}) was retimed")
            return
        for effect in clip.effects:
            if not is_level(effect) and effect not in retimed and set(effect.metadata) - {RESOLVE, PREMIERE}:
                name = one_line(effect.effect_name or effect.name or "one without a name")
                self.notes.not_understood.append(f"{where} ({handed.cue}) has an effect: {name}")
        if has_faders(clip):
            self.notes.not_understood.append(f"{where} ({handed.cue}) has fades of the program")
        place, played = track.range_of_child(clip), clip.trimmed_range()
        media = clip.media_reference
        available = media.available_range if media is not None else None
        begin = played.start_time - available.start_time if available is not None else played.start_time
        self.found.setdefault(handed.cue, []).append(
            _Found(
                handed,
                place.start_time.to_seconds() * self.fps - self.origin,
                place.duration.to_seconds() * self.fps,
                begin.to_seconds() * self.fps,
                bool(clip.enabled and track.enabled),
                self._change_db(clip, handed, begin.to_seconds() * self.fps, where),
            )
        )

    def _handed(self, clip: otio.schema.Clip) -> _Handed | None:
        """What a clip was as it was handed over; None for one that isn't of this score, or may be of several cues."""
        own = clip.metadata.get(OURS, {})
        cue = next((cue for cue in self.score.cues if cue.id == own.get("cue")), None)
        if cue is not None:
            try:
                levels = {int(frame): float(level) for frame, level in own["levels"].items()}
                numbers = int(own["first"]), int(own["frames"]), float(own["source"])
                return _Handed(cue.id, int(own["piece"]), *numbers, bool(own["muted"]), levels)
            except (KeyError, TypeError, ValueError, AttributeError):
                return None
        url = getattr(clip.media_reference, "target_url", "") or clip.name
        named = self._by_file.get(path_of(url).name, [])
        if len(named) == 1:
            return named[0]
        played = clip.trimmed_range()  # the same sound more than once: only a clip that still is what one was
        begin, frames = (time.to_seconds() * self.fps for time in (played.start_time, played.duration))
        same = [one for one in named if abs(frames - one.frames) < 0.5 and abs(begin - one.source) < 0.5]
        if len(same) == 1:
            return same[0]
        self.unclear.update(one.cue for one in named)
        return None

    def _change_db(self, clip: otio.schema.Clip, handed: _Handed, source: float, where: str) -> float | None:
        """By how much a clip is louder all through than it was handed over; None where that can't be told."""
        try:
            levels = levels_in(clip)
        except ValueError:
            levels = {}
            self.notes.not_understood.append(f"{where} ({handed.cue}) has levels that can't be read")
        if not levels or not handed.levels:
            return None
        before = round(source - handed.source)  # frames that were cut off its start
        changes: list[float] = []
        for keys in levels.values():
            frames = np.array([frame for frame in keys if 0 <= frame + before < handed.frames] or [0], np.float64)
            if len(keys) == 1 and len(handed.levels) > 1:
                frames = np.array(sorted(handed.levels), np.float64) - before  # one level for a curve of many
            now, was = at(keys, frames), at(handed.levels, frames + before)
            heard = was > max(handed.levels.values()) - 40.0  # softer ends are clipped by programs
            off = (now - was)[heard]
            if len(off) == 0 or np.ptp(off) > 2 * SAME_DB:
                self.notes.not_understood.append(f"{where} ({handed.cue}) has other level keyframes")
                return None
            changes.append(float(np.median(off)))
        changed = [change for change in changes if abs(change) > SAME_DB]
        if len(changed) > 1 and np.ptp(changed) > 2 * SAME_DB:
            self.notes.not_understood.append(f"{where} ({handed.cue}) has two levels that contradict each other")
            return None
        return changed[0] if changed else 0.0

    # --- bringing back

    def bring_back(self, cue: Cue) -> None:
        if cue.id in self.unclear:
            return
        clips = self._joined(sorted(self.found.get(cue.id, []), key=lambda clip: clip.first))
        if not clips:
            self._do(edit.remove(self.score, cue.id), f"{cue.id} deleted")
            return
        fault = self._fault(cue, clips)
        if fault:
            self.notes.not_understood.append(f"{cue.id} {fault}; it is left as it was")
            return
        self._bring_place(cue, clips)
        was_muted, muted = clips[0].handed.muted, {not clip.enabled for clip in clips}
        if len(muted) > 1:
            self.notes.not_understood.append(f"{cue.id} is muted in part")
        elif muted != {was_muted} and cue.muted == was_muted:
            self._do(
                edit.mute(self.score, cue.id, muted=not was_muted), f"{cue.id} {'unmuted' if was_muted else 'muted'}"
            )
        changes = [clip.change_db for clip in clips if clip.change_db is not None]
        if changes and np.ptp(changes) > 2 * SAME_DB:
            self.notes.not_understood.append(f"{cue.id} has pieces that were made louder by different amounts")
        elif changes and abs(changes[0]) > SAME_DB:
            change_db = round(changes[0], 1)
            self._try(lambda: edit.gain(self.score, cue.id, change_db), f"{cue.id} {change_db:+g} dB")

    def _joined(self, clips: list[_Found]) -> list[_Found]:
        """Clips of one piece that were only cut in two, whole again."""
        whole: list[_Found] = []
        for clip in clips:
            last = whole[-1] if whole else None
            if (
                last is not None
                and last.handed == clip.handed
                and abs(last.end - clip.first) < 0.5
                and abs(last.shift - clip.shift) < 0.5
                and last.enabled == clip.enabled
            ):
                whole[-1] = replace(last, frames=clip.end - last.first)
            else:
                whole.append(clip)
        return whole

    @staticmethod
    def _fault(cue: Cue, clips: list[_Found]) -> str:
        """Why clips of a cue make no cue any more; empty where they do."""
        pieces = [clip.handed.piece for clip in clips]
        if not all(0 <= piece < len(cue.pieces) for piece in pieces):
            return "has other pieces in the sheet by now"
        if len(set(pieces)) < len(pieces):
            return "was cut up, or is there more than once"
        if pieces != list(range(pieces[0], pieces[0] + len(pieces))):
            return "lost a piece from its middle, or has its pieces in another order"
        for before, after in pairwise(clips):
            if abs(before.shift - after.shift) >= 0.5:
                return "has pieces that were moved apart"
            if abs(before.end - after.first) >= 0.5 or abs(after.first - after.handed.first - after.shift) >= 0.5:
                return "has a seam that was moved"
        return ""

    def _bring_place(self, cue: Cue, clips: list[_Found]) -> None:
        """Gives a cue the place, the edges and the stretch of its sound that its clips have."""
        first, last = clips[0], clips[-1]
        shift = _snapped(first.shift)
        starts = _snapped(first.first - first.handed.first, shift)
        ends = _snapped(last.end - last.handed.first - last.handed.frames, shift)
        pieces = cue.pieces[first.handed.piece : last.handed.piece + 1]
        if shift == starts == ends == 0 and len(pieces) == len(cue.pieces):
            return
        start_s = cue.start_s + starts / self.fps if first.handed.piece == 0 else first.first / self.fps
        end_s = cue.end_s + ends / self.fps if pieces[-1] is cue.pieces[-1] else last.end / self.fps
        if starts == ends == 0 and len(pieces) == len(cue.pieces):
            done = f"slipped: its sound by {-shift / self.fps:+.3f} s"
        elif starts == ends == shift and len(pieces) == len(cue.pieces):
            done = f"moved by {shift / self.fps:+.3f} s"
        else:
            moved = f"moved by {shift / self.fps:+.3f} s and " if shift else ""
            done = f"{moved}trimmed to {timecode(max(0.0, start_s), self.fps)}-{timecode(end_s, self.fps)}"
        try:
            placed = _placed(cue, pieces, shift / self.fps, max(0.0, start_s), min(end_s, self.score.duration_s))
        except ValueError as error:
            self.notes.not_understood.append(f"{cue.id} {done}: {error}; it is left where it was")
            return
        self._do(edit.put(self.score, f"{cue.id} {done}", placed), f"{cue.id} {done}")

    def _try(self, done: Callable[[], Score], text: str) -> None:
        try:
            self._do(done(), text)
        except UsageError as error:
            self.notes.not_understood.append(f"{text}: {error.fault}")

    def _do(self, score: Score, text: str) -> None:
        self.score = score
        self.notes.understood.append(text)


def _snapped(frames: float, to: float = 0.0) -> float:
    """A difference in frames; one of less than half a frame from none, or from `to`, is that."""
    return 0.0 if abs(frames) < 0.5 else to if abs(frames - to) < 0.5 else frames


def _placed(cue: Cue, pieces: Sequence[Piece], shift_s: float, start_s: float, end_s: float) -> Cue:
    """A cue made of pieces that are heard `shift_s` later, cut to [start_s, end_s), or to where its sound reaches.

    Raises ValueError for one that would be too short.
    """
    first, last = pieces[0], pieces[-1]
    start_s = max(start_s, first.at_s + shift_s - first.in_s)
    end_s = min(end_s, last.at_s + shift_s - last.in_s + cue.sound.duration_s)
    if end_s - start_s < edit.SHORTEST_S:
        raise ValueError("nothing is left of it")
    reached = [
        piece for piece in pieces if piece.end_s + shift_s > start_s + 1e-6 and piece.at_s + shift_s < end_s - 1e-6
    ] or [first if end_s <= first.at_s + shift_s else last]
    made = []
    for number, piece in enumerate(reached):
        head_s = start_s - piece.at_s - shift_s if number == 0 else 0.0
        tail_s = end_s - piece.end_s - shift_s if number == len(reached) - 1 else 0.0
        in_s, out_s = (
            edge_s + cut_s * (abs(cut_s) > 1e-6) for edge_s, cut_s in ((piece.in_s, head_s), (piece.out_s, tail_s))
        )
        at_s = start_s if number == 0 else piece.at_s + shift_s
        made.append(Piece(max(0.0, in_s), out_s, at_s, piece.jump if number else None))
    half_s = (end_s - start_s) / 2
    fade_in_s, fade_out_s = min(cue.fade_in_s, half_s), min(cue.fade_out_s, half_s)
    return replace(cue, start_s=start_s, end_s=end_s, pieces=tuple(made), fade_in_s=fade_in_s, fade_out_s=fade_out_s)
