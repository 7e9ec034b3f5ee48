"""Puts sound to pictures: onto a video whose packets stay as they are, or (`render_slideshow`) under still pictures."""

import logging
import math
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer, OutputContainer

from storysound.media.audio import Waveform
from storysound.media.clock import HELD_S, PictureTimes, clock_of, packets_of, picture_times
from storysound.media.files import atomic, codec_of, opened, video_stream, writing
from storysound.media.slideshow import render_slideshow
from storysound.media.soundtrack import EncodedSound, container_for, fitted

__all__ = ["container_for", "mux_copy", "picture_end_s", "render_slideshow"]

log = logging.getLogger(__name__)

_TAGS_KEPT = frozenset({"hvc1", "hev1", "dvh1", "dvhe", "apco", "apcs", "apcn", "apch", "ap4h", "ap4x", "avc1", "avc3"})

# Tags that speak of the file itself, not of what is in it.
_OWN_TAGS = {"major_brand", "minor_version", "compatible_brands", "encoder", "creation_time", "duration"}


def mux_copy(video_path: str | Path, wave: Waveform, out: str | Path, *, ceiling_dbtp: float | None = None) -> None:
    """Writes the pictures of a video with `wave` as their only sound; the video packets are copied byte for byte.

    Second 0 of `wave` is second 0 of the file's clock, as in `read_audio`; it is cut or followed by silence so that it
    ends with the pictures. Rotation, tags, chapters and times stay. The container follows the suffix of `out`, the
    sound is AAC (Opus in WebM). `ceiling_dbtp`: the sound as a listener will decode it keeps to this true peak;
    encoding raises peaks, so it is then limited a little lower where needed.
    Raises MediaError for an input without decodable pictures; OutputError for a container that can't hold them, a full
    disk or missing rights, with nothing left behind.
    """
    with opened(video_path) as source:
        stream = video_stream(source, video_path)
        target, index = container_for(out, codec_of(stream)), stream.index
        times = picture_times(source, stream, video_path)
        end_s = _end_s(source, times, video_path)
        if float(np.abs(wave.samples).max(initial=0.0)) > 1.0:
            log.warning("%s: sound beyond full scale is clipped in a video; a .wav keeps it", out)
        sound = EncodedSound(fitted(wave, end_s, target.audio), target.audio, ceiling_dbtp)
    with (
        atomic(out) as temporary,
        opened(video_path) as source,
        writing(out),  # innermost: what fails here and is not the reading of a packet is the output
        av.open(str(temporary), "w", format=target.format, options=dict(target.options)) as result,
    ):
        _copy(source, index, times, end_s, sound, result, video_path)


def picture_end_s(path: str | Path) -> float:
    """When the last picture of a video ends, on the clock of the file: the length of what `mux_copy` makes of it.

    Told from what is there, not from what the container states. Where the file's own sound goes on for more than
    `HELD_S` the last picture stands until it ends, as players do. Raises MediaError as `mux_copy`.
    """
    with opened(path) as source:
        return _end_s(source, picture_times(source, video_stream(source, path), path), path)


def _end_s(source: InputContainer, times: PictureTimes, path: str | Path) -> float:
    sound = [stream.index for stream in source.streams.audio[:1]]
    clock = clock_of(source, path)
    heard_s = max((clock.ends_s.get(index, 0.0) for index in sound), default=0.0)
    return heard_s if heard_s > times.end_s + HELD_S else times.end_s


def _copy(
    source: InputContainer,
    index: int,
    times: PictureTimes,
    end_s: float,
    sound: EncodedSound,
    result: OutputContainer,
    path: str | Path,
) -> None:
    """Copies the pictures of stream `index` and writes the sound beside them."""
    stream = source.streams[index]
    assert isinstance(stream, av.VideoStream)
    video = result.add_stream_from_template(stream, opaque=True)  # no encoder is wanted
    _keep_tag(stream, video, result.format.name)
    video.time_base = stream.time_base
    video.metadata.update(stream.metadata)
    audio = sound.add_to(result)
    result.metadata.update({name: text for name, text in source.metadata.items() if name not in _OWN_TAGS})
    if chapters := _moved(source.chapters(), clock_of(source, path).origin_s, end_s):
        result.set_chapters(chapters)
    hidden = count = 0
    shown_last = max(time for time in times.shown if time is not None)
    for packet, shown, decoded in zip(packets_of(source, [stream], path), times.shown, times.decoded, strict=False):
        packet.pts, packet.dts = shown, decoded
        if shown == shown_last and end_s > times.end_s:
            packet.duration = round(end_s / times.base_s) - shown
        time = decoded if decoded is not None else shown
        sound.mux_until(float((time or 0) * packet.time_base), audio, result)
        hidden += packet.is_discard
        count += 1
        packet.stream = video
        result.mux(packet)
    if count < len(times.shown):
        log.warning("%s: damaged after %d pictures", path, count)
    if hidden and result.format.name not in ("mp4", "mov"):
        log.warning("%s: %s can't hide its %d cut pictures; .mp4 can", path, result.format.name, hidden)
    sound.mux_until(math.inf, audio, result)


def _keep_tag(stream: av.VideoStream, video: av.VideoStream, form: str) -> None:
    """Which of a codec's two names stands in an MP4 or MOV file: players of Apple take HEVC by the name hvc1 alone.

    ProRes has a name for each of its kinds. What comes from another container gets the name that all players take.
    """
    tag = stream.codec_context.codec_tag
    if form in ("mp4", "mov") and tag in _TAGS_KEPT:
        video.codec_context.codec_tag = tag
    elif form in ("mp4", "mov") and codec_of(stream) == "hevc" and tag not in _TAGS_KEPT:
        video.codec_context.codec_tag = "hvc1"


def _moved(chapters: list[Any], origin_s: float, end_s: float) -> list[Any]:
    """Chapters on the clock of the file, those that begin before its end."""
    moved = []
    for chapter in chapters:
        base = chapter["time_base"]
        shift, last = round(origin_s / base), round(end_s / base)
        start, end = max(0, chapter["start"] - shift), min(last, chapter["end"] - shift)
        if start < end:
            moved.append({**chapter, "start": start, "end": end})
    return moved
