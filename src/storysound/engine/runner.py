"""One way to run rows through stages: in this process, in several, or on Ray."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from storysound.engine.stage import Outcome, Row, Stage, Worker
from storysound.errors import UsageError


class Runner(Protocol):
    """Whoever does the work of stages."""

    def ask(self, stage: str, question: Callable[[Any], Any]) -> Any:
        """What `question` says of the work that a stage makes; one worker makes it, and keeps it for its rows.

        Raises what making it raises: so that missing weights are told, and fetched once, before there are rows.
        """
        ...

    def outcomes(self, rows: Iterator[Row]) -> Iterator[Outcome]:
        """What came of each row, in any order and as soon as it is there; `rows` are asked for when a worker is free.

        A row that its worker dies of costs that row. Raises StorysoundError for what concerns all rows.
        """
        ...


def check(jobs: int, engine: str) -> None:
    """Raises UsageError where nothing runs so."""
    if jobs < 1:
        raise UsageError(f"must be at least 1, got {jobs}", field="jobs")
    if engine and engine != "ray" and not engine.startswith("ray://"):
        raise UsageError(f"is ray or ray://HOST:PORT, or native for this machine, got {engine!r}", field="engine")


@contextmanager
def runner(stages: Sequence[Stage], jobs: int = 1, engine: str = "") -> Iterator[Runner]:
    """For one job this process itself, for more that many worker processes, each with works of its own.

    `engine`: "ray" for a Ray of this machine, "ray://host:port" for a cluster; "" for none. When the block is left, in
    whatever way, all workers are ended at once; killed, the process takes them along.
    Raises UsageError as `check`, or where Ray is not installed.
    """
    check(jobs, engine)
    if jobs == 1 and not engine:
        yield _Here(stages)
        return
    if engine:
        from storysound.engine.ray import OnRay

        with OnRay(stages, jobs, engine) as on_ray:
            yield on_ray
        return
    from storysound.engine.processes import Processes

    with Processes(stages, jobs) as processes:
        yield processes


class _Here:
    def __init__(self, stages: Sequence[Stage]) -> None:
        self._worker = Worker(stages)

    def ask(self, stage: str, question: Callable[[Any], Any]) -> Any:
        return question(self._worker.work(stage))

    def outcomes(self, rows: Iterator[Row]) -> Iterator[Outcome]:
        return map(self._worker.outcome, rows)
