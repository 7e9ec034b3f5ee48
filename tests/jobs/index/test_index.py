"""Indexing: only what changed is analysed, and whatever happens the library stays readable."""

import json
import os
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from jobs import index_fakes
from jobs.index_fakes import EarsModels, counts, index
from library_fakes import BARK_EVERY_S, FakeEncoder, FakeModels, tone
from storysound.app.cli import index as command
from storysound.encode import mood as moods
from storysound.encode import pool
from storysound.errors import InputError, LibraryError, MissingModelError, OutputError, UsageError
from storysound.jobs.index import entries
from storysound.jobs.index.request import IndexRequest
from storysound.library.search import Index
from storysound.library.store import Library, LibraryWriter
from storysound.media.audio import read_audio
from storysound.media.content import sha256_of
from storysound.progress import Cancelled, Stop

sounds = index_fakes.sounds  # a fixture


def paths(library: Path) -> list[str]:
    return [sound.path for sound in Library.open(library).sounds()]


def test_only_what_is_new_or_changed_is_heard(sounds: Path, tmp_path: Path) -> None:
    ears, lib = EarsModels(), tmp_path / "lib"
    (sounds / "notes.txt").write_text("hello")
    report = index([sounds], lib, ears)
    assert (counts(report), ears.heard, report.ignored, report.skipped) == ((3, 0, 0, 0, 0), 3, 1, ())
    assert report.duration_s == pytest.approx(6)
    assert paths(lib) == ['deep/it\'s "two".flac', "deep/three 😀\nlines.wav", "one.wav"]
    assert counts(index([sounds], lib, ears)) == (0, 0, 0, 3, 0)
    assert ears.heard == 0

    os.utime(sounds / "one.wav")
    assert counts(index([sounds], lib, ears)) == (0, 0, 0, 3, 0)
    assert ears.heard == 0

    before = {entry.sound.path: entry for entry in Library.open(lib).entries()}
    tone(sounds / "one.wav", 2.5, 900)
    assert counts(index([sounds], lib, ears)) == (0, 1, 0, 2, 0)
    assert ears.heard == 1
    after = {entry.sound.path: entry for entry in Library.open(lib).entries()}
    assert after["one.wav"].sound.duration_s == 2.5
    assert after["one.wav"].id == before["one.wav"].id
    assert len(Index.load(lib)) == 3


def test_what_is_heard_when_is_kept_and_moves_with_a_file(sounds: Path, tmp_path: Path) -> None:
    lib = tmp_path / "lib"
    index([sounds], lib, EarsModels())
    tone(sounds / "long.wav", 23.0)
    index([sounds], lib, EarsModels())
    (sounds / "one.wav").rename(sounds / "renamed.wav")
    index([sounds], lib, EarsModels())
    loaded = Index.load(lib)
    found = {sound.path: loaded.events(i) for i, sound in enumerate(loaded.sounds)}
    assert [(event.label, event.start_s, event.end_s) for event in found["renamed.wav"]] == [("Bark", 0.0, 1.0)]
    barks = [(event.start_s, event.end_s) for event in found["long.wav"] if event.label == "Bark"]
    assert barks == [(s, s + 1.0) for s in range(0, 23, BARK_EVERY_S)]
    assert [event.label for event in found["long.wav"] if event.label != "Bark"] == ["Music"]


def test_rows_say_what_is_needed_to_use_a_sound(sounds: Path, tmp_path: Path) -> None:
    (sounds / "LICENSE.txt").write_text("CC BY 4.0\nCopyright (c) 2020 Jane")
    index([sounds], tmp_path / "lib")
    sound = Library.open(tmp_path / "lib").sounds()[0]
    assert Path(sound.root, sound.path).is_file()
    assert (sound.title, sound.tags) == ('it\'s "two"', ("deep", "it", "two"))
    heard = {"fake": FakeEncoder().encode([read_audio(sounds / sound.path)])[0]}
    assert (sound.kind, sound.mood) == ("sfx", moods.of_effect(heard["fake"].scores["audioset"].mean(axis=0)))
    assert (sound.source.licence, sound.source.credit) == ("CC-BY-4.0", "Copyright (c) 2020 Jane")
    assert sound.source.sha256 == sha256_of(sounds / sound.path)


def test_renamed_files_keep_their_analysis(sounds: Path, tmp_path: Path) -> None:
    ears, lib = EarsModels(), tmp_path / "lib"
    index([sounds], lib, ears)
    ids = {entry.id for entry in Library.open(lib).entries()}
    (sounds / "one.wav").rename(sounds / "deep" / "uno.wav")
    assert counts(index([sounds], lib, ears)) == (0, 0, 1, 2, 0)
    assert ears.heard == 3
    found = {sound.path: sound for sound in Library.open(lib).sounds()}
    assert "one.wav" not in found
    assert (found["deep/uno.wav"].duration_s, found["deep/uno.wav"].tags) == (1, ("deep", "uno"))
    assert ids == {entry.id for entry in Library.open(lib).entries()}
    assert len(Index.load(lib)) == 3


@pytest.mark.parametrize("name", ["a.wav", "z.wav"])  # before and after the new sound in the order of the walk
def test_a_name_that_another_sound_takes(sounds: Path, tmp_path: Path, name: str) -> None:
    ears, lib = EarsModels(), tmp_path / "lib"
    index([sounds], lib, ears)
    (sounds / "one.wav").rename(sounds / name)
    tone(sounds / "one.wav", 4)
    assert counts(index([sounds], lib, ears)) == (1, 1, 0, 2, 0)
    assert ears.heard == 4
    found = {sound.path: sound.duration_s for sound in Index.load(lib).sounds}
    assert (found[name], found["one.wav"]) == (1, 4)


def test_a_moved_folder_keeps_its_analyses(sounds: Path, tmp_path: Path) -> None:
    ears, lib = EarsModels(), tmp_path / "lib"
    index([sounds], lib, ears)
    sounds.rename(tmp_path / "moved")
    assert counts(index([tmp_path / "moved"], lib, ears)) == (0, 0, 3, 0, 0)
    assert ears.heard == 3
    assert {sound.root for sound in Library.open(lib).sounds()} == {str(tmp_path / "moved")}
    assert "one.wav" in paths(lib)


def test_what_was_deleted_before_a_folder_moved_is_forgotten_when_asked(sounds: Path, tmp_path: Path) -> None:
    ears, lib = EarsModels(), tmp_path / "lib"
    index([sounds], lib, ears)
    (sounds / "one.wav").unlink()
    sounds.rename(tmp_path / "moved")
    assert counts(index([tmp_path / "moved"], lib, ears)) == (0, 0, 2, 0, 0)
    assert "one.wav" in paths(lib)
    assert counts(index([tmp_path / "moved"], lib, ears, forget=True)) == (0, 0, 0, 2, 1)
    assert "one.wav" not in paths(lib)


def test_copies_are_heard_once(sounds: Path, tmp_path: Path) -> None:
    ears, lib = EarsModels(), tmp_path / "lib"
    shutil.copy(sounds / "one.wav", sounds / "copy.wav")
    assert counts(index([sounds], lib, ears)) == (4, 0, 0, 0, 0)
    assert ears.heard == 3
    shutil.copy(sounds / "one.wav", sounds / "later.wav")
    assert counts(index([sounds], lib, ears)) == (1, 0, 0, 4, 0)
    assert ears.heard == 0
    (sounds / "one.wav").unlink()
    assert counts(index([sounds], lib, ears)) == (0, 0, 0, 4, 1)
    assert [sound.path for sound in Index.load(lib).sounds if sound.duration_s == 1] == ["copy.wav", "later.wav"]


def test_deleted_files_leave_only_under_the_named_roots(sounds: Path, tmp_path: Path) -> None:
    lib, other = tmp_path / "lib", tmp_path / "other"
    tone(other / "four.wav", 1, 800)
    index([sounds, other], lib)
    (other / "four.wav").unlink()
    (sounds / "one.wav").unlink()
    assert counts(index([sounds], lib)) == (0, 0, 0, 2, 1)
    assert "four.wav" in paths(lib)
    assert counts(index([other], lib)) == (0, 0, 0, 0, 1)
    assert len(paths(lib)) == 2


def test_equal_paths_of_two_folders_are_told_apart(tmp_path: Path) -> None:
    for folder, hz in (("x/rain", 300), ("y/rain", 400), ("wind", 500)):
        tone(tmp_path / folder / "1.wav", 1, hz)
    lib = tmp_path / "lib"
    folders = [tmp_path / "wind", tmp_path / "x" / "rain", tmp_path / "y" / "rain"]
    index(folders, lib)
    assert paths(lib) == ["1.wav", "rain/1.wav", "y/rain/1.wav"]
    assert all(Path(sound.root, sound.path).is_file() for sound in Library.open(lib).sounds())
    assert counts(index(reversed(folders), lib)) == (0, 0, 0, 3, 0)
    assert paths(lib) == ["1.wav", "rain/1.wav", "y/rain/1.wav"]


def test_new_encoders_hear_everything_again(sounds: Path, tmp_path: Path) -> None:
    lib = tmp_path / "lib"
    index([sounds], lib, EarsModels("r1"))
    ears = EarsModels("r2")
    assert counts(index([sounds], lib, ears)) == (0, 3, 0, 0, 0)
    assert ears.heard == 3
    assert Index.load(lib).revisions["fake"] == "r2"
    assert Library.open(lib).tables() == ["segments-2"]


def test_a_licence_that_is_put_there_later_counts(sounds: Path, tmp_path: Path) -> None:
    ears, lib = EarsModels(), tmp_path / "lib"
    index([sounds], lib, ears)
    (sounds / "deep" / "LICENSE").write_text("CC0")
    assert counts(index([sounds], lib, ears)) == (0, 2, 0, 1, 0)
    assert ears.heard == 3
    assert [sound.source.licence for sound in Library.open(lib).sounds()] == ["CC0-1.0", "CC0-1.0", ""]


def test_unreadable_files_are_listed_and_the_rest_goes_in(
    sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (sounds / "text.mp3").write_text("hello, this is text")
    (sounds / "noise").write_bytes(bytes(range(256)) * 9)
    (sounds / "empty.ogg").touch()
    tone(sounds / "quiet.wav", level=0)
    cut = tone(sounds / "cut.flac")
    os.truncate(cut, 30)
    tone(sounds / "odd.wav", 0.5, 777)
    one = FakeEncoder._one

    def fail(self: FakeEncoder, wave: object) -> object:
        if abs(wave.duration_s - 0.5) < 0.01:
            raise RuntimeError("bang")
        return one(self, wave)

    monkeypatch.setattr(FakeEncoder, "_one", fail)
    report = index([sounds], tmp_path / "lib")
    assert (counts(report), report.ignored) == ((3, 0, 0, 0, 0), 1)
    reasons = {Path(path).name: reason for path, reason in report.skipped}
    assert reasons.keys() == {"text.mp3", "empty.ogg", "quiet.wav", "cut.flac", "odd.wav"}
    assert reasons["text.mp3"].endswith("it holds text, not media")
    assert reasons["quiet.wav"].startswith("contains only silence")
    assert reasons["odd.wav"].startswith("analysis failed: RuntimeError: bang (analyse.py, line ")


def test_a_file_that_broke_leaves_and_one_that_is_shut_stays(
    sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lib = tmp_path / "lib"
    index([sounds], lib)
    (sounds / "one.wav").write_text("no sound any more")
    report = index([sounds], lib)
    assert (counts(report), len(report.skipped)) == ((0, 0, 0, 2, 1), 1)
    two = sounds / "deep" / 'it\'s "two".flac'
    os.utime(two)
    real = Path.open

    def guarded(self: Path, *args: object, **kwargs: object) -> object:
        if self == two:
            raise PermissionError(13, "Permission denied")
        return real(self, *args, **kwargs)

    monkeypatch.setattr(Path, "open", guarded)
    report = index([sounds], lib)
    assert report.skipped[0] == (str(two), "may not be read by this user; change its rights")
    assert two.name in [Path(path).name for path in paths(lib)]


def test_batches_are_commits(sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    commit = LibraryWriter.commit

    def counting(self: LibraryWriter, put: list, segments: dict, remove: list) -> None:
        sizes.append((len(put), len(segments)))
        commit(self, put, segments, remove)

    monkeypatch.setattr(LibraryWriter, "commit", counting)
    monkeypatch.setattr(entries, "BATCH", 2)
    monkeypatch.setattr(entries, "COMPACT_EVERY", 1)
    index([sounds], tmp_path / "lib")
    assert sizes == [(2, 2), (1, 1)]
    assert len(Index.load(tmp_path / "lib")) == 3


def test_full_disk_keeps_what_was_committed(sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import lance

    lib, write, calls = tmp_path / "lib", lance.write_dataset, []

    def full(*args: object, **kwargs: object) -> object:
        calls.append(args)
        if len(calls) > 3:  # sounds, segments and one batch more
            raise OSError("LanceError(IO): No space left on device (os error 28)")
        return write(*args, **kwargs)

    monkeypatch.setattr(entries, "BATCH", 1)
    with monkeypatch.context() as patched:
        patched.setattr(lance, "write_dataset", full)
        with pytest.raises(OutputError, match="the disk is full"):
            index([sounds], lib)
    assert len(Index.load(lib).sounds) == 2
    assert counts(index([sounds], lib)) == (1, 0, 0, 2, 0)


def missing() -> FakeEncoder:
    raise MissingModelError("weights are missing")


@pytest.mark.parametrize("jobs", [1, 2])
def test_missing_weights_leave_nothing_behind(sounds: Path, tmp_path: Path, jobs: int) -> None:
    with pytest.raises(MissingModelError, match="weights are missing"):
        index([sounds], tmp_path / "lib", FakeModels(missing), jobs=jobs)
    assert not (tmp_path / "lib").exists()


def test_wrong_calls(sounds: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="jobs: must be at least 1"):
        IndexRequest((sounds,), tmp_path / "lib", jobs=0)
    with pytest.raises(UsageError, match="folders: must name at least one"):
        IndexRequest((), tmp_path / "lib")
    with pytest.raises(UsageError, match="engine: is ray or"):
        IndexRequest((sounds,), tmp_path / "lib", engine="spark")
    with pytest.raises(InputError, match="gone: does not exist"):
        index([sounds / "gone"], tmp_path / "lib")
    with pytest.raises(LibraryError, match="holds other things"):
        index([sounds], sounds)
    assert not (tmp_path / "lib").exists()


def deaf() -> FakeEncoder:
    return FakeEncoder(labels={"level": ("quiet", "loud")})


@pytest.mark.parametrize("jobs", [1, 2])
def test_encoders_that_know_no_classes_are_told_once(
    sounds: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, jobs: int
) -> None:
    assert counts(index([sounds], tmp_path / "lib", FakeModels(deaf), jobs=jobs)) == (3, 0, 0, 0, 0)
    assert caplog.messages == ["none of fake can tell music: all sounds count as effects"]
    assert {sound.kind for sound in Library.open(tmp_path / "lib").sounds()} == {"sfx"}


def test_progress_counts_files_and_a_stop_keeps_what_is_finished(sounds: Path, tmp_path: Path) -> None:
    seen: list[tuple[str, float, float]] = []
    index([sounds], tmp_path / "whole", report=lambda at: seen.append((at.step, at.done, at.of)))
    assert seen == [("folders", 0, 0), ("models", 0, 0), ("sounds", 0, 0), *(("sounds", i + 1, 3) for i in range(3))]
    stop = Stop()
    with pytest.raises(Cancelled) as ended:
        index([sounds], tmp_path / "lib", report=lambda at: stop.set() if at.done == 2 else None, stop=stop)
    assert ended.value.__notes__ == [f"2 of 3 sounds are in {tmp_path}/lib; the same command goes on from there"]
    assert len(Index.load(tmp_path / "lib")) == 2
    ears = EarsModels()
    assert counts(index([sounds], tmp_path / "lib", ears)) == (1, 0, 0, 2, 0)
    assert ears.heard == 1


@pytest.mark.parametrize("after", ["segments", "sounds"])
def test_an_interrupted_commit_is_made_whole(
    sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    append, commit, interrupted = LibraryWriter._append, LibraryWriter.commit, []

    def once(where: str) -> None:
        if where == after and not interrupted:
            interrupted.append(where)
            raise KeyboardInterrupt

    def appending(self: LibraryWriter, segments: object) -> None:
        append(self, segments)
        once("segments")

    def committing(self: LibraryWriter, *batch: object) -> None:
        commit(self, *batch)
        once("sounds")

    monkeypatch.setattr(LibraryWriter, "_append", appending)
    monkeypatch.setattr(LibraryWriter, "commit", committing)
    with pytest.raises(KeyboardInterrupt) as ended:
        index([sounds], tmp_path / "lib")
    assert ended.value.__notes__[0].startswith("3 of 3 sounds are in")
    assert len(Index.load(tmp_path / "lib")) == 3
    assert counts(index([sounds], tmp_path / "lib")) == (0, 0, 0, 3, 0)
    assert Library.open(tmp_path / "lib").tables() == ["segments"]


def test_the_library_may_lie_in_the_folder(sounds: Path) -> None:
    index([sounds], sounds / "lib")
    report = index([sounds], sounds / "lib")
    assert (counts(report), report.ignored) == ((0, 0, 0, 3, 0), 0)


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """The command, with tiny encoders."""
    import typer

    monkeypatch.setattr(pool, "Models", lambda profile, weights: FakeModels())
    app = typer.Typer()
    app.command()(command.index)
    runner = CliRunner()
    runner.app = app
    return runner


def test_command_prints_json_lines(cli: CliRunner, sounds: Path, tmp_path: Path) -> None:
    (sounds / "text\n😀.mp3").write_text("hello")
    result = cli.invoke(cli.app, [str(sounds), "-o", str(tmp_path / "lib"), "--jobs", "1", "--json"])
    assert result.exit_code == 0
    skipped, summary = [json.loads(line) for line in result.stdout.splitlines()]
    assert skipped["skipped"].endswith("text\n😀.mp3")
    assert skipped["reason"].endswith("it holds text, not media")
    numbers = {"added": 3, "refreshed": 0, "moved": 0, "unchanged": 0, "removed": 0, "skipped": 1, "ignored": 0}
    assert summary == {"library": str(tmp_path / "lib"), **numbers}


def test_command_speaks_on_stderr_one_line_a_file(cli: CliRunner, sounds: Path, tmp_path: Path) -> None:
    (sounds / "text\n.mp3").write_text("hello")
    result = cli.invoke(cli.app, [str(sounds), "-o", str(tmp_path / "lib"), "--jobs", "1"])
    assert (result.exit_code, result.stdout) == (0, "")
    first, last = (line for line in result.stderr.splitlines() if not line.startswith("index: "))  # how far it is
    assert first.startswith(f"skipped {sounds}/text\\n.mp3: ")
    assert last == f"{tmp_path}/lib: 3 added, 1 skipped"


def test_command_fails_where_nothing_could_be_indexed(cli: CliRunner, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "text.mp3").write_text("hello")
    result = cli.invoke(cli.app, [str(tmp_path / "in"), "-o", str(tmp_path / "lib"), "--jobs", "1"])
    assert isinstance(result.exception, InputError)
    assert "nothing in it could be indexed" in str(result.exception)
    assert not (tmp_path / "lib").exists()
