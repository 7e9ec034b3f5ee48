"""What a library and a data set have in common: a folder of Lance tables with a writer's lock and a stamp."""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from storysound import __version__
from storysound.errors import LibraryError

KEEP_VERSIONS = timedelta(minutes=10)  # old versions of a table: far longer than a reader needs to load one
_META = b"storysound"
SOUNDS = "sounds"  # the table of a library that names its sounds
HOW_LIBRARY = "make one with: storysound index FOLDER -o LIBRARY"


def uri(folder: Path, name: str) -> str:
    """Where Lance finds a table."""
    return str(folder / f"{name}.lance")


def stamp(form: int, **more: object) -> dict[bytes, str]:
    """Metadata of a schema: the format of its tables, who made it, and `more`."""
    return {_META: json.dumps({"format": form, "storysound": __version__} | more)}


def stamped(schema: Any) -> dict[str, Any]:
    """What `stamp` put there. Raises KeyError or ValueError for tables of other programs."""
    found: dict[str, Any] = json.loads((schema.metadata or {})[_META])
    return found


def check_stamp(schema: Any, form: int, folder: Path, what: str, how: str) -> Mapping[str, Any]:
    """The stamp of a table we can read. Raises LibraryError for other programs' tables, and a newer Storysound's."""
    try:
        meta = stamped(schema)
        found, version = int(meta["format"]), str(meta["storysound"])
    except (KeyError, ValueError, TypeError) as error:
        raise LibraryError(folder, f"is not a Storysound {what}", how) from error
    if found > form:
        fault = f"was made by storysound {version}, this is {__version__}"
        raise LibraryError(folder, fault, "upgrade storysound, or write into a new folder")
    return meta


def check_folder(path: str | Path, table: str, what: str, how: str) -> Path:
    """The absolute folder of a library or data set that is there. Raises LibraryError, saying `how` one is made."""
    folder = Path(path).absolute()
    if not folder.exists():
        raise LibraryError(path, "does not exist", how)
    if not folder.is_dir():
        raise LibraryError(path, f"is a file, a {what} is a folder", how)
    if not Path(uri(folder, table)).is_dir():
        raise LibraryError(path, f"is not a Storysound {what}", how)
    return folder


def check_library(path: str | Path) -> Path:
    """The absolute folder of a library that is there; looks at names alone, so that a wrong one is told at once.

    Raises LibraryError.
    """
    return check_folder(path, SOUNDS, "library", HOW_LIBRARY)


def check_name(path: str | Path, what: str) -> Path:
    """The absolute path of a folder that can become a library or data set. Raises LibraryError."""
    folder = Path(path).absolute()
    if not str(folder).isprintable():
        raise LibraryError(path, "has control characters in its name", f"choose another name for the {what}")
    if folder.exists() and not folder.is_dir():
        raise LibraryError(path, f"is a file, a {what} is a folder", "choose another name")
    return folder


def check_empty(folder: Path, is_ours: Callable[[str], bool], what: str) -> None:
    """Makes the folder if need be. Raises LibraryError where it holds things that are not ours."""
    folder.mkdir(parents=True, exist_ok=True)
    others = [path.name for path in folder.iterdir() if not is_ours(path.name)]
    if others:
        raise LibraryError(folder, f"holds other things ({others[0]!r})", "choose a new or empty folder")


def create_empty(folder: Path, name: str, schema: Any, form: int, settings: Mapping[str, str]) -> None:
    """A table without rows that is stamped with what it is made by; what is left of one killed while made goes."""
    import lance  # dear, and who only checks names has no need of it

    shutil.rmtree(uri(folder, name), ignore_errors=True)
    stamped_schema = schema.with_metadata(stamp(form, settings=dict(settings)))
    lance.write_dataset(stamped_schema.empty_table(), uri(folder, name), mode="create")


def check_settings(theirs: Mapping[str, str], ours: Mapping[str, str], path: str | Path, do: str) -> None:
    """Raises LibraryError, with what differs and what to `do`, where tables were made with other settings."""
    odd = sorted(name for name in theirs.keys() | ours.keys() if theirs.get(name) != ours.get(name))
    if odd:
        differ = ", ".join(f"{name} {theirs.get(name, '-')}, now {ours.get(name, '-')}" for name in odd)
        raise LibraryError(path, f"was made with other settings: {differ}", do)


def any_of(column: str, values: Sequence[str]) -> str:
    """An SQL condition; quotes in values are doubled."""
    quoted = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    return f"{column} IN ({quoted})"
