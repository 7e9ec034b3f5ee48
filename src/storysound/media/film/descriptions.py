"""What a film says of its pictures beside their packets, and what of that a container loses.

Dolby Vision, 3D, cropping, rotation and their like stand in boxes of MP4, in elements of Matroska, or nowhere. What a
container holds is tried: the first packet is written into one in memory, read again, and both are described in boxes.
"""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer

from storysound.media.files import codec_of, has_index, opened, video_stream
from storysound.media.film.boxes import description
from storysound.media.film.containers import CONTAINERS, Container, container_for
from storysound.media.film.streams import template

_NAMES = {
    "dvcC": "Dolby Vision",
    "dvvC": "Dolby Vision",
    "dvwC": "Dolby Vision",
    "hvcE": "Dolby Vision",
    "st3d": "3D",
    "vexu": "3D",
    "hfov": "3D",
    "sv3d": "all-around view",
    "clap": "cropping",
    "matrix": "rotation",
    "prof": "colour profile",
    "mdcv": "mastering screen (HDR10)",
    "clli": "light levels (HDR10)",
    "amve": "viewing environment",
    "matroska_block_additional": "transparency",
    "dynamic_hdr10_plus": "HDR10+",
}
_BOXED = ("mp4", "mov")  # forms in which all of that stands in boxes, but for:
_UNBOXED = frozenset({"matrix", "matroska_block_additional", "dynamic_hdr10_plus"})


def missing(path: str | Path, container: Container) -> dict[str, bytes]:
    """What FFmpeg doesn't write of a film's pictures: by kind the content of its box (b"" for what has none).

    {} also for pictures that neither MP4 nor MOV holds, of which nobody knows. Raises MediaError.
    """
    with opened(path) as source:
        pictures = video_stream(source, path)
        packet = _first_packet(source, pictures)
        if packet is None or (tried := _begun(pictures, packet, container.format)) is None:
            return {}
        before = _described(pictures, packet)
        if has_index(source):
            with Path(path).open("rb") as file:
                before |= description(file)
    if container.format in _BOXED:
        after = description(tried)
    else:
        with av.open(tried, "r") as result:
            pictures = result.streams.video[0]
            packet = _first_packet(result, pictures)
            after = _described(pictures, packet) if packet is not None else {}
    return {kind: content for kind, content in before.items() if kind in _NAMES and kind not in after}


def at_home(container: Container, kinds: Mapping[str, bytes]) -> dict[str, bytes]:
    """What of that the container has boxes for all the same."""
    if container.format not in _BOXED:
        return {}
    return {kind: content for kind, content in kinds.items() if kind not in _UNBOXED}


def lost(path: str | Path, out: str | Path) -> list[str]:
    """What of a film's pictures a file named `out` can't hold beside their packets, a line each, as a user reads it.

    Raises MediaError; OutputError for a suffix that can't hold the pictures at all.
    """
    with opened(path) as source:
        codec = codec_of(video_stream(source, path))
    suffix = Path(out).suffix.lower()
    gone = _gone(path, container_for(out, codec))
    able = ""
    if gone:
        holding = [name for name, each in CONTAINERS.items() if each.video is None or codec in each.video]
        able = next((f" ({name} does)" for name in holding if not _gone(path, CONTAINERS[name])), "")
    return [f"{what} of its pictures: {suffix} can't hold it{able}" for what in gone]


def _gone(path: str | Path, container: Container) -> list[str]:
    found = missing(path, container)
    return list(dict.fromkeys(_NAMES[kind] for kind in found if kind not in at_home(container, found)))


def _described(pictures: av.VideoStream, packet: "av.Packet[av.VideoStream]") -> dict[str, bytes]:
    """What is said of pictures, as FFmpeg would write it in MP4, or in MOV where MP4 doesn't hold them."""
    found = {str(side.data_type): b"" for side in packet.iter_sidedata()}
    made = next((made for form in _BOXED if (made := _begun(pictures, packet, form)) is not None), None)
    return found | (description(made) if made is not None else {})


def _first_packet(source: InputContainer, pictures: av.VideoStream) -> "av.Packet[av.VideoStream] | None":
    return next((packet for packet in source.demux(pictures) if packet.size), None)


def _begun(pictures: av.VideoStream, packet: "av.Packet[av.VideoStream]", form: str) -> io.BytesIO | None:
    """A film in memory with these pictures' first packet; None where the form doesn't hold them."""
    made = io.BytesIO()
    options = {"strict": "unofficial"} | ({"movflags": "frag_keyframe+empty_moov"} if form in _BOXED else {})
    copy: av.Packet[Any] = av.Packet(bytes(packet))
    copy.pts = copy.dts = 0
    copy.time_base, copy.is_keyframe = packet.time_base, True
    for side in packet.iter_sidedata():
        side.to_packet(copy)
    try:
        with av.open(made, "w", format=form, container_options=options) as result:
            copy.stream = template(pictures, result)
            result.mux(copy)
    except (ValueError, av.FFmpegError):
        return None
    made.seek(0)
    return made
