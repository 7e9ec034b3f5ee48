"""Rows through stages, here and in processes: faults of rows, notes, workers that die, errors that concern all."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from operator import attrgetter
from pathlib import Path

import pytest

from process_groups import lives
from storysound.engine.processes import Processes
from storysound.engine.runner import runner
from storysound.engine.stage import Outcome, Row, Stage
from storysound.errors import MediaError, MissingModelError, OutputError, StorysoundError, UsageError
from storysound.progress import Cancelled, Stop, Watch

CRASHED = (
    "crashed the program that read it, or needs more memory than there is; convert it, or cut it into shorter files"
)


class Squares:
    colour = "red"

    def __call__(self, row: Row) -> Row:
        x = row["x"]
        if x == 3:
            raise MediaError("three.mp4", "is broken", "mend it")
        if x == 4:
            raise ValueError("four")
        if x == 5:
            os._exit(11)
        if x == 6:
            raise MemoryError("six")
        if x == 7:
            print("noise on stdout")  # noqa: T201
        logging.getLogger("storysound.media").warning("seen %d", x)
        return {"y": x * x, "more": "not asked for"}


def sums() -> Callable[[Row], Row]:
    return lambda row: {"z": row["x"] + row["y"]}


PIPELINE = (Stage("square", Squares, ("x",), ("y",)), Stage("sum", sums, ("x", "y"), ("z",)))


def outcomes(xs: range | tuple[int, ...], jobs: int) -> dict[int, Outcome]:
    with runner(PIPELINE, jobs) as run:
        return {outcome.row["x"]: outcome for outcome in run.outcomes({"x": x, "own": print} for x in xs)}


def check_faults(found: dict[int, Outcome]) -> None:
    assert found[2].row == {"x": 2, "own": print, "y": 4, "z": 6}
    assert (found[2].notes, found[3].notes) == (("seen 2",), ())
    assert (found[3].fault, found[3].row) == ("is broken; mend it", {"x": 3, "own": print})
    assert found[4].fault == "square failed: ValueError: four; please report this"
    assert found[6].fault == "needs more memory than there is: six; cut it into shorter files"


def test_whatever_is_wrong_with_a_row_is_its_own_fault(caplog: pytest.LogCaptureFixture) -> None:
    check_faults(outcomes((2, 3, 4, 6), 1))
    assert caplog.records == []  # warnings are notes


def test_warnings_of_other_threads_stay_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    def elsewhere(row: Row) -> Row:
        other = threading.Thread(target=lambda: logging.getLogger("storysound").warning("another job"))
        other.start()
        other.join()
        return {}

    with runner([Stage("s", lambda: elsewhere, (), ())]) as run:
        assert [outcome.notes for outcome in run.outcomes(iter([{}]))] == [()]
    assert caplog.messages == ["another job"]


def test_several_processes_and_a_row_that_kills_one(capfd: pytest.CaptureFixture[str]) -> None:
    found = outcomes(range(2, 9), 2)
    check_faults(found)
    assert [x for x, outcome in found.items() if outcome.fault == CRASHED] == [5]
    assert (found[7].row["z"], found[8].row["z"]) == (56, 72)
    assert capfd.readouterr().out == ""  # stdout is for results


@pytest.mark.parametrize("jobs", [1, 2])
def test_rows_are_asked_for_when_there_is_room(jobs: int) -> None:
    taken = []

    def rows() -> Iterator[Row]:
        for x in range(10, 30):
            taken.append(x)
            yield {"x": x}

    with runner(PIPELINE, jobs) as run:
        for done, _ in enumerate(run.outcomes(rows()), 1):
            assert len(taken) <= done + 2 * jobs
    assert done == len(taken) == 20


def failing(error: StorysoundError) -> Callable[[Row], Row]:
    raise error


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(
    "error", [MissingModelError("weights are missing"), OutputError("/out", "the disk is full", "free some space")]
)
def test_what_concerns_all_rows_ends_the_run(error: StorysoundError, jobs: int) -> None:
    with (
        pytest.raises(type(error)) as raised,
        runner([Stage("fail", partial(failing, error), ("x",), ("y",))], jobs) as run,
    ):
        list(run.outcomes({"x": x} for x in range(9)))
    assert str(raised.value) == str(error)


@pytest.mark.parametrize("jobs", [1, 2])
def test_the_work_of_a_stage_can_be_asked(jobs: int) -> None:
    with runner(PIPELINE, jobs) as run:
        assert run.ask("square", attrgetter("colour")) == "red"


def dying() -> Callable[[Row], Row]:
    os._exit(9)


def test_models_that_kill_their_worker_are_told() -> None:
    with (
        pytest.raises(StorysoundError, match="before its first row: 'die' needs more memory"),
        runner([Stage("die", dying, (), ())], 2) as run,
    ):
        run.ask("die", repr)


def test_wrong_calls() -> None:
    with pytest.raises(UsageError, match="jobs: must be at least 1"), runner(PIPELINE, 0):
        pass
    with pytest.raises(UsageError, match="engine: is ray or ray://HOST:PORT"), runner(PIPELINE, 1, "spark"):
        pass


def test_no_row_is_lost_when_the_pool_breaks_while_one_is_handed_over() -> None:
    handed: list[str] = []

    class Breaks(Processes):
        def __init__(self) -> None:
            self._jobs = 1

        def _submit(self, row: Row) -> Future[Outcome]:  # breaks at the second row, once
            handed.append(row["x"])
            if handed == ["a", "b"]:
                raise BrokenProcessPool
            future: Future[Outcome] = Future()
            future.set_result(Outcome({"y": row["x"].upper()}))
            return future

        def _replace(self) -> None: ...

    rows = iter([{"x": name} for name in "abcd"])
    assert sorted(outcome.row["y"] for outcome in Breaks().outcomes(rows)) == ["A", "B", "C", "D"]


ASLEEP_S = 60.0
AT_ONCE_S = 20.0  # for who would sleep three times as long, on a machine that may be busy


def sleeper() -> Callable[[Row], Row]:
    def sleep(row: Row) -> Row:
        time.sleep(ASLEEP_S)
        return {}

    return sleep


def test_a_stop_ends_busy_workers_at_once() -> None:
    stop = Stop()
    with Watch(stop=stop), runner([Stage("sleep", sleeper, (), ())], 2) as run:
        threading.Timer(1.0, stop.set).start()
        started_s = time.monotonic()
        with pytest.raises(Cancelled):
            list(run.outcomes(iter([{}, {}])))
        processes = list((run._executor._processes or {}).values())  # type: ignore[attr-defined]
    while time.monotonic() - started_s < AT_ONCE_S and any(process.is_alive() for process in processes):
        time.sleep(0.05)
    assert time.monotonic() - started_s < AT_ONCE_S


SCRIPT = """
import signal, sys
from engine.test_runner import sleeper
from storysound.engine.runner import runner
from storysound.engine.stage import Stage
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell has its background jobs ignore
    with runner([Stage("sleep", sleeper, (), ())], 2) as run:
        run.ask("sleep", repr)
        print("ready", flush=True)
        list(run.outcomes(iter([{}, {}, {}])))
"""


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_workers_die_with_their_parent(tmp_path: Path, end: signal.Signals) -> None:
    """At once, however busy; and Ctrl-C, which reaches them all, is told by the parent alone."""
    (tmp_path / "script.py").write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    run = subprocess.Popen(
        [sys.executable, tmp_path / "script.py"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert run.stdout is not None
    assert run.stdout.readline() == b"ready\n"
    time.sleep(0.5)
    started_s = time.monotonic()
    os.killpg(run.pid, end) if end == signal.SIGINT else run.kill()
    _, errors = run.communicate(timeout=ASLEEP_S)
    while time.monotonic() - started_s < AT_ONCE_S and lives(run.pid):
        time.sleep(0.05)
    assert not lives(run.pid)
    assert time.monotonic() - started_s < AT_ONCE_S
    assert errors.count(b"KeyboardInterrupt") <= 1
