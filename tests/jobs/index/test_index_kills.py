"""Indexing when processes crash or are killed: a batch is lost at most, no worker is left, every other file goes in."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from jobs import index_fakes
from jobs.index_fakes import EarsModels, counts, index
from library_fakes import FakeEncoder, FakeModels, tone
from process_groups import lives
from storysound.library.search import Index
from storysound.library.store import Library

TESTS = Path(__file__).parents[2]

sounds = index_fakes.sounds  # a fixture


KILL = """
import os, signal, sys
from pathlib import Path
from jobs.index_fakes import index
from storysound.jobs.index import entries
from storysound.library.store import LibraryWriter
entries.BATCH = 2
append, commits = LibraryWriter._append, []
def dying(self, segments):
    append(self, segments)
    commits.append(1)
    if len(commits) == 3:  # the segments are there, the sounds are not
        os.kill(os.getpid(), signal.SIGKILL)
LibraryWriter._append = dying
index([Path(sys.argv[1])], Path(sys.argv[2]))
"""


def test_kill_between_two_commits_loses_one_batch_at_most(tmp_path: Path) -> None:
    for i in range(7):
        tone(tmp_path / "sounds" / f"{i}.wav", 0.5, 300 + 50 * i)
    done = subprocess.run(
        [sys.executable, "-c", KILL, tmp_path / "sounds", tmp_path / "lib"], env=environment(), check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert [sound.path for sound in Index.load(tmp_path / "lib").sounds] == ["0.wav", "1.wav", "2.wav", "3.wav"]
    ears = EarsModels()
    assert counts(index([tmp_path / "sounds"], tmp_path / "lib", ears)) == (3, 0, 0, 4, 0)
    assert ears.heard == 3
    assert len(Index.load(tmp_path / "lib")) == 7


SLOW = """
import signal, sys, time
from pathlib import Path
from jobs.index_fakes import index
from library_fakes import FakeEncoder, FakeModels
from storysound.jobs.index import entries
class Slow(FakeEncoder):
    def encode(self, items):
        time.sleep(0.3)
        return super().encode(items)
def tell(at):
    if at.step == "sounds":
        print(int(at.done), flush=True)
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell has its background jobs ignore
    entries.BATCH = 2
    index([Path(sys.argv[1])], Path(sys.argv[2]), FakeModels(Slow), jobs=2, report=tell)
"""


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_workers_die_with_their_parent(tmp_path: Path, end: signal.Signals) -> None:
    for i in range(40):
        tone(tmp_path / "sounds" / f"{i:02}.wav", 0.2, 300 + 20 * i)
    (tmp_path / "slow.py").write_text(SLOW)
    command_line = [sys.executable, tmp_path / "slow.py", tmp_path / "sounds", tmp_path / "lib"]
    # Its own group, and the signal to all of it: as Ctrl-C in a terminal does.
    run = subprocess.Popen(command_line, env=environment(), stdout=subprocess.PIPE, start_new_session=True)
    assert run.stdout is not None
    for line in run.stdout:
        if line == b"5\n":
            break
    os.killpg(run.pid, end) if end == signal.SIGINT else run.kill()
    run.stdout.close()
    assert run.wait(20) in (-end, 130, 1)
    deadline = time.monotonic() + 60  # a worker that is still about to start has to come so far
    while time.monotonic() < deadline and lives(run.pid):
        time.sleep(0.1)
    assert not lives(run.pid)
    assert 4 <= len(Index.load(tmp_path / "lib").sounds) < 40
    report = index([tmp_path / "sounds"], tmp_path / "lib")
    assert report.added + report.unchanged == 40


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(TESTS)}


class Crash(FakeEncoder):
    def encode(self, items: object) -> object:
        if abs(items[0].duration_s - 2) < 0.01:
            os._exit(11)
        return super().encode(items)


def test_several_processes_and_a_file_that_kills_one(sounds: Path, tmp_path: Path) -> None:
    for i in range(6):
        tone(sounds / f"more{i}.wav", 0.5, 1000 + 50 * i)
    (sounds / "broken.wav").write_bytes(b"RIFF")
    seen = []
    report = index(
        [sounds],
        tmp_path / "lib",
        jobs=2,
        models=FakeModels(Crash),
        report=lambda at: seen.append((at.done, at.of)) if at.of else None,
    )
    assert counts(report) == (8, 0, 0, 0, 0)
    reasons = {Path(path).name: reason for path, reason in report.skipped}
    assert reasons.keys() == {'it\'s "two".flac', "broken.wav"}
    assert reasons['it\'s "two".flac'].startswith("crashed the program that read it")
    assert seen == [(i + 1, 10) for i in range(10)]
    alone = index([sounds], tmp_path / "alone")
    assert alone.added == 9
    theirs = {s.path: s for s in Library.open(tmp_path / "lib").sounds()}
    ours = {s.path: s for s in Library.open(tmp_path / "alone").sounds()}
    for path, sound in theirs.items():
        level, peak = (pytest.approx(value, abs=1e-4) for value in (sound.loudness_lufs, sound.true_peak_dbtp))
        assert ours[path] == replace(sound, loudness_lufs=level, true_peak_dbtp=peak)
