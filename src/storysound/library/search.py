"""A library in memory: what the first stage of a search works on. Exact, no approximate index.

Ten thousand segments of the embedded profile are some 180 MB; picking classes or a matrix product over them takes
milliseconds, which no index on disk reaches.
"""

import logging
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from storysound.errors import LibraryError
from storysound.library.event_cells import events_of
from storysound.library.store import Library, LibraryEntry
from storysound.media.arrays import Floats, Ints
from storysound.story import Event, Sound

log = logging.getLogger(__name__)


class Index:
    """The sounds of a library with the vectors of their segments.

    Segments are in the order of `sounds`, and by time within one; no two sounds share rows.
    """

    sounds: tuple[Sound, ...]  # by path; only those whose segments are in this index
    waiting: int  # sounds of the library left out: analysed with other encoders, they wait for `storysound index`
    first: Ints  # [s + 1] segments of sound i are the rows first[i] up to first[i + 1]
    sound_of: Ints  # [n] sound of each segment
    start_s: NDArray[np.float64]  # [n]
    end_s: NDArray[np.float64]  # [n]
    loudness_lufs: Floats  # [n]; -inf for silence
    revisions: Mapping[str, str]  # encoder -> revision
    labels: Mapping[str, tuple[str, ...]]  # column of scores -> names of its classes

    def __init__(
        self, entries: list[LibraryEntry], rows: pa.Table, columns: Collection[str], *, waiting: int = 0
    ) -> None:
        """`rows` of the segments table in any order; `columns` are the ones kept. `load` is the usual way here."""
        order, counts = _order(entries, rows)
        self.sounds = tuple(entry.sound for entry in entries)
        self.waiting = waiting
        self.first = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])
        self.sound_of = np.repeat(np.arange(len(entries)), counts)
        self.start_s, self.end_s, self.loudness_lufs = (
            rows.column(name).to_numpy()[order] for name in ("start_s", "end_s", "loudness_lufs")
        )
        self.revisions = {}
        self.labels = {}
        with ThreadPoolExecutor(2) as pool:
            matrices = pool.map(lambda name: _matrix(rows.column(name), order), columns)
            self._matrices = dict(zip(columns, matrices, strict=True))
        # Libraries from before events were kept have none.
        self._events = rows.column("events").combine_chunks().take(order) if "events" in rows.column_names else None

    @classmethod
    def load(
        cls, library: Library | str | Path, *, table: str | None = None, columns: Collection[str] | None = None
    ) -> "Index":
        """Reads a library; all columns, or just the ones named.

        While encoders change, sounds lie in two segments tables; without `table` the fuller one is taken.
        Raises LibraryError where there is no library, it is damaged or empty, or lacks a column.
        """
        store = library if isinstance(library, Library) else Library.open(library)
        entries, table, rows = store.snapshot(lambda entries: table or _fullest(entries))
        kept = [entry for entry in entries if entry.table == table]
        if rows is None or not kept:
            raise LibraryError(store.folder, "has no sounds in it", "add some with: storysound index FOLDER -o LIBRARY")
        offered = [name for name in rows.schema.names if pa.types.is_fixed_size_list(rows.schema.field(name).type)]
        missing = sorted(set(columns or ()) - set(offered))
        if missing:
            do = "index the folders again with the profile you use"
            raise LibraryError(store.folder, f"has no vectors of {', '.join(missing)}", do)
        index = cls(kept, rows, offered if columns is None else columns, waiting=len(entries) - len(kept))
        shape = store.shape(table)
        index.revisions, index.labels = shape.revisions, shape.labels
        if index.waiting:
            log.warning("%s: %d sounds wait to be indexed anew", store.folder, index.waiting)
        return index

    def __len__(self) -> int:
        """Number of segments."""
        return len(self.start_s)

    def __iter__(self) -> Iterator[str]:
        """Names of the columns."""
        return iter(self._matrices)

    def __contains__(self, column: object) -> bool:
        """Whether there is such a column."""
        return column in self._matrices

    def matrix(self, column: str) -> Floats:
        """Float32 [n d], contiguous: `<encoder>` embeddings, `<encoder>.<space>` scores (mean; `…^max` maximum)."""
        return self._matrices[column]

    def events(self, sound: int) -> tuple[Event, ...]:
        """What is heard when in the sound at this position of `sounds`, by start."""
        if self._events is None:
            return ()
        return events_of(self._events[self.first[sound] : self.first[sound + 1]])

    def best_segments(self, scores: Floats) -> tuple[Floats, Ints]:
        """Of scores [n] per segment the highest of each sound [s], and which segment has it (the first of equals)."""
        best = np.maximum.reduceat(scores, self.first[:-1])
        hits = np.flatnonzero(scores == best[self.sound_of])
        sounds, at = np.unique(self.sound_of[hits], return_index=True)
        if len(sounds) != len(self.sounds):
            raise ValueError("scores must not be NaN")
        return best, hits[at]


def top_k(scores: Floats, k: int) -> Ints:
    """Positions of the k highest scores [n], best first; among equals the earlier one. NaN is a ValueError.

    >>> top_k(np.array([0.2, 0.9, 0.2, 0.5], np.float32), 3).tolist()
    [1, 3, 0]
    """
    k = min(k, len(scores))
    if k <= 0:
        return np.empty(0, np.int64)
    least = np.partition(scores, len(scores) - k)[len(scores) - k]
    if np.isnan(scores).any():
        raise ValueError("scores must not be NaN")
    above = np.flatnonzero(scores > least)
    level = np.flatnonzero(scores == least)[: k - len(above)]
    above = above[np.argsort(-scores[above], kind="stable")]
    return np.concatenate([above, level])


def _fullest(entries: list[LibraryEntry]) -> str:
    """The segments table most sounds are in; of equals the newer one."""
    tables = Counter(entry.table for entry in entries)
    return max(tables, key=lambda name: (tables[name], len(name), name), default="")


def _order(entries: list[LibraryEntry], rows: pa.Table) -> tuple[Ints, Ints]:
    """Which row of the table comes at each place of the index, and how many places each sound takes."""
    ids, numbers = np.unique(rows.column("analysis").to_numpy(zero_copy_only=False), return_inverse=True)
    by_analysis = np.lexsort((rows.column("start_s").to_numpy(), numbers))
    bounds = np.searchsorted(numbers[by_analysis], np.arange(len(ids) + 1))
    place = {name: at for at, name in enumerate(ids.tolist())}
    parts = [by_analysis[bounds[at] : bounds[at + 1]] for at in (place[entry.analysis] for entry in entries)]
    return np.concatenate(parts), np.array([len(part) for part in parts], np.int64)


def _matrix(column: pa.ChunkedArray, order: Ints) -> Floats:
    """Float32 [n d] of a column of float16 vectors, its rows in `order`."""
    dim = column.type.list_size
    chunks = [chunk.flatten().to_numpy().reshape(-1, dim) for chunk in column.chunks]
    halves = np.concatenate(chunks) if len(chunks) > 1 else chunks[0]
    if not np.array_equal(order, np.arange(len(halves))):
        halves = halves[order]
    return np.asarray(halves, np.float32, order="C")
