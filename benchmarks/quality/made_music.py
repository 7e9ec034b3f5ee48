"""Made music of which the truth is known, to measure by: pieces that the composer wrote, as sound.

Piece `seed`: 25 to 30 s, one scene, a mood uniform over the plane, the ensembles in turn; tempo, key and metre are what
the composer draws for them. Without cuts the tempo is one, until the last three beats broaden. Sounds are rendered as
`storysound compose music` does, once, and lie in a folder (32 kHz, one channel, FLAC), as long as the composer makes
the same notes.

Run, to render: OMP_NUM_THREADS=1 python -m benchmarks.quality.made_music --seeds 1000 1120 [--folder /tmp/made-music]
"""

import argparse
import hashlib
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import soundfile

from storysound.compose.compose import Means, compose
from storysound.compose.ensembles import ensembles
from storysound.compose.notes import Composition
from storysound.compose.sounding import FONT, Players
from storysound.compose.spotting import Scene, Spotting
from storysound.media.arrays import Doubles
from storysound.media.audio import Waveform, resample
from storysound.progress import Watch
from storysound.story import Mood
from storysound.weights.resolver import Resolver

CHOOSING, REPORTING = range(1000, 1120), range(5000, 5200)  # seeds to choose on, and to look at once
FOLDER = Path(tempfile.gettempdir(), "made-music")
RATE_HZ = 32_000
_NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")  # as `media.tonality` has them
_MAJOR = frozenset({"lydian", "ionian", "mixolydian"})


@dataclass(frozen=True)
class Piece:
    """Music and what it was made for."""

    seed: int
    ensemble: str
    spotting: Spotting
    music: Composition

    @property
    def mood(self) -> Mood:
        """Of the first scene."""
        return self.spotting.scenes[0].mood

    @property
    def bpm(self) -> float:
        """By the median step from beat to beat."""
        return 60 / float(np.median(np.diff(self.beats_s)))

    @property
    def beats_s(self) -> Doubles:
        """To the final chord: [n]."""
        return np.array(self.music.beats_s())

    @property
    def downbeats_s(self) -> Doubles:
        """Bar lines, the final chord's among them: [n]."""
        return np.array([*(bar.start_s for bar in self.music.bars), self.music.ends_s])

    @property
    def metre(self) -> int:
        """Beats of most bars."""
        return round(Counter(bar.beats for bar in self.music.bars).most_common(1)[0][0])

    @property
    def key(self) -> str:
        """As "A minor": modes with a major third count as major, others as minor."""
        first = self.music.keys[0]
        return f"{_NAMES[first.tonic]} {'major' if first.mode in _MAJOR else 'minor'}"


def piece(seed: int) -> Piece:
    """One scene without cuts."""
    rng = np.random.default_rng(seed)
    names = sorted(ensembles())
    ensemble = names[seed % len(names)]
    length_s = round(float(rng.uniform(25, 30)), 2)
    spotting = Spotting((Scene(0.0, length_s, Mood(float(rng.random()), float(rng.random()))),))
    return Piece(seed, ensemble, spotting, compose(spotting, seed, Means(ensemble)))


def heard(piece: Piece, folder: Path = FOLDER) -> Waveform:
    """The sound of a piece [1 n] at RATE_HZ, from the folder where it lies there."""
    notes = hashlib.sha256(repr(piece.music).encode()).hexdigest()[:16]
    file = folder / f"{notes}.flac"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        played = _players().played(piece.music, piece.music.parts, Watch())
        mono = resample(played.cut().mono(), RATE_HZ)
        part = file.with_suffix(".part.flac")
        soundfile.write(part, mono.samples[0], RATE_HZ, subtype="PCM_24")
        part.rename(file)
    return Waveform(soundfile.read(file, dtype="float32")[0][None], RATE_HZ)


@cache
def _players() -> Players:
    return Players(Resolver(offline=True).path(FONT))


def seeds(given: Sequence[int] | None, usual: range) -> range:
    """From first to last but one, as the command line has them."""
    return range(*given) if given else usual


def main() -> None:
    """Render and print how tempi, keys, metres and moods spread."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs=2, help="from, to (without it); by default those to choose on")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    asked = parser.parse_args()
    pieces, began = [piece(seed) for seed in seeds(asked.seeds, CHOOSING)], time.process_time()
    length_s = sum(heard(each, asked.folder).duration_s for each in pieces)
    print(f"{len(pieces)} pieces, {length_s:.0f} s, {length_s / (time.process_time() - began):.0f} x as fast")
    for name in ("ensemble", "metre", "key"):
        print(f"{name}: " + ", ".join(f"{v} {n}" for v, n in sorted(Counter(getattr(p, name) for p in pieces).items())))
    print("mode:", Counter(p.music.keys[0].mode for p in pieces))
    print("tempo, tenths:", np.percentile([p.bpm for p in pieces], range(0, 101, 10)).round(1).tolist())


if __name__ == "__main__":
    main()
