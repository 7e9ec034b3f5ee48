"""The forms in which all papers are written down here."""

from collections.abc import Mapping
from dataclasses import dataclass


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
class Published:
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
    where: str | None  # dotted path of the code that follows the reading; None: not built
