"""Boxes of MP4 and MOV files (ISO/IEC 14496-12, 4.2): walked, found, put in."""

import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

_ENTRY = 78  # bytes of a description of pictures before its boxes
_HANDLER = 8  # bytes before the kind of a track
# The way from the index to what is said of a track's pictures.
_WAY = ("mdia", "minf", "stbl", "stsd")


class Box(NamedTuple):
    """A box, by bytes of its file: of its head, its content, and after its end."""

    kind: str
    at: int
    content: int
    end: int


def boxes(file: BinaryIO, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """Boxes that lie side by side in [start, end) of an open file, as far as they are whole; without `end` to its end.

    >>> import io
    >>> [box.kind for box in boxes(io.BytesIO(struct.pack(">I4sII4s", 12, b"free", 0, 8, b"skip")))]
    ['free', 'skip']
    """
    end = file.seek(0, os.SEEK_END) if end is None else end
    while start + 8 <= end:
        file.seek(start)
        size, kind = struct.unpack(">I4s", file.read(8))
        head = 8
        if size == 1:
            head, size = 16, int.from_bytes(file.read(8), "big")
        elif size == 0:
            size = end - start
        if size < head or start + size > end:
            return
        yield Box(kind.decode("latin-1"), start, start + head, start + size)
        start += size


def first(file: BinaryIO, kind: str, start: int = 0, end: int | None = None) -> Box | None:
    """The first box of a kind among those that lie side by side."""
    return next((box for box in boxes(file, start, end) if box.kind == kind), None)


def pictures_track(file: BinaryIO) -> Box | None:
    """The first track of pictures; None where there is none."""
    index = first(file, "moov")
    for track in boxes(file, index.content, index.end) if index else ():
        media = first(file, "mdia", track.content, track.end) if track.kind == "trak" else None
        handler = first(file, "hdlr", media.content, media.end) if media else None
        if handler and _bytes(file, handler.content + _HANDLER, 4) == b"vide":
            return track
    return None


def description(file: BinaryIO) -> dict[str, bytes]:
    """What is said of the first track of pictures: the content of each box of its description, by kind.

    "matrix" is that of its track's header, where that turns or mirrors; of colours the kind is their own (nclx, prof).
    """
    found: dict[str, bytes] = {}
    if (track := pictures_track(file)) is None or not (way := _way(file, track)):
        return found
    for box in boxes(file, way[-1].content + _ENTRY, way[-1].end):
        content = _bytes(file, box.content, box.end - box.content)
        found[content[:4].decode("latin-1") if box.kind == "colr" else box.kind] = content
    if header := first(file, "tkhd", track.content, track.end):
        version = _bytes(file, header.content, 1)[0]
        matrix = _bytes(file, header.content + (52 if version else 40), 36)
        if matrix[:8] + matrix[12:20] != struct.pack(">4I", 1 << 16, 0, 0, 1 << 16):
            found["matrix"] = matrix
    return found


def put_in(path: Path, added: Mapping[str, bytes]) -> None:
    """Adds boxes, by kind as `description` gives them, to what is said of the first track of pictures of a file.

    Raises ValueError where its index doesn't stand last, or it has no pictures.
    """
    named = (("colr" if data.startswith(kind.encode("latin-1")) else kind, data) for kind, data in added.items())
    more = b"".join(struct.pack(">I4s", 8 + len(data), kind.encode("latin-1")) + data for kind, data in named)
    with path.open("r+b") as file:
        index, track = first(file, "moov"), pictures_track(file)
        way = _way(file, track) if track else []
        if not way or index is None or track is None or index.end != file.seek(0, os.SEEK_END):
            raise ValueError(f"{path} has no index at its end with pictures in it")
        way = [index, track, *way]
        data = bytearray(_bytes(file, index.at, index.end - index.at))
        for box in way:
            at = box.at - index.at
            data[at : at + 4] = struct.pack(">I", box.end - box.at + len(more))
        configuration = next(boxes(file, way[-1].content + _ENTRY, way[-1].end), None)
        place = configuration.end if configuration else way[-1].end  # FFmpeg reads 3D of older kinds before its own
        data[place - index.at : place - index.at] = more
        file.seek(index.at)
        file.write(data)


class Edit(NamedTuple):
    """An entry of a track's edit list: how long it lasts (ticks of the film), from where in the track, how fast."""

    lasts: int
    start: int  # in ticks of the track; -1: nothing is shown
    pace: float


def edit_lists(file: BinaryIO) -> list[tuple[Edit, ...]]:
    """The edit list of each track, in their order; () of a track that is shown as it lies there."""
    found = []
    index = first(file, "moov")
    for track in boxes(file, index.content, index.end) if index else ():
        if track.kind == "trak":
            outer = first(file, "edts", track.content, track.end)
            edits = first(file, "elst", outer.content, outer.end) if outer else None
            found.append(_edits(_bytes(file, edits.content, edits.end - edits.content)) if edits else ())
    return found


def _edits(content: bytes) -> tuple[Edit, ...]:
    entry, count = struct.Struct(">QqI" if content[0] else ">IiI"), int.from_bytes(content[4:8], "big")
    whole = content[8 : 8 + min(count, (len(content) - 8) // entry.size) * entry.size]
    return tuple(Edit(lasts, start, pace / 65536) for lasts, start, pace in entry.iter_unpack(whole))


def odd_edits(path: Path) -> str:
    """What edit lists of a file ask for that FFmpeg doesn't do, or not to the picture, or that hides most of a track;
    "" where there is nothing of it.
    """
    with path.open("rb") as file:
        lists = edit_lists(file)
        hidden = _mostly_hidden(file, lists)
    if any(edit.pace != 1 for edits in lists for edit in edits if edit.start >= 0):
        return "plays parts faster or slower: that isn't done here; export it again"
    if any(edit.start < 0 for edits in lists for edit in edits[1:]):
        return "leaves gaps: that isn't done here; export it again"
    if any(sum(edit.start >= 0 for edit in edits) > 1 for edits in lists):
        return "puts parts of it together: sound and pictures may be some pictures off there; export it again"
    return hidden


def _mostly_hidden(file: BinaryIO, lists: Sequence[Sequence[Edit]]) -> str:
    """How little an edit list shows of its track; "" where it is half of it or more."""
    index = first(file, "moov")
    header = first(file, "mvhd", index.content, index.end) if index else None
    if index is None or header is None:
        return ""
    film = _timed(file, header)
    tracks = [box for box in boxes(file, index.content, index.end) if box.kind == "trak"]
    for track, edits in zip(tracks, lists, strict=True):
        media = first(file, "mdia", track.content, track.end)
        header = first(file, "mdhd", media.content, media.end) if media else None
        whole = _timed(file, header) if header else None
        if not (film and whole and edits and all(edit.lasts for edit in edits)):  # 0: as long as there is
            continue
        shown_s = sum(edit.lasts for edit in edits if edit.start >= 0) / film.hz
        if shown_s < whole.ticks / whole.hz / 2:
            return f"shows {shown_s:.2f} s of {whole.ticks / whole.hz:.2f} s: the rest is left out"
    return ""


class _Timed(NamedTuple):
    hz: int
    ticks: int


def _timed(file: BinaryIO, header: Box) -> _Timed | None:
    """Ticks a second, and their number, as the header of a film or of a track's media says; None for nonsense."""
    form, times = (">II", 8) if _bytes(file, header.content, 1) == b"\0" else (">IQ", 16)
    content = _bytes(file, header.content + 4 + times, struct.calcsize(form))
    found = _Timed(*struct.unpack(form, content)) if len(content) == struct.calcsize(form) else None
    return found if found and found.hz else None


class Piece(NamedTuple):
    """A film that lies in a file, perhaps behind another."""

    at: int  # its first byte
    in_fragments: bool


def pieces(path: Path) -> list[Piece]:
    """The films that lie in a file, one joined to the other; one of most."""
    found: list[Piece] = []
    has_index = True  # of the piece before
    with path.open("rb") as file:
        for box in boxes(file):
            if box.kind == "ftyp" or (box.kind == "moov" and has_index):
                found.append(Piece(box.at, False))
                has_index = False
            if box.kind == "moov":
                has_index = True
            elif box.kind == "moof" and found:
                found[-1] = found[-1]._replace(in_fragments=True)
    return found


def unread_from(path: Path) -> int | None:
    """The byte from which on a file isn't read, as a film was joined to another there; None where all is.

    Films in fragments are read on, one after the other.
    """
    first_one, *others = pieces(path) or [Piece(0, False)]
    return next((other.at for other in others if not (other.in_fragments and first_one.in_fragments)), None)


def _way(file: BinaryIO, track: Box) -> list[Box]:
    """Boxes from a track's to that of its first description, each in the one before; [] where one is missing."""
    way, at = [], track
    for kind in _WAY:
        box = first(file, kind, at.content, at.end)
        if box is None:
            return []
        way.append(box)
        at = box
    entry = next(boxes(file, at.content + 8, at.end), None)
    return [*way, entry] if entry else []


def _bytes(file: BinaryIO, start: int, count: int) -> bytes:
    file.seek(start)
    return file.read(count)
