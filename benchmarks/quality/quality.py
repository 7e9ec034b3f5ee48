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
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.quality import mood as moods
from benchmarks.quality import speech_removal
from storysound.config import Profile, load_profile
from storysound.encode.encoder import load
from storysound.encode.labels import label_space, text_vectors
from storysound.encode.pool import Models
from storysound.encode.wording import synonyms
from storysound.jobs.find.finder import Finder
from storysound.jobs.index import index
from storysound.jobs.index.request import IndexRequest
from storysound.jobs.listen.listen import detectors_of, listen
from storysound.library.search import Index
from storysound.match.query import Query
from storysound.media.arrays import Doubles
from storysound.metrics import retrieval
from storysound.metrics.classification import average_precision
from storysound.progress import Watch
from storysound.weights.catalogue import catalogue
from storysound.weights.resolver import Resolver


def score_matrix(finder: Finder, queries: Iterable[Query], paths: list[str]) -> Doubles:
    """Score of every sound for every query, [q s], sounds in the order of `paths`."""
    column = {path: i for i, path in enumerate(paths)}
    rows = []
    for query in queries:
        row = np.zeros(len(paths))
        for hit in finder.search(query, len(paths), ignore_names=True):
            row[column[hit.sound.path]] = hit.score
        rows.append(row)
    return np.array(rows)


@dataclass(frozen=True)
class Bench:
    """What all measurements need: real data, a folder to work in, weights, and the profile that is measured."""

    shared: Path
    scratch: Path
    weights: Resolver
    profile: Profile

    def indexed(self, folder: Path) -> Path:
        """A library of a folder."""
        library = self.scratch / f"{folder.parent.name}-{folder.name}"
        index.run(IndexRequest((folder,), library), Models(self.profile, self.weights), Watch())
        return library

    def library_of(self, folder: Path) -> Finder:
        """A folder's library, open for queries."""
        return Finder(self.indexed(folder), Models(self.profile, self.weights))


def labelled(shared: Path) -> list[dict[str, str]]:
    """The clips of ESC-50 that are there."""
    return list(csv.DictReader((shared / "esc50" / "labels.csv").open(newline="")))


def esc50(bench: Bench) -> dict[str, float]:
    """Class word -> clip. top-1: for each clip, is the class that scores it highest its own?"""
    rows = labelled(bench.shared)
    finder = bench.library_of(bench.shared / "esc50" / "audio")
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


def listening(bench: Bench) -> dict[str, float]:
    """`storysound listen`: is the label of the surest event nearer to the clip's own class word than to the others?"""
    rows = labelled(bench.shared)
    classes = sorted({row["category"] for row in rows})
    ears, text = detectors_of(Models(bench.profile, bench.weights)), load("minilm", bench.weights)
    labels = ears.classes.labels
    space = label_space("audioset", labels, [synonyms(label) for label in labels], text, None)
    words = text_vectors(text, [name.replace("_", " ") for name in classes])
    nearest = dict(zip(labels, (space.vectors @ words.T).argmax(axis=1), strict=True))
    first, counts = [], []
    for row in rows:
        events = sorted(listen(bench.shared / "esc50" / row["file"], ears).events, key=lambda event: -event.score)
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


def own_sound(bench: Bench, ways: Container[str] = ("caption", "frames", "both")) -> dict[str, float]:
    """Caption, or frames, or both -> the video's own sound; clips whose sound is silent are in no library."""
    rows = read_rows(bench.shared / "videos" / "captions.jsonl")
    finder = bench.library_of(bench.shared / "videos" / "clips")
    known = {sound.path for sound in finder.index.sounds}
    rows = [row for row in rows if Path(row["path"]).name in known]
    paths = [Path(row["path"]).name for row in rows]
    result: dict[str, float] = {"n": len(rows)}
    for name, ask in (
        ("caption", lambda row: Query(text=row["caption"])),
        ("frames", lambda row: Query(video=bench.shared / "videos" / row["path"])),
        ("both", lambda row: Query(text=row["caption"], video=bench.shared / "videos" / row["path"])),
    ):
        if name not in ways:
            continue
        report = retrieval.evaluate(score_matrix(finder, map(ask, rows), paths))
        result |= {f"{name}_r1": report.r1, f"{name}_r5": report.r5}
    return result


def dialogue(bench: Bench) -> dict[str, float]:
    """The lines around a cue of a game -> the effect its author chose, by ear alone and with the file names."""
    finder = bench.library_of(bench.shared / "wesnoth" / "sounds")
    known = {sound.path for sound in finder.index.sounds}
    result: dict[str, float] = {"sounds": len(known)}
    for name, ignore_names in (("ear", True), ("names", False)):
        first = []
        for row in read_rows(bench.shared / "wesnoth" / "sound_cues.jsonl"):
            right = {Path(sound).name for sound in row["sounds"]} & known
            text = " ".join([*row["text_before"][-2:], *row["text_after"][:1]]).strip()
            if right and text:
                hits = finder.search(Query(text=text), len(known), ignore_names=ignore_names)
                first.append(next(rank for rank, hit in enumerate(hits, 1) if hit.sound.path in right))
        result |= {"n": len(first), f"{name}_r1": share(first, 1), f"{name}_r5": share(first, 5)}
    return result


def story_music(bench: Bench) -> dict[str, float]:
    """A story's words -> the music its author chose, by ear alone; and what a random order would get."""
    finder = bench.library_of(bench.shared / "wesnoth" / "music")
    known = {sound.path for sound in finder.index.sounds if sound.kind == "music"}
    first, chance = [], []
    for row in read_rows(bench.shared / "wesnoth" / "stories.jsonl"):
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


def music_mood(bench: Bench) -> dict[str, float]:
    """Moods of tracks by ear: those of the starter library, and of Wesnoth."""
    tracks = [
        bench.weights.path(name) for name in catalogue() if name.startswith("starter/") and name.endswith(".opus")
    ]
    library = bench.scratch / "starter"
    index.run(IndexRequest(tuple(tracks), library), Models(bench.profile, bench.weights), Watch())
    starter = {Path(sound.path).name: sound.mood for sound in Index.load(library).sounds}
    own = Index.load(bench.indexed(bench.shared / "wesnoth" / "music")).sounds
    return moods.of_music(starter, {Path(sound.path).stem: sound.mood for sound in own}, bench.weights)


def share(first: list[int], k: int) -> float:
    """Of queries whose first right answer is among the k best."""
    return float((np.array(first) <= k).mean())


def read_rows(file: Path) -> list[Any]:
    """A JSON-lines file."""
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def data_folder() -> Path:
    """Where the real data lies; ends the program where it doesn't."""
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("STORYSOUND_TEST_DATA", default))
    if not folder.is_dir():
        sys.exit(f"no data at {folder}: set STORYSOUND_TEST_DATA")
    return folder


TASKS: dict[str, Callable[[Bench], dict[str, float]]] = {
    "esc50": esc50,
    "listening": listening,
    "own_sound": own_sound,
    "dialogue": dialogue,
    "story_music": story_music,
    "picture_mood": lambda bench: moods.of_pictures(bench.shared, bench.weights),
    "word_mood": lambda bench: moods.of_words(bench.shared, bench.weights),
    "music_mood": music_mood,
    "speech_removal": lambda bench: speech_removal.measure(bench.shared),
}
# What must be reached, and what is aimed at.
GOALS = {
    ("esc50", "mAP"): (0.67, 0.74),
    ("esc50", "top1"): (0.66, 0.74),
    ("own_sound", "caption_r1"): (0.50, 0.70),
    ("own_sound", "caption_r5"): (0.87, 0.95),
    ("own_sound", "frames_r1"): (0.45, 0.61),
    ("own_sound", "frames_r5"): (0.80, 0.91),
    ("picture_mood", "valence_r"): (0.60, 0.72),
    ("picture_mood", "arousal_r"): (0.64, 0.70),
    ("word_mood", "valence_r"): (0.70, 0.80),
    ("word_mood", "arousal_r"): (0.60, 0.70),
    ("music_mood", "five_moods_mAP"): (0.50, 0.65),
    ("music_mood", "arousal_auc"): (0.85, 0.95),
    ("music_mood", "valence_auc"): (0.76, 0.85),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--profile", default="embedded", help="a profile by name, or a .toml file")
    parser.add_argument("--only", nargs="+", choices=TASKS, default=list(TASKS), help="some of the tasks")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(data_folder(), Path(scratch), Resolver(offline=True), load_profile(args.profile))
        figures = {name: TASKS[name](bench) for name in args.only}
    table = Table(box=None)
    for heading in ("task", "figure", "value", "floor", "aim"):
        table.add_column(heading)
    for task, values in figures.items():
        for figure, value in values.items():
            goals = [f"{goal:.2f}" for goal in GOALS.get((task, figure), ())]
            table.add_row(task, figure, f"{value:.3f}" if isinstance(value, float) else str(value), *goals)
    Console().print(table)
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1), "utf-8")


if __name__ == "__main__":
    main()
