"""Tables people wrote, row by row: CSV, TSV, JSON lines."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from storysound.errors import InputError
from storysound.media.files import json_lines, read_text

TABLES = (".csv", ".tsv", ".jsonl", ".ndjson")
TIME = r"(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:[.,]\d{1,3})?)"
_LSMDC_TIME = re.compile(r"\d\d\.\d\d\.\d\d\.\d\d\d")

Row = Mapping[str, Any]


def table_rows(file: Path) -> Iterator[tuple[int, Row]]:
    """Each row with the number of its line, by the lower-case names of its columns.

    CSV may be separated by semicolons. The heading-less tables of LSMDC are known: columns "clip" and "sentence".
    Raises InputError for a file that is no table or can't be read.
    """
    suffix = file.suffix.lower()
    if suffix not in TABLES:
        raise InputError(file, f"is no table ({suffix or 'no ending'})", f"give {', '.join(TABLES)}")
    rows: Iterable[tuple[int, Row]]
    if suffix in (".jsonl", ".ndjson"):
        rows = json_lines(file, None, lambda row, number: (number, row))
    else:
        rows = _separated_rows(read_text(file), suffix)
    for number, row in rows:
        yield number, {str(name).strip().lower(): value for name, value in row.items() if name is not None}


def first_of(row: Row, names: Iterable[str]) -> Any:
    """The value of the first of these columns that says something; None where none does."""
    return next((row[name] for name in names if row.get(name) not in (None, "")), None)


def seconds_of(value: Any, file: Path, number: int) -> float | None:
    """A time of the line `number`, in seconds or as 00:01:02.5; None stays. Raises InputError for what is none."""
    if value is None:
        return None
    match = re.fullmatch(TIME, str(value).strip())
    try:
        seconds = clock(*match.group(1, 2, 3)) if match else float(value)
    except ValueError as error:
        raise InputError(file, f"line {number}: {value!r} is no time", "give seconds, or 00:01:02.500") from error
    if not 0 <= seconds < float("inf"):
        raise InputError(file, f"line {number}: {value!r} is no time", "give seconds from the start of the video")
    return seconds


def clock(hours: str | None, minutes: str, seconds: str) -> float:
    """The groups of `TIME` in seconds.

    >>> clock(None, "1", "02,5")
    62.5
    """
    return int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds.replace(",", "."))


def _separated_rows(text: str, suffix: str) -> Iterator[tuple[int, Row]]:
    first = text.split("\n", 1)[0]
    tabs = suffix == ".tsv" or first.count("\t") > first.count(",")
    semicolons = not tabs and first.count(";") > first.count(",")
    form: type[csv.Dialect] = _Tabs if tabs else _Semicolons if semicolons else csv.excel
    if len(_LSMDC_TIME.findall(first)) >= 3 and tabs:
        for number, cells in enumerate(csv.reader(io.StringIO(text), form), 1):
            if cells:
                yield number, {"clip": cells[0], "sentence": cells[-1]}
        return
    for number, row in enumerate(csv.DictReader(io.StringIO(text), dialect=form), 2):
        yield number, row


class _Tabs(csv.excel_tab):
    """LSMDC does not quote: a quote in it is part of the sentence."""

    quoting = csv.QUOTE_NONE


class _Semicolons(csv.excel):
    delimiter = ";"
