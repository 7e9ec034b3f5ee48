"""A score as a timeline for editing programs: OpenTimelineIO, Final Cut Pro XML and CMX 3600 lists.

What of it which program reads is told in docs/EDITORS.md.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

import opentimelineio as otio
from opentimelineio.opentime import RationalTime, TimeRange

from storysound.cue.duck import DuckCurve
from storysound.cue.handoff.automation import (
    PREMIERE,
    RESOLVE,
    level_keys,
    levels_in,
    premiere_effect,
    resolve_effect,
    xmeml_filter,
)
from storysound.cue.handoff.segments import Segment, lanes
from storysound.cue.handoff.timecode import frame_of, is_drop_frame, start_frame
from storysound.cue.score import Layer, Score
from storysound.cue.sheet import cue_dict, finite
from storysound.errors import MediaError, one_line
from storysound.media.arrays import RATE_HZ
from storysound.media.files import write_whole
from storysound.media.probe import probe

OURS = "storysound"  # the key of our own metadata
TRACKS: Mapping[str, Layer] = {"Music": "music", "Ambience": "ambience", "Effects": "spot"}
PICTURE, ORIGINAL = "Video", "Original sound"
_USUAL_RATE = 25.0
_EDL_RATE = {24000 / 1001: 24.0, 30000 / 1001: 30.0, 60000 / 1001: 60.0}


class Handoff:
    """A score for editing programs in any of their forms: each file it goes by is looked at once.

    Cues lie on a track for each layer, and more where they overlap, as clips of their own files with gain, fades,
    ducking and the one gain of the film as level keyframes; the original has that gain alone. Crossfades between pieces
    are dissolves.
    """

    def __init__(self, score: Score, *, picture: Path | None, scored: Path) -> None:
        """`picture` is the film, that of the story or one made of its pictures; `scored` the finished file."""
        self._score, self._scored = score, scored
        self._builder = _Builder(score, picture)

    @property
    def start_timecode(self) -> str:
        """Where the picture's own time code starts; "" where it has none."""
        return self._builder.timecode

    @property
    def time_reference(self) -> int:
        """When the first sample of the film is due, in samples since midnight, by the picture's time code."""
        return round(self._builder.start / self._score.fps * RATE_HZ)

    @cached_property
    def _cues(self) -> otio.schema.Timeline:
        """The picture and the cues; whoever changes it takes a copy."""
        return self._builder.of_cues()

    def write_otio(self, path: Path, stems: Mapping[str, Path] | None = None) -> None:
        """Writes an OpenTimelineIO timeline: the picture, and either the cues or the stems.

        `stems` (files as long as the film, by name) lie on a track each, at no gain. Raises OutputError.
        """
        timeline = _placed(self._cues if stems is None else self._builder.of_stems(stems), path)
        timeline.metadata[OURS] = identity(self._score) | {
            "holds": "cues" if stems is None else "stems",
            "cues": [cue.id for cue in self._score.cues],
            "scored": str(self._scored.resolve()),
            "stepped_aside": self._score.stepped_aside,
            "loudness": {name: finite(value) for name, value in self._score.loudness.items()},  # type: ignore[arg-type]
        }
        write_whole(path, otio.adapters.write_to_string(timeline, "otio_json"))

    def write_fcpxml(self, path: Path) -> None:
        """Writes the timeline of `write_otio` as Final Cut Pro XML (xmeml), levels included. Raises OutputError."""
        timeline = self._cues.deepcopy()
        timeline.tracks.name = one_line(self._scored.name)
        self._builder.for_xmeml(timeline)
        write_whole(path, otio.adapters.write_to_string(timeline, "fcp_xml"))

    def write_edl(self, path: Path) -> None:
        """Writes the timeline of `write_otio` as a CMX 3600 edit decision list, which holds no levels.

        Of muted cues there is nothing in it. Sounds beyond four tracks go on A5 and so on, as programs of today read.
        Raises OutputError.
        """
        fps, start = self._score.fps, self._builder.start
        drop = is_drop_frame(self.start_timecode, fps)
        title = one_line(f"{self._score.title} ({self._scored.name})")
        head = f"TITLE: {title}\nFCM: {'' if drop else 'NON-'}DROP FRAME\n\n"
        # The adapter counts drop-frame wherever a rate has it; at the whole rate it counts the same frames and doesn't.
        rate = fps if drop else _EDL_RATE.get(fps, fps)
        scale = 1.0  # of a rate without time code, as slideshows may have: counted at a usual one
        if not RationalTime.is_valid_timecode_rate(rate):
            rate, scale = _USUAL_RATE, _USUAL_RATE / fps
        timeline = _placed(self._cues, path)  # its tracks go when it goes
        events: list[str] = []
        number = sounds = 0
        for track in timeline.tracks:
            text, channel = _events(track, start, rate, scale), "V"
            if track.kind == otio.schema.TrackKind.Audio:
                sounds += 1
                channel = f"A{sounds}" if sounds > 1 else "A"
            was = ""
            for line in re.split(r"(?m)^(?=\d{3,}  )", text)[1:]:
                number += line.split()[0] != was  # both lines of a dissolve have one number
                was = line.split()[0]
                events.append(re.sub(r"^\d+  (\S+ +)[VA] +", rf"{number:03d}  \g<1>{channel:6}", line))
        write_whole(path, head + "".join(events))


def _placed(timeline: otio.schema.Timeline, path: Path) -> otio.schema.Timeline:
    """A copy of a timeline whose URLs resolve from the folder of `path`."""
    timeline = timeline.deepcopy()
    for clip in timeline.find_clips():
        clip.media_reference.target_url = url(Path(clip.media_reference.target_url), path.absolute().parent)
    return timeline


def _events(track: otio.schema.Track, start: int, rate: float, scale: float) -> str:
    """A track as the adapter lists it, the record times from frame `start` on; `scale`: frames for one of the film."""

    def counted(frames: float) -> RationalTime:
        return RationalTime(round(frames * scale), rate)

    alone = otio.schema.Timeline()
    track = track.deepcopy()
    track.insert(0, otio.schema.Gap(duration=counted(start)))
    for item in track.find_children(otio.core.Item):
        begin, length = item.source_range.start_time, item.source_range.duration
        item.source_range = TimeRange(counted(begin.value), counted(length.value))
        item.metadata["cmx_3600"] = {"reel": "AX"}
        item.effects.clear()
        item.markers.clear()
    for transition in track.find_children(otio.schema.Transition):
        transition.in_offset = counted(transition.in_offset.value)
        transition.out_offset = counted(transition.out_offset.value)
    alone.tracks.append(track)
    if track.kind != otio.schema.TrackKind.Video:  # the adapter wants one
        alone.tracks.append(otio.schema.Track(kind=otio.schema.TrackKind.Video))
    return str(otio.adapters.write_to_string(alone, "cmx_3600", rate=rate))


@dataclass(frozen=True)
class _Medium:
    """A file as a timeline knows it: where its own time code starts, in frames of the film, and how large it is."""

    start: int = 0
    timecode: str = ""
    size: tuple[int, int] | None = None  # width and height


def _medium(path: Path, fps: float) -> _Medium:
    """What a file says of itself; of one that isn't there, or not yet, nothing is known."""
    try:
        info = probe(path)
    except MediaError:
        return _Medium()
    start = start_frame(info.start_timecode, fps)
    reference = info.tags.get("time_reference", "")  # broadcast WAV: samples since midnight
    if not info.start_timecode and reference.isdecimal() and info.audio:
        start = frame_of(int(reference) / info.audio.rate_hz, fps)
    return _Medium(start, info.start_timecode, (info.video.width, info.video.height) if info.video else None)


class _Builder:
    """Builds the timelines of a score; their URLs are plain paths until it is known where a timeline lies."""

    def __init__(self, score: Score, picture: Path | None) -> None:
        self.score, self.fps, self.picture = score, score.fps, picture
        self._media: dict[Path, _Medium] = {}
        known = _Medium()
        if score.slideshow is not None:  # its film is only being made
            known = _Medium(size=(score.slideshow.width, score.slideshow.height))
        elif picture is not None:
            known = self._look_at(picture)
        self.start, self.timecode, self._size = known.start, known.timecode, known.size
        self.frames = max(1, frame_of(score.duration_s, score.fps))
        self._ducked = DuckCurve(score.speech, score.levels)

    def _look_at(self, path: Path) -> _Medium:
        if path not in self._media:
            self._media[path] = _medium(path, self.fps)
        return self._media[path]

    def of_cues(self) -> otio.schema.Timeline:
        timeline = self._with_picture()
        if self.score.original is not None:
            own = Path(self.score.original.path)
            track = self._whole(ORIGINAL, otio.schema.TrackKind.Audio, own, self._look_at(own).start)
            self._put_levels(track[0], {0: round(self.score.levels.master_db or 0.0, 2)})
            timeline.tracks.append(track)
        for name, layer in TRACKS.items():
            cues = [cue for cue in self.score.cues if cue.layer == layer]
            for number, lane in enumerate(lanes(cues, self.fps)):
                timeline.tracks.append(self._lane(f"{name} {number + 1}", lane))
        return timeline

    def of_stems(self, stems: Mapping[str, Path]) -> otio.schema.Timeline:
        timeline = self._with_picture()
        for name, stem in stems.items():
            timeline.tracks.append(self._whole(name.capitalize(), otio.schema.TrackKind.Audio, stem, self.start))
        return timeline

    def _with_picture(self) -> otio.schema.Timeline:
        """A timeline of the picture alone, with its markers."""
        timeline = otio.schema.Timeline(name=one_line(self.score.title), global_start_time=self._time(self.start))
        timeline.metadata[RESOLVE] = {"Resolve OTIO Meta Version": "1.0"}
        timeline.metadata[PREMIERE] = {"MetadataVersion": "1.0"}
        if self._size is not None:
            timeline.tracks.metadata[PREMIERE] = {
                "AudioFrameRate": float(RATE_HZ),
                "PixelAspectRatio": {"numerator": 1.0, "denominator": 1.0},
                "VideoFrameRate": self.fps,
                "VideoResolution": {"width": self._size[0], "height": self._size[1]},
            }
        if self.picture is not None:
            timeline.tracks.append(self._whole(PICTURE, otio.schema.TrackKind.Video, self.picture, self.start))
        timeline.tracks.markers.extend(self._markers())
        return timeline

    def _whole(self, name: str, kind: str, path: Path, start: int) -> otio.schema.Track:
        """A track of one file as long as the film, whose own time code starts at that frame."""
        track = otio.schema.Track(name=name, kind=kind, metadata=_of_track(kind))
        clip = self._clip(path, TimeRange(self._time(start), self._time(self.frames)), start, self.frames)
        clip.metadata[OURS] = {"role": name}
        track.append(clip)
        return track

    def _lane(self, name: str, cues: Sequence[Sequence[Segment]]) -> otio.schema.Track:
        kind = otio.schema.TrackKind.Audio
        track = otio.schema.Track(name=name, kind=kind, metadata=_of_track(kind))
        cursor = 0
        for segment in (segment for cue in cues for segment in cue):
            if segment.first > cursor:
                track.append(otio.schema.Gap(duration=self._time(segment.first - cursor)))
            if segment.dissolve:
                half, dissolve = self._time(segment.dissolve), otio.schema.TransitionTypes.SMPTE_Dissolve
                track.append(otio.schema.Transition("Cross Dissolve", dissolve, half, half))
            track.append(self._of_cue(segment))
            cursor = segment.end
        return track

    def _of_cue(self, segment: Segment) -> otio.schema.Clip:
        cue = segment.cue
        path = Path(cue.sound.root) / cue.sound.path
        medium = self._look_at(path)
        played = TimeRange(self._time(medium.start + segment.source), self._time(segment.frames))
        length = max(1, frame_of(cue.sound.duration_s, self.fps))
        clip = self._clip(path, played, medium.start, length)
        clip.enabled = not cue.muted
        keys = level_keys(segment, self.fps, self._ducked, self.score.levels)
        self._put_levels(clip, keys)
        clip.metadata[OURS] = {
            "cue": cue.id,
            "piece": segment.piece,
            "first": segment.first,
            "frames": segment.frames,
            "source": segment.source,
            "muted": cue.muted,
            "levels": {str(frame): level for frame, level in keys.items()},
            "sound": cue_dict(cue)["sound"],
            "why": list(cue.why),
        }
        return clip

    def _clip(self, path: Path, played: TimeRange, start: int, length: int) -> otio.schema.Clip:
        name = one_line(path.name)  # with its ending: programs find files again by it
        available = TimeRange(self._time(start), self._time(length))
        media = otio.schema.ExternalReference(target_url=str(path.absolute()), available_range=available)
        media.name = name
        return otio.schema.Clip(name=name, media_reference=media, source_range=played)

    def _put_levels(self, clip: otio.schema.Clip, keys: dict[int, float]) -> None:
        clip.effects.extend([resolve_effect(keys), premiere_effect(keys, clip.source_range.start_time)])

    def _markers(self) -> list[otio.schema.Marker]:
        markers = []
        for number, scene in enumerate(self.score.scenes, 1):
            first, end = (frame_of(time_s, self.fps) for time_s in (scene.start_s, scene.end_s))
            name = one_line(f"scene {number}" + (f": {scene.gloss}" if scene.gloss else ""))
            marked = TimeRange(self._time(first), self._time(end - first))
            # Kdenlive shows the comment alone, other programs the name first.
            comment = one_line(f"{name}. {scene.text}" if scene.text else name)
            markers.append(otio.schema.Marker(name=name, marked_range=marked, comment=comment))
        return markers

    def _time(self, frames: float) -> RationalTime:
        return RationalTime(frames, self.fps)

    def for_xmeml(self, timeline: otio.schema.Timeline) -> None:
        """Adds what Final Cut Pro XML wants, and puts what it has whole frames for on whole frames."""
        if is_drop_frame(self.timecode, self.fps):
            timeline.metadata["fcp_xml"] = {"timecode": {"displayformat": "DF"}}
        for clip in timeline.find_clips():
            begin, media = clip.source_range.start_time, clip.media_reference
            whole = RationalTime(round(begin.value), begin.rate)
            clip.source_range = TimeRange(whole, clip.source_range.duration)
            file = Path(media.target_url)
            media.target_url = "file://localhost" + quote(file.as_posix())
            holds: dict[str, object] = {"audio": {"channelcount": "2"}}
            media.metadata["fcp_xml"] = {
                "media": {"video": {}} | holds if self.picture and file == self.picture.absolute() else holds
            }
            clip.metadata["fcp_xml"] = self._of_xmeml(clip, round(whole.value - media.available_range.start_time.value))
        for transition in timeline.find_children(otio.schema.Transition):
            effect = {"name": "Cross Fade (+3dB)", "effectid": "KGAudioTransCrossFade3dB"}
            transition.metadata["fcp_xml"] = {"effect": effect | {"effecttype": "transition", "mediatype": "audio"}}

    def _of_xmeml(self, clip: otio.schema.Clip, source: int) -> dict[str, object]:
        """What the adapter doesn't know of a clip that begins at frame `source` of its file."""
        own: dict[str, object] = {"enabled": "TRUE" if clip.enabled else "FALSE"}
        if clip.parent().kind == otio.schema.TrackKind.Audio:
            own |= {"@premiereChannelType": "stereo", "sourcetrack": {"mediatype": "audio", "trackindex": "1"}}
        levels = levels_in(clip)
        return own | ({"filter": xmeml_filter(levels[RESOLVE], source)} if levels else {})


def _of_track(kind: str) -> dict[str, object]:
    if kind == otio.schema.TrackKind.Video:
        return {RESOLVE: {"Locked": False}}
    premiere = {"AudioChannels": {"ChannelType": "Stereo", "NumberOfChannels": 2}}
    return {RESOLVE: {"Audio Type": "Stereo", "Locked": False, "SoloOn": False}, PREMIERE: premiere}


def identity(score: Score) -> dict[str, object]:
    """What tells a film's timeline from another's."""
    return {
        "title": score.title,
        "duration_s": round(score.duration_s, 3),
        "story": score.story.sha256 if score.story else "",
    }


def url(file: Path, folder: Path) -> str:
    """The URL of a file in a timeline in `folder`: relative beneath it, so that both can be moved together.

    Only what would be read as another part of a URL is escaped: DaVinci Resolve refuses a timeline with `%20`, and
    writes, like Premiere's and Kdenlive's exporters, plain paths.

    >>> url(Path("/films/stems/a b.wav"), Path("/films")), url(Path("/sounds/50%.wav"), Path("/films"))
    ('stems/a b.wav', 'file:///sounds/50%25.wav')
    """
    file = file.absolute()
    beneath = file.is_relative_to(folder)
    text = file.relative_to(folder).as_posix() if beneath else file.as_posix()
    text = text.replace("%", "%25").replace("#", "%23").replace("?", "%3F")
    if beneath:
        return text if ":" not in text.split("/")[0] else f"./{text}"
    return "file://" + ("" if text.startswith("/") else "/") + text


def path_of(target_url: str) -> Path:
    """The path that a URL of a timeline names, escaped or not.

    >>> path_of("file://localhost/a%20b.wav"), path_of("stems/a b.wav"), path_of("/sounds/50%25.wav")
    (PosixPath('/a b.wav'), PosixPath('stems/a b.wav'), PosixPath('/sounds/50%.wav'))
    """
    return Path(otio.url_utils.filepath_from_url(target_url))
