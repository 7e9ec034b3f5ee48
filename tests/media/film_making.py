"""Films with much in them: several sounds and subtitles, fonts, covers, chapters, timecode, colour of HDR."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.stream import Disposition
from media_making import noise, tone
from PIL import Image

ASS = (
    b"[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname, Fontsize\nStyle: Default,Arial,16\n\n"
    b"[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
)


@dataclass(frozen=True)
class Track:
    """A stream to make."""

    codec: str
    language: str = "eng"
    title: str = ""
    uses: int = 0
    layout: str = "stereo"


@dataclass(frozen=True)
class Plan:
    """A film to make."""

    name: str
    video: str = "libx264"
    sounds: tuple[Track, ...] = (Track("aac"),)
    subtitles: tuple[Track, ...] = ()
    font: bool = False
    cover: bool = False
    timecode: str = ""
    chapters: bool = True
    hdr: bool = False
    aspect: Fraction = Fraction(1)
    times: tuple[int, ...] = field(default_factory=lambda: tuple(range(0, 2000, 40)))  # in ms
    rotation: int = 0
    tags: tuple[tuple[str, str], ...] = (("title", "Sea"), ("creation_time", "2020-01-02T03:04:05.000000Z"))


def make(folder: Path, plan: Plan) -> Path:
    """Writes the film."""
    path = folder / plan.name
    options = {"movflags": "use_metadata_tags"} if any("com." in name for name, _ in plan.tags) else {}
    with av.open(str(path), "w", container_options=options) as out:
        out.metadata.update(dict(plan.tags))
        video = _video(out, plan)
        sounds = [_labelled(out.add_stream(t.codec, rate=48000, layout=t.layout), t) for t in plan.sounds]
        subtitles = [_subtitle(out, track) for track in plan.subtitles]
        cover = _cover(out) if plan.cover else None
        if plan.font:
            out.add_attachment("Sea.ttf", "font/ttf", bytes(range(256)) * 3)
        if plan.chapters:
            mark = {"id": 1, "start": 0, "end": 1000, "time_base": Fraction(1, 1000), "metadata": {"title": "One"}}
            out.set_chapters([mark])  # type: ignore[list-item]
        if cover is not None:
            packet = av.Packet(_picture())
            packet.pts = packet.dts = 0
            packet.time_base, packet.stream, packet.is_keyframe = Fraction(1, 90000), cover, True
            out.mux(packet)
        packets = list(_pictures(video, plan))
        for number, stream in enumerate(sounds):
            packets += _sound(stream, number)
        for number, (stream, track) in enumerate(zip(subtitles, plan.subtitles, strict=True)):
            packets += _texts(stream, track, number)
        for packet in sorted(packets, key=lambda p: float((p.dts if p.dts is not None else p.pts or 0) * p.time_base)):
            out.mux(packet)
    return path


def _labelled(stream: av.stream.Stream, track: Track) -> av.stream.Stream:
    stream.metadata.update({"language": track.language} | ({"title": track.title} if track.title else {}))
    stream.disposition = Disposition(track.uses)
    return stream


def _video(out: av.container.OutputContainer, plan: Plan) -> av.VideoStream:
    video = out.add_stream(plan.video, rate=25)
    video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
    if plan.video == "prores_ks":
        video.pix_fmt = "yuv422p10le"
    video.codec_context.time_base = Fraction(1, 1000)
    video.codec_context.sample_aspect_ratio = plan.aspect
    if plan.hdr:  # BT.2020, PQ, limited range
        video.codec_context.color_primaries, video.codec_context.color_trc = 9, 16
        video.codec_context.colorspace, video.codec_context.color_range = 9, 1
    if plan.rotation:
        video.set_display_rotation(plan.rotation)
    video.disposition = Disposition.default
    if plan.timecode:
        video.metadata["timecode"] = plan.timecode
    return video


def _subtitle(out: av.container.OutputContainer, track: Track) -> av.stream.Stream:
    stream = _labelled(out.add_stream(track.codec), track)
    stream.time_base = Fraction(1, 1000)
    stream.codec_context.subtitle_header = ASS
    return stream


def _cover(out: av.container.OutputContainer) -> av.stream.Stream:
    cover = out.add_mux_stream("mjpeg", width=16, height=16)
    cover.time_base = Fraction(1, 90000)
    cover.disposition = Disposition.attached_pic
    return cover


def _picture() -> bytes:
    import io

    data = io.BytesIO()
    Image.fromarray(np.full((16, 16, 3), 90, np.uint8)).save(data, "JPEG")
    return data.getvalue()


def _pictures(video: av.VideoStream, plan: Plan) -> list["av.Packet[av.VideoStream]"]:
    packets = []
    for number, time in enumerate(plan.times):
        frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), number * 4 % 256, np.uint8))
        frame.pts, frame.time_base = time, Fraction(1, 1000)
        packets += video.encode(frame)
    return packets + video.encode(None)


def _sound(stream: av.AudioStream, number: int) -> list["av.Packet[av.AudioStream]"]:
    channels = stream.layout.nb_channels
    wave = tone(300 + 200 * number, 2, channels=channels) if number % 2 == 0 else noise(2, channels=channels)
    packed = np.ascontiguousarray(wave.samples.T).reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=stream.layout.name)
    frame.sample_rate, frame.pts, frame.time_base = 48000, 0, Fraction(1, 48000)
    resampler = av.AudioResampler(stream.format.name, stream.layout.name, 48000, stream.frame_size or 1024)
    packets = []
    for piece in [*resampler.resample(frame), *resampler.resample(None)]:
        packets += stream.encode(piece)
    return packets + stream.encode(None)


def _texts(stream: av.stream.Stream, track: Track, number: int) -> list["av.Packet[av.stream.Stream]"]:
    packets = []
    for line in range(3):
        text = f"Line {line} of {number}".encode()
        if track.codec == "mov_text":
            text = struct.pack(">H", len(text)) + text
        if track.codec == "ass":
            text = b"%d,0,Default,,0,0,0,,%s" % (line, text)
        packet = av.Packet(text)
        packet.pts = packet.dts = 100 + 600 * line
        packet.duration, packet.time_base, packet.stream = 400, Fraction(1, 1000), stream
        packets.append(packet)
    return packets


def with_boxes(path: Path, boxes: Sequence[bytes]) -> Path:
    """Adds boxes to the first picture description of an MP4 or MOV whose index lies behind its pictures."""
    data = bytearray(path.read_bytes())
    extra = b"".join(boxes)
    place = next(at for name in (b"avc1", b"hvc1", b"hev1", b"apch") if (at := data.find(name, data.find(b"stsd"))) > 0)
    for parent in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd"):
        at = data.rfind(parent, 0, place) - 4
        data[at : at + 4] = struct.pack(">I", struct.unpack(">I", data[at : at + 4])[0] + len(extra))
    size = struct.unpack(">I", data[place - 4 : place])[0]
    data[place - 4 : place] = struct.pack(">I", size + len(extra))
    data[place - 4 + size : place - 4 + size] = extra
    path.write_bytes(data)
    return path


def box(name: bytes, content: bytes) -> bytes:
    """A box of an MP4."""
    return struct.pack(">I", 8 + len(content)) + name + content


# What HDR10 says of the screen it was made on, and of its brightest pictures (ISO 23001-8, CTA-861.3).
MASTERING = box(b"mdcv", struct.pack(">8H2I", 13250, 34500, 7500, 3000, 34000, 16000, 15635, 16450, 10000000, 50))
LIGHT = box(b"clli", struct.pack(">2H", 1000, 400))
STEREO_3D = box(b"st3d", struct.pack(">IB", 0, 2))  # left and right side by side
SPHERICAL = box(  # all around, looking ahead
    b"sv3d",
    box(b"svhd", bytes(4) + b"maker\0") + box(b"proj", box(b"prhd", bytes(16)) + box(b"equi", bytes(20))),
)
