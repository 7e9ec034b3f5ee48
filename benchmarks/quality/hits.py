"""How near something of a remixed track begins to a marked moment, where that was asked for and where it wasn't.

Run: python -m benchmarks.quality.hits [--pieces N] [--seed S]

Pieces of `made_music` (seeds 8200 on; others chose what a bar is worth), made 1.3 and 2 times as long, with a hit at a
random time of the middle eight tenths. Bars are those that were written.
"""

import argparse
import json

import numpy as np

from benchmarks.quality import made_music
from storysound.cue.exits import story_beats_s
from storysound.cue.fit import analyse
from storysound.cue.remix.path import NoWayError
from storysound.cue.remix.remix import Remixer
from storysound.media import rhythm

FIRST_PIECE, TIMES = 8200, (1.3, 2.0)


def main() -> None:
    """Prints a JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pieces", type=int, default=13)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    rng = np.random.default_rng(asked.seed)
    off: dict[str, list[float]] = {"asked": [], "not asked": []}
    told: list[float] = []
    for number in range(asked.pieces):
        piece = made_music.piece(FIRST_PIECE + number)
        wave = made_music.heard(piece)
        remixer = Remixer(wave, analyse(wave, np.empty(0)), found=rhythm.bars(wave))
        for times in TIMES:
            length_s = times * wave.duration_s
            hit_s = float(rng.uniform(0.1, 0.9)) * length_s
            for name, hits in (("asked", (hit_s,)), ("not asked", ())):
                try:
                    made = remixer.remix(length_s, hits_s=hits)
                except NoWayError:
                    continue
                bars = story_beats_s(made.fit.pieces, piece.downbeats_s)
                off[name].append(float(np.abs(bars - hit_s).min()))
                if hits and made.landings[0].at_s is not None:
                    told.append(abs(abs(made.landings[0].at_s - hit_s) - off[name][-1]))
    shown = {name: [round(float(q), 3) for q in np.quantile(each, [0.25, 0.5, 0.75])] for name, each in off.items()}
    within = {name: round(float(np.mean(np.array(each) <= 0.1)), 2) for name, each in off.items()}
    print(json.dumps({"n": len(off["asked"]), "off, quartiles": shown, "within .1 s": within, "told": len(told)}))


if __name__ == "__main__":
    main()
