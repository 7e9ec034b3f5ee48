"""How far a job is, on stderr: a bar where people look, a line a tenth where a program listens.

Commands that take many files do the same with each here: what came of one is shown before the next is begun.
"""

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from storysound.app.cli import streams
from storysound.errors import InputError, UsageError, one_line
from storysound.progress import Cancelled, Progress

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

    from storysound.session import Session

log = logging.getLogger("storysound.app")

NOTHING_KEPT = "nothing was written"
LINE_S = 1.0  # from one line to the next, but for the first of a step
SILENT_S = 25.0  # after that long something is said


ShowsProgress = Callable[[Progress], None]
"""What `shown` gives: called with each `Progress` of a job."""


@contextmanager
def shown(title: str, kept: str = NOTHING_KEPT) -> Iterator[ShowsProgress]:
    """Shows how far the job called `title` is.

    Where it is told to end, says what is kept and how to go on: what the job itself says in the notes of what ends it,
    or `kept`.
    """
    show = _bar if sys.stderr.isatty() else _lines
    try:
        with show(title) as report:
            yield report
    except (KeyboardInterrupt, SystemExit, Cancelled) as end:
        streams.tell(f"{title}: stopped, {'; '.join(getattr(end, '__notes__', ())) or kept}")
        raise


def sentence(title: str, at: Progress) -> str:
    """One line that says how far a job is.

    >>> sentence("score", Progress("look", 3, 10, share=0.3, left_s=12.3))
    'score: 30 %, look, about 12 s left'
    """
    parts = [f"{at.share:.0%}".replace("%", " %") if at.share else "", at.step]
    parts.append(f"about {duration(at.left_s)} left" if at.left_s is not None and at.share < 1 else "")
    return f"{title}: {', '.join(part for part in parts if part)}"


def duration(time_s: float) -> str:
    """Seconds, minutes or hours, as one would say it.

    >>> duration(12.3), duration(150), duration(8000)
    ('12 s', '2 min', '2.2 h')
    """
    if time_s < 100:
        return f"{time_s:.0f} s"
    return f"{time_s / 60:.0f} min" if time_s < 6000 else f"{time_s / 3600:.1f} h"


class _Lines:
    """Says a line a tenth and a line a step, and never nothing for long."""

    def __init__(self, title: str) -> None:
        self._title, self._now = title, Progress("", 0.0, 0.0)
        self._tenth = 0
        self._told_s = time.monotonic()
        self._lock = threading.Lock()

    def __call__(self, at: Progress) -> None:
        with self._lock:
            step, self._now = self._now.step, at
            if at.line:
                streams.tell(at.line)
            tenth = int(at.share * 10 + 1e-9)
            due = self._tenth < tenth < 10 and time.monotonic() - self._told_s >= LINE_S
            if (at.step != step and tenth < 10) or due:
                self._tell(tenth)

    def still(self) -> None:
        """Says something where nothing was said for long."""
        with self._lock:
            if time.monotonic() - self._told_s >= SILENT_S:
                self._tell(self._tenth)

    def _tell(self, tenth: int) -> None:
        self._tenth, self._told_s = tenth, time.monotonic()
        streams.tell(sentence(self._title, self._now) if self._now.step or self._now.share else f"{self._title} …")


@contextmanager
def _lines(title: str) -> Iterator[Callable[[Progress], None]]:
    lines, ended = _Lines(title), threading.Event()

    def watch() -> None:
        while not ended.wait(1.0):
            lines.still()

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield lines
    finally:
        ended.set()


@contextmanager
def _bar(title: str) -> Iterator[Callable[[Progress], None]]:
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn(escape(title)), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[now]}"))
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(title, total=1.0, now="")
        yield lambda at: _draw(bars, task, at)


def _draw(bars: "Bars", task: int, at: Progress) -> None:
    from rich.markup import escape
    from rich.progress import TaskID

    if at.line:
        bars.console.print(escape(one_line(at.line)))
    left = f"about {duration(at.left_s)} left" if at.left_s is not None else ""
    what = one_line(at.what.rpartition("/")[2])[:40]
    now = " · ".join(part for part in (at.step, left, what) if part)
    bars.update(TaskID(task), completed=at.share, now=escape(now))


Request_contra = TypeVar("Request_contra", contravariant=True)
Result_co = TypeVar("Result_co", covariant=True)


class Method(Protocol[Request_contra, Result_co]):
    """A job of a session."""

    def __call__(self, request: Request_contra, /, *, watch: Callable[[Progress], None] | None = None) -> Result_co:
        """Runs it."""
        ...


def check_one(files: Sequence[Path], plot: Path | None) -> None:
    """Raises UsageError where several files shall be drawn to one picture."""
    if plot is not None and len(files) != 1:
        raise UsageError(f"draws one file, {len(files)} were given: call it once for each", field="plot")


def one_by_one(
    title: str,
    profile: str,
    requests: Sequence[Request_contra],
    method: "Callable[[Session], Method[Request_contra, Result_co]]",
) -> Iterator[Result_co]:
    """What came of each request, in order; one whose file can't be used doesn't keep the others from being worked on.

    When all are done the InputError of the first such file is raised; those of others are warnings.
    """
    from storysound.session import Session

    faults: list[InputError] = []
    with Session(profile) as session:
        for done, request in enumerate(requests):
            try:
                with shown(title, "what was told of other files is all there is") as report:
                    result = method(session)(request, watch=_part(report, done, len(requests)))
            except InputError as error:
                faults.append(error)
            else:
                yield result
    for fault in faults[1:]:
        log.warning("%s", fault)
    if faults:
        raise faults[0]


def _part(report: ShowsProgress, done: int, of: int) -> Callable[[Progress], None]:
    """Shows one of several jobs as its part of all of them; how long it takes is known of one alone."""
    if of == 1:
        return report
    return lambda at: report(replace(at, share=(done + at.share) / of, left_s=None))
