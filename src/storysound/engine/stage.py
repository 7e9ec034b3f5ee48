"""What is run: rows that go through stages, and what comes of each of them.

Nothing here knows where it runs. Rows are small: references and numbers, never media; they cross process borders.
"""

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storysound.engine.notes import collected
from storysound.errors import MediaError, StorysoundError

Row = Mapping[str, Any]
Work = Callable[[Row], Row]

_PACKAGE = str(Path(__file__).parents[1])


@dataclass(frozen=True)
class Stage:
    """One step that rows go through.

    `make` is called once in each worker, at its first row, and must pickle where workers are processes. What it makes
    is given the columns `takes`, of the row or of stages before, and gives the columns `gives`. The name is a noun.
    """

    name: str
    make: Callable[[], Work]
    takes: tuple[str, ...]
    gives: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """What came of a row: all its columns, or why there are none. `notes` are warnings on the way."""

    row: Row
    fault: str = ""
    notes: tuple[str, ...] = ()

    def of(self, row: Row) -> "Outcome":
        """The same with the columns of the row that stayed where it came from."""
        return Outcome({**row, **self.row}, self.fault, self.notes)


def crashed(row: Row) -> Outcome:
    """What came of a row that its worker died of."""
    fault = "crashed the program that read it, or needs more memory than there is"
    return Outcome(row, f"{fault}; convert it, or cut it into shorter files")


def columns_taken(stages: Sequence[Stage]) -> tuple[str, ...]:
    """Columns that rows must come with."""
    given: set[str] = set()
    taken: list[str] = []
    for stage in stages:
        taken += [name for name in stage.takes if name not in given]
        given |= set(stage.gives)
    return tuple(dict.fromkeys(taken))


class Worker:
    """One that does the work of all stages, a row after the other, in the thread that calls it."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        """Nothing is made yet."""
        self.stages = tuple(stages)
        self._works: dict[str, Work] = {}
        self._notes: list[str] = []  # of making them; they go with the next row

    def work(self, name: str) -> Work:
        """What the stage of this name made. Raises what its `make` raises."""
        if name not in self._works:
            (stage,) = (stage for stage in self.stages if stage.name == name)
            with collected(self._notes):
                self._works[name] = stage.make()
        return self._works[name]

    def outcome(self, row: Row) -> Outcome:
        """One row through all stages; whatever is wrong with it is its own fault, so that the others go on.

        Raises StorysoundError for what concerns all rows: missing weights, a full disk, Cancelled.
        """
        full = dict(row)
        notes: list[str] = []
        for stage in self.stages:
            work = self.work(stage.name)
            notes += self._notes
            self._notes.clear()
            try:
                with collected(notes):
                    made = work({name: full[name] for name in stage.takes})
            except MediaError as error:
                return Outcome(row, error.reason, tuple(notes))
            except StorysoundError:
                raise
            except MemoryError as error:
                fault = f"needs more memory than there is: {error}; cut it into shorter files"
                return Outcome(row, fault, tuple(notes))
            except Exception as error:
                fault = f"{stage.name} failed: {type(error).__name__}: {error}{_place(error)}; please report this"
                return Outcome(row, fault, tuple(notes))
            full |= {name: made[name] for name in stage.gives}
        return Outcome(full, "", tuple(notes))


def _place(error: Exception) -> str:
    """The last line of ours that an error nobody thought of came through."""
    frames = traceback.extract_tb(error.__traceback__)[1:]  # after the call of the stage
    ours = [frame for frame in frames if frame.filename.startswith(_PACKAGE)]
    return f" ({Path(ours[-1].filename).name}, line {ours[-1].lineno})" if ours else ""
