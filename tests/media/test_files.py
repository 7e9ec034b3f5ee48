import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from media_making import full_disk_after

from storysound.errors import InputError, MediaError, OutputError
from storysound.media.files import atomic, check_readable, check_target, opened, read_text


def test_atomic_replaces_only_on_success(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    target.write_text("old")
    with atomic(target) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".txt"
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"

    def interrupted() -> None:
        with atomic(target) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [path.name for path in tmp_path.iterdir()] == ["out.txt"]
    assert target.read_text() == "new"


def test_atomic_removes_what_a_killed_process_left_of_the_same_file(tmp_path: Path) -> None:
    script = "from storysound.media.files import atomic; import os, sys\n"
    script += "with atomic(sys.argv[1]) as temporary: temporary.write_text('half'); os._exit(0)"
    subprocess.run([sys.executable, "-c", script, tmp_path / "out.txt"], check=True)
    with atomic(tmp_path / "other.txt") as temporary, atomic(tmp_path / "out.wav") as sibling:
        temporary.touch()
        sibling.touch()
    assert len(list(tmp_path.glob(".*.part.txt"))) == 1
    with atomic(tmp_path / "out.txt") as first:
        first.write_text("new")
        with atomic(tmp_path / "out.txt") as second:  # another writer, alive
            second.write_text("newer")
        assert first.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.txt", "out.txt", "out.wav"]


def test_atomic_says_that_the_disk_is_full(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="disk is full"), atomic(tmp_path / "a") as temporary, full_disk_after(10):
        temporary.write_bytes(bytes(100))
    with pytest.raises(OutputError, match="disk is full"), atomic(tmp_path / "a"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_atomic_says_where_it_may_not_write(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="may not be written"), atomic(tmp_path / "a"):
        raise PermissionError(errno.EACCES, "Permission denied")
    with pytest.raises(OutputError, match="is a folder"), atomic(tmp_path):
        pass
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="can't be written"), atomic(tmp_path / "file" / "a"):
        pass


def test_targets_are_checked_beforehand(tmp_path: Path) -> None:
    source = tmp_path / "in.txt"
    source.write_text("")
    (tmp_path / "link.txt").symlink_to(source)
    for target, fault in [
        (tmp_path, "is a folder"),
        (source, "is the input itself"),
        (tmp_path / "link.txt", "is the input itself"),
        (source / "a" / "b.txt", "can't be written"),
        (tmp_path / ("x" * 300), "too long"),
        (tmp_path / "bad\udcff", "not valid UTF-8"),
    ]:
        with pytest.raises(OutputError, match=fault):
            check_target(target, source)
    check_target(tmp_path / "new" / "folder" / "a.txt", source)
    assert not (tmp_path / "new").exists()
    check_target(source, tmp_path / "missing.txt")


def test_atomic_makes_missing_folders(tmp_path: Path) -> None:
    with atomic(tmp_path / "a" / "b" / "c.txt") as temporary:
        temporary.write_text("x")
    assert (tmp_path / "a" / "b" / "c.txt").read_text() == "x"


def test_unreadable_inputs_have_their_own_faults(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.mp4").write_text("Dear diary,\n" * 100)
    (tmp_path / "bytes.mp4").write_bytes(bytes(range(256)) * 20)
    os.mkfifo(tmp_path / "pipe.wav")
    for name, fault in [
        ("missing.wav", "does not exist"),
        (".", "is a folder"),
        ("empty.wav", "is empty"),
        ("pipe.wav", "not a regular file"),
        ("text.mp4", "it holds text, not media"),
        ("bytes.mp4", "damaged, cut short or no media"),
    ]:
        with pytest.raises(MediaError, match=fault) as caught, opened(tmp_path / name):
            pass
        assert "\n" not in str(caught.value)


def test_missing_rights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "locked.wav"
    path.write_bytes(b"x")
    path.chmod(0)
    if os.access(path, os.R_OK):  # the superuser may read all: then the system call has to refuse

        def refuse(*args: object, **kwargs: object) -> None:
            raise PermissionError(errno.EACCES, "Permission denied")

        monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(MediaError, match="may not be read"):
        check_readable(path)


def test_a_playlist_never_reaches_out(tmp_path: Path) -> None:
    path = tmp_path / "list.m3u8"
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(MediaError), opened(path) as container:
        list(container.demux())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_text_is_read_in_every_encoding_of_unicode(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "t.txt").write_bytes("A café,\r\nrain\rand 🌧\n".encode(encoding))
    assert read_text(tmp_path / "t.txt") == "A café,\nrain\nand 🌧\n"


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"one\ntwo\ncaf\xe9", r"is not UTF-8 text \(line 3\)"),
        (b"one\n\xed\xa0\xbd", r"is not UTF-8 text \(line 2\)"),  # half a character
        (b"one\ntw\0o", r"holds a zero byte, as no text does \(line 2\)"),
        (b"\xff\xfeo\0n", "is not UTF-8 text"),  # cut in the middle of a character
    ],
)
def test_what_is_no_text_is_told_with_its_line(tmp_path: Path, data: bytes, fault: str) -> None:
    (tmp_path / "t.txt").write_bytes(data)
    with pytest.raises(InputError, match=fault):
        read_text(tmp_path / "t.txt")
