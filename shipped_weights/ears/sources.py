"""Where the corpus comes from: the list of packages and how each one is fetched from its registry."""

import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

import requests
from pypi_simple import PyPISimple

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Source:
    """One package of one registry."""

    registry: str  # "apt" | "deb" | "pypi" | "npm" | "render"
    name: str  # for "deb" the address of the file
    version: str = ""  # "" takes the registry's candidate
    cap_s: float = 2700.0  # most seconds of audio kept from it

    @property
    def key(self) -> str:
        """File-name-safe identity."""
        if self.registry == "deb":
            return f"deb-{self.name.rpartition('/')[2].partition('_')[0]}"
        return f"{self.registry}-{self.name.replace('/', '_').replace('@', '')}"


def read(path: Path = HERE / "sources.toml") -> list[Source]:
    """All sources of the list, sorted by registry and name."""
    table = tomllib.loads(path.read_text())
    caps: dict[str, float] = table["cap_minutes"]
    return [
        Source(
            registry,
            *str(name).partition("==")[::2],
            cap_s=60 * caps.get(str(name).partition("==")[0], caps["default"]),
        )
        for registry in ("render", "pypi", "npm", "apt", "deb")
        for name in sorted(table[registry]["packages"])
    ]


def held_out(path: Path = HERE / "sources.toml") -> frozenset[str]:
    """Keys of the sources that are kept for measuring."""
    return frozenset(tomllib.loads(path.read_text())["held_out"])


def fetch(source: Source, downloads: Path) -> Path:
    """The package file, downloaded once. Raises FileNotFoundError where the registry doesn't have it."""
    folder = downloads / source.registry
    folder.mkdir(parents=True, exist_ok=True)
    return {"apt": _apt, "deb": _deb, "pypi": _pypi, "npm": _npm}[source.registry](source, folder)


def _apt(source: Source, folder: Path) -> Path:
    have = sorted(folder.glob(f"{source.name}_*.deb"))
    if not have:
        name = f"{source.name}={source.version}" if source.version else source.name
        command = ["apt-get", "download", "-q", "-o", "APT::Sandbox::User=root", name]
        subprocess.run(command, cwd=folder, check=False, capture_output=True)
        have = sorted(folder.glob(f"{source.name}_*.deb"))
    if not have:
        raise FileNotFoundError(f"apt: {source.name}")
    return have[-1]


def _deb(source: Source, folder: Path) -> Path:
    target = folder / source.name.rpartition("/")[2]
    if not target.exists():
        answer = requests.get(source.name, timeout=300)
        if answer.status_code != 200:
            raise FileNotFoundError(f"{source.name}: HTTP {answer.status_code}")
        target.write_bytes(answer.content)
    return target


def _pypi(source: Source, folder: Path) -> Path:
    with PyPISimple() as client:
        files = [f for f in client.get_project_page(source.name).packages if f.version == source.version]
        files.sort(key=lambda f: (f.package_type != "sdist", f.filename))
        for file in files[:1]:
            target = folder / file.filename
            if not target.exists():
                client.download_package(file, target)
            return target
    raise FileNotFoundError(f"pypi: {source.name}=={source.version}")


def _npm(source: Source, folder: Path) -> Path:
    target = folder / f"{source.key}-{source.version}.tgz"
    if not target.exists():
        stem = source.name.rpartition("/")[2]
        answer = requests.get(f"https://registry.npmjs.org/{source.name}/-/{stem}-{source.version}.tgz", timeout=300)
        if answer.status_code != 200:
            raise FileNotFoundError(f"npm: {source.name}@{source.version}: HTTP {answer.status_code}")
        target.write_bytes(answer.content)
    return target
