"""Tiny SoundFonts, written as section 4 of the specification has them, or as MuseScore writes SF3."""

import io
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile

RATE = 44_100


@dataclass(frozen=True)
class Recording:
    """A sample of a font; the loop is counted from its start."""

    samples: np.ndarray
    key: int = 69
    loop: tuple[int, int] = (0, 0)
    correction: int = 0
    rate: int = RATE
    kind: int = 1


@dataclass(frozen=True)
class Zone:
    """Generators by number, modulators as they stand in the file, and what it leads to (-1: nothing)."""

    goal: int
    amounts: Mapping[int, int] = field(default_factory=dict)
    modulators: Sequence[tuple[int, int, int, int, int]] = ()


@dataclass(frozen=True)
class Voicing:
    """A preset of a font."""

    zones: Sequence[Zone]
    program: int = 0
    bank: int = 0
    name: str = "tone"


def sine(hertz: float, seconds: float = 1.0, rate: int = RATE, height: float = 0.5) -> np.ndarray:
    return (height * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def ranged(low: int, high: int) -> int:
    """The amount of a key or velocity range."""
    return low | high << 8


def _chunk(name: bytes, data: bytes, padded: bool = True) -> bytes:
    return name + struct.pack("<I", len(data)) + data + (b"\0" if padded and len(data) & 1 else b"")


def _zones(many: Sequence[Sequence[Zone]], goal: int) -> tuple[list[int], bytes, bytes, bytes]:
    """First bag of each, bags, generators and modulators."""
    first, bags, generators, modulators = [], b"", b"", b""
    for zones in many:
        first.append(len(bags) // 4)
        for zone in zones:
            bags += struct.pack("<HH", len(generators) // 4, len(modulators) // 10)
            amounts = sorted(zone.amounts.items(), key=lambda pair: (pair[0] not in (43, 44), pair[0]))
            generators += b"".join(struct.pack("<HH", kind, amount & 0xFFFF) for kind, amount in amounts)
            if zone.goal >= 0:
                generators += struct.pack("<HH", goal, zone.goal)
            modulators += b"".join(struct.pack("<HHhHH", *each) for each in zone.modulators)
    first.append(len(bags) // 4)
    bags += struct.pack("<HH", len(generators) // 4, len(modulators) // 10)
    return first, bags, generators + bytes(4), modulators + bytes(10)


def font_bytes(
    recordings: Sequence[Recording],
    instruments: Sequence[Sequence[Zone]],
    presets: Sequence[Voicing],
    *,
    vorbis: bool = False,
) -> bytes:
    """A whole font; `vorbis`: as SF3, with chunks that aren't padded."""
    smpl, rows = b"", b""
    for number, each in enumerate(recordings):
        if vorbis:
            packed = io.BytesIO()
            soundfile.write(packed, each.samples, each.rate, format="OGG", subtype="VORBIS")
            start, smpl, kind, loop = len(smpl), smpl + packed.getvalue(), each.kind | 0x10, each.loop
            end = len(smpl)
        else:
            start = len(smpl) // 2
            smpl += np.clip(np.rint(each.samples * 32768), -32768, 32767).astype("<i2").tobytes()
            end, kind, loop = len(smpl) // 2, each.kind, (start + each.loop[0], start + each.loop[1])
            smpl += bytes(92)  # 46 samples of nothing after each (section 6.1)
        name = f"sample {number}".encode()
        rows += struct.pack("<20sIIIIIBbHH", name, start, end, *loop, each.rate, each.key, each.correction, 0, kind)
    rows += struct.pack("<20sIIIIIBbHH", b"EOS", *[0] * 9)
    bag, pbag, pgen, pmod = _zones([each.zones for each in presets], 41)
    phdr = b"".join(
        struct.pack("<20sHHHIII", each.name.encode(), each.program, each.bank, at, 0, 0, 0)
        for each, at in zip([*presets, Voicing((), name="EOP")], bag, strict=True)
    )
    bag, ibag, igen, imod = _zones(instruments, 53)
    inst = b"".join(
        struct.pack("<20sH", f"instrument {number}".encode() if number < len(instruments) else b"EOI", at)
        for number, at in enumerate(bag)
    )
    tables = {
        b"phdr": phdr, b"pbag": pbag, b"pmod": pmod, b"pgen": pgen,
        b"inst": inst, b"ibag": ibag, b"imod": imod, b"igen": igen, b"shdr": rows,
    }  # fmt: skip
    padded = not vorbis
    body = b"sfbk" + _chunk(b"LIST", b"INFO" + _chunk(b"ifil", struct.pack("<HH", 2, 4)), padded)
    body += _chunk(b"LIST", b"sdta" + _chunk(b"smpl", smpl, padded), padded)
    body += _chunk(b"LIST", b"pdta" + b"".join(_chunk(name, data, padded) for name, data in tables.items()), padded)
    return _chunk(b"RIFF", body, padded)


def simple_font(
    path: Path,
    recording: Recording,
    amounts: Mapping[int, int] | None = None,
    *,
    modulators: Sequence[tuple[int, int, int, int, int]] = (),
    preset: Mapping[int, int] | None = None,
    vorbis: bool = False,
) -> Path:
    """A font of one sample, one instrument and one preset."""
    zones = [Zone(0, amounts or {}, modulators)]
    path.write_bytes(font_bytes([recording], [zones], [Voicing([Zone(0, preset or {})])], vorbis=vorbis))
    return path


@dataclass(frozen=True)
class Played:
    """A note."""

    start_s: float = 0.0
    length_s: float = 1.0
    pitch: int = 69
    velocity: int = 127


@dataclass(frozen=True)
class Line:
    """A part."""

    notes: Sequence[Played] = (Played(),)
    program: int = 0
    drums: bool = False
    pan: float = 0.0
    gain_db: float = 0.0
    name: str = "line"
