"""A film's music as a whole: are turns found, do themes return with their footage, how often does the music change?

Run: python -m benchmarks.quality.themes --library LIBRARY [--part tune|report|fresh] [--films N] [--json FILE]

Films are montages of real clips: places A B C A D B …, each piece another stretch of its clip, 8 to 20 s of the film
(clips of 10 s are slowed for that), each a shot. Picture stories are runs of one to three photographs of one thing
(OASIS, by its name) that change to another thing, some of which return with photographs that weren't shown; told (the
thing's name is the picture's text) and untold. Half of the clips and of the things that have four photographs or more
choose thresholds (`tune`), the other half reports. That half was looked at more than once; things of two or three
photographs (72) chose nothing and reported nothing before 30 November 2026, 22:00 (`fresh`, picture stories alone).
The music is planned by the product's own functions on real encodings, beside it scene by scene as it was
(`scene_by_scene`), over the same library.
"""

import argparse
import csv
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.quality.quality import data_folder
from benchmarks.quality.scene_by_scene import RETURNING, choose, group_scenes
from storysound.config import load_profile
from storysound.encode.detectors.boxes import Box
from storysound.encode.detectors.nanodet import NanoDet
from storysound.encode.detectors.nanodet import load as load_detector
from storysound.encode.encoder import Encoder, Encoding, load
from storysound.encode.pool import Models
from storysound.ingest.footage import LONGEST_UNIT_S, Footage
from storysound.ingest.pictures import Page
from storysound.jobs.find.finder import Finder
from storysound.jobs.plan.choice import music_drafts, music_offers
from storysound.jobs.plan.request import PlanOptions
from storysound.jobs.plan.scenes import Breakdown, break_down
from storysound.jobs.plan.themes import with_themes
from storysound.media.arrays import Doubles, Pixels
from storysound.media.image import read_image
from storysound.media.video import iter_frames
from storysound.story import Frame, Mood, Span, Story
from storysound.weights.resolver import Resolver

EVERY_S = 1.6  # a frame of a clip is looked at so often
PIECES, PIECE_S, PLACES = (6, 18), (8.0, 20.0), (3, 7)
PICTURE_S = 5.0
GROUPS, GROUP = (4, 9), (1, 3)
NEAR_S = 1.0  # of a turn that is found
MOODS_APART = 1.0  # of the ratings of neighbouring things, 1 to 7, in valence or arousal
# Which of the clips and things a part has, and its first seed.
PARTS = {"tune": (slice(0, None, 2), 0), "report": (slice(1, None, 2), 1000), "fresh": (slice(None), 2000)}
# Clips of one thing: of each such family a montage has one.
FAMILIES = ("dog", "fireworks", "double_bass")


class RememberingDetector:
    """A detector of things that looks at each picture only once."""

    def __init__(self, detector: NanoDet) -> None:
        """Of the detector that looks."""
        self._detector = detector
        self.known: dict[bytes, list[Box]] = {}

    def find(self, pictures: Sequence[Pixels]) -> list[list[Box]]:
        """Things in pictures uint8 [h w 3]."""
        for item in pictures:
            if item.tobytes() not in self.known:
                self.known[item.tobytes()] = self._detector.find([item])[0]
        return [self.known[item.tobytes()] for item in pictures]


class Remembering:
    """An encoder of pictures that looks at each only once."""

    def __init__(self, eyes: Encoder[Pixels]) -> None:
        """Of the encoder that looks."""
        self._eyes, self.known = eyes, {}
        self.name, self.revision, self.dim, self.labels = eyes.name, eyes.revision, eyes.dim, eyes.labels
        self.modality, self.traits = eyes.modality, eyes.traits

    known: dict[bytes, Encoding]

    def encode(self, items: Sequence[Pixels]) -> list[Encoding]:
        """What it says of pictures uint8 [h w 3]."""
        for item in items:
            if item.tobytes() not in self.known:
                self.known[item.tobytes()] = self._eyes.encode([item])[0]
        return [self.known[item.tobytes()] for item in items]


@dataclass(frozen=True)
class Film:
    """Footage whose pieces are known: where each lies and what it shows."""

    footage: Footage
    pieces: tuple[tuple[Span, str], ...]

    @property
    def turns_s(self) -> list[float]:
        """Where another thing is shown."""
        return [after.start_s for (_, one), (after, other) in pairwise(self.pieces) if one != other]


def clips_of(folder: Path) -> dict[str, list[tuple[float, Pixels]]]:
    """Frames of each clip, with their times."""
    found = {}
    for file in sorted(folder.iterdir()):
        found[file.stem] = [(frame.time_s, frame.rgb) for frame in iter_frames(file, every_s=EVERY_S, max_side=320)]
    return {name: frames for name, frames in found.items() if len(frames) >= 4}


def things_of(folder: Path, least: int, most: int) -> dict[str, list[tuple[Pixels, Doubles]]]:
    """Pictures of each thing that has so many (five at the most), with their ratings (valence, arousal)."""
    rows: dict[str, list[dict[str, str]]] = {}
    for row in csv.DictReader(next(folder.glob("*.csv")).open(newline="")):
        rows.setdefault(re.sub(r" \d+$", "", row["theme"]), []).append(row)
    return {
        name: [(read_image(folder / row["file"]), _rating(row)) for row in own[:5]]
        for name, own in rows.items()
        if least <= len(own) <= most
    }


def _rating(row: Mapping[str, str]) -> Doubles:
    return np.array([float(row["valence_mean"]), float(row["arousal_mean"])])


def sequence(
    rng: np.random.Generator,
    count: int,
    names: Sequence[str],
    fits: Callable[[str, str], bool],
    most: Mapping[str, int] | None = None,
) -> list[str]:
    """Names in a row, no neighbours that don't fit, in which most come back; each at most so often."""
    order: list[str] = []
    while len(order) < count:
        left = [name for name in names if most is None or order.count(name) < most[name]]
        able = [name for name in left if not order or fits(order[-1], name)]
        if not able:
            return order
        new = [name for name in able if name not in order]
        order.append(str(rng.choice(new if new and rng.random() < 0.5 else able)))
    return order


def montage(clips: Mapping[str, list[tuple[float, Pixels]]], seed: int) -> Film:
    """A film of pieces of clips; each time a clip returns it is with frames that weren't shown."""
    rng = np.random.default_rng(seed)
    names = _unlike(rng, list(clips))[: rng.integers(PLACES[0], PLACES[1] + 1)]
    order = sequence(rng, int(rng.integers(PIECES[0], PIECES[1] + 1)), names, lambda one, other: one != other)
    at_s, units, pictures, pieces = 0.0, [], [], []
    for number, name in enumerate(order):
        length_s = round(float(rng.uniform(*PIECE_S)), 2)
        frames = clips[name]
        stretch = np.array_split(np.arange(len(frames)), order.count(name))[order[:number].count(name)]
        if not len(stretch):
            stretch = np.arange(len(frames))
        parts = int(np.ceil(length_s / LONGEST_UNIT_S))
        edges = np.linspace(at_s, at_s + length_s, parts + 1).tolist()
        for part, (start_s, end_s) in enumerate(pairwise(edges)):
            units.append(Span(start_s, end_s))
            own = stretch[[int((part + 0.5) / parts * len(stretch))]]
            pictures.append(tuple(frames[at][1] for at in own))
        pieces.append((Span(at_s, at_s + length_s), name))
        at_s += length_s
    return Film(_footage(f"montage {seed}", units, pictures, [""] * len(units)), tuple(pieces))


def _unlike(rng: np.random.Generator, names: list[str]) -> list[str]:
    """Names in an order of chance, one of each family."""
    order, families = [], set()
    for name in rng.permutation(names).tolist():
        family = next((family for family in FAMILIES if family in name), name)
        if family not in families:
            order.append(name)
            families.add(family)
    return order


def picture_story(things: Mapping[str, list[tuple[Pixels, Doubles]]], told: bool, seed: int) -> Film:
    """Runs of pictures of one thing; neighbours differ in mood as people rated them."""
    rng = np.random.default_rng(seed)
    moods = {name: np.mean([rating for _, rating in own], axis=0) for name, own in things.items()}
    apart = lambda one, other: bool(np.abs(moods[one] - moods[other]).max() >= MOODS_APART)  # noqa: E731
    names = rng.permutation(list(things)).tolist()[: rng.integers(4, 7)]
    counts = {name: len(own) for name, own in things.items()}
    order = sequence(rng, int(rng.integers(GROUPS[0], GROUPS[1] + 1)), names, apart, counts)
    units, pictures, texts, pieces = [], [], [], []
    left = {name: [picture for picture, _ in things[name]] for name in names}
    for number, name in enumerate(order):
        most = len(left[name]) - order[number + 1 :].count(name)  # one for each time that it returns
        at_s = PICTURE_S * len(units)
        for _ in range(min(int(rng.integers(GROUP[0], GROUP[1] + 1)), most)):
            pictures.append((left[name].pop(0),))
            units.append(Span(PICTURE_S * len(units), PICTURE_S * (len(units) + 1)))
            texts.append(f"{name}." if told else "")
        pieces.append((Span(at_s, PICTURE_S * len(units)), name))
    pages = tuple(
        Page(Path(f"{n}.jpg"), text, unit, False) for n, (unit, text) in enumerate(zip(units, texts, strict=True))
    )
    return Film(_footage(f"story {seed}", units, pictures, texts, pages), tuple(pieces))


def _footage(
    name: str, units: list[Span], pictures: list[tuple[Pixels, ...]], texts: list[str], pages: tuple[Page, ...] = ()
) -> Footage:
    frames = tuple(Frame(name, (u.start_s + u.end_s) / 2) for u, own in zip(units, pictures, strict=True) for _ in own)
    spans = tuple(units)
    video = () if pages else (name,)
    story = Story(
        name, video=video, frames=frames, shots=spans, units=spans, texts=tuple(texts), duration_s=spans[-1].end_s
    )
    return Footage(story, tuple(pictures), None, pages)


@dataclass(frozen=True)
class Bed:
    """Which track plays when."""

    spans: tuple[tuple[Span, str], ...]

    def at(self, piece: Span) -> str:
        """The track that plays longest under a piece."""
        shares: dict[str, float] = {}
        for span, track in self.spans:
            shares[track] = shares.get(track, 0.0) + span.overlap_s(piece)
        return max(shares, key=lambda track: shares[track])


def planned(film: Film, found: Breakdown, models: Models, finder: Finder, options: PlanOptions) -> Bed:
    """As the product plans it, of what it found in the film."""
    drafts = music_drafts(with_themes(found, film.footage, options), finder, options)
    edges = [0.0, *(draft.turn_s or draft.start_s for draft in drafts[1:]), film.footage.story.duration_s]
    return Bed(tuple((Span(*edge), d.hits[0].sound.path) for edge, d in zip(pairwise(edges), drafts, strict=True)))


def scene_by_scene(film: Film, found: Breakdown, models: Models, finder: Finder) -> Bed:
    """As it was planned before there were themes."""
    story = film.footage.story
    seen, told, felt = (aspect.vectors for aspect in found.aspects)
    features = np.concatenate([seen, told], axis=1)
    groups = group_scenes(story.units, features)
    lengths_s = np.array([unit.duration_s for unit in story.units])
    scenes, means = [], []
    for first, last in groups:
        own = slice(first, last)
        mood = Mood(*np.average(felt[own], axis=0, weights=lengths_s[own]).clip(0, 1).tolist())
        text = " ".join(dict.fromkeys(t for t in story.texts[own] if t))
        span = Span(story.units[first].start_s, story.units[last - 1].end_s)
        scenes.append(replace(found.scenes[0], start_s=span.start_s, end_s=span.end_s, mood=mood, text=text))
        mean = lengths_s[own] @ features[own]
        means.append(mean / max(np.linalg.norm(mean), 1e-9))
    offers = music_offers(scenes, finder, PlanOptions())
    arousal = np.array([sound.mood.arousal for sound in offers.sounds.values()])
    energy = (np.array([scene.mood.arousal for scene in scenes]), arousal)
    path = choose(offers.fits, energy, np.stack(means) @ np.stack(means).T >= RETURNING)
    names = list(offers.sounds)
    spans: list[tuple[Span, str]] = []
    for scene, track in zip(scenes, path.tolist(), strict=True):
        if spans and spans[-1][1] == names[track]:
            spans[-1] = (Span(spans[-1][0].start_s, scene.end_s), names[track])
        else:
            spans.append((Span(scene.start_s, scene.end_s), names[track]))
    return Bed(tuple(spans))


def figures(film: Film, bed: Bed) -> dict[str, float]:
    """Counts of one film, to be added up."""
    changes = [span.start_s for span, _ in bed.spans[1:]]
    found = matched(film.turns_s, changes)
    first: dict[str, str] = {}
    back = right = pairs = apart = 0
    for span, thing in film.pieces:
        track = bed.at(span)
        if thing in first:
            back, right = back + 1, right + (track == first[thing])
        first.setdefault(thing, track)
    tracks = list(first.values())
    for number, one in enumerate(tracks):
        pairs += len(tracks) - number - 1
        apart += sum(one != other for other in tracks[number + 1 :])
    return {
        "minutes": film.footage.story.duration_s / 60,
        "tracks": len({track for _, track in bed.spans}),
        "cues": len(bed.spans),
        "turns": len(film.turns_s),
        "changes": len(changes),
        "found": found,
        "back": back,
        "right": right,
        "pairs": pairs,
        "apart": apart,
    }


def matched(turns_s: Sequence[float], changes_s: Sequence[float]) -> int:
    """Turns that have a change of their own within `NEAR_S`, both in order."""
    left, count = list(changes_s), 0
    for turn in turns_s:
        near = [change for change in left if abs(change - turn) <= NEAR_S]
        if near:
            left.remove(near[0])
            count += 1
    return count


def summary(counts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Of many films, their counts together."""
    of = {name: float(sum(row[name] for row in counts)) for name in counts[0]}
    return {
        "films": len(counts),
        "minutes": of["minutes"],
        "F1": 2 * of["found"] / max(of["turns"] + of["changes"], 1),
        "precision": of["found"] / max(of["changes"], 1),
        "recall": of["found"] / max(of["turns"], 1),
        "tracks/min": of["tracks"] / of["minutes"],
        "cues/min": of["cues"] / of["minutes"],
        "returns": of["back"],
        "own theme": of["right"] / max(of["back"], 1),
        "unlike apart": of["apart"] / max(of["pairs"], 1),
    }


def interval(counts: Sequence[Mapping[str, float]], name: str, draws: int = 1000) -> tuple[float, float]:
    """95 % of the bootstrap over films (seed 0) of a figure of `summary`."""
    rng = np.random.default_rng(0)
    values = [summary([counts[i] for i in rng.integers(0, len(counts), len(counts))])[name] for _ in range(draws)]
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def models_here() -> Models:
    """Those of the embedded profile, who look at each picture once."""
    profile = load_profile("embedded")
    models = Models(profile, Resolver(offline=True))
    models.get(profile.picture, lambda weights: Remembering(load(profile.picture, weights)))
    models.get(NanoDet.name, lambda weights: RememberingDetector(load_detector(weights)))
    return models


def films_of(shared: Path, part: str, count: int) -> dict[str, list[Film]]:
    """Montages and picture stories of one part of the material, `PARTS`."""
    which, first = PARTS[part]
    seeds = range(first, first + count)
    if part == "fresh":
        things, montages = things_of(shared / "oasis", 2, 3), {}
    else:
        things = dict(list(things_of(shared / "oasis", 4, 99).items())[which])
        clips = dict(list(clips_of(shared / "videos" / "clips").items())[which])
        montages = {"montages": [montage(clips, seed) for seed in seeds]}
    return montages | {
        "picture stories": [picture_story(things, False, seed) for seed in seeds],
        "told picture stories": [picture_story(things, True, seed) for seed in seeds],
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--library", type=Path, required=True, help="made by `storysound index`, with music")
    parser.add_argument("--part", choices=tuple(PARTS), default="report")
    parser.add_argument("--films", type=int, default=40, help="of each kind")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    given = parser.parse_args()
    models = models_here()
    finder = Finder(given.library, models)
    results = measure(films_of(data_folder(), given.part, given.films), models, finder)
    show(results)
    if given.json:
        given.json.write_text(json.dumps(results, indent=1), "utf-8")


def ways(film: Film) -> dict[str, Callable[[Film, Breakdown, Models, Finder], Bed]]:
    """Ways to plan a film; the last knows how many things it shows."""
    asked: dict[str, Any] = {name: PlanOptions(changes=name) for name in ("few", "some", "many")}  # type: ignore[arg-type]
    asked["as many as things"] = PlanOptions(changes="many", themes=len({thing for _, thing in film.pieces}))
    product = {name: partial(planned, options=options) for name, options in asked.items()}
    return {"scene by scene": scene_by_scene} | product


def measure(films: Mapping[str, Sequence[Film]], models: Models, finder: Finder) -> list[dict[str, Any]]:
    """A row for each kind of film and way to plan it."""
    rows = []
    for kind, own in films.items():
        counts: dict[str, list[dict[str, float]]] = {}
        for film in own:
            _, found = break_down(film.footage, models)
            for name, way in ways(film).items():
                counts.setdefault(name, []).append(figures(film, way(film, found, models, finder)))
        for name, each in counts.items():
            ends = {f"{of} 95 %": interval(each, of) for of in ("F1", "own theme")}
            rows.append({"films of": kind, "way": name} | summary(each) | ends)
    return rows


def show(rows: Sequence[Mapping[str, Any]]) -> None:
    """As a table."""
    table = Table(box=None)
    names = list(rows[0])
    for name in names:
        table.add_column(name)
    for row in rows:
        table.add_row(*(_cell(row[name]) for name in names))
    Console(width=220).print(table)


def _cell(value: Any) -> str:
    if isinstance(value, tuple):
        return f"{value[0]:.2f}–{value[1]:.2f}"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
