"""Puts sound to pictures: onto a video whose packets stay as they are, or (`render_slideshow`) under still pictures."""

import logging
import math
from collections.abc import Iterator
from pathlib import Path

import av
from av.container import InputContainer, OutputContainer

from storysound.errors import MediaError
from storysound.media.audio import Waveform
from storysound.media.files import atomic, codec_of, opened, origin_s, reading, video_stream, writing
from storysound.media.slideshow import render_slideshow
from storysound.media.soundtrack import EncodedSound, container_for, fitted
from storysound.progress import check

__all__ = ["container_for", "mux_copy", "picture_end_s", "render_slideshow"]

log = logging.getLogger(__name__)

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
        origin = origin_s(source)
        end_s = _end_s(source, stream, video_path) - origin
        sound = EncodedSound(fitted(wave, end_s, target.audio), target.audio, ceiling_dbtp)
    with (
        atomic(out) as temporary,
        opened(video_path) as source,
        writing(out),  # innermost: what fails here and is not the reading of a packet is the output
        av.open(str(temporary), "w", format=target.format, options=dict(target.options)) as result,
    ):
        _copy(source, index, origin, sound, result, video_path)


def picture_end_s(path: str | Path) -> float:
    """When the last picture of a video ends, on the clock of the file: the length of what `mux_copy` makes of it.

    Told from what is there, not from what the container states. Raises MediaError as `mux_copy`.
    """
    with opened(path) as source:
        return _end_s(source, video_stream(source, path), path) - origin_s(source)


def _end_s(source: InputContainer, stream: av.VideoStream, path: str | Path) -> float:
    """When the last picture ends, in seconds of the container's own time."""
    base = float(stream.time_base or 0)
    last, before, length = -math.inf, -math.inf, 0
    for packet in _packets(source, stream, path):
        if packet.pts is not None and packet.pts > last:
            last, before, length = packet.pts, last, packet.duration or 0
        elif packet.pts is not None:
            before = max(before, packet.pts)
    if math.isinf(last):
        raise MediaError(path, "not one picture of it has a time", "convert it to mp4 first")
    if not length:
        length = int(last - before) if math.isfinite(before) else round(1 / (float(stream.average_rate or 25) * base))
    return (last + length) * base


def _packets(source: InputContainer, stream: av.VideoStream, path: str | Path) -> Iterator["av.Packet[av.VideoStream]"]:
    """Packets of a stream; a file cut short ends where it ends, with a warning."""
    packets = source.demux(stream)
    count = 0
    while True:
        check()
        with reading(path):
            try:
                packet = next(packets, None)
            except av.FFmpegError as error:
                if not count:
                    raise
                log.warning("%s: damaged after %d pictures (%s)", path, count, error)
                return
        if packet is None:
            return
        if packet.dts is not None or packet.pts is not None:
            count += 1
            yield packet


def _copy(
    source: InputContainer, index: int, origin: float, sound: EncodedSound, result: OutputContainer, path: str | Path
) -> None:
    """Copies the pictures of stream `index` and writes the sound beside them."""
    stream = source.streams[index]
    assert isinstance(stream, av.VideoStream)
    video = result.add_stream_from_template(stream, opaque=True)  # no encoder is wanted
    video.time_base = stream.time_base
    video.metadata.update(stream.metadata)
    audio = sound.add_to(result)
    result.metadata.update({name: text for name, text in source.metadata.items() if name not in _OWN_TAGS})
    chapters = source.chapters()
    if chapters:
        result.set_chapters(chapters)
    shift = round(origin / float(stream.time_base or 1))
    hidden = 0
    for packet in _packets(source, stream, path):
        packet.pts = None if packet.pts is None else packet.pts - shift
        packet.dts = None if packet.dts is None else packet.dts - shift
        time = packet.dts if packet.dts is not None else packet.pts
        sound.mux_until(float((time or 0) * packet.time_base), audio, result)
        hidden += packet.is_discard
        packet.stream = video
        result.mux(packet)
    if hidden and result.format.name not in ("mp4", "mov"):
        log.warning("%s: %s can't hide its %d cut pictures; .mp4 can", path, result.format.name, hidden)
    sound.mux_until(math.inf, audio, result)
