"""What a library learns of its owner, on Wesnoth: `python -m benchmarks.quality.taste`.

Its 83 scenarios with narration and music stand for films of one owner, in eight campaigns. Some, drawn by chance, are
learned from; the others ask for music by their words alone. Each draw is judged on its rest; a story's gain is the mean
over the draws in which it was not learned from, and intervals are 95 % bootstraps over stories, and over whole
campaigns, of these means. Nothing is chosen here but what `learn` chooses itself, by the stories that it learns from.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality.quality import Bench, data_folder, read_rows
from storysound.config import load_profile
from storysound.encode.pool import Models
from storysound.encode.wording import parse_query, sentences
from storysound.jobs.find.finder import Finder
from storysound.match.query import Query
from storysound.match.taste import WEIGHT, Choices, asked, fit, judge
from storysound.media.arrays import Doubles
from storysound.metrics import bootstrap
from storysound.story import Mood
from storysound.weights.resolver import Resolver

LEARNED = (10, 20, 40)  # stories
DRAWS = 200
WAYS = ("untaught", "popularity", "taste", "decided", "shuffled", "shuffled untaught")


def stories(shared: Path, finder: Finder, models: Models) -> tuple[Choices, Doubles]:
    """All stories as choices, and what ranks the tracks without a taste [n t]."""
    tracks = tuple(sound.path for sound in finder.index.sounds if sound.kind == "music")
    scenes, films, chosen, base = [], [], [], []
    for row in read_rows(shared / "wesnoth" / "stories.jsonl"):
        text = " ".join(row["texts"]).strip()
        own = {Path(track).name for track in row["music"] or ()}
        right = [float(track in own) for track in tracks]
        if not text or not any(right):
            continue
        query = Query(text=text)
        read = models.text.encode(sentences(parse_query(text).wanted))
        hits = finder.search(query, len(tracks), kind="music", ignore_names=True)
        scores = {hit.sound.path: np.log(hit.score / (1 - hit.score)) for hit in hits}
        felt: Mood = finder._mood_of_texts(sentences(text), read)
        scenes.append(asked(np.concatenate([one.embedding for one in read]).mean(axis=0), felt, models.text.dim))
        films.append(row["campaign"])
        chosen.append(right)
        base.append([scores[track] for track in tracks])
    return Choices(np.stack(scenes), tuple(films), tracks, np.array(chosen)), np.array(base)


def ranked(scores: Doubles, right: Doubles) -> Doubles:
    """[2]: is the first right, is any of five."""
    hits = right[np.argsort(-scores, kind="stable")] > 0
    return np.array([hits[0], hits[:5].any()], float)


def usual(values: Doubles) -> Doubles:
    """In deviations."""
    return np.asarray((values - values.mean()) / max(float(values.std()), 1e-6))


def drawn(data: Choices, base: Doubles, count: int, rng: np.random.Generator) -> tuple[dict[str, Doubles], bool]:
    """Of one draw: what each way does on each story [n 2], NaN for what is learned from; and whether that is used."""
    order = rng.permutation(len(data.films))
    learned, rest = data.part(order[:count]), order[count:]
    found = {way: np.full((len(data.films), 2), np.nan) for way in WAYS}
    taste, popular = fit(learned), learned.chosen.sum(axis=0)
    used = judge(learned, base[order[:count]], data.tracks).used
    noise = Choices(learned.asked, learned.films, data.tracks, rng.permuted(learned.chosen, axis=1))
    of_noise = judge(noise, base[order[:count]], data.tracks).used
    random = fit(noise)
    for at in rest:
        right, rated = data.chosen[at], usual(taste(data.asked[at]))
        found["untaught"][at] = ranked(base[at], right)
        found["popularity"][at] = ranked(popular, right)
        found["taste"][at] = ranked(base[at] + WEIGHT * rated, right)
        found["decided"][at] = ranked(base[at] + WEIGHT * used * rated, right)
        # An owner who chooses by chance: nothing can be learned, and nothing should be lost.
        other = rng.permuted(right)
        found["shuffled"][at] = ranked(base[at] + WEIGHT * of_noise * usual(random(data.asked[at])), other)
        found["shuffled untaught"][at] = ranked(base[at], other)
    return found, used


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", type=Path, help="of Wesnoth's music, where there is one already")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    args = parser.parse_args()
    shared, profile, weights = data_folder(), load_profile("embedded"), Resolver(offline=True)
    models = Models(profile, weights)
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(shared, Path(scratch), weights, profile)
        finder = Finder(args.library or bench.indexed(shared / "wesnoth" / "music"), models).untaught()
        data, base = stories(shared, finder, models)
    figures: dict[str, Any] = {"stories": len(data.films), "tracks": len(data.tracks), "draws": DRAWS}
    for count in LEARNED:
        rng = np.random.default_rng(count)
        draws = [drawn(data, base, count, rng) for _ in range(DRAWS)]
        of = {way: np.nanmean([found[way] for found, _ in draws], axis=0) for way in WAYS}
        figures[f"{count} used"] = float(np.mean([used for _, used in draws]))
        print(f"{count} learned from; used in {figures[f'{count} used']:.0%} of draws", flush=True)
        for way in WAYS:
            base_way = {"shuffled": "shuffled untaught"}.get(way, "popularity")
            line = f"  {way:18s}"
            for column, name in enumerate(("P@1", "any of 5")):
                values = of[way][:, column]
                gain = values - of[base_way][:, column]
                ends = [_interval(gain, groups) for groups in (None, np.array(data.films))]
                figures[f"{count} {way} {name}"] = {"mean": float(values.mean()), "gain": float(gain.mean())}
                figures[f"{count} {way} {name}"] |= {"stories": ends[0], "campaigns": ends[1]}
                spans = ", ".join(f"[{low:+.3f}, {high:+.3f}]" for low, high in ends)
                line += f"  {name} {values.mean():.3f}, over {base_way} {gain.mean():+.3f} {spans}"
            print(line, flush=True)
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1), "utf-8")


def _interval(values: Doubles, groups: Any) -> tuple[float, float]:
    return bootstrap.interval(lambda chosen: float(values[chosen].mean()), len(values), groups, draws=2000, seed=0)


if __name__ == "__main__":
    main()
