"""Tables people wrote, row by row: CSV, TSV, JSON lines."""

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from storysound.errors import InputError
from storysound.media.files import json_lines, read_text

TABLES = (".csv", ".tsv", ".jsonl", ".ndjson")
TIME = r"(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:[.,]\d{1,3})?)"
_LSMDC_TIME = re.compile(r"\d\d\.\d\d\.\d\d\.\d\d\d")
_LONGEST_CELL = 2**31 - 1  # of what csv takes on every system; its own limit of 131,072 is below long texts
_END = "\0end"
_QUOTED = re.compile(r'(?:(?<=\t)|^)"(?:[^"]|"")*"(?=\t|\n|\Z)', re.MULTILINE)  # cells of tables with tabs
# How programs write that there is nothing (those that pandas reads as missing).
_NOTHING = frozenset(
    "#N/A|#N/A N/A|#NA|-1.#IND|-1.#QNAN|-NaN|-nan|1.#IND|1.#QNAN|<NA>|N/A|NA|NULL|NaN|None|n/a|nan|null|NAN".split("|")
)

Row = Mapping[str, Any]


def table_rows(file: Path) -> Iterator[tuple[int, Row]]:
    """Each row with the number of its line, by the lower-case names of its columns.

    CSV may be separated by commas, semicolons, tabs or bars, as its first line is or, after `sep=`, says. The
    heading-less tables of LSMDC are known: columns "clip" and "sentence". Raises InputError, with the line, for a file
    that is no table, can't be read, or holds what can't be written as UTF-8; where a row has more cells than the
    heading or a column twice, or a quote is never closed, so that nothing is lost.
    """
    suffix = file.suffix.lower()
    if suffix not in TABLES:
        raise InputError(file, f"is no table ({suffix or 'no ending'})", f"give {', '.join(TABLES)}")
    is_json = suffix in (".jsonl", ".ndjson")
    rows = json_lines(file, None, _whole) if is_json else _separated_rows(file, suffix)
    for number, row in rows:
        named = {str(name).strip().lower(): value for name, value in row.items()}
        if len(named) < len(row):
            raise InputError(file, f"line {number} has a column twice", "leave one of them out")
        yield number, named


def first_of(row: Row, names: Iterable[str]) -> Any:
    """The value of the first of these columns that says something; None where none does."""
    return next((row[name] for name in names if not _is_empty(row.get(name))), None)


def said_in(row: Row, names: Iterable[str]) -> Any:
    """As `first_of`, for columns in which programs write NaN, NULL or N/A for nothing; not for names of files."""
    return next((row[name] for name in names if not is_nothing(row.get(name))), None)


def is_nothing(value: Any) -> bool:
    """Whether a cell says that there is nothing.

    >>> [is_nothing(value) for value in (None, "", " ", float("nan"), "NaN", "0", 0)]
    [True, True, True, True, True, False, False]
    """
    return _is_empty(value) or (isinstance(value, str) and value.strip() in _NOTHING)


def _is_empty(value: Any) -> bool:
    is_blank = isinstance(value, str) and not value.strip()
    return value is None or is_blank or (isinstance(value, float) and math.isnan(value))


def seconds_of(value: Any, file: Path, number: int) -> float | None:
    """A time of the line `number`, in seconds or as 00:01:02.5; None stays. Raises InputError for what is none."""
    if value is None:
        return None
    match = re.fullmatch(TIME, str(value).strip())
    try:
        seconds = clock(*match.group(1, 2, 3)) if match else float(value)
    except (TypeError, ValueError, OverflowError) as error:
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


def _whole(row: Row, number: int) -> tuple[int, Row]:
    """The row, if all its texts can be written. Raises ValueError for half a character, as a cut text ends with."""
    waiting: list[Any] = [row]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str) and not each.isascii():
            try:
                each.encode()
            except UnicodeEncodeError as error:
                half = each[error.start]
                raise ValueError(
                    f"holds half a character (\\u{ord(half):04x}) after {each[: error.start]!r}"
                ) from error
        elif isinstance(each, dict):
            waiting += [*each.keys(), *each.values()]
        elif isinstance(each, list):
            waiting += each
    return number, row


def _separated_rows(file: Path, suffix: str) -> Iterator[tuple[int, Row]]:
    text = read_text(file)
    first, _, rest = text.partition("\n")
    stated = re.fullmatch(r'"?sep=(\S|\t)"?', first, re.IGNORECASE)  # as Excel writes it
    mark = "\t" if suffix == ".tsv" else stated[1] if stated else max(",\t;|", key=first.count)
    rows = _cells(rest if stated else text, mark, file, 2 if stated else 1)
    if len(_LSMDC_TIME.findall(first)) >= 3 and mark == "\t":
        for number, cells in rows:
            yield number, {"clip": cells[0], "sentence": cells[-1]}
        return
    _, heading = next(rows, (1, []))
    names = [name.strip().lower() for name in heading]
    if twice := [name for name, count in Counter(names).items() if name and count > 1]:
        raise InputError(file, f"has the column {twice[0]!r} twice", "leave one of them out")
    for number, cells in rows:
        if any(cell.strip() for cell in cells[len(names) :]):
            fault = f"line {number} has {len(cells)} cells, its heading {len(names)}"
            raise InputError(file, fault, 'put quotes around texts that hold separators: "rain, then hail"')
        yield number, dict(zip(names, [*cells, *[None] * (len(names) - len(cells))], strict=False))


def _cells(text: str, mark: str, file: Path, begins: int) -> Iterator[tuple[int, list[str]]]:
    """The cells of each row that is not empty, with the number of its first line; `begins`: that of the text's."""
    csv.field_size_limit(_LONGEST_CELL)
    spaced = bool(re.search(r'^[^"\n]*[,;|] +"(?!")', text, re.MULTILINE))  # a quote after a space is one all the same
    form = _Tabs if mark == "\t" and re.search(r'(?:^|\t)"', _QUOTED.sub("", text), re.MULTILINE) else csv.excel
    lines = io.StringIO(f"{text}\n{_END}\n", newline="")
    reader = csv.reader(lines, form, delimiter=mark, skipinitialspace=spaced)
    number = begins
    for cells in reader:
        if cells == [_END]:
            return
        if any(_END in cell for cell in cells):
            raise InputError(file, f"line {number}: a quote is opened and never closed", "close it, or double it")
        if cells:
            yield number, cells
        number = begins + reader.line_num


class _Tabs(csv.excel_tab):
    """Cells may begin with a quote that doesn't end them, as sentences of LSMDC do: quotes are part of the text."""

    quoting = csv.QUOTE_NONE
