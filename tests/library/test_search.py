"""The library in memory, against slow and obvious versions."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from library_fakes import SHAPE, entry, rows
from storysound.errors import LibraryError
from storysound.library.search import Index, top_k
from storysound.library.store import Library
from storysound.story import Event

scores = st.lists(st.integers(-3, 3), min_size=1, max_size=30).map(lambda values: np.array(values, np.float32))


@given(scores, st.integers(0, 40))
def test_top_k_is_a_stable_sort(values: np.ndarray, k: int) -> None:
    expected = sorted(range(len(values)), key=lambda i: (-values[i], i))[:k]
    assert top_k(values, k).tolist() == expected


def test_top_k_refuses_nan() -> None:
    with pytest.raises(ValueError, match="NaN"):
        top_k(np.array([0.1, np.nan, 0.3], np.float32), 1)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Written in an order that is not that of the paths; b.wav and d.wav share an analysis."""
    made = Library.create(tmp_path_factory.mktemp("search") / "lib")
    with made.writer(SHAPE) as writer:
        writer.commit([entry("d.wav", "0d", segments=3)], {"0d": rows(4, 5, 6)})
        writer.commit([entry("c.wav", "0c"), entry("a.wav", "0a", segments=2)], {"0c": rows(3), "0a": rows(1, 2)})
        writer.commit([entry("b.wav", "0d", segments=3)])
    return made


def test_rows_are_by_path_and_time(library: Library) -> None:
    index = Index.load(library)
    assert [s.path for s in index.sounds] == ["a.wav", "b.wav", "c.wav", "d.wav"]
    assert index.matrix("fake")[:, 0].tolist() == [1, 2, 4, 5, 6, 3, 4, 5, 6]
    assert index.first.tolist() == [0, 2, 5, 6, 9]
    assert index.sound_of.tolist() == [0, 0, 1, 1, 1, 2, 3, 3, 3]
    assert index.start_s.tolist() == [0, 10, 0, 10, 20, 0, 0, 10, 20]
    assert index.end_s.tolist() == [10, 20, 10, 20, 30, 10, 10, 20, 30]
    assert index.loudness_lufs.tolist() == [-20.0] * 9
    assert (len(index), list(index), "fake" in index, "other" in index) == (9, ["fake", "fake.level"], True, False)


def test_events_come_back_by_sound(tmp_path: Path) -> None:
    rain, dog = Event(0.12, 25.5, "Rain", 0.8125), Event(19.999, 21.3, "Dog", 0.75)
    made = Library.create(tmp_path / "lib")
    with made.writer(SHAPE) as writer:
        heard = {"0b": replace(rows(1, 2, 3), events=(rain, dog)), "0a": rows(4)}
        writer.commit([entry("b.wav", "0b", segments=3), entry("a.wav", "0a")], heard)
        writer.commit([entry("copy.wav", "0b", segments=3)])
    index = Index.load(made)
    assert [index.events(i) for i in range(3)] == [(), (rain, dog), (rain, dog)]


def test_a_library_from_before_events_were_kept_has_none() -> None:
    times = pa.array([0.0])
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(np.ones(2, np.float16)), 2)
    row = {"analysis": ["0a"], "start_s": times, "end_s": times, "loudness_lufs": times, "fake": vectors}
    assert Index([entry("a.wav", "0a")], pa.table(row), ["fake"]).events(0) == ()


def test_matrices_are_contiguous_floats(library: Library) -> None:
    index = Index.load(library)
    for matrix in (index.matrix("fake"), index.matrix("fake.level")):
        assert matrix.dtype == np.float32
        assert matrix.flags.c_contiguous


@given(st.lists(st.integers(-2, 2), min_size=9, max_size=9))
def test_best_segments_of_each_sound(library: Library, values: list[int]) -> None:
    index = _loaded(library)
    best, at = index.best_segments(np.array(values, np.float32))
    for i, (a, b) in enumerate([(0, 2), (2, 5), (5, 6), (6, 9)]):
        assert best[i] == max(values[a:b])
        assert at[i] == a + values[a:b].index(max(values[a:b]))


def test_best_segments_refuses_nan(library: Library) -> None:
    with pytest.raises(ValueError, match="NaN"):
        _loaded(library).best_segments(np.full(9, np.nan, np.float32))


def test_only_the_columns_that_are_asked_for(library: Library) -> None:
    assert list(Index.load(library, columns=["fake.level"])) == ["fake.level"]
    with pytest.raises(LibraryError, match=r"has no vectors of other .*index the folders again"):
        Index.load(library, columns=["fake", "other"])


def test_empty_library_says_how_to_fill_it(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match=r"has no sounds in it \(add some with: storysound index"):
        Index.load(Library.create(tmp_path / "lib"))


_cache: dict[Path, Index] = {}


def _loaded(library: Library) -> Index:
    return _cache.setdefault(library.folder, Index.load(library))
