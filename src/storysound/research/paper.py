"""The forms in which all papers are written down here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from storysound.metrics.table import Column, Row

NOT_COMPARABLE = "as published: another data set or protocol, not to be compared"


@dataclass(frozen=True)
class Citation:
    """A paper as it is cited."""

    key: str  # its name in this project
    authors: str
    title: str
    venue: str
    year: int
    url: str = ""

    def __str__(self) -> str:
        return f"{self.authors} ({self.year}). {self.title}. {self.venue}." + (f" {self.url}" if self.url else "")


@dataclass(frozen=True)
class PublishedRow:
    """One row of a paper's results, in this project's units and names: never measured on this project's data."""

    table: str
    task: str
    model: str
    figures: Mapping[str, float]  # named and scaled as the reports of `storysound.metrics`
    data: str  # what it was measured on, with n


@dataclass(frozen=True)
class Erratum:
    """Where a paper is wrong, silent or at odds with itself, and what is done here instead."""

    number: int
    printed: str
    reading: str
    where: str  # dotted path of the code that follows the reading


@dataclass(frozen=True)
class Paper:
    """What is written down of a paper: `about.py` of its folder."""

    citation: Citation
    equations: Mapping[str, str]  # number -> dotted path of the code
    errata: tuple[Erratum, ...]
    published: tuple[PublishedRow, ...]


@dataclass(frozen=True)
class TableLayout:
    """How results are shown: beside which tables of a paper, in which order of tasks, and which figures."""

    paper: str
    tables: tuple[str, ...]
    tasks: tuple[str, ...]
    columns: tuple[Column, ...]


def published(rows: Iterable[PublishedRow], tables: Sequence[str], tasks: Sequence[str]) -> list[Row]:
    """A paper's rows in the form of ours, marked as such; a row of the task "any" stands in all."""
    return [
        Row(task, f"{row.model} (published)", row.figures, data=row.data, protocol=NOT_COMPARABLE)
        for row in rows
        if row.table in tables
        for task in (tasks if row.task == "any" else (row.task,))
    ]
