"""Analysing many sound files: here, or in several processes at once."""

import contextlib
import logging
import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from storysound.encode.encoder import Encoder
from storysound.engine import workers
from storysound.errors import MediaError, StorysoundError
from storysound.library.analyse import Analysis, Judge, analyse, shape_of
from storysound.library.store import Shape
from storysound.library.walk import Target
from storysound.media.audio import Waveform

log = logging.getLogger(__name__)

Work = tuple[Target, str]  # a file and the SHA-256 of its content
Outcome = Analysis | MediaError


@dataclass(frozen=True)
class Tools:
    """What a worker works with."""

    encoders: Mapping[str, Encoder[Waveform]]
    judge: Judge


class Crew(Protocol):
    """Whoever does the work."""

    def shape(self) -> Shape:
        """What their tools make."""
        ...

    def outcomes(self, work: Iterator[Work]) -> Iterator[tuple[Work, Outcome]]:
        """What came of each piece of work, in any order; `work` is asked for more only when a worker is free."""
        ...


@contextmanager
def crew(make: Callable[[], Tools], jobs: int) -> Iterator[Crew]:
    """For one job the process itself, for more that many processes; each calls `make` once and computes on one thread.

    When the block is left by an error or Ctrl-C the processes are ended at once.
    """
    if jobs == 1:
        tools = make()
        with _one_thread():
            yield _Alone(tools)
        return
    pool = _Pool(make, jobs)
    try:
        yield pool
    finally:
        pool.end()


def hear(target: Target, tools: Tools) -> Outcome:
    """Analyses one file; whatever is wrong with it becomes the outcome, so that the others go on."""
    try:
        return analyse(target.file, tools.encoders, tools.judge)
    except MediaError as error:
        return error
    except StorysoundError:
        raise
    except MemoryError as error:
        return MediaError(target.file, f"needs more memory than there is: {error}", "cut it into shorter files")
    except Exception as error:
        log.exception("%s", target.file)
        return MediaError(target.file, f"can't be analysed: {type(error).__name__}: {error}", "please report this")


@contextmanager
def _one_thread() -> Iterator[None]:
    """One thread for torch: more of them cost processor time and gain little on sounds."""
    torch = sys.modules.get("torch")  # not there where no encoder uses it
    if torch is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Alone:
    def __init__(self, tools: Tools) -> None:
        self.tools = tools

    def shape(self) -> Shape:
        return shape_of(self.tools.encoders)

    def outcomes(self, work: Iterator[Work]) -> Iterator[tuple[Work, Outcome]]:
        for piece in work:
            yield piece, hear(piece[0], self.tools)


class _Pool:
    """A process pool that outlives its workers: a file on which one dies is found out and reported."""

    def __init__(self, make: Callable[[], Tools], jobs: int) -> None:
        self.make, self.jobs = make, jobs
        self.executor = self._hired()

    def _hired(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(self.jobs, context, initializer=_begin, initargs=(self.make,))

    def shape(self) -> Shape:
        # One worker alone does this first, so that missing weights are fetched once.
        with _deaf_children():
            future = self.executor.submit(_shape)
        return future.result()

    def outcomes(self, work: Iterator[Work]) -> Iterator[tuple[Work, Outcome]]:
        running: dict[Future[Outcome], Work] = {}
        unsent: list[Work] = []  # taken from `work`, but the pool broke before it could be handed over
        while True:
            try:
                # Two pieces each: the next one waits at the worker's door.
                while len(running) < 2 * self.jobs and (piece := next(work, None)) is not None:
                    unsent.append(piece)
                    running[self._submit(piece)] = piece
                    unsent.clear()
                if not running:
                    return
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    outcome = future.result()
                    yield running.pop(future), outcome
            except BrokenProcessPool:
                suspects = [*running.values(), *unsent]
                running.clear()
                unsent.clear()
                yield from self._one_by_one(suspects)

    def _submit(self, piece: Work) -> Future[Outcome]:
        with _deaf_children():
            return self.executor.submit(_hear, piece[0])

    def _one_by_one(self, suspects: list[Work]) -> Iterator[tuple[Work, Outcome]]:
        """After a worker died: each file that was under way, alone."""
        self._replace()
        for piece in suspects:
            try:
                yield piece, self._submit(piece).result()
            except BrokenProcessPool:
                self._replace()
                fault = "crashed the program that read it, or needs more memory than there is"
                yield piece, MediaError(piece[0].file, fault, "convert it, or cut it into shorter files")

    def _replace(self) -> None:
        self.end()
        self.executor = self._hired()

    def end(self) -> None:
        """Ends the workers, busy or not."""
        processes = list((self.executor._processes or {}).values())
        self.executor.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            with contextlib.suppress(OSError, ValueError):
                process.terminate()
        for process in processes:
            with contextlib.suppress(OSError, ValueError, AssertionError):
                process.join(5)


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Ctrl-C reaches every process of the terminal; those started in this block leave it to their parent."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# Of a worker process: how it gets its tools, and the tools once it has them.
_worker: dict[str, Callable[[], Tools]] = {}
_tools: dict[str, Tools] = {}


def _begin(make: Callable[[], Tools]) -> None:
    """First thing in a worker."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    assert parent.pid is not None
    workers.begin(parent.pid)
    _worker["make"] = make


def _own_tools() -> Tools:
    if "own" not in _tools:
        _tools["own"] = _worker["make"]()
        workers.settle()
    return _tools["own"]


def _shape() -> Shape:
    return shape_of(_own_tools().encoders)


def _hear(target: Target) -> Outcome:
    return hear(target, _own_tools())
