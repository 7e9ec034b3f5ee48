"""Commands that take many files and do the same with each: what came of one is shown before the next is begun."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from storysound.app.cli import progress
from storysound.errors import InputError, UsageError
from storysound.progress import Progress

if TYPE_CHECKING:
    from storysound.session import Session

log = logging.getLogger("storysound.app")

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
                with progress.shown(title, "what was told of other files is all there is") as report:
                    result = method(session)(request, watch=_part(report, done, len(requests)))
            except InputError as error:
                faults.append(error)
            else:
                yield result
    for fault in faults[1:]:
        log.warning("%s", fault)
    if faults:
        raise faults[0]


def _part(report: progress.Shown, done: int, of: int) -> Callable[[Progress], None]:
    """Shows one of several jobs as its part of all of them; how long it takes is known of one alone."""
    if of == 1:
        return report
    return lambda at: report(replace(at, share=(done + at.share) / of, left_s=None))
