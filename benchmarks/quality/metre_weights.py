"""The weights by which `media.rhythm.choice` chooses between rows of bars, and how well they choose on other music.

Run: OMP_NUM_THREADS=1 python -m benchmarks.quality.metre_weights [--folder /tmp/made-music]

Music: pieces of `made_music` to choose on, the starter's tracks, and chords struck on beats (`exits.made_tracks`, seed
100). A row is right with the tempo within 4 % and, where the metre is known, in it. Weights of a conditional logit with
a Gaussian prior, traits scaled to unit deviation; the sets count as SHARES say. Ten folds, twice, by sounds: what is
printed of a sound comes from weights that it had no part in. Last the weights from all, to be put into `choice.py`.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.optimize
from numpy.typing import NDArray

from benchmarks.quality import beats_and_keys, exits, made_music
from storysound.media import rhythm
from storysound.media.arrays import Doubles, Ints
from storysound.media.audio import Waveform, read_audio
from storysound.media.rhythm import choice, metre
from storysound.metrics.music import beats
from storysound.weights.resolver import Resolver

SEEDS = range(1000, 1480)
SHARES = {"made": 1.0, "starter": 4.0, "struck": 1.0}
_STRUCK, _STRUCK_SEED = 60, 100
_PRIOR = 1.0  # inverse variance of a weight
_FOLDS, _TIMES = 10, 2


@dataclass(frozen=True)
class Example:
    """Rows of bars of a sound: their traits [r t], and which have the right tempo, metre, and tempo but for octaves."""

    kind: str
    traits: Doubles
    tempo: NDArray[np.bool_]
    metre: NDArray[np.bool_]
    octaves: NDArray[np.bool_]

    @property
    def right(self) -> NDArray[np.bool_]:
        """Rows [r] that are to be chosen: the best there are."""
        both = self.tempo & self.metre
        return both if both.any() else self.tempo if self.tempo.any() else self.octaves


def example(kind: str, wave: Waveform, bpm: float, beats_a_bar: int | None) -> Example:
    """Of a sound whose tempo is known."""
    rows, curves = metre.candidates(rhythm.analyse(wave))
    ratios = [beats.tempo_ratio(row.bpm, bpm) for row in rows]
    return Example(
        kind,
        np.array([list(choice.traits(row, curves).values()) for row in rows]),
        np.array([ratio == 1 for ratio in ratios]),
        np.array([beats_a_bar in (None, row.metre) for row in rows]),
        np.array([ratio is not None for ratio in ratios]),
    )


def examples(folder: Path) -> Iterator[Example]:
    """Of all sets."""
    for seed in SEEDS:
        piece = made_music.piece(seed)
        yield example("made", made_music.heard(piece, folder), piece.bpm, piece.metre)
    for _, wave, bpm, _ in beats_and_keys.starter_tracks(Resolver(offline=True)):
        yield example("starter", wave, bpm, None)
    with tempfile.TemporaryDirectory() as struck:
        for track in exits.made_tracks(Path(struck), _STRUCK, _STRUCK_SEED):
            wave = read_audio(Path(struck) / track.sound.path)
            yield example("struck", wave, 60 / float(np.median(np.diff(track.beats_s))), 4)


def fitted(chosen: Sequence[Example]) -> Doubles:
    """Weights of the traits: [t]."""
    able = [each for each in chosen if each.right.any()]
    rows = np.concatenate([each.traits for each in able])
    spread = rows.std(axis=0) + 1e-9
    scaled = (rows - rows.mean(axis=0)) / spread
    counts = [len(each.traits) for each in able]
    firsts, owner = np.cumsum([0, *counts[:-1]]), np.repeat(np.arange(len(able)), counts)
    right = np.concatenate([each.right for each in able]).astype(float)
    shares = np.array([SHARES[each.kind] for each in able])

    def cost(weights: Doubles) -> tuple[float, Doubles]:
        scores = scaled @ weights
        odds = np.exp(scores - np.maximum.reduceat(scores, firsts)[owner])
        all_odds, right_odds = np.add.reduceat(odds, firsts), np.add.reduceat(odds * right, firsts) + 1e-300
        missed = float((shares * np.log(all_odds / right_odds)).sum() + _PRIOR / 2 * weights @ weights)
        slope = shares[owner] * odds * (1 / all_odds[owner] - right / right_odds[owner])
        return missed, scaled.T @ slope + _PRIOR * weights

    found = scipy.optimize.minimize(cost, np.zeros(rows.shape[1]), jac=True, method="L-BFGS-B")
    return np.asarray(found.x / spread)


def judged(chosen: Sequence[Example], weights: Sequence[Doubles]) -> dict[str, list[float]]:
    """Share right by set: tempo, metre, tempo but for octaves, and how many have a right row at all."""
    rows: dict[str, list[list[float]]] = {kind: [] for kind in SHARES}
    for each, own in zip(chosen, weights, strict=True):
        best = int((each.traits @ own).argmax())
        able = float((each.tempo & each.metre).any())
        rows[each.kind].append([float(of[best]) for of in (each.tempo, each.metre, each.octaves)] + [able])
    return {kind: np.mean(found, axis=0).round(3).tolist() for kind, found in rows.items() if found}


def held_out(chosen: Sequence[Example], seed: int) -> list[Doubles]:
    """For each sound weights from the folds that it isn't in."""
    folds: Ints = np.random.default_rng(seed).permutation(len(chosen)) % _FOLDS
    by_fold = [fitted([each for each, at in zip(chosen, folds, strict=True) if at != fold]) for fold in range(_FOLDS)]
    return [by_fold[fold] for fold in folds]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=made_music.FOLDER)
    asked = parser.parse_args()
    chosen = list(examples(asked.folder))
    for seed in range(_TIMES):
        print(json.dumps({"seed": seed, **judged(chosen, held_out(chosen, seed))}))
    weights = fitted(chosen)
    print(json.dumps({"seed": "all", **judged(chosen, [weights] * len(chosen))}))
    for name, weight in zip(choice.WEIGHTS, weights, strict=True):
        print(f'    "{name}": {weight:.3g},')


if __name__ == "__main__":
    main()
