"""Tables of ratings and of events to mutate, as people and programs write them, and what must be read of them."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from numpy.random import Generator

from fuzz.mutations import pick
from fuzz.words import Written, saved
from storysound.ingest.ratings import RatingScale, read_ratings
from storysound.ingest.sound_sets import read_desed

Found = list[tuple[object, ...]]
NOTHING = ("", "NaN", "nan", "N/A", "null", "None")
NO_RATING = (*NOTHING, "inf", "-inf", "1e999", "five", "5,5", "0", "10", "0x5")
NO_TIME = ("inf", "-1", "1e999", "soon", "0,5")
SCALE = RatingScale(1, 9)


@dataclass(frozen=True)
class Table:
    """A table as written; `right`: what must be read of it, None where its line `odd` must be told."""

    kind: str
    file: Written
    read: Callable[[], Found]
    right: Found | None
    odd: int = 0


def written(folder: Path, rng: Generator) -> Table:
    """A table of any kind, mutated or whole."""
    return pick(rng, (_ratings, _events))(folder, rng)


def _ratings(folder: Path, rng: Generator) -> Table:
    first, count = int(rng.integers(100, 800)), int(rng.integers(2, 7))
    names = [f"w{first + n}x.wav" for n in range(count)]
    rated = rng.integers(1, 10, (count, 2))
    columns = [
        pick(rng, ("file", "image", "Song_ID", " path ")), pick(rng, ("valence", "V_mean")),
        pick(rng, ("arousal", "arousal_mean")), "caption",
    ]  # fmt: skip
    ways: Sequence[Callable[[int], str]] = (str, "{:.2f}".format, "{:e}".format, " {} ".format)
    rows = [
        [pick(rng, (name, name[:-4])), *(pick(rng, ways)(int(value)) for value in both), f"said of {n}"]
        for n, (name, both) in enumerate(zip(names, rated, strict=True))
    ]
    odd = int(rng.integers(count)) if rng.random() < 0.2 else None
    if odd is not None:
        rows[odd][int(rng.integers(1, 3))] = pick(rng, NO_RATING)
    for name in names:
        (folder / name).touch()
    file = _saved(folder / "ratings", columns, rows, rng)
    right: Found = [
        (name, (int(v) - 1) / 8, (int(a) - 1) / 8, row[-1])
        for name, (v, a), row in zip(names, rated, rows, strict=True)
    ]

    def read() -> Found:
        found = read_ratings(file.path, SCALE)
        return [(each.file.name, each.mood.valence, each.mood.arousal, each.caption) for each in found]

    return Table("ratings", file, read, right if odd is None else None, 0 if odd is None else odd + 2)


def _events(folder: Path, rng: Generator) -> Table:
    first, count = int(rng.integers(100, 800)), int(rng.integers(1, 7))
    rows, right = [], []
    for n in range(count):
        name, label = f"w{first + 2 * n}x.wav", f"w{first + 2 * n + 1}x"
        start_s = float(rng.integers(0, 100)) / 10
        end_s = start_s + float(rng.integers(0, 50)) / 10
        if is_silent := bool(n) and rng.random() < 0.3:
            rows.append([name, *(pick(rng, NOTHING) for _ in range(3))])
        else:
            rows.append([name, str(start_s), f"{end_s:.1f}", label])
        right.append((name, *(() if is_silent else (start_s, float(f"{end_s:.1f}"), label))))
        (folder / name).touch()
    odd = 0
    if rng.random() < 0.2:
        rows[0][int(rng.integers(1, 3))], odd = pick(rng, NO_TIME), 2
    file = _saved(folder / "events", ["filename", "onset", "offset", "event_label"], rows, rng)

    def read() -> Found:
        found = read_desed(file.path, folder)
        return [
            (path.name, *(part for event in events for part in (event.start_s, event.end_s, event.label)))
            for path, events in found.items()
        ]

    return Table("events", file, read, None if odd else right, odd)


def _saved(path: Path, columns: list[str], rows: list[list[str]], rng: Generator) -> Written:
    form = pick(rng, ("csv", "tsv", "jsonl"))
    if form == "jsonl":
        lines = ["", *(json.dumps(dict(zip(columns, row, strict=True))) for row in rows)]
    else:
        mark = "\t" if form == "tsv" else pick(rng, (",", ";"))
        quote = pick(rng, ("", '"')) if form == "csv" else ""
        lines = [
            mark.join(f"{quote}{cell}{quote}" if quote or mark not in cell else f'"{cell}"' for cell in row)
            for row in (columns, *rows)
        ]
    return saved(path.with_suffix(f".{form}"), "\n".join(lines) + "\n", rng)
