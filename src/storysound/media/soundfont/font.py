"""SoundFont files as records: SF2 as the SoundFont 2.04 specification has it, and SF3, whose samples are Ogg Vorbis.

Tables are read at once, zones when a preset is first played, samples when they first sound. Of 24-bit fonts the upper
16 bits are read, as section 6.1 allows.
"""

import io
import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from storysound.errors import MediaError
from storysound.media.arrays import Samples

Table = NDArray[Any]

PERCUSSION_BANK = 128  # of drum kits (section 7.2)
_MOST_SAMPLES = 1 << 25  # of one sample, 12 minutes: a damaged header is not to fill the memory
_ROM, _VORBIS = 0x8000, 0x10  # bits of a sample's type: it lies in a chip (section 7.10); it is compressed (SF3)
_USUAL_KEY, _USUAL_RATE_HZ = 60, 44_100  # of samples that don't say theirs
_TABLES: dict[str, list[Any]] = {  # sections 7.2 to 7.10
    "phdr": [("name", "S20"), ("program", "<u2"), ("bank", "<u2"), ("bag", "<u2"), ("rest", "<u4", 3)],
    "pbag": [("generator", "<u2"), ("modulator", "<u2")],
    "pmod": [("source", "<u2"), ("goal", "<u2"), ("amount", "<i2"), ("scale", "<u2"), ("transform", "<u2")],
    "pgen": [("kind", "<u2"), ("amount", "<u2")],
    "inst": [("name", "S20"), ("bag", "<u2")],
    "shdr": [
        ("name", "S20"), ("start", "<u4"), ("end", "<u4"), ("loop_start", "<u4"), ("loop_end", "<u4"),
        ("rate_hz", "<u4"), ("key", "u1"), ("correction", "i1"), ("link", "<u2"), ("type", "<u2"),
    ],
}  # fmt: skip
_TABLES |= {"ibag": _TABLES["pbag"], "imod": _TABLES["pmod"], "igen": _TABLES["pgen"]}


Moved = tuple[int, int, int, int]  # by how many samples a zone moves start, end, loop start and loop end of a sample


@dataclass(frozen=True)
class Sample:
    """What is known of a recorded tone before it is read."""

    name: str
    rate_hz: int
    key: int  # MIDI key at which it sounds as recorded
    correction_cents: int
    loop_start: int
    loop_end: int  # the first sample after the loop, equal to the one at `loop_start`; no greater than it: no loop


@dataclass(frozen=True)
class Bag:
    """A zone as it stands in the file: rows of generators (kind, amount) and of modulators."""

    generators: tuple[tuple[int, int], ...]
    modulators: tuple[tuple[int, int, int, int, int], ...]  # source, goal, amount, scale, transform


@dataclass(frozen=True)
class Preset:
    """An instrument that can be asked for by its number."""

    number: int  # of its row
    name: str
    bank: int
    program: int


class SoundFont:
    """A font on disk. One thread at a time; `close` lets go of the file."""

    def __init__(self, path: str | Path) -> None:
        """Raises MediaError: missing, empty, cut short, damaged, no SoundFont."""
        self.path = Path(path)
        self._data = _mapped(self.path)
        try:
            chunks = _chunks_of_font(self._data, self.path)
            self._tables = {name: _table(self._data, name, chunks, self.path) for name in _TABLES}
            self._smpl = chunks.get("smpl", (0, 0))
            for names in (("phdr", "pbag", "pgen", "pmod"), ("inst", "ibag", "igen", "imod")):
                self._check(*names)
        except BaseException:
            self._data.close()
            raise
        rows = self._tables["phdr"][:-1]
        self.presets = tuple(
            Preset(number, _text(row["name"]), int(row["bank"]), int(row["program"])) for number, row in enumerate(rows)
        )
        self.instrument_count = len(self._tables["inst"]) - 1
        self.sample_count = len(self._tables["shdr"]) - 1  # the last row of each table ends it

    def close(self) -> None:
        """Lets go of the file; samples that were read stay."""
        self._tables.clear()
        self._data.close()

    def _check(self, heads: str, bags: str, generators: str, modulators: str) -> None:
        """Whether a table's rows point in order into the next (section 10.1). Raises MediaError."""
        for table, column, into in (
            (heads, "bag", bags),
            (bags, "generator", generators),
            (bags, "modulator", modulators),
        ):
            rows = self._tables[table][column].astype(np.int64)
            if (np.diff(rows) < 0).any() or rows[-1] > len(self._tables[into]):
                raise _damaged(self.path, f"its table {table} points past {into}, or out of order")

    def preset_bags(self, number: int) -> tuple[Bag, ...]:
        """The zones of preset `number`, the one for all of them first where there is one."""
        return self._bags("p", self._tables["phdr"], number)

    def instrument_bags(self, number: int) -> tuple[Bag, ...]:
        """The zones of instrument `number`, the one for all of them first where there is one."""
        return self._bags("i", self._tables["inst"], number)

    def _bags(self, kind: str, heads: Table, number: int) -> tuple[Bag, ...]:
        """Zones of row `number` of the heads [r]; at most as many as there are rows."""
        bags, generators, modulators = (self._tables[kind + name] for name in ("bag", "gen", "mod"))
        first, last = int(heads["bag"][number]), min(int(heads["bag"][number + 1]), len(bags) - 1)
        return tuple(
            Bag(
                tuple(generators[bags["generator"][at] : bags["generator"][at + 1]].tolist()),
                tuple(modulators[bags["modulator"][at] : bags["modulator"][at + 1]].tolist()),
            )
            for at in range(first, last)
        )

    def sample(self, number: int, moved: Moved = (0, 0, 0, 0)) -> Sample:
        """What the font says of sample `number`, with its loop from its start as a zone has moved both.

        A loop that begins before the sample is none. What makes no sense is taken as usual (section 7.10).
        """
        row = self._tables["shdr"][number]
        start = 0 if row["type"] & _VORBIS else int(row["start"])  # of SF3 loops are counted from the sample's start
        loop_start, loop_end = (
            int(row[name]) - start + by - moved[0] for name, by in (("loop_start", moved[2]), ("loop_end", moved[3]))
        )
        if loop_start < 0:
            loop_start = loop_end = 0
        rate = int(row["rate_hz"]) if 400 <= row["rate_hz"] <= 400_000 else _USUAL_RATE_HZ
        key = int(row["key"]) if row["key"] <= 127 else _USUAL_KEY
        return Sample(_text(row["name"]), rate, key, int(row["correction"]), loop_start, loop_end)

    def samples(self, number: int, moved: Moved = (0, 0, 0, 0), most: int = _MOST_SAMPLES) -> Samples:
        """The first samples [n] of sample `number`, at most so many, in [-1, 1].

        Raises MediaError where it lies outside the file, can't be decoded, or is one of a sound card's.
        """
        row = self._tables["shdr"][number]
        name = _text(row["name"])
        if row["type"] & _ROM:
            raise MediaError(self.path, f"its sample {name!r} lies in the memory of a sound card, not in the file")
        if row["type"] & _VORBIS:
            needed = most + max(0, moved[0]) if moved[1] >= 0 else _MOST_SAMPLES  # the end must be known to be moved
            whole = self._vorbis(row, name, min(needed, _MOST_SAMPLES))
            return whole[max(0, moved[0]) : len(whole) + min(0, moved[1])][:most]
        return self._plain(row, name, moved[:2], most)

    def _plain(self, row: Any, name: str, moved: tuple[int, ...], most: int) -> Samples:
        """The first samples [n] of one of 16 bits."""
        first, last = int(row["start"]) + moved[0], int(row["end"]) + moved[1]
        if not 0 <= first < last <= (self._smpl[1] - self._smpl[0]) // 2:
            raise _damaged(self.path, f"its sample {name!r} lies outside the samples")
        start = self._smpl[0] + 2 * first
        whole = np.frombuffer(self._data[start : start + 2 * min(last - first, most)], "<i2")
        return whole.astype(np.float32) * np.float32(2.0**-15)

    def _vorbis(self, row: Any, name: str, most: int) -> Samples:
        """The first samples [n] of a stream of Ogg Vorbis."""
        first, last = self._smpl[0] + int(row["start"]), self._smpl[0] + int(row["end"])
        if not self._smpl[0] <= first < last <= self._smpl[1]:
            raise _damaged(self.path, f"its sample {name!r} lies outside the samples")
        try:
            with soundfile.SoundFile(io.BytesIO(self._data[first:last])) as file:
                count = min(most, file.frames)
                return np.ascontiguousarray(file.read(count, dtype="float32", always_2d=True)[:, 0])
        except (soundfile.SoundFileError, RuntimeError) as error:
            raise _damaged(self.path, f"its sample {name!r} can't be decoded") from error


def _mapped(path: Path) -> mmap.mmap:
    """The file's bytes, of which only those that are used come into memory."""
    try:
        with path.open("rb") as file:
            if not path.stat().st_size:
                raise MediaError(path, "is empty", "fetch or copy the SoundFont again")
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise MediaError(path, f"can't be read: {error.strerror or error}", "give an SF2 or SF3 file") from error


def _damaged(path: Path, fault: str) -> MediaError:
    return MediaError(path, f"is damaged: {fault}", "fetch or copy the SoundFont again")


def _chunks(data: mmap.mmap, start: int, end: int) -> Iterator[tuple[str, int, int]]:
    """Name, start and end of each chunk of a list, even where the list ends before it does.

    Chunks begin at even places (section 3.1), but MuseScore's writer of SF3 doesn't pad odd ones.
    """
    while start + 8 <= end:
        name, size = struct.unpack_from("<4sI", data, start)
        yield name.decode("latin-1"), start + 8, start + 8 + size
        start += 8 + size
        if size & 1 and data[start : start + 1] == b"\0" and data[start + 1 : start + 5].isalnum():
            start += 1


def _chunks_of_font(data: mmap.mmap, path: Path) -> dict[str, tuple[int, int]]:
    """Where each chunk of the lists lies (section 4). Raises MediaError."""
    if data[:4] != b"RIFF" or data[8:12] != b"sfbk":
        raise MediaError(path, "is no SoundFont", "give an SF2 or SF3 file")
    found: dict[str, tuple[int, int]] = {}
    for _, start, end in _chunks(data, 12, len(data)):
        if end > len(data):
            raise _damaged(path, f"it is cut short, {len(data)} bytes of at least {end}")
        for name, first, last in _chunks(data, start + 4, end):
            if last > end:
                raise _damaged(path, f"its chunk {name} reaches {last - end} bytes too far")
            found[name] = (first, last)
    return found


def _table(data: mmap.mmap, name: str, chunks: dict[str, tuple[int, int]], path: Path) -> Table:
    """A table of the file, a copy; what is less than a row at its end is left out. Raises MediaError."""
    if name not in chunks:
        raise _damaged(path, f"it has no table {name}")
    form = np.dtype(_TABLES[name])
    start, end = chunks[name]
    rows = np.frombuffer(data[start : end - (end - start) % form.itemsize], form)
    if not len(rows) and not name.endswith(("mod", "gen")):
        raise _damaged(path, f"its table {name} is empty")
    return rows


def _text(raw: bytes) -> str:
    """A name of the file, which ends at its first zero."""
    return bytes(raw).split(b"\0")[0].decode("latin-1").strip()
