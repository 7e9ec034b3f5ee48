"""Streams that go from one film into another as they are: packets, times on the file's clock, tags, uses."""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer, OutputContainer
from av.stream import AttachmentStream, Disposition, Stream
from av.subtitles.stream import SubtitleStream

from storysound.media.clock import FileClock, Stamps
from storysound.media.files import codec_of, opened
from storysound.media.film.containers import Container
from storysound.media.film.subtitles import TextConverter, converts
from storysound.media.film.tracks import StreamInfo

# Tags that speak of the file itself, or of how a stream lies in it; not of what it is.
_OWN_TAGS = frozenset(
    {"major_brand", "minor_version", "compatible_brands", "encoder", "duration", "filename", "mimetype"}
)
_STATISTICS = ("_statistics_", "bps", "number_of_frames", "number_of_bytes")
_LEVELS = ("replaygain_", "r128_", "itunnorm")  # how loud the old sound was
_COVERS = {"mjpeg": ("cover.jpg", "image/jpeg"), "png": ("cover.png", "image/png")}
_TAGS_KEPT = frozenset({"hvc1", "hev1", "dvh1", "dvhe", "apco", "apcs", "apcn", "apch", "ap4h", "ap4x", "avc1", "avc3"})


def tags_of(container: InputContainer | Stream) -> dict[str, str]:
    """What a file says of the whole, or a stream of itself, each once."""
    own = {name for name in container.metadata if name.lower() in _OWN_TAGS or name.lower().startswith(_LEVELS)}
    tags = {name: text for name, text in container.metadata.items() if name not in own}
    # A place is given in every language that it is given in, and once more.
    return {name: text for name, text in tags.items() if "-" not in name or name.split("-")[0] not in tags}


# QuickTime's names of what a film says of itself; where tags of any name are written, Apple's programs look for these.
_APPLE = "com.apple.quicktime."
_APPLES = {
    name: _APPLE + name
    for name in "title artist author album comment copyright description genre keywords make model".split()
} | {"location": f"{_APPLE}location.ISO6709"}


def written_tags(container: Container, tags: Mapping[str, str]) -> dict[str, str]:
    """Tags of the whole as a container gets them: under names of its own, or any names and Apple's besides."""
    if _has_places(container, tags):
        return dict(tags)
    known = {_APPLES[name.lower()]: text for name, text in tags.items() if name.lower() in _APPLES}
    return known | dict(tags)


def _has_places(container: Container, tags: Mapping[str, str]) -> bool:
    return container.tags is None or {name.lower() for name in tags} <= container.tags


def mux_options(container: Container, tags: Mapping[str, str]) -> dict[str, str]:
    """Options of the muxer that writes these tags of the whole."""
    options = dict(container.options) | {"max_interleave_delta": "2000000"}  # in µs; sparse streams hold back no more
    if container.format in ("matroska", "webm"):  # sound may begin before second 0: what an encoder puts in front
        options["avoid_negative_ts"] = "disabled"
    if not _has_places(container, tags):
        options["movflags"] = options.get("movflags", "") + "+use_metadata_tags"  # any name, as phones write them
    return options


# QuickTime's own names of languages, where they aren't those that everybody uses (FFmpeg's table of them).
_QUICKTIME = {
    "deu": "ger", "fre": "fra", "nld": "dut", "swe": "sve", "ell": "gre", "isl": "ice", "zho": "chi", "sqi": "alb",
    "rum": "ron", "cze": "ces", "slo": "slk", "mkd": "mac",
}  # fmt: skip


def label(source: Stream, target: Stream, form: str, *, is_new: bool = False) -> None:
    """Gives a stream of the output the words and uses of one of the source. `is_new`: its packets are others."""
    tags = {name: text for name, text in source.metadata.items() if name.lower() not in _OWN_TAGS}
    if "name" in tags:  # how MP4 and MOV call a title
        tags.setdefault("title", tags.pop("name"))
    if form == "mov" and "language" in tags:
        tags["language"] = _QUICKTIME.get(tags["language"], tags["language"])
    if is_new:
        tags = {name: text for name, text in tags.items() if not name.lower().startswith(_STATISTICS + _LEVELS)}
    target.metadata.update(tags)
    cover = source.disposition & Disposition.attached_pic  # a cover is nothing else: MP4 would make a film of it
    target.disposition = Disposition(cover or source.disposition)


class CopiedStreams:
    """Streams of an open film that are copied into an open result, beside its pictures and its new sound."""

    def __init__(self, source: InputContainer, container: Container, clock: FileClock, result: OutputContainer) -> None:
        self._source, self._container, self._result = source, container, result
        self._clock = clock
        self._targets: dict[int, Stream] = {}
        self._converters: dict[int, TextConverter] = {}
        self._stamps: dict[int, Stamps] = {}
        self._covers: list[tuple[Stream, bytes]] = []
        self._decoded: dict[int, int] = {}  # when the last packet of each stream was, in its ticks

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
            target: Stream = self._result.add_attachment(name, mime, cover_of(path, info.index))
        elif info.kind == "cover":
            target = self._result.add_stream_from_template(stream, opaque=True)
            self._covers.append((target, cover_of(path, info.index)))
        elif isinstance(stream, AttachmentStream):
            name = stream.name or f"attachment {info.number}"
            target = self._result.add_attachment(name, stream.mimetype or "application/octet-stream", stream.data)
        elif isinstance(stream, SubtitleStream) and converts(info.codec, self._container):
            self._converters[info.index] = TextConverter(stream, self._container, self._result)
            target = self._targets[info.index] = self._converters[info.index].stream
        else:
            target = self._targets[info.index] = template(stream, self._result)
        label(stream, target, self._container.format)
        self._stamps[info.index] = Stamps(self._clock.origin_s, self._clock.pieces)  # it may go on after the film

    def write_covers(self) -> None:
        """Pictures that stand for the file, before all packets."""
        for target, data in self._covers:
            packet: av.Packet[Any] = av.Packet(data)
            packet.pts = packet.dts = 0
            packet.time_base, packet.stream, packet.is_keyframe = Fraction(1, 90_000), target, True
            self._result.mux(packet)

    def write(self, packet: "av.Packet[Stream]") -> float:
        """Writes a packet of one of the streams; gives when it is due, in seconds."""
        index = packet.stream.index
        base = float(packet.time_base)
        stamp = packet.pts if packet.pts is not None else packet.dts
        assert stamp is not None
        due_s = self._stamps[index].at(stamp * base)
        assert due_s is not None
        shift = round(due_s / base) - stamp
        pts = None if packet.pts is None else packet.pts + shift
        dts = None if packet.dts is None else packet.dts + shift
        before = self._decoded.get(index)
        falls_back = dts is not None and before is not None and dts <= before
        leads = due_s < 0 and (self._container.hides or due_s + (packet.duration or 0) * base > -base / 2)
        is_needed = leads or isinstance(packet.stream, av.VideoStream)
        if packet.is_discard and (falls_back or not is_needed):  # an edit list hides it
            return float(due_s)
        if falls_back and isinstance(packet.stream, av.AudioStream):  # it is cut in the middle there
            assert before is not None
            dts = before + 1
            pts = dts if pts is None else max(pts, dts)
        if dts is not None:
            self._decoded[index] = dts
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


def template(stream: Stream, result: OutputContainer) -> Stream:
    """A stream of the result for the packets of one of a source."""
    target = result.add_stream_from_template(stream, opaque=True)  # no encoder is wanted
    target.time_base = stream.time_base
    if isinstance(stream, av.VideoStream):
        assert isinstance(target, av.VideoStream)
        _keep_tag(stream, target, result.format.name)
        if stream.average_rate:  # a timecode counts by it
            target.codec_context.framerate = stream.average_rate
    return target


def _keep_tag(stream: av.VideoStream, target: av.VideoStream, form: str) -> None:
    """Which of a codec's two names stands in an MP4 or MOV file: players of Apple take HEVC by the name hvc1 alone.

    ProRes has a name for each of its kinds. What comes from another container gets the name that all players take.
    """
    if form not in ("mp4", "mov"):
        return
    tag = stream.codec_context.codec_tag
    if tag in _TAGS_KEPT:
        target.codec_context.codec_tag = tag
    elif codec_of(stream) == "hevc":
        target.codec_context.codec_tag = "hvc1"


def cover_of(path: str | Path, index: int) -> bytes:
    """A picture that stands for the file, as it is stored; empty where there is none. Raises MediaError."""
    with opened(path) as container:
        return next((bytes(packet) for packet in container.demux(container.streams[index]) if packet.size), b"")


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
