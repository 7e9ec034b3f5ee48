"""Working through files of which some may be unusable."""

import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from storysound.errors import InputError

log = logging.getLogger(__name__)

Result = TypeVar("Result")


def one_by_one(files: Sequence[Path], work: Callable[[Path], Result]) -> Iterator[Result]:
    """What came of each file, in order; one that can't be used doesn't keep the others from being worked on.

    When all are done the InputError of the first such file is raised; those of others are warnings.
    """
    faults: list[InputError] = []
    for file in files:
        try:
            result = work(file)
        except InputError as error:
            faults.append(error)
        else:
            yield result
    for fault in faults[1:]:
        log.warning("%s", fault)
    if faults:
        raise faults[0]
