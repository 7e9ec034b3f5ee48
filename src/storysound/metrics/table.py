"""Tables of results: rows that were measured beside those that a paper published."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field


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


def in_order(rows: Iterable[Row], tasks: Sequence[str]) -> list[Row]:
    """Task by task."""
    return sorted(rows, key=lambda row: tasks.index(row.task))
