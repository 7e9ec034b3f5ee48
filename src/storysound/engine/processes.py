"""Rows through stages in several processes of this machine, by the standard library's pool."""

import contextlib
import multiprocessing
import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import Any

from storysound import progress
from storysound.engine import workers
from storysound.engine.stage import Outcome, Row, Stage, Worker, columns_taken, crashed
from storysound.errors import StorysoundError

_LOOK_S = 0.2  # between two looks at whether the job was told to stop
_END_S = 5.0  # so long a worker that was told to end is waited for


class Processes:
    """A process pool that outlives its workers: the row on which one dies is found out and reported."""

    def __init__(self, stages: Sequence[Stage], jobs: int) -> None:
        """Processes are started when there is work for them; `stages` must pickle."""
        self._stages, self._jobs = pickle.dumps(tuple(stages)), jobs
        self._taken = columns_taken(stages)
        self._executor = self._hired()

    def __enter__(self) -> "Processes":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def ask(self, stage: str, question: Callable[[Any], Any]) -> Any:
        """As `Runner.ask`: by one process alone."""
        future = self._executor.submit(_answer, stage, question)
        try:
            _done([future])
            return future.result()
        except BrokenProcessPool as error:
            fault = f"a worker process died before its first row: {stage!r} needs more memory than there is"
            raise StorysoundError(f"{fault} (end other programs, or use fewer jobs)") from error

    def outcomes(self, rows: Iterator[Row]) -> Iterator[Outcome]:
        """As `Runner.outcomes`."""
        running: dict[Future[Outcome], Row] = {}
        unsent: list[Row] = []  # taken from `rows`, but the pool broke before it could be handed over
        while True:
            try:
                # Two rows each: the next one waits at the worker's door.
                while len(running) < 2 * self._jobs and (row := next(rows, None)) is not None:
                    unsent.append(row)
                    running[self._submit(row)] = row
                    unsent.clear()
                if not running:
                    return
                for future in _done(running):
                    outcome = future.result()
                    yield outcome.of(running.pop(future))
            except BrokenProcessPool:
                suspects = [*running.values(), *unsent]
                running.clear()
                unsent.clear()
                yield from self._one_by_one(suspects)

    def _hired(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(self._jobs, context, initializer=_begin, initargs=(self._stages,))

    def _submit(self, row: Row) -> Future[Outcome]:
        return self._executor.submit(_outcome, {name: row[name] for name in self._taken})

    def _one_by_one(self, suspects: Sequence[Row]) -> Iterator[Outcome]:
        """After a worker died: each row that was under way, alone."""
        self._replace()
        for row in suspects:
            try:
                future = self._submit(row)
                _done([future])
                yield future.result().of(row)
            except BrokenProcessPool:
                self._replace()
                yield crashed(row)

    def _replace(self) -> None:
        self.end()
        self._executor = self._hired()

    def end(self) -> None:
        """Ends the processes, busy or not."""
        processes = list((self._executor._processes or {}).values())
        self._executor.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            with contextlib.suppress(OSError, ValueError):
                process.terminate()
        for process in processes:
            with contextlib.suppress(OSError, ValueError, AssertionError):
                process.join(_END_S)


def _done(futures: Iterable[Future[Any]]) -> set[Future[Any]]:
    """Those that are done, as soon as one is. Raises Cancelled."""
    waited = list(futures)
    while True:
        progress.check()
        done, _ = wait(waited, _LOOK_S, FIRST_COMPLETED)
        if done:
            return done


# Of a worker process: the stages it was started with, and the worker made of them at its first row.
_pickled: list[bytes] = []
_own: list[Worker] = []


def _begin(stages: bytes) -> None:
    """First thing in a worker process, before what the stages are made of is imported."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    assert parent.pid is not None
    workers.begin(parent.pid)
    _pickled.append(stages)


def _worker() -> Worker:
    if not _own:
        _own.append(Worker(pickle.loads(_pickled[0])))  # noqa: S301 - our own parent's
    return _own[0]


def _answer(stage: str, question: Callable[[Any], Any]) -> Any:
    return question(_worker().work(stage))


def _outcome(row: Row) -> Outcome:
    outcome = _worker().outcome(row)
    given = {name: outcome.row[name] for name in outcome.row.keys() - row.keys()}
    return Outcome(given, outcome.fault, outcome.notes)
