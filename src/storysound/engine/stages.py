"""Stages over rows, run by Daft: on the processes of this machine, or the same on a Ray cluster.

A stage maps the columns it takes to the columns it gives; each runs in worker processes of its own, so that a file
that crashes a decoder takes nobody else with it. Rows hold references and numbers, never media.
"""

import contextlib
import logging
import os
import re
import signal
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from storysound.engine import workers
from storysound.errors import MediaError, StorysoundError, UsageError

log = logging.getLogger(__name__)

Row = Mapping[str, Any]
Work = Callable[[Row], Row]

_DEATH = re.compile(r"UDF process|Actor ?(is )?died|ActorDied|WorkerCrashed")
_CRASHED = "crashed the program that read it, or needs more memory than there is"


@dataclass(frozen=True)
class Stage:
    """One step of a pipeline.

    `make` is called once in each worker and must pickle, as what it is made of; `takes` are columns of the rows or of
    stages before, `gives` its own.
    """

    name: str
    make: Callable[[], Work]
    takes: tuple[str, ...]
    gives: pa.Schema


@dataclass(frozen=True)
class Outcome:
    """What came of a row: all its columns, or why there are none. `notes` are warnings on the way."""

    row: Row
    fault: str = ""
    notes: tuple[str, ...] = ()


class Engine:
    """Daft's native runner, or Ray at an address."""

    def __init__(self, jobs: int = 1, address: str = "") -> None:
        """`jobs`: worker processes per stage. `address`: "" for this machine, "ray" or "ray://host:port" for Ray.

        Raises UsageError where Daft (or, for an address, Ray) is not installed.
        """
        if jobs < 1:
            raise UsageError(f"jobs must be at least 1, got {jobs}")
        if address and address != "ray" and not address.startswith("ray://"):
            raise UsageError(f"an engine is native, ray or ray://HOST:PORT, got {address!r}")
        self.jobs = jobs
        self._address = address
        self._daft = _daft()
        if address:
            _set_ray(self._daft, None if address == "ray" else address)

    def run(self, rows: Sequence[Row], schema: pa.Schema, stages: Sequence[Stage]) -> list[Outcome]:
        """All rows through all stages, in the order given; whatever is wrong with a row is its own fault.

        Where a worker dies, the rows are run again one by one, and the row it dies of is found out.
        Raises StorysoundError for what concerns all rows (missing weights, a full disk).
        """
        try:
            return self._run(rows, schema, stages)
        except RuntimeError as error:
            if not _DEATH.search(str(error)):
                raise
            if len(rows) == 1:
                log.debug("a worker died: %s", error)
                return [Outcome(rows[0], _CRASHED)]
        return [outcome for row in rows for outcome in self.run([row], schema, stages)]

    def _run(self, rows: Sequence[Row], schema: pa.Schema, stages: Sequence[Stage]) -> list[Outcome]:
        daft = self._daft
        with tempfile.NamedTemporaryFile(prefix="storysound-") as leash:  # however this ends, its workers do
            own = None if self._address else (os.getpid(), Path(leash.name))  # workers elsewhere can't see it
            frame = self._frame(rows, schema)
            for stage in stages:
                given = daft.functions.to_struct(*(daft.col(name) for name in (*stage.takes, "_state")))
                made = frame.with_column("_made", _worker(daft, stage, min(self.jobs, len(rows)), own)(given))
                columns = {name: daft.col("_made")[name] for name in (*stage.gives.names, "_state")}
                frame = made.with_columns(columns).exclude("_made")
            with _quiet():
                table = _awaited(frame.to_arrow, leash.close)
        found = sorted(table.to_pylist(), key=lambda row: int(row["_row"]))
        return [_outcome(row) for row in found]

    def _frame(self, rows: Sequence[Row], schema: pa.Schema) -> Any:
        """The rows as Daft takes them, one a batch."""
        numbered = [{**row, "_row": number, "_state": _state()} for number, row in enumerate(rows)]
        full = pa.schema([*schema, ("_row", pa.int64()), ("_state", _STATE)])
        return self._daft.from_arrow(pa.Table.from_pylist(numbered, schema=full)).into_batches(1)


def _awaited(run: Callable[[], Any], end: Callable[[], None]) -> Any:
    """What `run` gives, while signals are still heard here: inside Daft the main thread is deaf to them.

    Where one ends the wait, `end` makes `run` stop; Daft's threads may need a while to notice.
    """
    results: list[Any] = []
    errors: list[BaseException] = []

    def attempt() -> None:
        # Ctrl-C reaches every process of the terminal: Daft's threads, and the workers they start, leave it to us.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            results.append(run())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(0.1)
    except BaseException:
        end()
        thread.join(1.0)
        raise
    if errors:
        raise errors[0]
    return results[0]


@contextmanager
def _quiet() -> Iterator[None]:
    """What Daft prints goes to stderr: stdout is for results."""
    try:
        sys.stdout.flush()
        kept = os.dup(1)
    except (OSError, ValueError, AttributeError):  # closed by whoever started us
        yield
        return
    try:
        os.dup2(2, 1)
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


_STATE = pa.struct([("fault", pa.string()), ("fatal", pa.list_(pa.string())), ("notes", pa.list_(pa.string()))])


def _state() -> dict[str, Any]:
    return {"fault": "", "fatal": [], "notes": []}


def _outcome(row: dict[str, Any]) -> Outcome:
    state = row.pop("_state")
    row.pop("_row")
    if state["fatal"]:
        kinds = {kind.__name__: kind for kind in _kinds(StorysoundError)}
        name, *arguments = state["fatal"]
        raise kinds[name](*arguments)
    return Outcome(row, state["fault"], tuple(state["notes"]))


def _kinds(root: type[StorysoundError]) -> Iterator[type[StorysoundError]]:
    yield root
    for kind in root.__subclasses__():
        yield from _kinds(kind)


class Worker:
    """A stage in its process: Daft makes it there and calls it with one row after the other."""

    def __init__(self, stage: Stage, leash: tuple[int, Path] | None) -> None:
        """Nothing is loaded before the first row. `leash`: the process and the file to die with."""
        self.stage, self.leash = stage, leash
        self.work: Work | None = None

    def do(self, given: dict[str, Any]) -> dict[str, Any]:
        """One row through the stage; rows that have a fault are passed on as they are."""
        state = given.pop("_state") or _state()
        empty = dict.fromkeys(self.stage.gives.names)
        if state["fault"] or state["fatal"]:
            return empty | {"_state": state}
        with _collected(state["notes"]):
            try:
                if self.work is None:
                    if self.leash:
                        workers.begin(self.leash[0])
                    self.work = self.stage.make()
                return {**self.work(given), "_state": state}
            except MediaError as error:
                state["fault"] = error.reason
            except StorysoundError as error:
                arguments = error.__reduce__()[1]
                state["fatal"] = [type(error).__name__, *(str(each) for each in arguments)]
            except MemoryError as error:
                state["fault"] = f"needs more memory than there is: {error}"
            except Exception as error:
                state["fault"] = f"{self.stage.name} failed: {type(error).__name__}: {error}; please report this"
        return empty | {"_state": state}


class _Notes(logging.Handler):
    def __init__(self, notes: list[str]) -> None:
        super().__init__(logging.WARNING)
        self.notes = notes

    def emit(self, record: logging.LogRecord) -> None:
        self.notes.append(record.getMessage())


@contextmanager
def _collected(notes: list[str]) -> Iterator[None]:
    """Warnings go into `notes`, not to stdout, where Daft would print them."""
    root, own = logging.getLogger(), _Notes(notes)
    before, root.handlers = root.handlers, [own]
    try:
        with warnings.catch_warnings(), contextlib.suppress(BrokenPipeError):
            warnings.simplefilter("ignore")
            yield
    finally:
        root.handlers = before


def _worker(daft: Any, stage: Stage, jobs: int, leash: tuple[int, Path] | None) -> Any:
    """The stage as Daft wants it: a class whose method maps a struct to a struct."""
    returns = daft.DataType.from_arrow_type(pa.struct([*stage.gives, ("_state", _STATE)]))
    method = daft.method(Worker.do, return_dtype=returns)
    kind = type(f"Worker_{stage.name}", (Worker,), {"do": method})
    return daft.cls(kind, max_concurrency=jobs, use_process=True)(stage, leash).do


def _daft() -> Any:
    """Daft, with its reports to its makers and its progress bars off."""
    for name, value in (("DO_NOT_TRACK", "true"), ("DAFT_ANALYTICS_ENABLED", "0"), ("DAFT_PROGRESS_BAR", "0")):
        os.environ[name] = value
    try:
        import daft
        import daft.functions
    except ImportError as error:
        raise UsageError("Daft runs the stages and is not installed (pip install 'storysound[ingest]')") from error
    return daft


def _set_ray(daft: Any, address: str | None) -> None:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        import ray  # noqa: F401
    except ImportError as error:
        raise UsageError("Ray is not installed (pip install 'storysound[cluster]')") from error
    daft.set_runner_ray(address, noop_if_initialized=True)
