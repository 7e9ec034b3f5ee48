"""Captions with known figures, as the shared data has them."""

import csv
from pathlib import Path


def captions(file: Path, first: str) -> tuple[list[str], list[list[str]]]:
    """The column `first`, and beside each the captions of all other columns `caption_<number>`."""
    rows = list(csv.DictReader(file.open(newline="", encoding="utf-8")))
    rest = [name for name in rows[0] if name.startswith("caption_") and name[8:].isdigit() and name != first]
    return [row[first] for row in rows], [[row[name] for name in rest if row[name]] for row in rows]
