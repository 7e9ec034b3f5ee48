"""Rows through stages on Ray, by Daft.

Daft and Ray change the process that imports them: environment, signals, what is printed. So that is a process of its
own, the driver, to which rows are sent and from which outcomes come; it dies with us, and its workers with it.
"""

import contextlib
import multiprocessing
import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from itertools import islice
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

from storysound import progress
from storysound.engine import workers
from storysound.engine.processes import Processes
from storysound.engine.stage import Outcome, Row, Stage, columns_taken
from storysound.errors import StorysoundError, UsageError

_LOOK_S = 0.2  # between two looks at whether the job was told to stop
_END_S = 5.0
_ROWS = 64  # sent at once, for each worker
_ENVIRONMENT = {
    "DO_NOT_TRACK": "true",  # no reports to their makers
    "DAFT_ANALYTICS_ENABLED": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "DAFT_PROGRESS_BAR": "0",
}

_Numbered = tuple[int, bytes]  # a row or a question and what came of it, packed


class OnRay:
    """Workers on the machines of a Ray cluster, which must see all files under the same names."""

    def __init__(self, stages: Sequence[Stage], jobs: int, address: str) -> None:
        """`address`: "ray" for a Ray of this machine, or "ray://host:port". Raises UsageError where none is."""
        for module, name in (("daft", "Daft"), ("ray", "Ray")):
            if find_spec(module) is None:
                raise UsageError(f"{name} runs this on Ray and is not installed (pip install 'storysound[cluster]')")
        self._taken, self._jobs = columns_taken(stages), jobs
        self._ours, theirs = multiprocessing.Pipe()
        arguments = (theirs, pickle.dumps(tuple(stages)), jobs, address)
        self._driver = multiprocessing.get_context("spawn").Process(target=_drive, args=arguments, daemon=False)
        self._driver.start()
        theirs.close()

    def __enter__(self) -> "OnRay":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def ask(self, stage: str, question: Callable[[Any], Any]) -> Any:
        """As `Runner.ask`: by one worker alone."""
        ((_, answer),) = self._results([(0, pickle.dumps(_Question(stage, question)))])
        return answer

    def outcomes(self, rows: Iterator[Row]) -> Iterator[Outcome]:
        """As `Runner.outcomes`; rows are asked for some at a time."""
        while batch := dict(enumerate(islice(rows, _ROWS * self._jobs))):
            sent = {number: pickle.dumps({name: row[name] for name in self._taken}) for number, row in batch.items()}
            for number, outcome in self._results(list(sent.items())):
                yield outcome.of(batch.pop(number))

    def _results(self, packed: list[_Numbered]) -> Iterator[tuple[int, Any]]:
        """What came of each, in any order."""
        self._ours.send(packed)
        while True:
            message = self._received()
            if message is None:
                return
            if isinstance(message, str):
                raise StorysoundError(message)
            number, data = message
            result = pickle.loads(data)  # noqa: S301 - of our own workers
            if isinstance(result, StorysoundError):
                raise result
            yield number, result

    def _received(self) -> Any:
        while not self._ours.poll(_LOOK_S):
            progress.check()
            if not self._driver.is_alive() and not self._ours.poll():
                raise StorysoundError("Ray could not be started, or its driver died (see above)")
        try:
            return self._ours.recv()
        except EOFError as error:
            raise StorysoundError("Ray could not be started, or its driver died (see above)") from error

    def end(self) -> None:
        """Ends the driver, and with it Ray's processes that it started."""
        self._ours.close()
        with contextlib.suppress(OSError, ValueError):
            self._driver.terminate()
        self._driver.join(_END_S)
        if self._driver.is_alive():
            self._driver.kill()


class _Question:
    """What is asked of the work of a stage."""

    def __init__(self, stage: str, question: Callable[[Any], Any]) -> None:
        self.stage, self.question = stage, question


class _RayWorker:
    """A worker as Daft wants it: made in a process of Ray, and called with one packed row after the other.

    The work is done in a process beside it: where Ray's own dies, Daft would try the same row again for ever.
    """

    def __init__(self, stages: bytes) -> None:
        self.stages = stages
        self.processes: Processes | None = None

    def do(self, packed: bytes) -> bytes:
        """The outcome of a row, an answer to a question, or what ends the run, packed."""
        try:
            if self.processes is None:
                self.processes = Processes(pickle.loads(self.stages), 1)  # noqa: S301 - of our own driver
            given = pickle.loads(packed)  # noqa: S301
            if isinstance(given, _Question):
                return pickle.dumps(self.processes.ask(given.stage, given.question))
            (outcome,) = self.processes.outcomes(iter([given]))
            made = {name: outcome.row[name] for name in outcome.row.keys() - given.keys()}
            return pickle.dumps(Outcome(made, outcome.fault, outcome.notes))
        except StorysoundError as error:
            return pickle.dumps(error)


def _drive(theirs: Connection, stages: bytes, jobs: int, address: str) -> None:
    """The driver: rows in, outcomes out, until nobody sends any."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    assert parent.pid is not None
    workers.begin(parent.pid)
    os.environ.update(_ENVIRONMENT)
    import daft
    import pyarrow as pa

    daft.set_runner_ray(None if address == "ray" else address, noop_if_initialized=True)
    method = daft.method(_RayWorker.do, return_dtype=daft.DataType.binary())
    kind = type("RayWorker", (_RayWorker,), {"do": method})
    schema = pa.schema([("number", pa.int64()), ("packed", pa.binary())])
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            rows = theirs.recv()
            worker = daft.cls(kind, max_concurrency=min(jobs, len(rows)))(stages)
            table = pa.Table.from_pylist([{"number": n, "packed": packed} for n, packed in rows], schema=schema)
            frame = daft.from_arrow(table).into_batches(1).with_column("packed", worker.do(daft.col("packed")))
            try:
                for row in frame.iter_rows():
                    theirs.send((row["number"], row["packed"]))
            except Exception as error:
                theirs.send(f"Ray failed: {' '.join(str(error).split())[-300:]}")
            theirs.send(None)
