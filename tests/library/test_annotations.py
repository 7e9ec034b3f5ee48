"""Annotations on disk: known by content, committed whole, in few files."""

from pathlib import Path
from typing import Any

import pytest

from storysound.errors import LibraryError
from storysound.library import annotations as module
from storysound.library.annotations import ANSWERS, SCHEMA, Annotations, key_of


def row(key: str) -> dict[str, Any]:
    empty = dict.fromkeys(SCHEMA.names, "")
    lists: dict[str, Any] = {"sentences": [], "claims": [], "faults": []}
    return empty | {"key": key, "size": 1, "mtime_ns": 2, "start_s": 0.0, "end_s": 1.0} | lists


def test_a_clip_is_added_once(tmp_path: Path) -> None:
    made = Annotations.open_or_create(tmp_path / "out", {"a": "1"})
    with made.writer() as writer:
        writer.commit([row("x"), row("y"), row("x")])
        writer.commit([row("y")])
    with Annotations.open(tmp_path / "out").writer() as writer:
        writer.commit([row("y"), row("z")])
    assert [each["key"] for each in made.rows(["key"])] == ["x", "y", "z"]
    assert made.settings == {"a": "1"}


def test_many_commits_become_few_files_and_nothing_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FILES", 3)
    made = Annotations.open_or_create(tmp_path / "out", {})
    with made.writer() as writer:
        for number in range(5):
            writer.commit([row(str(number))])
        assert len(made._table().get_fragments()) == 5
        writer.tidy()
        assert len(made._table().get_fragments()) == 1
    assert sorted(each["key"] for each in made.rows(["key"])) == list("01234")


def test_one_writer_at_a_time_and_empty_ones_go_unless_something_was_paid(tmp_path: Path) -> None:
    made = Annotations.open_or_create(tmp_path / "out", {})
    with made.writer(), pytest.raises(LibraryError, match="is being written"), made.writer():
        pass
    (tmp_path / "out" / ANSWERS).write_text("")
    made.discard()
    assert made.rows(["key"]) == []
    (tmp_path / "out" / ANSWERS).unlink()
    made.discard()
    assert not (tmp_path / "out").exists()
    with pytest.raises(LibraryError, match="does not exist"):
        Annotations.open(tmp_path / "out")


def test_the_same_stretch_of_the_same_content_is_the_same_clip() -> None:
    assert key_of("a", 1.0, 2.0) == key_of("a", 1.0004, 2.0)
    assert len({key_of("a", 1.0, 2.0), key_of("b", 1.0, 2.0), key_of("a", 1.0, 2.1), key_of("a", 1.1, 2.0)}) == 4
