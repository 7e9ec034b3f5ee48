"""The library on disk: whole or not at all, one writer, readable always."""

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import lance
import numpy as np
import pyarrow as pa
import pytest

from library_fakes import SHAPE, entry, rows
from storysound.errors import LibraryError, OutputError
from storysound.library import store
from storysound.library.search import Index
from storysound.library.store import Library


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """One sound of two segments."""
    made = Library.create(tmp_path / "lib")
    with made.writer(SHAPE) as writer:
        writer.commit([entry("a.wav", "a0", segments=2)], {"a0": rows(0.25, 0.5)})
    return made


def values(library: Library) -> list[float]:
    return [float(row[0]) for row in Index.load(library).matrix("fake")]


def test_what_is_written_is_read_again(library: Library) -> None:
    names = ['it\'s "b".wav', "ü 😀.wav", "two\nlines.wav"]
    odd = replace(entry("x", "a0"), sound=replace(entry("x", "a0").sound, tempo_bpm=None, loudness_lufs=float("-inf")))
    put = [entry(name, f"b{i}") for i, name in enumerate(names)] + [replace(odd, segments=2)]
    with library.writer(SHAPE) as writer:
        writer.commit(put, {f"b{i}": rows(i) for i in range(3)})
    assert library.entries() == sorted([entry("a.wav", "a0", segments=2), *put], key=lambda e: e.sound.path)
    assert library.sounds() == [e.sound for e in library.entries()]
    assert library.shape("segments") == SHAPE
    index = Index.load(library)
    assert index.labels == {"fake.level": ("quiet", "loud")}
    assert index.revisions == {"analysis": "1", "fake": "r1"}


def test_replace_rename_and_remove_are_one_commit(library: Library) -> None:
    with library.writer(SHAPE) as writer:
        writer.commit([entry("b.wav", "b0"), entry("c.wav", "c0")], {"b0": rows(1), "c0": rows(2)})
        before = lance.dataset(str(library.folder / "sounds.lance")).version
        b, renamed = entry("b.wav", "b1"), entry("c.wav", "c0")
        renamed = replace(renamed, sound=replace(renamed.sound, path="z.wav"))
        writer.commit([b, renamed], {"b1": rows(3)}, remove=[entry("a.wav", "a0").id])
    assert lance.dataset(str(library.folder / "sounds.lance")).version == before + 1
    assert [s.path for s in library.sounds()] == ["b.wav", "z.wav"]
    assert values(library) == [3, 2]


def test_segments_without_a_sound_do_not_exist(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """The state a kill between the two commits leaves."""
    with library.writer(SHAPE) as writer:
        writer._append({"b0": rows(9, 9, 9)})
    assert values(library) == [0.25, 0.5]
    table = str(library.folder / "segments.lance")
    assert lance.dataset(table).count_rows() == 5
    with library.writer(SHAPE):
        assert lance.dataset(table).count_rows() == 2
    assert values(library) == [0.25, 0.5]


def test_a_removed_sounds_segments_go_at_tidying(library: Library) -> None:
    with library.writer(SHAPE) as writer:
        writer.commit([entry("b.wav", "b0")], {"b0": rows(1)})
        writer.commit(remove=[entry("a.wav", "a0").id])
        writer.tidy()
    assert lance.dataset(str(library.folder / "segments.lance")).count_rows() == 1
    assert values(library) == [1]


def test_two_sounds_share_one_analysis(library: Library) -> None:
    with library.writer(SHAPE) as writer:
        writer.commit([entry("copy.wav", "a0", segments=2)])
        writer.commit(remove=[entry("a.wav", "a0").id])
        writer.tidy()
    assert values(library) == [0.25, 0.5]


def test_newer_library_is_refused(library: Library) -> None:
    path = str(library.folder / "sounds.lance")
    meta = {"format": store.FORMAT + 1, "storysound": "9.1.0"}
    lance.dataset(path).update_schema_metadata({"storysound": json.dumps(meta)})
    with pytest.raises(LibraryError, match=r"was made by storysound 9\.1\.0, .*upgrade"):
        Library.open(library.folder)
    with pytest.raises(LibraryError, match="upgrade"):
        Library.open_or_create(library.folder)
    with pytest.raises(LibraryError, match="upgrade"), library.writer(SHAPE):
        pass


def test_what_is_no_library_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match=r"does not exist.*storysound index"):
        Library.open(tmp_path / "none")
    file = tmp_path / "file"
    file.write_text("x")
    for call in (Library.open, Library.create, Library.open_or_create):
        with pytest.raises(LibraryError, match="is a file"):
            call(file)
    with pytest.raises(LibraryError, match="is not a Storysound library"):
        Library.open(tmp_path)
    with pytest.raises(LibraryError, match=r"holds other things.*'file'"):
        Library.open_or_create(tmp_path)
    with pytest.raises(LibraryError, match="control characters"):
        Library.create(tmp_path / "a\nb")
    foreign = tmp_path / "foreign"
    lance.write_dataset(pa.table({"id": ["x"]}), str(foreign / "sounds.lance"))
    with pytest.raises(LibraryError, match="is not a Storysound library"):
        Library.open(foreign)


def test_create_refuses_a_library_and_finishes_a_killed_create(library: Library, tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match="is a library already"):
        Library.create(library.folder)
    begun = tmp_path / "begun" / "sounds.lance" / "_transactions"
    begun.mkdir(parents=True)
    assert Library.open_or_create(tmp_path / "begun").entries() == []


@pytest.mark.parametrize("part", ["sounds.lance/_versions", "sounds.lance/data", "segments.lance/data"])
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_damage_is_an_error_and_never_taken_for_an_empty_folder(library: Library, part: str, damage: str) -> None:
    for file in (library.folder / part).iterdir():
        file.unlink() if damage == "gone" else os.truncate(file, file.stat().st_size // 3)
    with pytest.raises(LibraryError, match=r"is damaged.*\(restore it, or index"):
        Index.load(Library.open_or_create(library.folder))


def test_second_writer_is_refused_and_readers_are_not(library: Library) -> None:
    with library.writer(SHAPE) as writer:
        with pytest.raises(LibraryError, match=f"is being written by process {os.getpid()} on "), library.writer(SHAPE):
            pass
        writer.commit([entry("b.wav", "b0")], {"b0": rows(1)})
        assert values(library) == [0.25, 0.5, 1]
    with library.writer(SHAPE):
        pass


def test_lock_of_a_killed_writer_is_free(library: Library) -> None:
    code = (
        "import sys, time\nfrom library_fakes import SHAPE\nfrom storysound.library.store import Library\n"
        "with Library.open(sys.argv[1]).writer(SHAPE):\n    print('locked', flush=True)\n    time.sleep(60)\n"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    holder = subprocess.Popen([sys.executable, "-c", code, library.folder], env=env, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"locked\n"
    with pytest.raises(LibraryError, match=f"process {holder.pid} on"), library.writer(SHAPE):
        pass
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    with library.writer(SHAPE) as writer:
        writer.commit([entry("b.wav", "b0")], {"b0": rows(1)})
    assert values(library) == [0.25, 0.5, 1]


def test_an_error_of_the_caller_is_not_taken_for_ours(library: Library) -> None:
    with pytest.raises(ValueError, match="mine"), library.writer(SHAPE):
        raise ValueError("mine")
    with library.writer(SHAPE):
        pass


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        ("LanceError(IO): No space left on device (os error 28), here.rs:1", "the disk is full"),
        ("LanceError(IO): Permission denied (os error 13)", "may not be written by this user"),
        ("LanceError(IO): Read-only file system (os error 30)", "may not be written by this user"),
        ("LanceError(IO): something else", "can not be written: LanceError"),
    ],
)
def test_full_disk_keeps_the_last_commit(
    library: Library, monkeypatch: pytest.MonkeyPatch, message: str, fault: str
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise OSError(message)

    expected = LibraryError if "something else" in message else OutputError
    with library.writer(SHAPE) as writer, monkeypatch.context() as patched:
        patched.setattr(lance, "write_dataset", fail)
        with pytest.raises(expected, match=fault):
            writer.commit([entry("b.wav", "b0")], {"b0": rows(1)})
    assert values(library) == [0.25, 0.5]
    with library.writer(SHAPE) as writer:
        writer.commit([entry("b.wav", "b0")], {"b0": rows(1)})
    assert values(library) == [0.25, 0.5, 1]


def test_full_disk_while_tidying_is_only_a_warning(
    library: Library, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise OSError("No space left on device (os error 28)")

    monkeypatch.setattr(lance.LanceDataset, "cleanup_old_versions", fail)
    with library.writer(SHAPE) as writer:
        writer.tidy()
    assert "could not tidy up" in caplog.text
    assert values(library) == [0.25, 0.5]


def test_no_rights_to_read(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise OSError("Permission denied (os error 13)")

    monkeypatch.setattr(lance, "dataset", fail)
    with pytest.raises(LibraryError, match="may not be read by this user"):
        Library.open(library.folder)


def test_changed_encoders_get_a_table_of_their_own(library: Library) -> None:
    newer = store.Shape({"analysis": "1", "fake": "r2"}, {})
    with library.writer(newer) as writer:
        assert writer.table == "segments-2"
        writer.commit([entry("b.wav", "b0", table="segments-2")], {"b0": rows(7, dim=5)})
        writer.commit([entry("d.wav", "d0", table="segments-2")], {"d0": rows(8, dim=5)})
        writer.tidy()
    index = Index.load(library)  # the fuller one
    assert [s.path for s in index.sounds] == ["b.wav", "d.wav"]
    assert (index.waiting, index.revisions) == (1, {"analysis": "1", "fake": "r2"})
    assert [s.path for s in Index.load(library, table="segments").sounds] == ["a.wav"]
    with library.writer(newer) as writer:
        assert writer.table == "segments-2"
        writer.commit([entry("a.wav", "a1", table="segments-2")], {"a1": rows(9, dim=5)})
        writer.tidy()
    assert library.tables() == ["segments-2"]
    assert Index.load(library).matrix("fake").shape == (3, 5)
    with library.writer(SHAPE) as writer:
        assert writer.table == "segments-3"  # never a name that a reader may still hold


def test_reader_that_meets_a_table_being_dropped_reads_again(library: Library) -> None:
    newer = store.Shape({"fake": "r2"}, {})
    asked = []

    def choose(entries: list[store.LibraryEntry]) -> str:
        asked.append(entries[0].table)
        if len(asked) == 1:
            with library.writer(newer) as writer:
                writer.commit([entry("a.wav", "a1", table="segments-2")], {"a1": rows(9)})
                writer.tidy()
        return entries[0].table if asked[0] == entries[0].table or len(asked) > 1 else ""

    entries, table, found = library.snapshot(choose)
    assert asked == ["segments", "segments-2"]
    assert (entries[0].analysis, table) == ("a1", "segments-2")
    assert found is not None
    assert found.num_rows == 1


def test_sound_that_lost_its_segments_is_damage(library: Library) -> None:
    lance.dataset(str(library.folder / "segments.lance")).delete("start_s > 5")
    with pytest.raises(LibraryError, match="is damaged: sounds without their segments"):
        Index.load(library)


def test_many_small_commits_are_compacted_under_a_reader(library: Library) -> None:
    path = str(library.folder / "segments.lance")
    reader = lance.dataset(path)
    with library.writer(SHAPE) as writer:
        for i in range(store._COMPACT_AT):
            writer.commit([entry(f"{i:03}.wav", f"{i:02x}")], {f"{i:02x}": rows(i)})
        writer.tidy()
    assert len(lance.dataset(path).get_fragments()) == 1
    assert reader.to_table().num_rows == 2
    assert values(library) == [*map(float, range(store._COMPACT_AT)), 0.25, 0.5]


def test_a_library_can_move(library: Library, tmp_path: Path) -> None:
    shutil.move(library.folder, tmp_path / "else where %20 #1 'x' 😀")
    moved = Library.open(tmp_path / "else where %20 #1 'x' 😀")
    assert values(moved) == [0.25, 0.5]
    with moved.writer(SHAPE) as writer:
        writer.commit([entry("b.wav", "b0")], {"b0": rows(1)})
    assert np.isfinite(Index.load(moved).start_s).all()


def test_discard_spares_a_library_with_sounds(library: Library, tmp_path: Path) -> None:
    library.discard()
    assert library.folder.exists()
    empty = Library.create(tmp_path / "empty")
    empty.discard()
    assert not empty.folder.exists()
