"""How a job says how far it is, and how it is told to stop.

Whoever starts a job hands it a `Watch`. The job names its steps and counts what it does in each; wherever it does so,
and in every loop over pictures, samples, packets or files below it (`check`), it ends with `Cancelled` once it was told
to stop. Nothing here belongs to the process: two jobs in two threads know nothing of each other.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, wait
from contextvars import ContextVar, Token, copy_context
from dataclasses import dataclass
from types import TracebackType
from typing import ClassVar, TypeVar

from storysound.errors import StorysoundError

POLL_S = 0.1  # from one look whether to stop to the next, beside a call that takes long
Result = TypeVar("Result")
Item = TypeVar("Item")

LEAST_SHARE = 0.02  # of a job that must be done before what is left can be foretold


class Cancelled(StorysoundError):  # noqa: N818 - an ending, no error
    """The job was told to stop. What was finished is there; nothing is half written."""

    exit_code: ClassVar[int] = 130


class Stop:
    """Tells a job to stop, from any thread. One can be handed to several jobs; it can't be taken back."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """From now on every job that has it ends with `Cancelled`."""
        self._event.set()

    def is_set(self) -> bool:
        """Whether it was set."""
        return self._event.is_set()


@dataclass(frozen=True)
class Progress:
    """How far a job is.

    `done` of `of` in this `step`: files, seconds of film, training steps ...; `of` is 0 where nobody knows. `what`: the
    thing just done. `line`: something to tell the user, mostly empty. `share` in [0, 1] of the whole job, never less
    than before; `left_s`: seconds until its end at the speed so far, None where that can't be foretold yet.
    """

    step: str
    done: float
    of: float
    what: str = ""
    line: str = ""
    share: float = 0.0
    left_s: float | None = None


_current: ContextVar["Watch | None"] = ContextVar("watch", default=None)


def check() -> None:
    """Raises Cancelled where the job that runs in this thread was told to stop; for the innermost loops."""
    watch = _current.get()
    if watch is not None:
        watch.check()


def interruptible(work: Callable[[], Result]) -> Result:
    """What `work` gives, for a single call into foreign code that takes seconds and can't look whether to stop.

    It runs in a thread of its own, which is left to itself where the job is told to stop: it must write nothing. Raises
    what `work` raises, and Cancelled.
    """
    watch = _current.get()
    if watch is None or not watch.can_stop:
        return work()
    found: Future[Result] = Future()

    def run() -> None:
        try:
            found.set_result(work())
        except BaseException as error:
            found.set_exception(error)

    threading.Thread(target=copy_context().run, args=(run,), daemon=True).start()
    while True:
        watch.check()
        if found in wait([found], timeout=POLL_S).done:
            return found.result()


def unless_stopped(items: Iterable[Item]) -> Iterator[Item]:
    """The items one by one; before each it is looked whether the job of this thread was told to stop (`check`)."""
    for item in items:
        check()
        yield item


class Watch:
    """What a job reports to. Used as a context manager it also reaches the loops below the job (`check`)."""

    def __init__(self, report: Callable[[Progress], None] | None = None, stop: Stop | None = None) -> None:
        """`report` is called in the job's thread; it ends the job by raising."""
        self._report = report
        self._stop = stop
        self._costs: Mapping[str, float] = {}
        self._before = 0.0  # share of the steps that are done
        self._now = Progress("", 0.0, 0.0)
        self._started_s = time.monotonic()
        self._outer: Token[Watch | None] | None = None

    def __enter__(self) -> "Watch":
        self._outer = _current.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._outer is not None
        _current.reset(self._outer)

    def plan(self, costs: Mapping[str, float]) -> None:
        """Names the steps to come, in order, with what share of the time each usually takes (they needn't sum to 1)."""
        total = sum(costs.values())
        self._costs = {step: cost / total for step, cost in costs.items()}

    def step(self, name: str) -> None:
        """A step begins."""
        steps = list(self._costs)
        if name in self._costs:
            self._before = sum(self._costs[step] for step in steps[: steps.index(name)])
        self._tell(Progress(name, 0.0, 0.0))

    def at(self, done: float, of: float, what: str = "") -> None:
        """So much of the step is done."""
        self._tell(Progress(self._now.step, done, of, what))

    def say(self, line: str) -> None:
        """Something the user should know now."""
        now = self._now
        self._tell(Progress(now.step, now.done, now.of, now.what, line))

    @property
    def can_stop(self) -> bool:
        """Whether anybody can tell the job to stop."""
        return self._stop is not None

    def check(self) -> None:
        """Raises Cancelled where the job was told to stop."""
        if self._stop is not None and self._stop.is_set():
            raise Cancelled("cancelled")

    def _tell(self, now: Progress) -> None:
        self.check()
        within = min(1.0, now.done / now.of) if now.of else 0.0
        whole = self._costs.get(now.step, 0.0 if self._costs else 1.0)
        share = max(self._now.share, min(1.0, round(self._before + whole * within, 9)))
        left_s = None
        if share >= LEAST_SHARE:
            left_s = (time.monotonic() - self._started_s) * (1 - share) / share
        self._now = Progress(now.step, now.done, now.of, now.what, now.line, share, left_s)
        if self._report is not None:
            self._report(self._now)
