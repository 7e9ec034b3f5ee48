"""Stages under Daft itself: order, faults of rows, workers that die, errors that concern all."""

import os
import signal
import sys
import time
from collections.abc import Callable
from functools import partial

import pyarrow as pa
import pytest

from storysound.engine import stages
from storysound.engine.stages import Engine, Row, Stage
from storysound.errors import MediaError, MissingModelError, OutputError, StorysoundError, UsageError

X, Y, Z = (pa.schema([(name, pa.int64())]) for name in "xyz")


def squares() -> Callable[[Row], Row]:
    import logging

    def run(row: Row) -> Row:
        x = row["x"]
        print("noise on stdout")  # noqa: T201
        if x == 3:
            raise MediaError("three.mp4", "is broken", "mend it")
        if x == 4:
            raise ValueError("four")
        if x == 5:
            os._exit(11)
        logging.getLogger("storysound.media").warning("seen %d", x)
        return {"y": x * x}

    return run


def sums() -> Callable[[Row], Row]:
    return lambda row: {"z": row["x"] + row["y"]}


PIPELINE = (Stage("square", squares, ("x",), Y), Stage("sum", sums, ("x", "y"), Z))


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers import this module by its name."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))


def test_rows_their_faults_and_a_worker_that_dies(capfd: pytest.CaptureFixture[str]) -> None:
    rows = [{"x": x} for x in (2, 3, 5)]
    outcomes = Engine(2).run(rows, X, PIPELINE)
    assert [outcome.fault for outcome in outcomes] == [
        "",
        "is broken; mend it",
        "crashed the program that read it, or needs more memory than there is",
    ]
    assert outcomes[0].row == {"x": 2, "y": 4, "z": 6}
    assert (outcomes[0].notes, outcomes[1].notes) == (("seen 2",), ())
    assert capfd.readouterr().out == ""  # stdout is for results


def test_a_mistake_of_ours_is_the_fault_of_its_row_alone() -> None:
    worker = stages.Worker(PIPELINE[0], None)
    states = [worker.do({"x": x, "_state": None})["_state"] for x in (4, 6)]
    assert [state["fault"] for state in states] == ["square failed: ValueError: four; please report this", ""]


@pytest.mark.parametrize(
    "error", [MissingModelError("weights are missing"), OutputError("/out", "the disk is full", "free some space")]
)
def test_what_concerns_all_rows_ends_the_run(error: StorysoundError, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = stages.Worker(Stage("fail", partial(_failing, error), ("x",), Y), None)
    made = worker.do({"x": 1, "_state": None})
    with pytest.raises(type(error), match=str(error).replace("(", r"\(").replace(")", r"\)")):
        stages._outcome({"x": 1, "_row": 0, **made})


def _failing(error: StorysoundError) -> Callable[[Row], Row]:
    raise error


def test_wrong_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="jobs must be at least 1"):
        Engine(0)
    with pytest.raises(UsageError, match="an engine is native, ray or"):
        Engine(1, "spark")
    monkeypatch.setitem(sys.modules, "daft", None)
    with pytest.raises(UsageError, match=r"pip install 'storysound\[ingest\]'"):
        Engine(1)


def test_reports_to_its_makers_are_off() -> None:
    Engine(1)
    assert (os.environ["DO_NOT_TRACK"], os.environ["DAFT_ANALYTICS_ENABLED"]) == ("true", "0")


def test_what_is_waited_for_can_be_interrupted() -> None:
    """A signal in the main thread ends the wait at once, and what was waited for is told to end."""
    ended: list[float] = []

    def run() -> None:
        time.sleep(0.2)  # by then it is waited for
        os.kill(os.getpid(), signal.SIGALRM)
        while not ended:
            time.sleep(0.01)

    class Interrupted(BaseException): ...

    def ring(number: int, frame: object) -> None:
        raise Interrupted

    before = signal.signal(signal.SIGALRM, ring)
    try:
        with pytest.raises(Interrupted):
            stages._awaited(run, lambda: ended.append(time.monotonic()))
    finally:
        signal.signal(signal.SIGALRM, before)
    assert ended
