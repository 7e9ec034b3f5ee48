"""Streams that go from one film into another as they are: packets, times on the file's clock, tags, uses."""

import logging
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer, OutputContainer
from av.stream import AttachmentStream, Disposition, Stream
from av.subtitles.stream import SubtitleStream

from storysound.media.clock import FileClock, packets_of
from storysound.media.files import codec_of, opened
from storysound.media.film.containers import Container
from storysound.media.film.subtitles import TextConverter, converts
from storysound.media.film.tracks import StreamInfo

log = logging.getLogger(__name__)

# Tags that speak of the file itself, or of how a stream lies in it; not of what it is.
_OWN_TAGS = frozenset(
    {"major_brand", "minor_version", "compatible_brands", "encoder", "duration", "filename", "mimetype"}
)
_STATISTICS = ("_statistics_", "bps", "number_of_frames", "number_of_bytes")
_COVERS = {"mjpeg": ("cover.jpg", "image/jpeg"), "png": ("cover.png", "image/png")}
_TAGS_KEPT = frozenset({"hvc1", "hev1", "dvh1", "dvhe", "apco", "apcs", "apcn", "apch", "ap4h", "ap4x", "avc1", "avc3"})


def tags_of(container: InputContainer) -> dict[str, str]:
    """What a file says of the whole, each once."""
    tags = {name: text for name, text in container.metadata.items() if name.lower() not in _OWN_TAGS}
    # A place is given in every language that it is given in, and once more.
    return {name: text for name, text in tags.items() if "-" not in name or name.split("-")[0] not in tags}


def mux_options(container: Container, tags: Mapping[str, str]) -> dict[str, str]:
    """Options of the muxer that writes these tags of the whole."""
    options = dict(container.options) | {"max_interleave_delta": "2000000"}  # in µs; sparse streams hold back no more
    if container.tags is not None and not {name.lower() for name in tags} <= container.tags:
        options["movflags"] = options.get("movflags", "") + "+use_metadata_tags"  # any name, as phones write them
    return options


def label(source: Stream, target: Stream, *, is_new: bool = False) -> None:
    """Gives a stream of the output the words and uses of one of the source. `is_new`: its packets are others."""
    tags = {name: text for name, text in source.metadata.items() if name.lower() not in _OWN_TAGS}
    if "name" in tags:  # how MP4 and MOV call a title
        tags.setdefault("title", tags.pop("name"))
    if is_new:
        tags = {name: text for name, text in tags.items() if not name.lower().startswith(_STATISTICS)}
    target.metadata.update(tags)
    target.disposition = Disposition(source.disposition)


class CopiedStreams:
    """Streams of an open film that are copied into an open result, beside its pictures and its new sound."""

    def __init__(self, source: InputContainer, container: Container, clock: FileClock, result: OutputContainer) -> None:
        self._source, self._container, self._result = source, container, result
        self._clock = clock
        self._targets: dict[int, Stream] = {}
        self._converters: dict[int, TextConverter] = {}
        self._stamps: dict[int, Any] = {}
        self._held: dict[int, av.Packet[Stream]] = {}

    @property
    def wanted(self) -> list[Stream]:
        """Streams of the source whose packets `write` takes."""
        return [self._source.streams[index] for index in self._targets]

    def add(self, info: StreamInfo, path: str | Path) -> None:
        """A stream that the container holds. Its place in the result is the next."""
        stream = self._source.streams[info.index]
        if info.kind == "data":
            return  # chapters and timecode: the muxer makes them anew, of chapters and tags
        if info.kind == "cover" and self._container.attachments:
            name, mime = _COVERS[info.codec]
            name = stream.metadata.get("filename", name)
            target: Stream = self._result.add_attachment(name, mime, _cover(path, info.index))
        elif isinstance(stream, AttachmentStream):
            name = stream.name or f"attachment {info.number}"
            target = self._result.add_attachment(name, stream.mimetype or "application/octet-stream", stream.data)
        elif isinstance(stream, SubtitleStream) and converts(info.codec, self._container):
            self._converters[info.index] = TextConverter(stream, self._container, self._result)
            target = self._targets[info.index] = self._converters[info.index].stream
        else:
            target = self._targets[info.index] = self._result.add_stream_from_template(stream, opaque=True)
            target.time_base = stream.time_base
            keep_tag(stream, target, self._result.format.name)
        label(stream, target)
        self._stamps[info.index] = self._clock.reader()

    def write(self, packet: "av.Packet[Stream]") -> float:
        """Writes a packet of one of the streams; gives when it is due, in seconds."""
        index = packet.stream.index
        base = float(packet.time_base)
        stamp = packet.pts if packet.pts is not None else packet.dts
        assert stamp is not None
        due_s = self._stamps[index].at(stamp * base)
        if due_s is None:
            log.warning("a packet of stream %d has a stamp beyond the end of the file, and is left out", index)
            return -math.inf
        shift = round(due_s / base) - stamp
        pts = None if packet.pts is None else packet.pts + shift
        dts = None if packet.dts is None else packet.dts + shift
        if (converter := self._converters.get(index)) is not None:
            assert pts is not None
            for made in converter.convert(packet):  # type: ignore[arg-type]
                made.pts = made.dts = round(due_s / float(made.time_base))
                self._mux(made, index)
            return float(due_s)
        packet.pts, packet.dts = pts, dts
        self._mux(packet, index)
        return float(due_s)

    def _mux(self, packet: "av.Packet[Any]", index: int) -> None:
        packet.stream = self._targets[index]
        self._result.mux(packet)


def keep_tag(stream: Stream, target: Stream, form: str) -> None:
    """Which of a codec's two names stands in an MP4 or MOV file: players of Apple take HEVC by the name hvc1 alone.

    ProRes has a name for each of its kinds. What comes from another container gets the name that all players take.
    """
    if not isinstance(stream, av.VideoStream) or form not in ("mp4", "mov"):
        return
    tag = stream.codec_context.codec_tag
    if tag in _TAGS_KEPT:
        target.codec_context.codec_tag = tag
    elif codec_of(stream) == "hevc":
        target.codec_context.codec_tag = "hvc1"


def _cover(path: str | Path, index: int) -> bytes:
    """The picture that stands for the file."""
    with opened(path) as container:
        first: Iterator[av.Packet[Stream]] = packets_of(container, [container.streams[index]], path)
        return bytes(next(first))


def moved_chapters(chapters: list[Any], origin_s: float, end_s: float) -> list[Any]:
    """Chapters on the clock of the file, those that begin before its end."""
    moved = []
    for chapter in chapters:
        base = chapter["time_base"]
        shift, last = round(origin_s / base), round(end_s / base)
        start, end = max(0, chapter["start"] - shift), min(last, chapter["end"] - shift)
        if start < end:
            moved.append({**chapter, "start": start, "end": end})
    return moved
