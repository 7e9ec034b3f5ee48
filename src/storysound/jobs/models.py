"""What weights there are, fetching them, and checking the ones that are here."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Literal, get_args

from storysound.encode.pool import Models
from storysound.errors import UsageError
from storysound.progress import Watch
from storysound.weights.catalogue import CatalogueEntry
from storysound.weights.resolver import Resolver

DEFAULT_GROUP = "embedded"


Do = Literal["ls", "pull", "verify"]


@dataclass(frozen=True)
class ModelsRequest:
    """What shall be done with which weights.

    `names`: entries or groups; without any, "ls" and "verify" take all and "pull" those of the embedded profile.
    """

    do: Do = "ls"
    names: tuple[str, ...] = ()
    offline: bool = False  # "pull" from local folders only, without a connection

    def __post_init__(self) -> None:
        if self.do not in get_args(Do):
            raise UsageError(f"must be {', '.join(get_args(Do))}, got {self.do!r}", field="do")


@dataclass(frozen=True)
class WeightsFile:
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


@dataclass(frozen=True)
class ModelsResult:
    """The files in the order of the catalogue."""

    files: tuple[WeightsFile, ...]

    @property
    def unsound(self) -> tuple[WeightsFile, ...]:
        """Those that are broken, or missing though they were named."""
        return tuple(file for file in self.files if file.state in ("broken", "missing"))


def run(request: ModelsRequest, models: Models, watch: Watch) -> ModelsResult:
    """Lists, fetches or checks weights.

    "pull" goes online, whatever else the session does. Raises MissingModelError at the first file that can't be had;
    what was fetched before stays. UsageError for an unknown name, or where the licence policy refuses one.
    """
    return ModelsResult(
        tuple({"ls": _listed, "pull": _pulled, "verify": _verified}[request.do](request, models, watch))
    )


def _listed(request: ModelsRequest, models: Models, watch: Watch) -> Iterator[WeightsFile]:
    """A row for each chosen entry, fetched or not."""
    weights = models.weights
    for name in chosen(request.names, weights):
        yield _row(weights.entries[name], "cached" if weights.is_cached(name) else "absent", weights)


def _pulled(request: ModelsRequest, models: Models, watch: Watch) -> Iterator[WeightsFile]:
    """Fetches the chosen entries; a row as each is there."""
    names = chosen(request.names or (DEFAULT_GROUP,), models.weights)
    entries = models.weights.entries
    sizes = {name: max(1, entries[name].size_bytes) for name in names}
    before = 0

    def tell(name: str, done: int, of: int) -> None:
        watch.at(before + sizes.get(name, 0) * done / max(1, of), sum(sizes.values()), name)

    with closing(models.weights.fetching(tell, offline=request.offline)) as weights:
        for name in names:
            weights.path(name)
            before += sizes[name]
            watch.at(before, sum(sizes.values()), name)
            yield _row(entries[name], "cached", weights)


def _verified(request: ModelsRequest, models: Models, watch: Watch) -> Iterator[WeightsFile]:
    """Reads every chosen file that is in the cache again and compares its hash; absent ones only if named."""
    weights, names = models.weights, chosen(request.names, models.weights)
    for done, name in enumerate(names, 1):
        state = weights.verify(name)
        watch.at(done, len(names), name)
        if state != "missing" or name in request.names:
            yield _row(weights.entries[name], state, weights)


def _row(entry: CatalogueEntry, state: str, weights: Resolver) -> WeightsFile:
    return WeightsFile(
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
            raise UsageError(
                f"no weights or group are called {name!r}: `storysound models ls` lists them", field="names"
            )
    return [n for n, entry in weights.entries.items() if not names or n in names or entry.group in names]
