"""Opening what the user gave and writing what the user asked for: the one place that maps other libraries' errors."""

import codecs
import errno
import hashlib
import json
import os
import re
import secrets
import socket
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import av
import numpy as np
from av.audio.frame import AudioFrame, format_dtypes
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.stream import VideoStream

from storysound.errors import InputError, MediaError, OutputError, UsageError
from storysound.media.arrays import Samples
from storysound.media.film.boxes import unread_from
from storysound.progress import check

Made = TypeVar("Made")

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
_INDEXED = {"mov", "mp4"}  # formats that state for each stream where all of it lies
_SAFE_CHANNELS = 7  # planes of its own that a frame points to are eight, and the one after the last is looked at
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_RIGHTS = {errno.EACCES, errno.EPERM, errno.EROFS}


def check_readable(path: str | Path) -> Path:
    """The absolute path of a regular, non-empty file we may read.

    Raises MediaError with its own fault for each way this can fail.
    """
    file = Path(path)
    if not _is_utf8(file):
        raise MediaError(path, "has a name that is not valid UTF-8", "rename it")
    try:
        if not file.exists():
            raise MediaError(path, "does not exist", "check the name")
        if file.is_dir():
            raise MediaError(path, "is a folder, a media file is wanted", "name the file inside it")
        if not file.is_file():
            raise MediaError(path, "is not a regular file", "copy it to a file first")
        if file.stat().st_size == 0:
            raise MediaError(path, "is empty", "export or download it again")
        with file.open("rb"):
            return file.absolute()
    except PermissionError as error:
        raise MediaError(path, "may not be read by this user", "change its rights") from error
    except OSError as error:
        raise MediaError(path, f"can't be read: {error.strerror or error}", "check the name and the disk") from error


def fault_of(error: Exception) -> str:
    """What FFmpeg or the system says went wrong, in one line."""
    text = str(getattr(error, "strerror", "") or error or type(error).__name__)
    return " ".join(text.split())


@contextmanager
def reading(path: str | Path) -> Iterator[None]:
    """Maps every error of PyAV raised inside the block to a MediaError about `path`."""
    try:
        yield
    except av.FFmpegError as error:
        raise MediaError(path, f"can't be decoded: {fault_of(error)}", _advice(path)) from error
    except (UnicodeError, IndexError) as error:
        raise MediaError(path, f"can't be decoded: {fault_of(error)}", "convert it with another program") from error


@contextmanager
def opened(path: str | Path) -> Iterator[InputContainer]:
    """An open PyAV container of the file at `path`; only local files are ever read, whatever a playlist names.

    Raises MediaError where the file is missing, empty, no media, or its content fails to decode inside the block.
    """
    file = check_readable(path)
    with reading(path):
        # The file protocol alone: a playlist in disguise must not make us fetch from the network.
        options = {"protocol_whitelist": "file"}
        container = av.open(str(file), mode="r", options=options, metadata_errors="replace")
        with container:
            yield container


def _advice(path: str | Path) -> str:
    """Says what the user can do, after a look at the first bytes."""
    try:
        with Path(path).open("rb") as stream:
            head = stream.read(512)
    except OSError:
        return "check the disk"
    if b"\0" not in head and _is_text(head):
        return "it holds text, not media"
    if unread_from(Path(path)) is not None:
        return "it is several films, joined to each other; give them one by one"
    return "it is damaged, cut short or no media file; export or download it again"


def _is_text(head: bytes) -> bool:
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4  # a character cut at the end of the sample
    return True


def video_stream(container: InputContainer, path: str | Path) -> av.VideoStream:
    """The first picture stream that is not cover art. Raises MediaError where there is none, or of an unknown codec."""
    stream = next((video for video in container.streams.video if not is_still(video)), None)
    if stream is None:
        raise MediaError(path, "has no video stream", "give a video")
    _check_codec(stream, path)
    return stream


def audio_stream(container: InputContainer, path: str | Path, track: int = 0) -> av.AudioStream:
    """The sound stream of number `track`, from 0. Raises MediaError where there is none, or of an unknown codec."""
    streams = container.streams.audio
    if not streams:
        raise MediaError(path, "has no audio stream", "give a file with sound")
    if not 0 <= track < len(streams):
        raise MediaError(path, f"has no audio stream {track}", f"`track` is a number from 0 to {len(streams) - 1}")
    _check_codec(streams[track], path)
    return streams[track]


def _check_codec(stream: av.stream.Stream, path: str | Path) -> None:
    if stream.codec_context is None:
        raise MediaError(path, f"its {stream.type} codec is not known here", "convert it with another program")


def has_index(container: InputContainer) -> bool:
    """Whether the format states for each stream where all of it lies."""
    return not _INDEXED.isdisjoint(container.format.name.split(","))


def stated_s(container: InputContainer, stream: AudioStream) -> float:
    """When the sound ends as an index of all of it states; 0 where there is none, and it may be an estimate."""
    if not stream.duration or not has_index(container):
        return 0.0
    return float(stream.duration * (stream.time_base or 0))


def misstates_bytes(stream: AudioStream) -> bool:
    """Whether the heading of plain samples tells wrongly how many bytes a second takes: places are sought by it."""
    context = stream.codec_context
    plain = re.fullmatch(r"pcm_[suf](\d+)[lb]e", context.name)
    takes = context.sample_rate * context.channels * int(plain[1]) if plain else 0
    return bool(takes and context.bit_rate and context.bit_rate != takes)


def is_still(video: av.VideoStream) -> bool:
    """Whether a video stream is only an attached picture (cover art)."""
    return bool(video.disposition & av.stream.Disposition.attached_pic)


def codec_of(stream: av.stream.Stream) -> str:
    """The codec's own name, whichever library decodes it: "av1", not "libdav1d"."""
    return str(stream.codec_context.codec.canonical_name)


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Gives a temporary name beside `path`; what is written there replaces `path` on success, and is removed otherwise.

    The temporary name keeps the suffix, so that writers that look at it choose the right format.
    Raises OutputError on a full disk, missing rights, or a target that can't be replaced.
    """
    target = Path(path)
    temporary = _temporary(target)
    try:
        with writing(path):
            _check_name(target)
            target.parent.mkdir(parents=True, exist_ok=True)
            _remove_leftovers(temporary)
            yield temporary
            temporary.replace(target)
    finally:
        with suppress(OSError):  # the folder itself may be what failed; then nothing was written
            temporary.unlink(missing_ok=True)


def write_whole(path: str | Path, text: str) -> None:
    """Writes a text in UTF-8, whole or not at all. Raises OutputError as `atomic`."""
    with atomic(path) as temporary, temporary.open("w", encoding="utf-8", errors="replace", newline="") as stream:
        stream.write(text)


def _temporary(target: Path) -> Path:
    """A hidden name beside `target`: what it is for, the machine and process that write it, and chance."""
    marks = (hashlib.sha256(os.fsencode(text)).hexdigest()[:8] for text in (target.name, socket.gethostname()))
    return target.parent / f".{'-'.join(marks)}-{os.getpid()}-{secrets.token_hex(4)}.part{target.suffix}"


def _remove_leftovers(temporary: Path) -> None:
    """Removes what killed processes of this machine left of the same target."""
    purpose = "-".join(temporary.name.split("-")[:2])
    for other in temporary.parent.glob(f"{purpose}-*.part*"):
        with suppress(OSError, ValueError, IndexError):
            try:
                os.kill(int(other.name.split("-")[2]), 0)
            except ProcessLookupError:
                other.unlink()


def check_target(path: str | Path, source: str | Path | None = None) -> None:
    """Tells before any work is done that `path` can't be written later, as far as that can be known; makes nothing.

    Raises OutputError: a folder, an impossible name, `source` itself by whatever name, no rights. A `source` that isn't
    there is for its reader to tell.
    """
    target = Path(path)
    with writing(path):
        _check_name(target)
        if source is not None and target.exists() and Path(source).exists() and target.samefile(source):
            raise OutputError(path, "is the input itself", "write to another file")
        folder = next(folder for folder in target.absolute().parents if folder.exists())
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _is_utf8(path: Path) -> bool:
    """FFmpeg takes no other names, and neither do the files that will mention this one."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_name(target: Path) -> None:
    if not _is_utf8(target):
        raise OutputError(target, "is not valid UTF-8", "choose another name")
    if target.is_dir():
        raise OutputError(target, "is a folder, a file name is wanted", f"try {target / f'result{target.suffix}'}")


def read_text(path: str | Path) -> str:
    """A text the user wrote, in UTF-8, UTF-16 or UTF-32, with or without byte order mark; each line ends in a newline.

    Raises InputError, with the first line that is none of these.
    """
    try:
        data = Path(path).read_bytes()
        text = data.decode(_encoding(data))
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise InputError(path, f"is not UTF-8 text (line {line})", "save it again as UTF-8") from error
    except ValueError as error:  # a zero byte in the name
        raise InputError(path, f"can't be read: {error}", "check the name") from error
    except OSError as error:
        raise InputError(path, f"can't be read: {fault_of(error)}", "check its name and its rights") from error
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise InputError(path, f"holds a zero byte, as no text does (line {line})", "save it again as UTF-8")
    return text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n")  # joined files may have several marks


def _encoding(data: bytes) -> str:
    """By its byte order mark; without one, every other byte of UTF-16 is mostly zero."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding
    head = data[:4096]
    zeros = [head[first::2].count(0) / max(1, len(head) // 2) for first in (0, 1)]
    return "utf-16-be" if zeros[0] > 0.4 > zeros[1] else "utf-16-le" if zeros[1] > 0.4 > zeros[0] else "utf-8-sig"


def json_lines(
    path: str | Path, keys: Collection[str] | None, make: Callable[[dict[str, Any], int], Made]
) -> Iterator[Made]:
    """What `make` makes of each line's object and its number, of a file the user wrote; empty lines don't count.

    `keys`: those that an object may have; None: any. Raises InputError that names the line where it is no object of
    these keys, or where `make` raises ValueError, TypeError or UsageError.
    """
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, object_pairs_hook=_once)
            if not isinstance(row, dict):
                raise ValueError("is no JSON object")
            if keys is not None and (odd := row.keys() - keys):
                raise ValueError(f"unknown keys: {', '.join(sorted(odd))}")
            yield make(row, number)
        except (ValueError, TypeError, RecursionError, UsageError) as error:
            do = "write one object a line" if keys is None else f"keys are {', '.join(sorted(keys))}"
            raise InputError(path, f"line {number}: {error}", do) from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object. Raises ValueError for a key that it has twice, of which one would be lost."""
    row = dict(pairs)
    if len(row) < len(pairs):
        twice = next(key for number, (key, _) in enumerate(pairs) if key in dict(pairs[:number]))
        raise ValueError(f"has the key {twice!r} twice")
    return row


@contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """Maps errors of the system raised inside the block to an OutputError about `path`."""
    try:
        yield
    except (OSError, av.FFmpegError) as error:
        code = getattr(error, "errno", None)
        if code in _NO_SPACE:
            raise OutputError(path, "the disk is full", "free some space or write elsewhere") from error
        if code in _NO_RIGHTS:
            raise OutputError(path, "may not be written by this user", "choose another folder") from error
        raise OutputError(path, f"can't be written: {fault_of(error)}", "choose another name or folder") from error


def natural_key(path: Path) -> tuple[tuple[int, int, str], ...]:
    """Sorts names as people count: page2 before page10.

    >>> sorted([Path("p10.png"), Path("p2.png")], key=natural_key)[0].name
    'p2.png'
    """
    parts = re.findall(r"\d+|\D+", path.name.lower())
    return tuple((0, int(p), "") if p.isdecimal() and p.isascii() else (1, 0, p) for p in parts)


def first_line(value: Any) -> str:
    """A tag's value as one trimmed line."""
    return " ".join(str(value).replace("\0", " ").split())


def decoded(container: InputContainer, stream: AudioStream | VideoStream, faults: list[str]) -> Iterator[Any]:
    """Frames of the packets that decode; the faults of the others are collected."""
    packets = container.demux(stream)
    while True:
        check()
        packet = None
        try:
            packet = next(packets, None)
            if packet is None:
                return
            yield from packet.decode()
        except av.error.EOFError:
            return
        except av.FFmpegError as error:
            faults.append(fault_of(error))
            if packet is None or len(faults) > 1000:
                return


def loudspeakers(frame: AudioFrame) -> tuple[str, ...]:
    """Which loudspeaker each channel of a frame is for, as FFmpeg names them; () where nobody knows."""
    names = tuple(channel.name for channel in frame.layout.channels)
    return () if any(name.startswith(("UNK", "USR", "NONE", "UNSD")) for name in names) else names


def samples_of(frame: AudioFrame) -> Samples:
    """The samples of a decoded frame in any of FFmpeg's formats, float32 [c n] in [-1, 1]."""
    channels = frame.layout.nb_channels
    if frame.format.is_planar and channels > _SAFE_CHANNELS:  # PyAV takes what follows the last for more, and crashes
        dtype = np.dtype(format_dtypes[frame.format.name])
        data = np.stack([np.frombuffer(bytes(plane), dtype, frame.samples) for plane in frame.planes[:channels]])
    else:
        data = frame.to_ndarray()
    if not frame.format.is_planar:
        data = data.reshape(-1, channels).T
    if data.dtype == np.uint8:
        return np.ascontiguousarray((data.astype(np.float32) - 128) / 128)
    if np.issubdtype(data.dtype, np.signedinteger):
        return np.ascontiguousarray(data, np.float32) * np.float32(1 / -float(np.iinfo(data.dtype).min))
    return np.ascontiguousarray(data, np.float32)
