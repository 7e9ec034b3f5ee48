"""What a sound file holds beside its sound: tags, chapters, covers; and what of that a kind of file can't hold."""

import base64
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import OutputContainer
from av.stream import Disposition

from storysound.media.clock import CODEC_DELAY_S, clock_of
from storysound.media.files import is_still, opened
from storysound.media.film.containers import Container
from storysound.media.film.streams import cover_of, moved_chapters, tags_of
from storysound.media.film.tracks import streams_of

# Kinds of pictures, as ID3 and FLAC number them and FFmpeg names them.
_PICTURES = {"Other": 0, "32x32 pixels 'file icon'": 1, "Other file icon": 2, "Cover (front)": 3, "Cover (back)": 4}
_MIMES = {"mjpeg": "image/jpeg", "png": "image/png"}
_OGG = ("ogg", "opus")  # which have covers in comments
_TICK = Fraction(1, 90_000)


@dataclass(frozen=True)
class Cover:
    """A picture that stands for a file, as it is stored."""

    codec: str
    data: bytes
    width: int
    height: int
    words: Mapping[str, str] = field(default_factory=dict)  # title, and in `comment` what it shows


@dataclass(frozen=True)
class Enclosed:
    """What stands beside the sound of a file. `chapters` as PyAV has them, on the clock of the sound."""

    tags: Mapping[str, str] = field(default_factory=dict)  # title, artist, copyright, comment …
    chapters: tuple[Mapping[str, Any], ...] = ()
    covers: tuple[Cover, ...] = ()


def enclosed_in(path: str | Path, end_s: float, track: int = 0) -> Enclosed:
    """What stands beside the sound number `track` of a file, of which `end_s` seconds are used. Raises MediaError."""
    with opened(path) as container:
        tags = tags_of(container)
        if "ogg" in container.format.name:  # it has no other place
            tags |= tags_of(container.streams.audio[track])
        origin_s = clock_of(container, path).origin_s
        chapters = moved_chapters(container.chapters(), origin_s if origin_s > CODEC_DELAY_S else 0.0, end_s)
        stills = [stream for stream in container.streams.video if is_still(stream)]
        codecs = {info.index: info.codec for info in streams_of(container)}
        shown = [
            Cover(codecs[s.index], b"", s.codec_context.width, s.codec_context.height, dict(s.metadata)) for s in stills
        ]
        places = [stream.index for stream in stills]
    covers = (replace(cover, data=cover_of(path, place)) for cover, place in zip(shown, places, strict=True))
    return Enclosed(tags, tuple(chapters), tuple(cover for cover in covers if cover.data))


def unheld(enclosed: Enclosed, suffix: str, containers: Mapping[str, Container]) -> list[str]:
    """What of it a file can't hold, a line each, as a user reads it; `containers`: those of sound, by their suffix."""
    lacking = _lacking(enclosed, containers[suffix])
    able = next((f" ({name} does)" for name, each in containers.items() if not _lacking(enclosed, each)), "")
    return [f"{what}: {suffix} can't hold {them}{able}" for what, them in lacking]


def _lacking(enclosed: Enclosed, container: Container) -> list[tuple[str, str]]:
    found = []
    if enclosed.chapters and not container.chapters:
        found.append((f"{len(enclosed.chapters)} chapters", "them"))
    if any(cover.codec not in container.covers for cover in enclosed.covers):
        found.append(("cover art", "it"))
    if container.tags is not None and (odd := sorted(t for t in enclosed.tags if t.lower() not in container.tags)):
        found.append((f"what it says as {', '.join(odd)}", "it"))
    return found


def put_tags(result: OutputContainer, sound: av.AudioStream, enclosed: Enclosed, container: Container) -> None:
    """Tags and chapters, as far as the container holds them; before its covers are added."""
    tags = enclosed.tags.items()
    result.metadata.update({name: text for name, text in tags if not container.tags or name.lower() in container.tags})
    if container.chapters == "own" and enclosed.chapters:
        result.set_chapters([dict(chapter) for chapter in enclosed.chapters])  # type: ignore[misc]
    elif container.chapters:
        result.metadata.update(_as_comments(enclosed.chapters))
    if container.format in _OGG and enclosed.covers:  # one comment of a name: the front, or the first
        fitting = [cover for cover in enclosed.covers if cover.codec in container.covers]
        fitting.sort(key=lambda cover: _kind(cover) != _PICTURES["Cover (front)"])
        if fitting:
            sound.metadata["METADATA_BLOCK_PICTURE"] = _as_block(fitting[0])


def put_covers(result: OutputContainer, enclosed: Enclosed, container: Container) -> list["av.Packet[Any]"]:
    """Adds streams for covers; gives their packets, which come before all others."""
    packets = []
    for cover in enclosed.covers if container.format not in _OGG else ():
        if cover.codec in container.covers:
            stream = result.add_mux_stream(cover.codec, width=cover.width, height=cover.height)
            stream.disposition, stream.time_base = Disposition.attached_pic, _TICK
            stream.metadata.update(cover.words)
            packet: av.Packet[Any] = av.Packet(cover.data)
            packet.pts = packet.dts = 0
            packet.time_base, packet.stream, packet.is_keyframe = _TICK, stream, True
            packets.append(packet)
    return packets


def _as_comments(chapters: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Chapters as Vorbis comments (CHAPTER001=HH:MM:SS.mmm): FFmpeg writes none in FLAC, wrong ones in Ogg."""
    found = {}
    for number, chapter in enumerate(chapters, 1):
        ms = round(chapter["start"] * chapter["time_base"] * 1000)
        name = f"CHAPTER{number:03d}"
        found[name] = f"{ms // 3_600_000:02d}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}.{ms % 1000:03d}"
        found[f"{name}NAME"] = chapter["metadata"].get("title", "")
    return found


def _kind(cover: Cover) -> int:
    return _PICTURES.get(cover.words.get("comment", ""), _PICTURES["Cover (front)"])


def _as_block(cover: Cover) -> str:
    """A picture as Vorbis comments have it: FLAC's block of a picture (RFC 9639, 8.8) in base 64."""
    mime, words = _MIMES[cover.codec].encode(), cover.words.get("title", "").encode()
    head = struct.pack(">II", _kind(cover), len(mime)) + mime + struct.pack(">I", len(words)) + words
    size = struct.pack(">5I", cover.width, cover.height, 24, 0, len(cover.data))
    return base64.b64encode(head + size + cover.data).decode()
