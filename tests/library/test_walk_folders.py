"""What a walk through folders finds, and what it passes over."""

import os
from pathlib import Path

import pytest

from storysound.errors import InputError
from storysound.library.walk import MEDIA_SUFFIXES, OTHER_SUFFIXES, FoundFile, free_name, walk


def fill(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def paths(*folders: Path, leave_out: tuple[Path, ...] = ()) -> list[str]:
    return [target.path for target in walk(folders, leave_out).targets]


def test_suffixes_are_one_or_the_other() -> None:
    assert not MEDIA_SUFFIXES & OTHER_SUFFIXES
    assert {".wav", ".mp4", ".opus", ".mkv"} <= MEDIA_SUFFIXES
    assert {".txt", ".jpg", ".json", ".md", ".py", ".html", ".csv", ".pdf"} <= OTHER_SUFFIXES


def test_order_names_and_what_is_ignored(tmp_path: Path) -> None:
    fill(
        tmp_path, "b.wav", "a/2 'x' \"y\".WAV", "a/1\n😀.ogg", "a/x.TXT", "z.jpg", ".hidden.wav", ".git/x.wav", "noend"
    )
    found = walk([tmp_path])
    assert [target.path for target in found.targets] == ["a/1\n😀.ogg", "a/2 'x' \"y\".WAV", "b.wav", "noend"]
    assert all(target.file == str(tmp_path / target.path) and target.size == 1 for target in found.targets)
    assert (found.ignored, found.skipped) == (2, [])


def test_each_file_once_however_often_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, "a/1.wav", "a/b/2.wav")
    assert paths(tmp_path / "a", tmp_path, tmp_path / "a" / "b" / "2.wav") == ["1.wav", "b/2.wav"]
    monkeypatch.chdir(tmp_path)
    assert paths(Path("a/../a")) == ["1.wav", "b/2.wav"]
    assert walk([Path("a/1.wav")]).targets[0].root == str(tmp_path / "a")


def test_links_are_followed_and_loops_end(tmp_path: Path) -> None:
    fill(tmp_path, "in/1.wav", "out/2.wav")
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "out").symlink_to(tmp_path / "out")
    (tmp_path / "in" / "self.wav").symlink_to("self.wav")
    (tmp_path / "in" / "dead.wav").symlink_to("nothing")
    found = walk([tmp_path / "in"])
    assert [target.path for target in found.targets] == ["1.wav", "out/2.wav"]
    reasons = {Path(path).name: reason for path, reason in found.skipped}
    assert reasons == {"self.wav": "is a link to nothing", "dead.wav": "is a link to nothing"}


def test_what_can_not_be_sound_is_listed_by_its_suffix(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    (tmp_path / "empty").touch()
    os.mkfifo(tmp_path / "pipe.mp3")
    (tmp_path / "x\udcff.wav").write_bytes(b"x")
    found = walk([tmp_path])
    reasons = {Path(path).name: reason for path, reason in found.skipped}
    assert reasons == {
        "empty.wav": "is empty",
        "pipe.mp3": "is not a regular file",
        "x\udcff.wav": "has a name that is not valid UTF-8; rename it",
    }
    assert (found.targets, found.ignored) == ([], 1)


def test_a_folder_without_rights_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, "open/1.wav", "shut/2.wav")
    scandir = os.scandir

    def guarded(folder: str) -> object:
        if folder.endswith("shut"):
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", guarded)
    found = walk([tmp_path])
    assert [target.path for target in found.targets] == ["open/1.wav"]
    assert found.skipped == [(str(tmp_path / "shut"), "may not be read by this user; change its rights")]


def test_the_library_is_not_entered(tmp_path: Path) -> None:
    fill(tmp_path, "1.wav", "lib/2.wav")
    assert paths(tmp_path, leave_out=(tmp_path / "lib",)) == ["1.wav"]


def test_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none: does not exist"):
        walk([tmp_path, tmp_path / "none"])


def test_a_single_file_is_tried_whatever_its_name(tmp_path: Path) -> None:
    fill(tmp_path, "sound.txt", "other.wav")
    found = walk([tmp_path / "sound.txt"])
    assert [target.path for target in found.targets] == ["sound.txt"]
    assert found.covers(str(tmp_path / "sound.txt"))
    assert not found.covers(str(tmp_path / "other.wav"))


def test_covers_what_lies_below(tmp_path: Path) -> None:
    fill(tmp_path, "ab/1.wav")
    found = walk([tmp_path / "ab"])
    assert found.covers(str(tmp_path / "ab" / "gone" / "2.wav"))
    assert not found.covers(str(tmp_path / "abc" / "1.wav"))


def test_free_names_are_told_from_further_up() -> None:
    target = FoundFile("/srv/x/rain", "1.wav", 1, 1)
    taken = {"1.wav", "rain/1.wav"}
    named = free_name(target, taken.__contains__)
    assert (named.root, named.path, named.file) == ("/srv", "x/rain/1.wav", target.file)
    assert free_name(target, lambda path: True).path == "srv/x/rain/1.wav"
