"""Progress on stderr, for people only: nothing is drawn where stderr is not a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from storysound.errors import one_line
from storysound.progress import Watch


@contextmanager
def download_progress() -> Iterator[Callable[[str, int, int], None]]:
    """Bars of bytes: yields what a Resolver calls with (name, bytes done, bytes in all)."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        tasks = {}

        def show(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=total)
            bars.update(tasks[name], completed=done, visible=done < total)

        yield show


@contextmanager
def file_progress(title: str) -> Iterator[Callable[[int, int, str], None]]:
    """A bar of files: yields what a job calls with (files done, files in all, the file just done)."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    name = TextColumn("{task.fields[name]}", markup=True)
    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), name)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task(title, total=None, name="")

        def show(done: int, total: int, path: str) -> None:
            last = one_line(path.rpartition("/")[2])[:40]
            bars.update(task, completed=done, total=total, name=escape(last))

        yield show


@contextmanager
def shown() -> Iterator[Watch]:
    """How far a job is, as a bar of its present step."""
    with file_progress("") as show, Watch(lambda at: show(int(at.done), int(at.of), at.what)) as watch:
        yield watch
