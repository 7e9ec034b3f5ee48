"""What is in a media file, without decoding it."""

import math
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median

import av
from av.container import InputContainer

from storysound.errors import MediaError
from storysound.media.clock import clock_of, origin_s
from storysound.media.files import audio_stream, codec_of, first_line, is_still, opened, video_stream
from storysound.media.video import pixel_aspect_of, rotation_of

# Tag names differ by container; these are read under one name.
_SAME_TAG = {
    "date": "year", "tdrc": "year", "wm/mood": "mood", "tmoo": "mood", "licence": "license", "tcop": "copyright",
    "description": "comment", "albumartist": "album_artist", "tempo": "bpm", "tbpm": "bpm", "tkey": "initialkey",
    "key": "initialkey", "wcop": "license",
}  # fmt: skip
_TIMECODE = re.compile(r"\d\d:[0-5]\d:[0-5]\d[:;.]\d\d")
_STILL_FORMATS = ("image2", "_pipe", "gif", "webp", "apng")
# Frames counted before a rate is called variable: enough to see phones' jitter, cheap to demux.
_RATE_SAMPLE = 240
_MOST = 0.8  # so many steps alike are a steady pace
_ABOUT = 0.05  # millisecond clocks say 33 or 34 for a thirtieth
_SAME_RATE = 4e-4  # 23.976 and 24 differ by 1e-3
_REORDER = 16  # B-frames come early: the last packets' neighbours may not have been seen yet (H.264's limit)


@dataclass(frozen=True)
class VideoInfo:
    """A picture stream. Width and height are of the shown picture: square pixels, after rotation."""

    width: int
    height: int
    fps: float  # as stated, or the mean where what is there has another; 0 where it can't be told
    frames: int  # as the container counts or estimates them
    rotation: int  # degrees the stored picture is turned clockwise to be shown: 0, 90, 180, 270
    codec: str
    variable_rate: bool = False
    start_s: float = 0.0  # first frame on the container's clock, where 0 is when the file starts
    duration_s: float = 0.0

    @property
    def editing_fps(self) -> float:
        """The rate of an editing program that comes nearest: its own, or what it divides or is divided by.

        >>> VideoInfo(1, 1, 29.97, 9, 0, "h264").editing_fps == 30000 / 1001
        True
        >>> VideoInfo(1, 1, 17.0, 9, 0, "h264", variable_rate=True).editing_fps
        24.0
        """
        return editing_fps(self.fps)


# Rates that editing programs know, the usual ones first where two are as near.
WHOLE_FPS = (25.0, 24.0, 30.0, 50.0, 60.0)
EDITING_FPS = (*WHOLE_FPS[:3], 24000 / 1001, 30000 / 1001, *WHOLE_FPS[3:], 60000 / 1001)


def editing_fps(fps: float) -> float:
    """A rate that editing programs know: `fps` itself, one that it divides or is divided by evenly, or the nearest.

    The nearest is a whole one: its timecodes run as the clock does.

    >>> editing_fps(12.5), editing_fps(120.0), editing_fps(20.7), editing_fps(1000.0), editing_fps(0.0)
    (25.0, 60.0, 24.0, 60.0, 25.0)
    """
    if fps <= 0:
        return EDITING_FPS[0]
    for rate in EDITING_FPS:
        if abs(rate / fps - 1) < _SAME_RATE:
            return rate
    for factor in range(2, 11):
        for rate in EDITING_FPS[::-1]:
            if abs(rate * factor / fps - 1) < _SAME_RATE or abs(rate / factor / fps - 1) < _SAME_RATE:
                return rate
    return min(WHOLE_FPS, key=lambda rate: abs(math.log(rate / fps)))


@dataclass(frozen=True)
class AudioInfo:
    """A sound stream."""

    rate_hz: int
    channels: int
    codec: str
    start_s: float = 0.0
    duration_s: float = 0.0


@dataclass(frozen=True)
class MediaInfo:
    """A media file: its length, its first picture and sound streams (cover art is not one), and its tags.

    `duration_s`: until both are over; `missing_s`: how much more the file states than is there.
    `tags`: lower-case names (title, artist, album, genre, comment, copyright, license, year, bpm …) to values,
    of the container first, then of the streams.
    """

    path: Path
    duration_s: float
    video: VideoInfo | None
    audio: AudioInfo | None
    tags: dict[str, str] = field(default_factory=dict)
    format: str = ""
    missing_s: float = 0.0
    start_timecode: str = ""  # of the first picture, HH:MM:SS:FF, drop-frame HH:MM:SS;FF; empty where it states none

    @property
    def is_still(self) -> bool:
        """Whether it is a picture file, which no sound can be put to."""
        return self.format.endswith(_STILL_FORMATS)


def probe(path: str | Path) -> MediaInfo:
    """Looks into a media file. Raises MediaError where it is missing, empty, or no media."""
    with opened(path) as container:
        pictures = any(not is_still(stream) for stream in container.streams.video)
        if not pictures and not container.streams.audio:
            raise MediaError(path, "has neither picture nor sound", "give a sound, a video or a picture")
        still = container.format.name.endswith(_STILL_FORMATS)
        video = _video(container, video_stream(container, path), path) if pictures else None
        audio = _audio(container, audio_stream(container, path)) if container.streams.audio else None
        clock = clock_of(container, path)
        # The container's own length where its packets give no time at all.
        duration_s = 0.0 if still else clock.end_s or (container.duration or 0) / 1_000_000
        return MediaInfo(
            Path(path),
            duration_s,
            video,
            audio,
            _tags(container),
            container.format.name,
            missing_s=0.0 if still else clock.missing_s,
            start_timecode=_start_timecode(container),
        )


def _clock(container: InputContainer, stream: av.stream.Stream) -> tuple[float, float]:
    """Start on the container's clock and duration of a stream in seconds (0 where not stated)."""
    base = float(stream.time_base or 0)
    start_s = stream.start_time * base - origin_s(container) if stream.start_time is not None else 0.0
    return max(0.0, start_s), (stream.duration or 0) * base


def _video(container: InputContainer, stream: av.VideoStream, path: str | Path) -> VideoInfo:
    start_s, duration_s = _clock(container, stream)
    rotation, times = _first_packets(container, stream)
    width, height = round(stream.codec_context.width * pixel_aspect_of(stream)), stream.codec_context.height
    if rotation % 180:
        width, height = height, width
    steps = [
        later - time for time, later in pairwise(sorted(times)[: -_REORDER if len(times) == _RATE_SAMPLE else None])
    ]
    mean = sum(steps) / len(steps) if steps else 0
    # Millisecond clocks (mkv) round each step by up to one tick; a real change of pace is far larger.
    variable = any(abs(step - mean) > max(0.2 * mean, 1.5) for step in steps)
    clock = clock_of(container, path)
    count = clock.counts.get(stream.index, 0)
    lasts_s = clock.ends_s.get(stream.index, 0.0) - start_s
    fps = _fps(stream, count / lasts_s if count > 1 and lasts_s > 0 else 0.0, steps)
    frames = count or round(fps * (duration_s or (container.duration or 0) / 1_000_000))
    return VideoInfo(width, height, fps, frames, rotation, codec_of(stream), variable, start_s, duration_s)


def _fps(stream: av.VideoStream, mean_fps: float, steps: Sequence[int]) -> float:
    """Pictures a second: as stated, where that is the pace of what is there, else that pace; holes have none.

    Recorders state the rate of their clock, such as 1000, where the screen gave what it had. Without a steady pace
    between pictures (`steps`, in ticks) it is what all of them have on average.
    """
    stated = float(stream.average_rate or stream.base_rate or 0)
    usual = median(steps) if steps else 0
    alike = [step for step in steps if abs(step - usual) <= max(_ABOUT * usual, 1.5)]
    if sum(alike) and len(alike) >= _MOST * len(steps):
        pace = float(len(alike) / (sum(alike) * (stream.time_base or 1)))
    else:
        pace = mean_fps
    return stated if not pace or (stated and abs(pace / stated - 1) < _ABOUT) else pace


def _first_packets(container: InputContainer, stream: av.VideoStream) -> tuple[int, list[int]]:
    """Rotation of the first frame that decodes (0 when none does), and the times of the first packets in ticks."""
    rotation: int | None = None
    times: list[int] = []
    stream.thread_type = "NONE"  # frame threads would hold back the first frame
    for packet in container.demux(stream):
        if packet.pts is not None:
            times.append(packet.pts)
        if rotation is None:
            with suppress(av.FFmpegError):
                rotation = next((rotation_of(frame) for frame in packet.decode()), None)
        if len(times) >= _RATE_SAMPLE:
            break
    return rotation or 0, times


def _audio(container: InputContainer, stream: av.AudioStream) -> AudioInfo:
    start_s, duration_s = _clock(container, stream)
    context = stream.codec_context
    return AudioInfo(context.sample_rate, context.channels, codec_of(stream), start_s, duration_s)


def _start_timecode(container: InputContainer) -> str:
    """As a tag or a track of time code (`tmcd`) states it; players of MOV give the track's to the pictures too."""
    for metadata in (container.metadata, *(stream.metadata for stream in container.streams)):
        for name, value in metadata.items():
            if name.lower() == "timecode" and _TIMECODE.fullmatch(first_line(value)):
                return first_line(value).replace(".", ";")
    return ""


def _tags(container: InputContainer) -> dict[str, str]:
    """Of the container, then of its sounds and moving pictures; a cover and its words are not what is heard.

    A track's title says which track it is ("Commentary"), not what the file is called; only Ogg has no other place.
    """
    tags: dict[str, str] = {}
    streams = [*container.streams.audio, *(video for video in container.streams.video if not is_still(video))]
    for metadata in [container.metadata, *(stream.metadata for stream in streams)]:
        is_track = metadata is not container.metadata and "ogg" not in container.format.name
        for name, value in metadata.items():
            name = name.lower()
            text = first_line(value)
            if text and not (is_track and name == "title"):
                tags.setdefault(_SAME_TAG.get(name, name), text)
    return tags
