"""By how much composed music misses the mood it was asked for, as the head that judges libraries hears it, over random
moods: python -m benchmarks.quality.composed_moods.

`shipped_weights.music_fit` learns by it how probably composed music fits. The head was made for music of people, not
for this: it says that libraries and what is composed are told apart by one measure, not that people hear that mood.
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np

from storysound.annotate.feeling import MoodReader
from storysound.compose.ensembles import ensembles
from storysound.config import load_profile
from storysound.cue.score import MusicBrief, MusicPiece
from storysound.encode.pool import Models
from storysound.jobs.plan.composing import Composer, FilmTimes
from storysound.media.audio import read_audio
from storysound.progress import Watch
from storysound.story import Mood
from storysound.weights.resolver import Resolver

LENGTH_S = 20.0


def moods(count: int, seed: int) -> list[tuple[Mood, Mood, float]]:
    """Of so many pieces of 20 s, the ensembles in turn: the mood meant, the one heard, and the highest peak."""
    models = Models(load_profile("embedded"), Resolver(offline=True))
    reader, rng, names = MoodReader(models), np.random.default_rng(seed), sorted(ensembles())
    found = []
    with tempfile.TemporaryDirectory() as folder:
        composer = Composer(Path(folder) / "sheet.json", models)
        for number in range(count):
            meant = Mood(*rng.random(2).round(3).tolist())
            piece = MusicPiece(0.0, LENGTH_S, 1, seed + number)
            brief = MusicBrief(piece, 0, 0.0, LENGTH_S, meant, ensemble=names[number % len(names)])
            cue = composer.cue("music-1", brief, FilmTimes(LENGTH_S), Watch())
            wave = read_audio(Path(cue.sound.root) / cue.sound.path)
            found.append((meant, reader.stretch(wave), float(np.abs(wave.samples).max())))
    return found


def main() -> None:
    """Prints a JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=39)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    rows = moods(asked.count, asked.seed)
    meant, heard = (np.array([[m.valence, m.arousal] for m in each]) for each in list(zip(*rows, strict=True))[:2])
    misses = np.hypot(*(meant - heard).T)
    rng = np.random.default_rng(0)
    resampled = np.median(rng.choice(misses, (2000, len(misses))), axis=1)
    others = np.hypot(*(meant[:, None] - heard[None]).transpose(2, 0, 1))[~np.eye(len(meant), dtype=np.bool_)]
    shown = {
        "n": len(rows),
        "seed": asked.seed,
        "miss, quartiles": np.quantile(misses, [0.25, 0.5, 0.75]).round(3).tolist(),
        "median, 95 % (bootstrap)": np.quantile(resampled, [0.025, 0.975]).round(3).tolist(),
        "of music for other moods, median": round(float(np.median(others)), 3),
        "r of valence, arousal": [round(float(np.corrcoef(meant[:, k], heard[:, k])[0, 1]), 2) for k in (0, 1)],
        "highest peak": round(max(row[2] for row in rows), 3),
    }
    print(json.dumps(shown))


if __name__ == "__main__":
    main()
