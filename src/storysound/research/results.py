"""What `storysound evaluate` shows: rows that were measured, and those that a paper published.

A module `evaluate_<task>.py` says with `PAPER` and `TABLES` which published rows stand beside its own, with `TASKS`
in which order, and with `COLUMNS` what is shown of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

NOT_COMPARABLE = "as published: another data set or protocol, not to be compared"


@dataclass(frozen=True)
class Column:
    """A figure of the rows: its key, how it is headed, and how it is written: `scale` times, with `digits`."""

    key: str
    heading: str
    scale: float = 1.0
    digits: int = 3

    def text(self, row: "Row") -> str:
        """The figure of a row, and its interval where there is one; empty where the row lacks it.

        >>> Column("r1", "R@1 %", 100, 1).text(Row("A2T", "ours", {"r1": 0.25}, {"r1": (0.1, 0.4)}))
        '25.0 (10.0–40.0)'
        """
        if self.key not in row.figures:
            return ""
        value = self._written(row.figures[self.key])
        low, high = (self._written(bound) for bound in row.intervals.get(self.key, (0.0, 0.0)))
        return f"{value} ({low}–{high})" if self.key in row.intervals else value

    def _written(self, value: float) -> str:
        return f"{self.scale * value:.{self.digits}f}"


@dataclass(frozen=True)
class Row:
    """One model in one task. `intervals`: 95 %, empty for chance and published figures."""

    task: str
    model: str
    figures: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    n: int = 0  # what was judged: queries, items; 0 where it isn't ours to say
    data: str = ""
    protocol: str = ""


class PublishedRow(Protocol):
    """One row of a paper's tables: `research.paper.Published`."""

    @property
    def table(self) -> str: ...  # noqa: D102
    @property
    def task(self) -> str: ...  # noqa: D102
    @property
    def model(self) -> str: ...  # noqa: D102
    @property
    def figures(self) -> Mapping[str, float]: ...  # noqa: D102
    @property
    def data(self) -> str: ...  # noqa: D102


def published(rows: Iterable[PublishedRow], tables: Sequence[str], tasks: Sequence[str]) -> list[Row]:
    """A paper's rows in the form of ours, marked as such; a row of the task "any" stands in all."""
    return [
        Row(task, f"{row.model} (published)", row.figures, data=row.data, protocol=NOT_COMPARABLE)
        for row in rows
        if row.table in tables
        for task in (tasks if row.task == "any" else (row.task,))
    ]


def in_order(rows: Iterable[Row], tasks: Sequence[str]) -> list[Row]:
    """Task by task."""
    return sorted(rows, key=lambda row: tasks.index(row.task))
