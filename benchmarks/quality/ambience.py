"""What ambience without end sounds like beside its source and a plain loop: `python -m benchmarks.quality.ambience`.

Clips of ESC-50 (`benchmarks/quality/quality.py` says where), a minute of each, seed 0:

- class: which of ESC-50's 50 names the ears hear, through AudioSet's classes and the words for them, as `find` does,
  and AudioSet's own strongest class. Five seconds at a time, averaged; share of the clips heard as their source is.
- repetition: the largest autocorrelation at lags of .6 to 20 s, of the waveform, and of the levels of 32 bands (each
  band's largest, averaged). A loop has 1; of a source, at lags up to half of it: what hums repeats itself.
- seams: by how much the spectra 60 ms before and after a seam differ, as a rank among all places of the source, less
  that of its usual place, .5. A loop's are where it begins anew.
- speed: seconds made for each of processor time, analysis included, from samples to samples.

Which clips are textures: every second clip of a class, and every second track of the starter library, was there when
the thresholds of `cue.texture` were chosen; the others tell how well they do.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.quality.quality import data_folder, labelled
from storysound.cue.fit import analyse as track_of
from storysound.cue.fit import fit
from storysound.cue.playback import CuePlayer
from storysound.cue.score import Piece
from storysound.cue.texture import HOP_S, LEAST_S, Texture, analyse, flaw
from storysound.cue.walk import walk
from storysound.encode.encoder import Encoder, load
from storysound.encode.labels import LabelSpace, head_space, text_vectors
from storysound.match.first_stage import SMALL
from storysound.media.arrays import RATE_HZ, Doubles, Floats, Samples
from storysound.media.audio import Waveform, read_audio
from storysound.weights.resolver import Resolver

LAGS_S = (0.6, 20.0)
APART_S = 0.06
HEARD_S = 5.0
MOST_CLIPS = 4  # of a class
TEXTURES = (
    "rain sea_waves wind crackling_fire insects crickets pouring_water washing_machine vacuum_cleaner engine "
    "helicopter airplane train chainsaw clapping"
).split()
OTHERS = (
    "dog rooster cow pig hen crow cat sheep crying_baby sneezing coughing laughing door_wood_knock mouse_click "
    "can_opening glass_breaking church_bells car_horn clock_alarm clock_tick siren footsteps door_wood_creaks "
    "water_drops drinking_sipping"
).split()
MUSIC = ("happy", "calm", "tender", "nostalgic", "energetic")


class Judge:
    """Ears, and the 50 names that they may hear."""

    def __init__(self, names: Sequence[str], clips: Sequence[Samples]) -> None:
        """`clips`: each [c n] at RATE_HZ, by whose mean the classes are weighed."""
        weights = Resolver(offline=True)
        self._ears: Encoder[Waveform] = load("ears", weights)
        reader: Encoder[str] = load("minilm", weights)
        head = self._ears.traits.head("audioset")
        space: LabelSpace = head_space("audioset", self._ears.labels["audioset"], head, reader, weights.cache)
        self._asked = space.weights(text_vectors(reader, [name.replace("_", " ") for name in names]))
        self._usual = np.ones(len(space.labels), np.float32)
        self._usual = np.mean([self._scores(clip) for clip in clips], axis=0) + SMALL

    def _scores(self, samples: Samples) -> Floats:
        n = round(HEARD_S * RATE_HZ)
        parts = [samples[:, at : at + n] for at in range(0, max(1, samples.shape[1] - n // 2), n)]
        said = self._ears.encode([Waveform(part, RATE_HZ).mono() for part in parts])
        heard = [np.sqrt(one.scores["audioset"].mean(axis=0) * one.scores["audioset"].max(axis=0)) for one in said]
        return np.asarray(np.mean(heard, axis=0), np.float32)

    def classes(self, samples: Samples) -> tuple[int, int]:
        """Numbers of the name and of AudioSet's class that are heard in [c n]."""
        scores = self._scores(samples)
        return int((self._asked @ (scores / self._usual)).argmax()), int(scores.argmax())


def autocorrelation(signals: Floats, rate_hz: float) -> float:
    """The largest at the lags, of each of [n c] and averaged; unbiased for the shrinking overlap."""
    low, high = round(LAGS_S[0] * rate_hz), min(round(LAGS_S[1] * rate_hz), len(signals) // 2)
    largest = []
    for signal in signals.T:
        spectrum = np.fft.rfft(signal - signal.mean(), 2 * len(signal))
        products = np.fft.irfft(np.abs(spectrum) ** 2)[: high + 1]
        shares = products / max(products[0], 1e-12) * len(signal) / (len(signal) - np.arange(high + 1))
        largest.append(max(0.0, float(shares[low:].max())))
    return float(np.mean(largest))


def changes(bands: Floats) -> Doubles:
    """How much the spectra [t b] around each frame differ: [t]."""
    apart = round(APART_S / HOP_S)
    padded = np.pad(bands, ((apart, apart), (0, 0)), mode="edge")
    return np.asarray(np.linalg.norm(padded[2 * apart :] - padded[: -2 * apart], axis=1), np.float64)


def seam_ranks(source: Texture, made: Texture, seams_s: Sequence[float]) -> NDArray[np.float64]:
    """Of each seam, less .5."""
    own, there = np.sort(changes(source.bands)), changes(made.bands)
    at = np.clip(np.round(np.array(seams_s) / HOP_S).astype(int), 0, len(there) - 1)
    return np.asarray(np.searchsorted(own, there[at]) / len(own) - 0.5)


def seams_of(pieces: Sequence[Piece]) -> list[float]:
    """The middles of the crossfades."""
    return [(before.end_s + after.at_s) / 2 for before, after in pairwise(pieces)]


def ways(wave: Waveform, texture: Texture, length_s: float, seed: int) -> Iterator[tuple[str, Samples, list[float]]]:
    """What is compared, as samples [2 n], and where its seams are."""
    clip = wave.samples[:, texture.first : texture.first + len(texture.mono)]
    n, period = round(length_s * RATE_HZ), clip.shape[1]
    yield "source", clip, []
    yield (
        "plain loop",
        np.tile(clip, (1, -(-n // period)))[:, :n],
        [i * period / RATE_HZ for i in range(1, n // period)],
    )
    fitted = fit(track_of(wave, []), length_s).pieces
    yield "crossfaded loop", played(wave, fitted), seams_of(fitted)
    pieces = walk(texture, length_s, seed=seed, endless=True)
    yield "walk", played(wave, pieces), seams_of(pieces)


def played(wave: Waveform, pieces: Sequence[Piece]) -> Samples:
    """Pieces as samples [c n]."""
    return CuePlayer(wave, pieces, fade_in_s=0.0, fade_out_s=0.0).whole()


def speed(wave: Waveform, length_s: float, seed: int) -> float:
    """Seconds made for each second of processor time."""
    began = time.process_time()
    played(wave, walk(analyse(wave), length_s, seed=seed, endless=True))
    return length_s / (time.process_time() - began)


def compared(data: Path, length_s: float, seed: int) -> tuple[Table, list[str]]:
    """The table of ways, and lines about what isn't in it."""
    rows = labelled(data)
    names = sorted({row["category"] for row in rows})
    clips = {row["id"]: read(data, row) for row in rows}
    judge = Judge(names, [clip.samples for clip in clips.values()])
    figures: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    seams: dict[str, list[float]] = defaultdict(list)
    speeds, refused, changed = [], [], []
    for category in TEXTURES:
        for row in [row for row in rows if row["category"] == category][:MOST_CLIPS]:
            wave = clips[row["id"]]
            texture = analyse(wave)
            if why := flaw(texture):
                refused.append(f"refused: {row['id']} ({category}) {why}")
                continue
            heard: tuple[int, int] = (-1, -1)
            for way, samples, at in ways(wave, texture, length_s, seed):
                found = judge.classes(samples)
                heard = found if way == "source" else heard
                made = analyse(Waveform(samples, RATE_HZ))
                waves = autocorrelation(samples.mean(axis=0)[:, None], RATE_HZ)
                bands = autocorrelation(made.bands, 1 / HOP_S)
                figures[way].append((found[0] == heard[0], found[1] == heard[1], waves, bands))
                seams[way] += seam_ranks(texture, made, at).tolist()
                if way == "walk" and found[0] != heard[0]:
                    changed.append(f"changed: {row['id']} ({category}), {names[heard[0]]} to {names[found[0]]}")
            speeds.append(speed(wave, length_s, seed))
    table = Table("way", "n", "same name", "same AudioSet class", "waveform", "bands", "seams", "above 99 %", "speed")
    for way, found_there in figures.items():
        name, tag, waves, bands = np.mean(found_there, axis=0)
        ranks = np.array(seams[way] or [np.nan])
        row = [f"{name:.3f}", f"{tag:.3f}", f"{waves:.3f}", f"{bands:.3f}", f"{ranks.mean():+.3f} ({len(seams[way])})"]
        quick = f"{np.median(speeds):.0f} x" if way == "walk" else ""
        table.add_row(way, str(len(found_there)), *row, f"{(ranks > 0.49).mean():.3f}", quick)
    return table, refused + changed


def read(data: Path, row: dict[str, str]) -> Waveform:
    """A clip, in stereo."""
    return read_audio(data / "esc50" / row["file"], rate_hz=RATE_HZ, channels=2)


def told_apart(data: Path) -> Table:
    """How many textures are taken for such, and how many others aren't."""
    starter = Resolver(offline=True).cache / "files" / "starter"
    kinds: dict[str, list[bool]] = {}
    for kind, categories in (("textures", TEXTURES), ("events, tones", OTHERS)):
        for category in categories:
            found = [row for row in labelled(data) if row["category"] == category]
            kinds[f"{kind}\t{category}"] = [not flaw(analyse(read(data, row))) for row in found]
    for mood in MUSIC:
        tracks = sorted((starter / mood).glob("*")) if starter.is_dir() else []
        heard = (read_audio(track, start_s=20, end_s=30) for track in tracks)
        kinds[f"music\t{mood}"] = [not flaw(analyse(wave)) for wave in heard]
    table = Table("what", "half", "n", "taken for a texture")
    for kind in ("textures", "events, tones", "music"):
        for first, half in enumerate(("thresholds chosen on it", "the other")):
            taken = [one for name, found in kinds.items() if name.startswith(kind) for one in found[first::2]]
            table.add_row(kind, half, str(len(taken)), f"{np.mean(taken):.3f}" if taken else "")
    return table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=("compared", "told_apart"))
    args = parser.parse_args()
    console, data = Console(width=140), data_folder()
    if args.only != "told_apart":
        table, lines = compared(data, args.seconds, args.seed)
        console.print(
            f"{args.seconds:g} s of each, seed {args.seed}; sounds of {LEAST_S:g} s or more", table, *lines, sep="\n"
        )
    if args.only != "compared":
        console.print(told_apart(data))


if __name__ == "__main__":
    main()
