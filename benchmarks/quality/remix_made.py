"""Music whose beats are known, for benchmarks: composed to one scene each, played with the catalogue's font."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from storysound.compose.compose import Means, compose
from storysound.compose.ensembles import ensembles
from storysound.compose.sounding import FONT, Players, write_music
from storysound.compose.spotting import Scene, Spotting
from storysound.media.arrays import Doubles
from storysound.progress import Watch
from storysound.story import Mood
from storysound.weights.resolver import Resolver

_SEED = 1000


def made(folder: Path, numbers: Sequence[int]) -> Iterator[tuple[Path, Doubles, Doubles]]:
    """Files of pieces of 45 to 75 s, the ensembles in turn, with their beats [n] and bar lines [b]; made once.

    `numbers`: of the pieces, from 0; each is drawn by a seed of its own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = sorted(ensembles())
    players: Players | None = None
    for number in numbers:
        file = folder / f"made-{number:02d}.wav"
        facts = file.with_suffix(".json")
        if not facts.exists():
            players = players or Players(Resolver().path(FONT))
            rng = np.random.default_rng(_SEED + number)
            length_s, valence, arousal = round(float(rng.uniform(45, 75)), 2), float(rng.random()), float(rng.random())
            spotting = Spotting((Scene(0.0, length_s, Mood(valence, arousal)),))
            music = compose(spotting, number, Means(names[number % len(names)]))
            with Watch(None, None) as watch:
                write_music(players, music, file, {}, watch)
            known = {"beats_s": list(music.beats_s()), "bars_s": [bar.start_s for bar in music.bars]}
            facts.write_text(json.dumps(known))
        known = json.loads(facts.read_text())
        yield file, np.array(known["beats_s"]), np.array(known["bars_s"])
