"""What Storysound finds and hears, measured on real data: `make bench-quality`.

Embedded profile, names ignored, one thread. Data: ../shared/data or $STORYSOUND_TEST_DATA. Prints a table and, with
`--json FILE`, writes every figure with its n.
"""

import argparse
import csv
import json
import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks import speech_removal
from storysound.config import load_profile
from storysound.encode.encoder import load
from storysound.encode.labels import label_space, text_vectors
from storysound.encode.wording import in_words
from storysound.jobs.find import Finder, Query
from storysound.jobs.index import index
from storysound.jobs.listen import ears_of, listen
from storysound.weights import Resolver

Matrix = NDArray[np.float64]


def score_matrix(finder: Finder, queries: Iterable[Query], paths: list[str]) -> Matrix:
    """Score of every sound for every query, [q s], sounds in the order of `paths`."""
    column = {path: i for i, path in enumerate(paths)}
    rows = []
    for query in queries:
        row = np.zeros(len(paths))
        for hit in finder.search(query, len(paths), ignore_names=True):
            row[column[hit.sound.path]] = hit.score
        rows.append(row)
    return np.array(rows)


def ranks(scores: Matrix) -> NDArray[np.float64]:
    """1-based rank of the diagonal; ties share the mean rank. [n n] -> [n]."""
    own = np.diag(scores)[:, None]
    better, equal = (scores > own).sum(axis=1), (scores == own).sum(axis=1) - 1
    return 1 + better + equal / 2


def average_precision(hits: NDArray[np.bool_]) -> float:
    """Of a ranked list of hits and misses."""
    return float((np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean())


def library_of(folder: Path, scratch: Path, weights: Resolver) -> Finder:
    """Index a folder and open it for queries."""
    library = scratch / f"{folder.parent.name}-{folder.name}"
    index([folder], library, profile=load_profile(), weights=weights)
    return Finder(library, load_profile(), weights)


def esc50(shared: Path, scratch: Path, weights: Resolver) -> dict[str, float]:
    """Class word -> clip. top-1: for each clip, is the class that scores it highest its own?"""
    rows = list(csv.DictReader((shared / "esc50" / "labels.csv").open(newline="")))
    finder = library_of(shared / "esc50" / "audio", scratch, weights)
    classes = sorted({row["category"] for row in rows})
    queries = [Query(name, text=name.replace("_", " ")) for name in classes]
    scores = score_matrix(finder, queries, [Path(row["file"]).name for row in rows])
    own = np.array([classes.index(row["category"]) for row in rows])
    order = np.argsort(-scores, axis=1)
    ten = np.array([row["esc10"] == "True" for row in rows])
    few = np.unique(own[ten])
    return {
        "n": len(rows),
        "top1": float((scores.argmax(axis=0) == own).mean()),
        "top5": float((np.argsort(-scores, axis=0)[:5] == own).any(axis=0).mean()),
        "mAP": float(np.mean([average_precision(own[order[c]] == c) for c in range(len(classes))])),
        "esc10_n": int(ten.sum()),
        "esc10_top1": float((few[scores[few][:, ten].argmax(axis=0)] == own[ten]).mean()),
    }


def listening(shared: Path, _scratch: Path, weights: Resolver) -> dict[str, float]:
    """`storysound listen`: is the label of the surest event nearer to the clip's own class word than to the others?"""
    rows = list(csv.DictReader((shared / "esc50" / "labels.csv").open(newline="")))
    classes = sorted({row["category"] for row in rows})
    ears, text = ears_of(load_profile(), weights), load("minilm", weights)
    labels = ears.classes.labels
    space = label_space("audioset", labels, in_words("audioset", labels), text, None)
    words = text_vectors(text, [name.replace("_", " ") for name in classes])
    nearest = dict(zip(labels, (space.vectors @ words.T).argmax(axis=1), strict=True))
    first, counts = [], []
    for row in rows:
        events = sorted(listen(shared / "esc50" / row["file"], ears).events, key=lambda event: -event.score)
        right = [classes[nearest[event.label]] == row["category"] for event in events]
        first.append(right.index(True) + 1 if any(right) else len(labels))
        counts.append(len(events))
    return {
        "n": len(rows),
        "surest_right": share(first, 1),
        "right_of_three": share(first, 3),
        "events_per_clip": float(np.mean(counts)),
        "without_events": int(np.sum(np.array(counts) == 0)),
    }


def own_sound(shared: Path, scratch: Path, weights: Resolver) -> dict[str, float]:
    """Caption, or frames, or both -> the video's own sound; clips whose sound is silent are in no library."""
    rows = read_rows(shared / "videos" / "captions.jsonl")
    finder = library_of(shared / "videos" / "clips", scratch, weights)
    known = {sound.path for sound in finder.index.sounds}
    rows = [row for row in rows if Path(row["path"]).name in known]
    paths = [Path(row["path"]).name for row in rows]
    result: dict[str, float] = {"n": len(rows)}
    for name, ask in (
        ("caption", lambda row: Query(text=row["caption"])),
        ("frames", lambda row: Query(video=shared / "videos" / row["path"])),
        ("both", lambda row: Query(text=row["caption"], video=shared / "videos" / row["path"])),
    ):
        rank = ranks(score_matrix(finder, map(ask, rows), paths))
        result |= {f"{name}_r1": float((rank <= 1).mean()), f"{name}_r5": float((rank <= 5).mean())}
    return result


def dialogue(shared: Path, scratch: Path, weights: Resolver) -> dict[str, float]:
    """The lines around a cue of a game -> the effect its author chose, by ear alone and with the file names."""
    finder = library_of(shared / "wesnoth" / "sounds", scratch, weights)
    known = {sound.path for sound in finder.index.sounds}
    result: dict[str, float] = {"sounds": len(known)}
    for name, ignore_names in (("ear", True), ("names", False)):
        first = []
        for row in read_rows(shared / "wesnoth" / "sound_cues.jsonl"):
            right = {Path(sound).name for sound in row["sounds"]} & known
            text = " ".join([*row["text_before"][-2:], *row["text_after"][:1]]).strip()
            if right and text:
                hits = finder.search(Query(text=text), len(known), ignore_names=ignore_names)
                first.append(next(rank for rank, hit in enumerate(hits, 1) if hit.sound.path in right))
        result |= {"n": len(first), f"{name}_r1": share(first, 1), f"{name}_r5": share(first, 5)}
    return result


def story_music(shared: Path, scratch: Path, weights: Resolver) -> dict[str, float]:
    """A story's words -> the music its author chose, by ear alone; and what a random order would get."""
    finder = library_of(shared / "wesnoth" / "music", scratch, weights)
    known = {sound.path for sound in finder.index.sounds if sound.kind == "music"}
    first, chance = [], []
    for row in read_rows(shared / "wesnoth" / "stories.jsonl"):
        right = {Path(track).name for track in row["music"] or ()} & known
        text = " ".join(row["texts"]).strip()
        if right and text:
            hits = finder.search(Query(text=text), len(known), kind="music", ignore_names=True)
            first.append(next(rank for rank, hit in enumerate(hits, 1) if hit.sound.path in right))
            chance.append(len(right) / len(known))
    return {
        "tracks": len(known),
        "n": len(first),
        "p1": share(first, 1),
        "any5": share(first, 5),
        "p1_by_chance": float(np.mean(chance)),
    }


def share(first: list[int], k: int) -> float:
    """Of queries whose first right answer is among the k best."""
    return float((np.array(first) <= k).mean())


def read_rows(file: Path) -> list[Any]:
    """A JSON-lines file."""
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def data_folder() -> Path:
    """Where the real data lies; ends the program where it doesn't."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("STORYSOUND_TEST_DATA", default))
    if not folder.is_dir():
        sys.exit(f"no data at {folder}: set STORYSOUND_TEST_DATA")
    return folder


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    args = parser.parse_args()
    shared, weights = data_folder(), Resolver(offline=True)
    with tempfile.TemporaryDirectory() as scratch:
        figures = {
            "esc50": esc50(shared, Path(scratch), weights),
            "listening": listening(shared, Path(scratch), weights),
            "own_sound": own_sound(shared, Path(scratch), weights),
            "dialogue": dialogue(shared, Path(scratch), weights),
            "story_music": story_music(shared, Path(scratch), weights),
            "speech_removal": speech_removal.measure(shared),
        }
    table = Table(box=None)
    for heading in ("task", "figure", "value"):
        table.add_column(heading)
    for task, values in figures.items():
        for figure, value in values.items():
            table.add_row(task, figure, f"{value:.3f}" if isinstance(value, float) else str(value))
    Console().print(table)
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1), "utf-8")


if __name__ == "__main__":
    main()
