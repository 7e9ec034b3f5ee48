"""How near something of a remixed track begins to a marked moment, where that was asked for and where it wasn't.

Run: python -m benchmarks.quality.hits [--pieces N] [--first PIECE] [--seed S] [--tracks FOLDER [--half choose|report]]

Pieces of `made_music` (seeds 8200 on; 8100 to 8119 chose what a bar is worth), made 1.3 and 2 times as long, with a hit
at a random time of the middle eight tenths. Bars are those that were written. Or the first three minutes of the tracks
of a folder, every second by name, made .6 and 1.3 times as long; bars are those that are found.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.quality import made_music
from storysound.cue.exits import story_beats_s
from storysound.cue.fit import analyse
from storysound.cue.remix.path import NoWayError
from storysound.cue.remix.remix import Remix, Remixer
from storysound.media.arrays import Doubles
from storysound.media.audio import read_audio

FIRST_PIECE, TIMES, TRACK_TIMES, MOST_S = 8200, (1.3, 2.0), (0.6, 1.3), 180.0


def main() -> None:
    """Prints a JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pieces", type=int, default=13)
    parser.add_argument("--first", type=int, default=FIRST_PIECE)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tracks", type=Path)
    parser.add_argument("--half", choices=("choose", "report"), default="report")
    asked = parser.parse_args()
    rng = np.random.default_rng(asked.seed)
    sounds, times = made(range(asked.first, asked.first + asked.pieces)), TIMES
    if asked.tracks:
        files = sorted(file for file in asked.tracks.iterdir() if file.stem != "silence")
        sounds, times = tracks(files[asked.half == "report" :: 2]), TRACK_TIMES
    rows: dict[str, list[dict[str, float]]] = {"asked": [], "not asked": []}
    for remixer, lasts_s, bars_s in sounds:
        for share in times:
            length_s = share * lasts_s
            hit_s = float(rng.uniform(0.1, 0.9)) * length_s
            for name, hits in (("asked", (hit_s,)), ("not asked", ())):
                try:
                    remix = remixer.remix(length_s, hits_s=hits)
                except NoWayError:
                    continue
                rows[name].append(measured(remix, bars_s, hit_s, length_s))
    print(json.dumps({name: shown(own) for name, own in rows.items()}))


def made(numbers: Sequence[int]) -> Iterator[tuple[Remixer, float, Doubles]]:
    """Pieces with how long they last, and the bars that were written [b]."""
    for number in numbers:
        piece = made_music.piece(number)
        wave = made_music.heard(piece)
        remixer = Remixer(wave, analyse(wave, np.empty(0)))
        yield remixer, wave.duration_s, piece.downbeats_s


def tracks(files: Sequence[Path]) -> Iterator[tuple[Remixer, float, Doubles]]:
    """Tracks whose beats can be found, likewise with the bars that are found [b]."""
    for file in files:
        wave = read_audio(file, end_s=MOST_S)
        remixer = Remixer(wave, analyse(wave, np.empty(0)))
        if remixer.bars.pulses:
            yield remixer, wave.duration_s, remixer.bars.times_s[remixer.bars.downbeats]


def measured(remix: Remix, bars_s: Doubles, hit_s: float, length_s: float) -> dict[str, float]:
    """Of one remix: how far the nearest of the bars [b] of its track is from a hit, and what it costs."""
    pieces = remix.fit.pieces
    near = np.abs(story_beats_s(pieces, bars_s) - hit_s)
    costs = [piece.jump.total for piece in pieces if piece.jump]
    return {
        "off, s": float(near.min()),
        "jumps": len(costs),
        "their costs": sum(costs),
        "begins late, s": pieces[0].at_s,
        "ending cut, s": remix.cut_s,
        "silence, s": remix.silence_s,
        "exact": abs(pieces[-1].end_s + remix.silence_s - length_s) < 1e-6,
        "a stretch backwards": any(after.at_s <= before.at_s for before, after in pairwise(pieces)),
    }


def shown(rows: Sequence[dict[str, float]]) -> dict[str, object]:
    """Means of many, and how near bars came; the interval is the 95 % bootstrap over remixes (seed 0)."""
    off = np.array([row["off, s"] for row in rows])
    draws = np.random.default_rng(0).integers(0, len(off), (2000, len(off)))
    ends = np.quantile((off[draws] <= 0.1).mean(axis=1), [0.025, 0.975])
    means = {name: round(float(np.mean([row[name] for row in rows])), 3) for name in rows[0]}
    quartiles = [round(float(q), 3) for q in np.quantile(off, [0.25, 0.5, 0.75])]
    within = {"within .1 s": round(float(np.mean(off <= 0.1)), 3), "95 %": [round(float(end), 2) for end in ends]}
    return {"n": len(rows), **within, "off, quartiles": quartiles} | means


if __name__ == "__main__":
    main()
