"""What weights there are, fetching them, and checking the ones that are here."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from storysound.errors import UsageError
from storysound.weights.catalogue import Entry
from storysound.weights.resolver import Resolver

DEFAULT_GROUP = "embedded"


@dataclass(frozen=True)
class ModelRow:
    """One file of the catalogue and how it stands with it."""

    name: str
    group: str
    state: str  # ls and pull: cached or absent; verify: ok, missing or broken
    size_bytes: int  # of the file at its source; 0 where nobody said
    licence: str
    commercial: str  # yes, no or ask
    credit: str
    source: str
    path: str  # where it lies, or would lie, in the cache


def _row(entry: Entry, state: str, weights: Resolver) -> ModelRow:
    return ModelRow(
        entry.name, entry.group, state, entry.size_bytes, entry.licence, entry.commercial, entry.credit, entry.uri,
        str(weights.target(entry)),
    )  # fmt: skip


def chosen(names: Sequence[str], weights: Resolver) -> list[str]:
    """Entry names for names and groups as a user gives them; all groups where none is given.

    Raises UsageError for a word that is neither an entry nor a group.
    """
    groups = {entry.group for entry in weights.entries.values()}
    for name in names:
        if name not in groups and name not in weights.entries:
            raise UsageError(f"no weights or group are called {name!r}: `storysound models ls` lists them")
    return [n for n, entry in weights.entries.items() if not names or n in names or entry.group in names]


def ls(names: Sequence[str], weights: Resolver) -> Iterator[ModelRow]:
    """A row for each chosen entry, fetched or not."""
    for name in chosen(names, weights):
        yield _row(weights.entries[name], "cached" if weights.is_cached(name) else "absent", weights)


def pull(names: Sequence[str], weights: Resolver) -> Iterator[ModelRow]:
    """Fetches the chosen entries, the embedded profile where none is given; a row as each is there.

    Raises MissingModelError at the first that can't be had, UsageError where the licence policy refuses one.
    """
    try:
        for name in chosen(names or [DEFAULT_GROUP], weights):
            weights.path(name)
            yield _row(weights.entries[name], "cached", weights)
    finally:
        weights.close()


def verify(names: Sequence[str], weights: Resolver) -> Iterator[ModelRow]:
    """Reads every chosen file that is in the cache again and compares its hash; absent ones only if named."""
    for name in chosen(names, weights):
        state = weights.verify(name)
        if state != "missing" or name in names:
            yield _row(weights.entries[name], state, weights)
