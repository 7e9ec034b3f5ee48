"""The clock of a media file: when each picture and sound in it is due, whatever its stamps say.

Second 0 is where the file starts (`origin_s`), for all streams alike. Everything that reads, cuts or copies goes by
what is here; nothing else computes times from packets. What stamps do, and what is made of it:

| stamps | the clock |
|---|---|
| the file starts at 10 s | second 0 is its start; chapters move with it |
| a hole | stays: silence, or the picture before it stands |
| none, on a frame or packet | it follows the one before |
| the same again, or a little back (B-frames apart) | a tick after the one before |
| fall back by more than `RESTART_S`: pieces were joined | goes on where the pieces before end, for all streams alike |
| leap ahead of all streams by more than `LEAP_S` in a transport or program stream: likewise | likewise |
| leap beyond the end of the file | broken: it follows the one before |
| no length is stated (live recordings) | the end of the last packet |
| sound of more or fewer samples than its stamps leave room for | stamps are right: see `stretches` |
| an edit list hides packets, or has them twice | what it shows counts, when it shows it; the rest is needed to decode |
| streams that aren't used (subtitles, data, covers, more languages) go on | they don't count |
| the sound outlasts the pictures by more than `HELD_S` | the last picture stands as long |
"""

import logging
import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.container import InputContainer
from numpy.typing import NDArray

from storysound.errors import MediaError
from storysound.media.files import has_index, is_still, opened, reading
from storysound.media.film.boxes import odd_edits, pieces, unread_from
from storysound.progress import check

log = logging.getLogger(__name__)

RESTART_S = 1.0  # B-frames and interleaving never lead back as far
LEAP_S = 10.0  # that no stream fills: FFmpeg and players close it in the formats of `_JOINABLE`
HELD_S = 0.5  # encoders fill up the last block of a sound; more than this is meant
# A start earlier than this before zero is meant; anything nearer is a codec's own delay (AAC priming, B-frames).
CODEC_DELAY_S = 0.2
_ENDLESS = 1 << 31  # a packet that lasts so many ticks lasts less than none: pieces of Ogg that were joined end so
USUAL_STEP_S = 0.04  # of pictures of which nothing says how long they stand
_ONE_CLOCK = (
    "mov",
    "mp4",
    "wav",
    "mp3",
    "aiff",
    "w64",
    "caf",
    "ape",
    "wv",
    "gif",
)  # formats that can't restart
_JOINABLE = ("mpegts", "mpeg")  # made to be cut and joined by bytes
# Sound drifts when its stamps leave more or less room than its samples need, by up to this share ...
STEEPEST = 0.02
# ... and is left as it is where that never comes to more than this.
DRIFT_S = 0.03
# How files begin of which FFmpeg leaves what is joined to them: the second FLV, the third Matroska.
_HEADS = {"matroska": b"\x1a\x45\xdf\xa3", "flv": b"FLV\x01"}
_CELL_S = 4.0  # stamps jitter: what drifts is their median over so long


def origin_s(container: InputContainer) -> float:
    """The container time that counts as 0 for sound and picture alike, in seconds.

    Both are shifted by it, so that they stay in step and a stream that begins later than the other stays later.
    """
    start_s = (container.start_time or 0) / 1_000_000  # PyAV gives microseconds
    return start_s if start_s >= 0 or start_s < -CODEC_DELAY_S else 0.0


class PieceClock(NamedTuple):
    """The clock of a piece that was joined to those before it."""

    offset_s: float  # added to its stamps
    leap_s: float = math.inf  # stamp from which on it holds; inf: where stamps fall back

    def follows(self, stamp_s: float, highest_s: float) -> bool:
        """Whether a stamp of a stream is of this piece; `highest_s` is the stream's highest in the piece before."""
        return stamp_s < highest_s - RESTART_S or stamp_s >= self.leap_s - RESTART_S


WHOLE = PieceClock(0.0)


@dataclass(frozen=True)
class FileClock:
    """What one look at all packets says.

    `ends_s`: by number of the stream, when its last packet ends, in seconds of the file's clock; of the first pictures
    and the first sound alone. `pieces`: those that were joined, one of most files. `counts`: packets of each stream, 0
    where nobody counted. `missing_s`: how much earlier all streams end than the file states.
    """

    origin_s: float
    ends_s: dict[int, float]
    counts: dict[int, int] = field(default_factory=dict)
    pieces: tuple["PieceClock", ...] = (WHOLE,)
    missing_s: float = 0.0

    @property
    def end_s(self) -> float:
        """When sound and pictures are over."""
        return max(self.ends_s.values(), default=0.0)

    @property
    def restarts(self) -> bool:
        """Whether the same stamp stands in several places: then no place can be sought."""
        return len(self.pieces) > 1

    def reader(self) -> "Stamps":
        """For the frames or packets of one stream, from its first on."""
        return Stamps(self.origin_s, self.pieces, self.end_s)


@dataclass
class Stamps:
    """Stamps of one stream, in the order in which they come, to seconds of the file's clock."""

    origin_s: float
    pieces: tuple[PieceClock, ...] = (WHOLE,)
    end_s: float = math.inf  # of the file: later stamps are broken
    _piece: int = 0
    _highest_s: float = -math.inf  # stamp of this piece

    def at(self, stamp_s: float | None) -> float | None:
        """When that is; None where the stamp says nothing, or nonsense."""
        if stamp_s is None:
            return None
        while self._piece + 1 < len(self.pieces) and self.pieces[self._piece + 1].follows(stamp_s, self._highest_s):
            self._piece, self._highest_s = self._piece + 1, stamp_s
        self._highest_s = max(self._highest_s, stamp_s)
        time_s = stamp_s + self.pieces[self._piece].offset_s - self.origin_s
        return time_s if time_s <= self.end_s + RESTART_S else None


def clock_of(container: InputContainer, path: str | Path) -> FileClock:
    """The clock of an open file: by what it states, and by a look at its packets where that can't be trusted.

    Raises MediaError where the file can't be read.
    """
    if has_index(container):
        status = Path(path).stat()
        _tell_of_boxes(str(path), status.st_size, status.st_mtime_ns)
    origin = origin_s(container)
    ends = _stated_ends(container, path, origin)
    if ends is None:
        return looked_at(path)
    return FileClock(origin, ends, {number: container.streams[number].frames for number in ends})


def _stated_ends(container: InputContainer, path: str | Path, origin: float) -> dict[int, float] | None:
    """When the used streams end as the file states; None where that can't be trusted: it may restart, was written bit
    by bit or is cut short, or its sound and pictures are said to end apart.
    """
    if not container.duration or container.format.name.split(",")[0] not in _ONE_CLOCK:
        return None
    ends: dict[int, float] = {}
    for stream in _used(container):
        lasts_s = float(stream.duration * stream.time_base) if stream.duration and stream.time_base else 0.0
        if has_index(container):
            index = stream.index_entries
            if not lasts_s or not len(index) or len(index) != stream.frames:  # an edit list shows some not, or twice
                return None
            if index[-1].pos + index[-1].size > Path(path).stat().st_size:
                return None
        start_s = float((stream.start_time or 0) * (stream.time_base or 0)) - origin
        ends[stream.index] = start_s + lasts_s if lasts_s else container.duration / 1_000_000
    return ends if ends and max(ends.values()) - min(ends.values()) <= HELD_S else None


def looked_at(path: str | Path) -> FileClock:
    """The clock of a file by all of its packets; looked at once for the same content. Raises MediaError."""
    file = Path(path)
    try:
        status = file.stat()
    except OSError as error:
        raise MediaError(path, f"can't be read: {error.strerror}", "check the name and the disk") from error
    return _looked_at(str(path), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _looked_at(path: str, _size: int, _mtime_ns: int) -> FileClock:
    with opened(path) as container:
        origin = origin_s(container)
        used = {stream.index for stream in _used(container)}
        covers = [stream.index for stream in container.streams.video if is_still(stream)]
        can_leap = container.format.name in _JOINABLE
        seen, others = _PacketTimes(can_leap), _PacketTimes(can_leap)
        streams = [stream for stream in container.streams if stream.index not in covers]
        read_to = 0
        for packet in packets_of(container, streams, path, unstamped=True):
            (seen if packet.stream.index in used else others).take(packet)
            read_to = max(read_to, (packet.pos or 0) + packet.size)
        head = _HEADS.get(container.format.name.split(",")[0])
        stated_s = (container.duration or 0) / 1_000_000
        is_boxed = has_index(container)
    ends = {stream: end_s - origin for stream, end_s in seen.ends_s.items()}
    if head and _follows(path, head, read_to):
        there_s = max(ends.values(), default=0.0)
        log.warning("%s: what is joined to it after %.1f s can't be read; give its pieces one by one", path, there_s)
    is_joined = is_boxed and seen.hidden and len(pieces(Path(path))) > 1 and unread_from(Path(path)) is None
    if is_joined:  # FFmpeg hides what is due while the piece before is, too
        log.warning("%s: its times begin anew, and sound may be missing there; give its pieces one by one", path)
    has_leapt = any(piece.leap_s < math.inf for piece in seen.pieces)  # what is stated counts the leap
    there_s = max([*seen.ends_s.values(), *others.ends_s.values()], default=0.0)
    missing_s = 0.0 if has_leapt else max(0.0, stated_s - there_s)
    return FileClock(origin, ends, dict(seen.counts), tuple(seen.pieces), missing_s)


@lru_cache(maxsize=64)
def _tell_of_boxes(path: str, size: int, _mtime_ns: int) -> None:
    """Says, once, what of an MP4 or MOV isn't read as it is meant: a film joined to another, odd edit lists."""
    if (at := unread_from(Path(path))) is not None:
        share = 100 * (size - at) / size
        log.warning("%s: %.0f %% of it, joined to its film, can't be read; give its pieces one by one", path, share)
    if odd := odd_edits(Path(path)):
        log.warning("%s: its edit list %s", path, odd)


def _follows(path: str, head: bytes, place: int) -> bool:
    """Whether `head` stands in the file at or after the byte `place`."""
    with Path(path).open("rb") as file:
        file.seek(place)
        return head in file.read()


def _used(container: InputContainer) -> list[av.stream.Stream]:
    """The first moving pictures and the first sound, as `video_stream` and `audio_stream` choose them.

    What else there is, such as subtitles, data, covers and more languages, may end anywhere.
    """
    pictures = [stream for stream in container.streams.video if not is_still(stream)]
    return [*pictures[:1], *container.streams.audio[:1]]


@dataclass
class _PacketTimes:
    """Packets of all streams, in the order of the file."""

    can_leap: bool
    pieces: list[PieceClock] = field(default_factory=lambda: [WHOLE])
    ends_s: dict[int, float] = field(default_factory=dict)  # of each stream, offsets included
    highest_s: dict[int, float] = field(default_factory=dict)  # stamp of each stream in its piece
    piece_of: dict[int, int] = field(default_factory=dict)  # the number of the one that each stream is in
    counts: Counter[int] = field(default_factory=Counter)
    hidden: int = 0

    def take(self, packet: "av.Packet[av.stream.Stream]") -> None:
        """One more packet; what an edit list hides counts for nothing."""
        if packet.is_discard:
            self.hidden += 1
            return
        number = packet.stream.index
        self.counts[number] += 1
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is None:
            self.ends_s[number] = self.ends_s.get(number, 0.0) + _decoded_s(packet)
            return
        base = float(packet.time_base)
        lasts = packet.duration or 0
        stamp_s, lasts_s = stamp * base, lasts * base if lasts < _ENDLESS else 0.0
        piece = self._piece(number, stamp_s)
        self.highest_s[number] = max(stamp_s, self.highest_s.get(number, -math.inf))
        end_s = stamp_s + lasts_s + self.pieces[piece].offset_s
        self.ends_s[number] = max(end_s, self.ends_s.get(number, -math.inf))

    def _piece(self, number: int, stamp_s: float) -> int:
        """The number of the piece that a stamp of a stream lies in, perhaps a new one."""
        piece, highest_s = self.piece_of.get(number, 0), self.highest_s.get(number, -math.inf)
        there_s = max(self.ends_s.values(), default=math.inf)
        if piece + 1 == len(self.pieces):  # the first stream to begin anew; the others will follow it
            if stamp_s < highest_s - RESTART_S:
                self.pieces.append(PieceClock(there_s - stamp_s))
            elif self.can_leap and stamp_s + self.pieces[piece].offset_s > there_s + LEAP_S:
                self.pieces.append(PieceClock(there_s - stamp_s, stamp_s))
        while piece + 1 < len(self.pieces) and self.pieces[piece + 1].follows(stamp_s, highest_s):
            piece += 1
            highest_s = stamp_s
            self.piece_of[number], self.highest_s[number] = piece, stamp_s
        return piece


def _decoded_s(packet: "av.Packet[av.stream.Stream]") -> float:
    """How long a packet of sound lasts that states no time, as what stands before the seam of two joined FLACs."""
    if not isinstance(packet.stream, av.AudioStream):
        return 0.0
    with suppress(av.FFmpegError):
        return sum(frame.samples / frame.sample_rate for frame in packet.stream.decode(packet))
    return 0.0


def packets_of(
    container: InputContainer, streams: Sequence[av.stream.Stream], path: str | Path, *, unstamped: bool = False
) -> Iterator["av.Packet[av.stream.Stream]"]:
    """Packets that state a time, in the order of the file; a file cut short ends where it ends.

    `unstamped`: the others too.
    Raises MediaError where not even the first can be read.
    """
    packets = container.demux(*streams)
    found = False
    while True:
        check()
        with reading(path):
            try:
                packet = next(packets, None)
            except av.FFmpegError:
                if not found:
                    raise
                return
        if packet is None:
            return
        if packet.dts is not None or packet.pts is not None or (unstamped and packet.size):
            found = True
            yield packet


# --- sound


def stretches(
    at: NDArray[np.int64], late: NDArray[np.float64], length: int, rate_hz: int
) -> list[tuple[int, int, float]]:
    """How samples that follow each other have to be stretched to keep to their stamps.

    `at` [f]: the number of the first sample of each frame; `late` [f]: how many samples later than that its stamp is.
    Gives pieces (from, to, ratio) that tile [0, length): played `ratio` times as long, each begins where its stamps
    say to `DRIFT_S`. A single piece of ratio 1 where nothing drifts. A change that is steeper than `STEEPEST` is no
    drift, and is left.
    """
    whole = [(0, length, 1.0)]
    tolerance = DRIFT_S * rate_hz
    if len(at) < 3 or np.abs(late - late[0]).max() <= tolerance:
        return whole
    cells = (at // round(_CELL_S * rate_hz)).astype(int)
    edges = np.flatnonzero(np.diff(cells, prepend=cells[0] - 1, append=cells[-1] + 1))
    x = [0.0, *(float(np.mean(at[a:b])) for a, b in pairwise(edges)), float(length)]
    y = [float(np.median(late[a:b])) for a, b in pairwise(edges)]
    y = [float(late[0]), *y, _led_on(x, y)]
    corners = _corners(np.array(x), np.array(y), tolerance / 2)
    pieces = []
    for a, b in pairwise(corners):
        start, end = round(x[a]), round(x[b])
        if end > start:
            slope = (y[b] - y[a]) / (end - start)
            pieces.append((start, end, 1 + slope if abs(slope) <= STEEPEST else 1.0))
    return pieces


def _led_on(x: list[float], y: list[float]) -> float:
    """The last value led on to the end as it changed last."""
    if len(y) < 2:
        return y[-1]
    return y[-1] + (y[-1] - y[-2]) / max(x[-2] - x[-3], 1.0) * (x[-1] - x[-2])


def _corners(x: NDArray[np.float64], y: NDArray[np.float64], tolerance: float) -> list[int]:
    """Points [n] of which the line through them leaves no other by more than the tolerance (Ramer-Douglas-Peucker)."""
    kept = [0, len(x) - 1]
    open_ends = [(0, len(x) - 1)]
    while open_ends:
        a, b = open_ends.pop()
        if b - a < 2:
            continue
        line = np.interp(x[a : b + 1], x[[a, b]], y[[a, b]])
        off = np.abs(line - y[a : b + 1])
        worst = a + int(off.argmax())
        if off.max() > tolerance:
            kept.insert(bisect_right(sorted(kept), worst), worst)
            kept.sort()
            open_ends += [(a, worst), (worst, b)]
    return kept
