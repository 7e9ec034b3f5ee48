"""How media are mutated: bytes, atoms, chunks, stamps, tags and samples; each says what it did."""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

import av
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from fuzz import seeds

ODD_NUMBERS = (0, 1, 2, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
ATOMS = (
    b"mvhd", b"tkhd", b"mdhd", b"hdlr", b"stsd", b"stts", b"ctts", b"stsc", b"stsz", b"stco", b"stss", b"elst", b"moov",
    b"trak", b"mdia", b"minf", b"stbl", b"mdat", b"avcC", b"hvcC", b"esds", b"udta", b"meta", b"ftyp", b"edts",
)  # fmt: skip
ODD_TEXTS = (
    "été", "e\u0301te\u0301", "नमस्ते", "ทดสอบ", "a\nb", "a\tb", "🎵" * 9, "x" * 70_000, " ", "\u202eabc", "50%", "a/b",
    "'\"<>&", "\ufeffx", "{0}", "\u0000", "\x07", "-1", "nan", "0/0", "9" * 400, "[red]", "\ud7ff", "eng\x1b[31m",
)  # fmt: skip


@dataclass(frozen=True)
class Made:
    """A mutated file; `lasts_s`: how long it must be found to be, where the mutation knows."""

    path: Path
    what: str
    lasts_s: float | None = None


T = TypeVar("T")
Mutation = Callable[[Path, Path, Generator], Made]


def pick(rng: Generator, values: Sequence[T]) -> T:
    """One of the values."""
    return values[int(rng.integers(len(values)))]


# --- bytes


def bytes_mutated(seed: Path, out: Path, rng: Generator) -> Made:
    """Flips, holes, doubled and lost stretches, in the head, the tail or anywhere."""
    data = bytearray(seed.read_bytes())
    size = len(data)
    where = pick(rng, ("head", "tail", "anywhere"))
    low, high = {"head": (0, min(size, 600)), "tail": (max(0, size - 600), size), "anywhere": (0, size)}[where]
    at, length = int(rng.integers(low, high)), int(rng.integers(1, 200))
    what = pick(rng, ("flip", "flip", "flip", "zero", "cut", "double", "end", "junk", "number"))
    if what == "flip":
        for place in rng.integers(low, high, int(rng.integers(1, 12))):
            data[place] ^= 1 << int(rng.integers(8))
    elif what == "zero":
        data[at : at + length] = bytes(len(data[at : at + length]))
    elif what == "cut":
        del data[at : at + length]
    elif what == "double":
        data[at:at] = data[at : at + length]
    elif what == "end":
        del data[max(1, int(rng.integers(size))) :]
    elif what == "junk":
        data += rng.bytes(length)
    else:
        packed = struct.pack(pick(rng, (">I", "<I")), pick(rng, ODD_NUMBERS))
        data[at : at + 4] = packed
    out.write_bytes(data)
    return Made(out, f"{what} {where} at {at}")


def joined(seed: Path, out: Path, rng: Generator) -> Made:
    """The file twice, or all of it and a part: spliced streams."""
    data = seed.read_bytes()
    part = data if rng.random() < 0.6 else data[int(rng.integers(len(data))) :]
    out.write_bytes(data + part)
    return Made(out, f"joined with {len(part)} of {len(data)} bytes")


# --- atoms and chunks


def atoms_mutated(seed: Path, out: Path, rng: Generator) -> Made:
    """A number of an MP4 atom, its size or its name."""
    data = bytearray(seed.read_bytes())
    there = [(name, at) for name in ATOMS for at in _places(data, name)]
    if not there:
        return bytes_mutated(seed, out, rng)
    name, at = pick(rng, there)
    what = pick(rng, ("number", "number", "number", "size", "name", "add"))
    if what == "name":
        data[at : at + 4] = b"free"
    else:
        place = at - 4 if what == "size" else at + 4 + 4 * int(rng.integers(8))
        old = int.from_bytes(data[place : place + 4], "big")
        new = (old + int(rng.integers(-20, 20))) % (1 << 32) if what == "add" else pick(rng, ODD_NUMBERS)
        data[place : place + 4] = struct.pack(">I", new)
    out.write_bytes(data)
    return Made(out, f"{what} of {name.decode()} at {at}")


def _places(data: bytearray, name: bytes) -> list[int]:
    found, at = [], data.find(name)
    while at > 3:
        found.append(at)
        at = data.find(name, at + 4)
    return found


def riff_mutated(seed: Path, out: Path, rng: Generator) -> Made:
    """Sizes of chunks as recorders leave them, and the numbers of the format."""
    data = bytearray(seed.read_bytes())
    at = data.find(b"data")
    if at < 0 or not data.startswith((b"RIFF", b"RF64")):
        return bytes_mutated(seed, out, rng)
    frames = len(data) - at - 8
    what = pick(rng, ("size", "size", "riff", "format", "odd"))
    lasts = None
    if what == "size":
        size = pick(rng, (0, 0xFFFFFFFF, 0x7FFFFFFF, frames + 2, frames - 1, frames // 2, frames * 4))
        data[at + 4 : at + 8] = struct.pack("<I", size)
        lasts = seeds.SOUND_S if size in (0xFFFFFFFF, 0x7FFFFFFF, frames + 2, frames * 4) else None
    elif what == "riff":
        data[4:8] = struct.pack("<I", pick(rng, ODD_NUMBERS))
        lasts = seeds.SOUND_S if data.startswith(b"RIFF") else None
    elif what == "format":
        place = data.find(b"fmt ") + 8 + 2 * int(rng.integers(8))
        data[place : place + 2] = struct.pack("<H", pick(rng, ODD_NUMBERS) & 0xFFFF)
    else:
        del data[-1:]
    out.write_bytes(data)
    return Made(out, f"{what} of the chunks", lasts)


# --- stamps


def stamps_mutated(seed: Path, out: Path, rng: Generator) -> Made:
    """The stamps themselves, written into the file: of Matroska blocks, or of packets of a transport stream."""
    data = bytearray(seed.read_bytes())
    places = block_stamps(data) if data[:4] == b"\x1a\x45\xdf\xa3" else _stream_stamps(data)
    if not places:
        return moved(seed, out, rng)
    wide = len(places[0]) > 2
    read = _stream_stamp if wide else _block_stamp
    write = _set_stream_stamp if wide else set_block_stamp
    second = 90_000 if wide else 1000
    what = pick(rng, ("repeat", "back", "swap", "leap", "later", "random"))
    count = 1 if what in ("leap", "later") else int(rng.integers(1, 6))
    for _ in range(count):
        number = int(rng.integers(1, len(places)))
        here, before = places[number], places[number - 1]
        time = read(data, here)
        if what == "repeat":
            write(data, here, read(data, before))
        elif what == "back":
            write(data, here, max(0, time - int(rng.integers(1, second))))
        elif what == "swap":
            write(data, here, read(data, before))
            write(data, before, time)
        elif what == "leap":
            write(data, here, time + second * int(rng.integers(1, 20)))
        elif what == "later":
            for place in places[number:]:
                write(data, place, read(data, place) + second * 3)
        else:
            write(data, here, int(rng.integers(0, 30 * second)))
    out.write_bytes(data)
    return Made(out, f"stamps: {what} of {len(places)}")


def block_stamps(data: bytearray) -> list[tuple[int, int]]:
    """Where stamps of SimpleBlocks stand, by walking through the clusters."""
    found, at = [], data.find(b"\x1f\x43\xb6\x75")
    while 0 <= at < len(data):
        at += 4 + _vint(data, at + 4)[1]
        while at < len(data) - 8 and data[at : at + 4] != b"\x1f\x43\xb6\x75":
            width = 1 if data[at] >= 0x80 else 2 if data[at] >= 0x40 else 4
            name = bytes(data[at : at + width])
            size, length = _vint(data, at + width)
            if name == b"\xa3":
                found.append((at + width + length + 1, at))
            at += width + length + size
        at = data.find(b"\x1f\x43\xb6\x75", at)
    return found


def _vint(data: bytearray, at: int) -> tuple[int, int]:
    """A number of EBML, and how many bytes it takes."""
    length = 9 - int(data[at]).bit_length()
    value = int.from_bytes(data[at : at + length], "big") & ((1 << (7 * length)) - 1)
    return value, length


def _block_stamp(data: bytearray, place: tuple[int, ...]) -> int:
    return int.from_bytes(data[place[0] : place[0] + 2], "big", signed=True)


def set_block_stamp(data: bytearray, place: tuple[int, ...], time: int) -> None:
    data[place[0] : place[0] + 2] = max(-(1 << 15), min((1 << 15) - 1, time)).to_bytes(2, "big", signed=True)


def _stream_stamps(data: bytearray) -> list[tuple[int, int, int]]:
    """Where packets of a transport or program stream have their PTS."""
    found, at = [], data.find(b"\x00\x00\x01")
    while 0 <= at < len(data) - 14:
        if data[at + 3] in (0xC0, 0xE0) and data[at + 7] & 0x80:
            found.append((at + 9, at, 0))
        at = data.find(b"\x00\x00\x01", at + 3)
    return found


def _stream_stamp(data: bytearray, place: tuple[int, ...]) -> int:
    a, b, c, d, e = data[place[0] : place[0] + 5]
    return (a >> 1 & 7) << 30 | b << 22 | (c >> 1) << 15 | d << 7 | e >> 1


def _set_stream_stamp(data: bytearray, place: tuple[int, ...], time: int) -> None:
    at, time = place[0], max(0, time)
    data[at] = data[at] & 0xF0 | (time >> 30 & 7) << 1 | 1
    data[at + 1 : at + 3] = (time >> 22 & 0xFF, (time >> 15 & 0x7F) << 1 | 1)
    data[at + 3 : at + 5] = (time >> 7 & 0xFF, (time & 0x7F) << 1 | 1)


def moved(seed: Path, out: Path, rng: Generator) -> Made:
    """Another start, a hole or another pace for all streams, written anew into the same container."""
    what = pick(rng, ("start", "hole", "pace", "sound later", "pictures only"))
    start_s, hole_s, pace = float(rng.uniform(0, 20)), float(rng.uniform(0.2, 8)), float(rng.uniform(0.99, 1.01))
    try:
        with av.open(str(seed)) as source, av.open(str(out), "w") as result:
            pictures = list(source.streams.video) if what == "pictures only" else []
            streams = pictures or list(source.streams)
            copies = {s.index: result.add_stream_from_template(s) for s in streams}
            for packet in source.demux(*streams):
                if packet.dts is None and packet.pts is None:
                    continue
                late = {"start": start_s, "sound later": 0.7 if packet.stream.type == "audio" else 0.0}.get(what, 0.0)
                late += hole_s if what == "hole" and (packet.pts or 0) * packet.time_base >= Fraction(9, 10) else 0.0
                for name in ("pts", "dts"):
                    if (stamp := getattr(packet, name)) is not None:
                        stamp = round(stamp * (pace if what == "pace" else 1.0))
                        setattr(packet, name, stamp + round(late / packet.time_base))
                packet.stream = copies[packet.stream.index]
                result.mux(packet)
    except (av.FFmpegError, ValueError):  # this container can't hold that
        return bytes_mutated(seed, out, rng)
    return Made(out, f"{what} (start {start_s:.2f}, hole {hole_s:.2f}, pace {pace:.4f})")


# --- tags and samples


def tagged(seed: Path, out: Path, rng: Generator) -> Made:
    """Odd texts as tags, and ID3 tags of any encoding before the file."""
    if rng.random() < 0.4:
        text, coding = pick(rng, ODD_TEXTS)[:200], int(rng.integers(0, 5))
        body = bytes([coding]) + text.encode(("latin-1", "utf-16", "utf-16-be", "utf-8", "utf-7")[coding], "replace")
        name = pick(rng, (b"TIT2", b"TPE1", b"TCON", b"TDRC", b"COMM", b"APIC", b"CHAP", b"TLEN"))
        frame = name + struct.pack(">IH", len(body) + int(rng.integers(-1, 2)) * int(rng.integers(2)), 0) + body
        size = len(frame)
        head = b"ID3\x04\x00\x00" + bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
        out.write_bytes(head + frame + seed.read_bytes())
        return Made(out, f"{name.decode()} in encoding {coding}")
    names = ("title", "artist", "genre", "comment", "license", "date", "bpm", "encoder", "rotate", "language", "mood")
    tags = {pick(rng, names): pick(rng, ODD_TEXTS) for _ in range(4)}
    try:
        with av.open(str(seed)) as source, av.open(str(out), "w") as result:
            result.metadata.update(tags)
            copies = {s.index: result.add_stream_from_template(s) for s in source.streams}
            for packet in source.demux():
                if packet.dts is not None:
                    packet.stream = copies[packet.stream.index]
                    result.mux(packet)
    except (av.FFmpegError, ValueError, UnicodeError):
        return bytes_mutated(seed, out, rng)
    return Made(out, f"tags {sorted(tags)}")


def sampled(seed: Path, out: Path, rng: Generator) -> Made:
    """Any rate, number of channels and odd samples."""
    rate = pick(rng, (500, 1000, 2000, 3300, 8000, 11025, 12345, 22050, 44100, 96000, 192000, 384000))
    channels = int(rng.integers(1, 9))
    duration_s = pick(rng, (0.0001, 0.005, 0.02, 0.1, 0.5, 1.5, 3.0))
    wave = seeds.samples(max(1 / rate, duration_s), rate, channels).astype(np.float32)
    what = pick(rng, ("plain", "nan", "inf", "huge", "tiny", "constant", "silence", "click", "hot", "opposed"))
    _odd(wave, what, int(rng.integers(wave.shape[1])))
    form, subtype = pick(
        rng, (("WAV", "FLOAT"), ("WAV", "DOUBLE"), ("W64", "FLOAT"), ("AIFF", "FLOAT"), ("CAF", "FLOAT"))
    )
    seeds.write_pcm(out.with_suffix(f".{form.lower()}"), form, subtype, wave, rate)
    lasts = wave.shape[1] / rate if what in ("plain", "hot", "opposed", "constant") else None
    return Made(out.with_suffix(f".{form.lower()}"), f"{what}, {channels} at {rate} Hz, {duration_s} s", lasts)


def _odd(wave: NDArray[np.float32], what: str, at: int) -> None:
    """Makes samples [c n] odd, in place."""
    if what in ("nan", "inf", "huge"):
        wave[0, at] = {"nan": np.nan, "inf": -np.inf, "huge": 1e30}[what]
    elif what == "tiny":
        wave *= np.float32(1e-38)
    elif what == "constant":
        wave[:] = 0.4
    elif what in ("silence", "click"):
        wave[:] = 0
        wave[0, at] = float(what == "click")
    elif what == "hot":
        wave *= 20
    elif what == "opposed":
        wave[1::2] = -wave[::2][: len(wave[1::2])]


# By kind, and what of: sounds, films, or either.
OF_SOUNDS: dict[str, Mutation] = {
    "bytes": bytes_mutated, "joined": joined, "atoms": atoms_mutated, "chunks": riff_mutated, "moved": moved,
    "tags": tagged, "samples": sampled,
}  # fmt: skip
OF_FILMS: dict[str, Mutation] = {
    "bytes": bytes_mutated, "joined": joined, "atoms": atoms_mutated, "stamps": stamps_mutated, "moved": moved,
    "tags": tagged,
}  # fmt: skip
ENDINGS_OF = {
    "atoms": (".mp4", ".mov", ".m4a"),
    "chunks": (".wav", ".rf64"),
    "stamps": (".mkv", ".webm", ".ts", ".mpg"),
}
