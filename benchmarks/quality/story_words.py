"""What the map of story words does for music's choice: `python -m benchmarks.quality.story_words`.

The starter library's five moods, by the words of their titles, and pieces composed here to known moods
(`benchmarks.quality.made_music`, seeds 1000 to 1119) for words that name the corners of the plane, chose the weight of
the map: mean average precision, by weight. Reported: Wesnoth's scenarios with narration and music, of which the map
knows neither tracks nor stories; its tracks without silence.opus; by sound alone. P@1 and any of 5, 95 % bootstraps
over campaigns, also of the gain over the ranking without the map (weight 0). Popularity: how often a track was chosen
in the other campaigns. And music by a few words, by titles.
"""

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.made_music import CHOOSING, FOLDER, heard, piece
from benchmarks.quality.mood import BATTLE, BRIGHT, CALM, DARK, MOODS
from benchmarks.quality.quality import data_folder, read_rows
from storysound.config import load_profile
from storysound.encode import mood
from storysound.encode.encoder import load
from storysound.encode.pool import Models
from storysound.jobs.find.finder import Finder
from storysound.jobs.index.index import run as index
from storysound.jobs.index.request import IndexRequest
from storysound.jobs.starter import starter_library
from storysound.match.query import Query
from storysound.match.story_words import shipped
from storysound.media.arrays import Doubles
from storysound.media.audio import write_flac
from storysound.metrics import bootstrap
from storysound.metrics.classification import average_precision
from storysound.progress import Watch
from storysound.weights.resolver import Resolver

WEIGHTS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
ALONE = 90.0  # a weight beside which nothing else counts
WORDS: Mapping[str, tuple[Sequence[str], str]] = {  # how each class of titles is asked for
    "battle": (("battle", "battle music", "a fierce fight"), BATTLE),
    "calm": (("calm", "calm music", "peaceful and quiet"), CALM),
    "dark": (("dark", "dark music", "gloomy and sinister"), DARK),
    "upbeat": (("upbeat", "upbeat music", "happy and cheerful"), BRIGHT),
}
FIRST = 5
LOW, HIGH = 0.45, 0.55  # moods of composed pieces below and above are of a corner
CORNERS: Mapping[tuple[bool, bool], tuple[str, ...]] = {  # by whether valence and arousal are high
    (False, True): ("battle", "a fierce fight", "storm at sea", "chased by monsters"),
    (True, True): ("a village feast", "victory", "they dance and celebrate"),
    (False, False): ("grief", "a funeral", "haunted cave"),
    (True, False): ("peaceful morning", "a quiet forest", "a tender love"),
}


def ranking(finder: Finder, text: str, tracks: Sequence[str]) -> Doubles:
    """Log odds of tracks for a text, by sound alone: [t]."""
    hits = finder.search(Query(text=text), len(finder.index.sounds), kind="music", ignore_names=True)
    scores = {hit.sound.path: float(np.log(hit.score / (1 - hit.score))) for hit in hits}
    return np.array([scores[track] for track in tracks])


def music(finder: Finder) -> tuple[str, ...]:
    """Its tracks but silence."""
    return tuple(s.path for s in finder.index.sounds if s.kind == "music" and Path(s.path).stem != "silence")


def weighed(finder: Finder, weight: float) -> Finder:
    """The same with the map so heavy."""
    return finder.reading(replace(shipped(), weight=weight))


def starter(finder: Finder) -> dict[str, Any]:
    """By weight, mean average precision of tracks by the five words that name their moods."""
    tracks = music(finder)
    own = np.array([Path(track).name.split("_")[0] for track in tracks])
    wanted = {name: own == name for name in MOODS}
    return {"n": len(tracks), **by_weight(finder, tracks, wanted)}


def by_weight(finder: Finder, tracks: Sequence[str], wanted: Mapping[str, NDArray[np.bool_]]) -> dict[str, Any]:
    """Mean average precision by weight and by mood alone; `wanted`: which tracks [t] each text asks for.

    With the gain of the weight that ships over both, and its 95 % bootstrap over tracks.
    """
    ways = {"mood alone": np.stack([_by_mood(finder, text, tracks) for text in wanted])}
    for weight in (*WEIGHTS, ALONE):
        rated = np.stack([ranking(weighed(finder, weight), text, tracks) for text in wanted])
        ways["story words alone" if weight == ALONE else f"{weight:g}"] = rated
    own = np.stack(list(wanted.values()))
    found: dict[str, Any] = {"right of all": round(float(own.mean()), 3)}
    found |= {way: round(_precision(rated, own), 3) for way, rated in ways.items()}
    now = ways[f"{shipped().weight:g}"]
    for way in ("mood alone", "0"):
        ends = bootstrap.interval(
            lambda at, before=ways[way]: _precision(now[:, at], own[:, at]) - _precision(before[:, at], own[:, at]),
            len(tracks),
            draws=2000,
            seed=0,
        )
        found[f"gain over {way}"] = [round(end, 3) for end in ends]
    return found


def _precision(rated: Doubles, own: NDArray[np.bool_]) -> float:
    """Mean average precision of ratings [q t], where any are right; `own` [q t] says which are."""
    rows = [hits[np.argsort(-row, kind="stable")] for row, hits in zip(rated, own, strict=True) if hits.any()]
    return float(np.mean([average_precision(row) for row in rows]))


def _by_mood(finder: Finder, text: str, tracks: Sequence[str]) -> Doubles:
    """How near the moods of tracks are to that of a text: [t]."""
    own = {sound.path: sound.mood for sound in finder.index.sounds}
    felt = mood.as_mood(mood.of_texts(load(mood.READER, Resolver(offline=True)).encode([text])))
    return np.array([-felt.distance(own[track]) for track in tracks])


def composed(models: Models, folder: Path) -> dict[str, Any]:
    """Of the pieces of `made_music` [p], those whose moods lie in a corner of the plane, by words that name it."""
    meant = {}
    for seed in CHOOSING:
        made = piece(seed)
        file = folder / "pieces" / f"{seed}.flac"
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            write_flac(file, heard(made))
        meant[file.name] = made.mood
    index(IndexRequest((folder / "pieces",), folder / "pieces-library"), models, Watch())
    finder = Finder(folder / "pieces-library", models)
    tracks = music(finder)
    plane = np.array([[meant[track].valence, meant[track].arousal] for track in tracks])
    wanted = {
        text: np.where(corner, plane > HIGH, plane < LOW).all(axis=1)
        for corner, texts in CORNERS.items()
        for text in texts
    }
    return {"n": len(tracks), **by_weight(finder, tracks, wanted)}


def wesnoth(finder: Finder, rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Scenarios' narration to the tracks their author chose."""
    tracks, told = music(finder), []
    for row in rows:
        text = " ".join(row["texts"]).strip()
        own = {Path(track).name for track in row["music"] or ()}
        right = np.array([Path(track).name in own for track in tracks])
        if text and right.any():
            told.append((text, row["campaign"], right))
    right = np.stack([one for _, _, one in told])
    films = np.array([film for _, film, _ in told])
    ways = {
        "popularity": np.stack([right[films != film].sum(axis=0) for film in films]).astype(float),
        "today": np.stack([ranking(weighed(finder, 0.0), text, tracks) for text, _, _ in told]),
        "with story words": np.stack([ranking(weighed(finder, shipped().weight), text, tracks) for text, _, _ in told]),
        "story words alone": np.stack([ranking(weighed(finder, ALONE), text, tracks) for text, _, _ in told]),
    }
    found: dict[str, Any] = {"n": len(told), "campaigns": len(set(films)), "tracks": len(tracks)}
    found["random"] = {"P@1": float(right.mean()), "any of 5": float(np.mean([_any(own) for own in right]))}
    judged = {
        way: np.stack([_judged(s, own) for s, own in zip(rated, right, strict=True)]) for way, rated in ways.items()
    }
    for way, values in judged.items():
        found[way] = {}
        for column, name in enumerate(("P@1", "any of 5")):
            gain = values[:, column] - judged["today"][:, column]
            found[way][name] = [round(float(values[:, column].mean()), 3), _interval(values[:, column], films)]
            found[way][f"{name} over today"] = [round(float(gain.mean()), 3), _interval(gain, films)]
    return found


def _any(right: Doubles) -> float:
    """The chance that one of five tracks drawn is among those that are right [t]."""
    wrong, n = int((~right.astype(bool)).sum()), len(right)
    return 1 - float(np.prod([(wrong - i) / (n - i) for i in range(FIRST)]))


def _judged(scores: Doubles, right: Doubles) -> Doubles:
    """[2]: is the first of [t] right, is any of five."""
    hits = right[np.argsort(-scores, kind="stable")]
    return np.array([hits[0], hits[:FIRST].any()], float)


def _interval(values: Doubles, groups: Any) -> list[float]:
    ends = bootstrap.interval(lambda at: float(values[at].mean()), len(values), groups, draws=2000, seed=0)
    return [round(end, 3) for end in ends]


def by_word(finder: Finder) -> dict[str, Any]:
    """Precision of the first five for a class of titles, the mean over ways to ask for it; and by chance."""
    tracks, found = music(finder), {}
    for name, (texts, titles) in WORDS.items():
        own = np.array([Path(track).stem in titles.split() for track in tracks])
        found[name] = {"n": int(own.sum()), "chance": round(float(own.mean()), 3)}
        for way, weight in (("today", 0.0), ("with story words", shipped().weight)):
            hits = [own[np.argsort(-ranking(weighed(finder, weight), t, tracks), kind="stable")][:FIRST] for t in texts]
            found[name][way] = [round(float(one.mean()), 2) for one in hits]
    return found


def main() -> None:
    """Measure and print a JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER.with_name("story-words"), help="for libraries")
    parser.add_argument("--choose", action="store_true", help="only what the weight was chosen on")
    args = parser.parse_args()
    shared = data_folder()
    models = Models(load_profile("embedded"), Resolver(offline=True))
    shown: dict[str, Any] = {"starter": starter(Finder(starter_library(models, Watch()), models).untaught())}
    shown["composed"] = composed(models, args.folder)
    if not args.choose:
        library = args.folder / "wesnoth"
        index(IndexRequest((shared / "wesnoth" / "music",), library), models, Watch())
        finder = Finder(library, models).untaught()
        shown["wesnoth"] = wesnoth(finder, read_rows(shared / "wesnoth" / "stories.jsonl"))
        shown["by word"] = by_word(finder)
    print(json.dumps(shown, indent=1))


if __name__ == "__main__":
    main()
