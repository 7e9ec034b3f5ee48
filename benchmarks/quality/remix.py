"""How well tracks are made longer and shorter: python -m benchmarks.quality.remix ../shared/data --half report.

Every track at .5, .8, 1.3 and 3 times its length. At each jump the change of the spectrum and of the harmony is
measured in what is played, and at the two beats in the track that the jump leaves and reaches: the ratio is how much
more is heard there than at the track's own beats. Random jumps (anywhere, and from bar line to bar line) and loops by
`cue.fit` stand beside it. Tracks: the starter's, those of Wesnoth (their first minutes), and music composed here, whose
beats are known. One half (every second by name) is for choosing weights, the other for reporting.
"""

import argparse
import json
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise, repeat
from pathlib import Path

import numpy as np
import scipy.fft

from benchmarks.quality.remix_made import made
from storysound.cue.fit import Track, analyse, fit
from storysound.cue.playback import CuePlayer
from storysound.cue.remix.costs import WEIGHTS, Weights
from storysound.cue.remix.path import NoWayError
from storysound.cue.remix.remix import FADE_S, Remix, Remixer
from storysound.cue.score import Piece
from storysound.library.starter import starter_entries
from storysound.media import rhythm
from storysound.media.arrays import RATE_HZ, Doubles, Floats, Samples
from storysound.media.audio import Waveform, read_audio
from storysound.media.spectrogram import LogMel, Stft, mel, power
from storysound.weights.resolver import Resolver

LENGTHS = (0.5, 0.8, 1.3, 3.0)
_STFT = Stft(n_fft=2048, hop_length=480)
_MEL = LogMel(RATE_HZ, _STFT, n_mels=64, f_min=40.0, f_max=14_000.0, norm="sum")
_PER_S = RATE_HZ / 480
_NEAR_S = 0.08  # around a place, in which flux is looked for
_SIDE_S, _HARMONY_S = 0.15, 0.5  # of sound on either side of a place that is compared


@dataclass(frozen=True)
class BenchmarkTrack:
    """A track of the benchmark: where it lies, and when its beats are, where that is known."""

    name: str
    kind: str
    path: Path
    beats_s: Doubles | None = None
    bars_s: Doubles | None = None


def tracks(data: Path, made_in: Path, numbers: Sequence[int]) -> list[BenchmarkTrack]:
    """All tracks, by kind and name."""
    weights = Resolver()
    starter = [entry.name for entry in starter_entries(weights) if entry.name.endswith(".opus")]
    found = [BenchmarkTrack(Path(name).stem, "starter", weights.path(name)) for name in starter]
    found += [
        BenchmarkTrack(file.stem, "wesnoth", file)
        for file in sorted((data / "wesnoth" / "music").glob("*.opus"))
        if file.stem != "silence"
    ]
    found += [BenchmarkTrack(file.stem, "made", file, beats, bars) for file, beats, bars in made(made_in, numbers)]
    return sorted(found, key=lambda track: (track.kind, track.name))


class Heard:
    """What is measured at places of a sound; only what lies around them is looked at."""

    def __init__(self, samples: Callable[[int, int], Samples], reference: float) -> None:
        """`samples`: those of [start, end) at RATE_HZ, [c n]. `reference`: energy of the track's loudest band."""
        self._samples, self.reference = samples, reference

    def at(self, time_s: float) -> dict[str, float]:
        """How much changes at a place.

        `flux`: the strongest rise of the spectrum within 80 ms, mean over bands, in dB. `step`: how unlike the spectra
        of 150 ms before and after are, in dB, root of the mean over bands. `harmony`: how unlike the pitch classes of
        half a second before and after are, 1 less the cosine.
        """
        middle, reach = round(time_s * RATE_HZ), round(_HARMONY_S * RATE_HZ)
        mono = self._samples(middle - reach, middle + reach).mean(axis=0, dtype=np.float32)
        levels = 10 * np.log10(np.maximum(mel(power(mono, _STFT), _MEL) / self.reference, 1e-7))
        here, near, side = round(_HARMONY_S * _PER_S), round(_NEAR_S * _PER_S), round(_SIDE_S * _PER_S)
        rises = np.maximum(0.0, levels[3:] - levels[:-3]).mean(axis=1)[here - near - 3 : here + near - 2]
        step = levels[here - side : here].mean(axis=0) - levels[here : here + side].mean(axis=0)
        before, after = (_pitch_classes(part) for part in (mono[:reach], mono[reach:]))
        norm = float(np.linalg.norm(before) * np.linalg.norm(after))
        harmony = 1 - float(before @ after) / norm if norm > 0 else 0.0
        return {"flux": float(rises.max()), "step": float(np.sqrt(np.mean(step**2))), "harmony": harmony}


def loudest(wave: Waveform) -> float:
    """Energy of the loudest band of a track, by a second in each five."""
    mono, second = wave.mono().samples[0], RATE_HZ
    parts = [mono[at : at + second] for at in range(0, max(1, len(mono) - second), 5 * second)]
    return max(1e-12, *(float(mel(power(part, _STFT), _MEL).max()) for part in parts))


def _pitch_classes(samples: Floats) -> Doubles:
    """Magnitudes of the pitch classes between 80 and 2000 Hz in samples [n]: [12]."""
    size = 1 << 16
    spectrum = np.abs(scipy.fft.rfft(samples * np.hanning(len(samples)), size))
    hertz = np.fft.rfftfreq(size, 1 / RATE_HZ)
    inside = (hertz > 80) & (hertz < 2000)
    return np.bincount(np.round(12 * np.log2(hertz[inside] / 440.0)).astype(int) % 12, spectrum[inside], 12)


@dataclass(frozen=True)
class Seam:
    """One jump: where it is in what is played, and the places of the track that it leaves and reaches."""

    at_s: float
    leave_s: float
    reach_s: float


def seams(pieces: Sequence[Piece]) -> list[Seam]:
    """The jumps of pieces, each in the middle of its crossfade."""
    found = []
    for before, after in pairwise(pieces):
        half = (before.end_s - after.at_s) / 2
        found.append(Seam(after.at_s + half, before.out_s - half, after.in_s + half))
    return found


def ratios(out: Heard, own: Heard, found: Sequence[Seam], usual: Mapping[str, float]) -> dict[str, list[float]]:
    """How much more changes at each jump than at the two places of the track, mean of both; by measure.

    `usual`: the median over the track's bar lines, beside which "of bars" puts it.
    """
    rows = defaultdict[str, list[float]](list)
    for seam in found:
        here, leave, reach = out.at(seam.at_s), own.at(seam.leave_s), own.at(seam.reach_s)
        for name, value in here.items():
            least = 0.1 * usual[name]
            rows[name].append((value + least) / ((leave[name] + reach[name]) / 2 + least))
            rows[f"{name} of bars"].append((value + least) / (usual[name] + least))
    return rows


def played(wave: Waveform, pieces: Sequence[Piece]) -> Callable[[int, int], Samples]:
    """What pieces sound like: samples of a stretch."""
    return CuePlayer(wave, pieces, fade_in_s=0.008, fade_out_s=0.05).unfaded


def random_jumps(places: Doubles, like: Sequence[Piece], rng: np.random.Generator) -> list[Piece]:
    """As many jumps as in `like`, each from one of the places to another, drawn anew."""
    pieces, at_s = list[Piece](), 0.0
    start_s = 0.0
    for _ in range(len(like) - 1):
        later = places[places > start_s + 1.0]
        leave_s = float(rng.choice(later)) if len(later) else start_s + 1.0
        reach_s = float(rng.choice(places))
        pieces.append(Piece(start_s, leave_s + FADE_S / 2, at_s))
        at_s, start_s = pieces[-1].end_s - FADE_S, max(0.0, reach_s - FADE_S / 2)
    pieces.append(Piece(start_s, start_s + 3.0, at_s))
    return pieces


def phase_s(seam: Seam, beats_s: Doubles) -> float:
    """By how much a jump leaves the beat: how far after one it comes, less how far after one it leaves."""
    steps = np.diff(beats_s)
    on = np.concatenate(
        [[beats_s[0] - steps[0]], beats_s, [beats_s[-1] + steps[-1]]]
    )  # a seam may lie before the first
    apart = float(np.diff(np.interp([seam.leave_s, seam.reach_s], on, np.arange(len(on))))[0])
    return (apart - round(apart)) * float(np.median(steps))


def report(rows: dict[str, list[float]]) -> Iterator[str]:
    """A line for each measure."""
    for name, values in rows.items():
        if values:
            low, mid, high = np.percentile(values, (25, 50, 90))
            kept = f"  within .02 {np.mean(np.array(values) <= 0.02):.3f}" if "phase" in name else ""
            yield f"  {name:<34} n {len(values):>4}  quartile {low:.3f}  median {mid:.3f}  90 % {high:.3f}{kept}"


def main() -> None:
    """Prints a row for each measure and way of jumping."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="../shared/data")
    parser.add_argument("--half", choices=("tune", "report", "all"), default="tune")
    parser.add_argument("--kinds", nargs="+", default=("made", "starter", "wesnoth"), help="of tracks")
    parser.add_argument(
        "--made", type=int, nargs=2, default=(0, 26), help="pieces that are composed: from, to (without)"
    )
    parser.add_argument("--made-in", type=Path, default=Path("remix-made"), help="where they are kept")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--weights", default="{}", help="JSON: other weights, by name")
    parser.add_argument("--jobs", type=int, default=1, help="processes; figures don't depend on it")
    parser.add_argument("--plain", action="store_true", help="without the baselines")
    args = parser.parse_args()
    halves = {"tune": slice(0, None, 2), "report": slice(1, None, 2), "all": slice(None)}
    found_tracks = tracks(args.data, args.made_in, range(*args.made))[halves[args.half]]
    chosen = [track for track in found_tracks if track.kind in args.kinds]
    weights = replace(WEIGHTS, **json.loads(args.weights))
    rows = defaultdict[str, list[float]](list)
    counts = defaultdict[str, int](int)
    seeds = [(args.seed, number) for number in range(len(chosen))]
    with ProcessPoolExecutor(args.jobs) as pool:
        for found, counted, lines in pool.map(measured, chosen, repeat(weights), seeds, repeat(args.plain)):
            for name, values in found.items():
                rows[name] += values
            for name, count in counted.items():
                counts[name] += count
            print("".join(f"{line}\n" for line in lines), end="")
    print(f"{args.half}: {len(chosen)} tracks", dict(counts))
    print("\n".join(report(rows)))


def measured(
    one: BenchmarkTrack, weights: Weights, seed: tuple[int, int], plain: bool
) -> tuple[dict[str, list[float]], dict[str, int], list[str]]:
    """What is measured of a track at all lengths, what is counted, and what to know of it."""
    rows, counts, lines = defaultdict[str, list[float]](list), defaultdict[str, int](int), list[str]()
    _measure(one, weights, np.random.default_rng(seed), rows, counts, lines, plain=plain)
    return dict(rows), dict(counts), lines


def _measure(
    one: BenchmarkTrack,
    weights: Weights,
    rng: np.random.Generator,
    rows: dict[str, list[float]],
    counts: dict[str, int],
    said: list[str],
    *,
    plain: bool,
) -> None:
    wave = read_audio(one.path, rate_hz=RATE_HZ, channels=2)
    spectrogram = rhythm.analyse(wave)
    points = np.concatenate([rhythm.beat_times_s(spectrogram), rhythm.quiet_points_s(spectrogram)])
    track = analyse(wave, points)
    own = Heard(played(wave, [Piece(0.0, wave.duration_s, 0.0)]), loudest(wave))
    counts[one.kind] += 1
    began = time.process_time()
    remixer = Remixer(wave, track, weights)
    try:
        remixer.prepare()
    except NoWayError as error:
        said.append(f"{one.name} {error}")
        counts["no way"] += 1
        return
    bars = remixer.bars
    rows["analysis, s per min"].append((time.process_time() - began) / wave.duration_s * 60)
    counts["beats"] += bars.pulses
    lines = bars.times_s[bars.downbeats] - remixer.lead_s
    at_lines = [own.at(time_s) for time_s in lines[1 :: max(1, len(lines) // 30)]]
    usual = {name: statistics.median(row[name] for row in at_lines) for name in at_lines[0]}
    for share in LENGTHS:
        length_s = share * wave.duration_s
        began = time.process_time()
        try:
            remix = remixer.remix(length_s)
        except NoWayError as error:
            said.append(f"{one.name} at {share:g}: {error}")
            counts["no way"] += 1
            continue
        rows["way, s"].append(time.process_time() - began)
        _judge(one, remix, length_s, track, counts)
        _add(rows, "remix", wave, own, remix.fit.pieces, usual)
        for seam in seams(remix.fit.pieces):
            if one.beats_s is not None and one.bars_s is not None:
                found = "" if bars.pulses else ", none found"
                rows[f"beat phase{found}, s"].append(abs(phase_s(seam, one.beats_s)))
                rows[f"bar phase{found}, s"].append(abs(phase_s(seam, one.bars_s)))
        rows["jumps"].append(len(remix.fit.pieces) - 1)
        if share > 1 and not plain:
            looped = fit(track, length_s)
            _add(rows, "loop", wave, own, looped.pieces, usual)
            for seam in seams(looped.pieces):
                if one.beats_s is not None:
                    rows["loop: beat phase, s"].append(abs(phase_s(seam, one.beats_s)))
        if not plain:
            anywhere = rng.uniform(1.0, wave.duration_s - 4.0, 200)
            _add(rows, "random", wave, own, random_jumps(anywhere, remix.fit.pieces, rng), usual)
            inner = lines[lines < wave.duration_s - 4.0]
            _add(rows, "random bars", wave, own, random_jumps(inner, remix.fit.pieces, rng), usual)


def _judge(one: BenchmarkTrack, remix: Remix, length_s: float, track: Track, counts: dict[str, int]) -> None:
    pieces = remix.fit.pieces
    counts["remixes"] += 1
    counts["exact"] += abs(pieces[-1].end_s + remix.silence_s - length_s) < 0.5 / RATE_HZ
    counts["own beginning"] += pieces[0].in_s <= track.first_s + 0.02
    counts["own ending"] += pieces[-1].out_s + remix.cut_s >= track.last_s - 0.02
    counts["cut over 1 s"] += remix.cut_s > 1
    counts["silence over .5 s"] += remix.silence_s > 0.5


def _add(
    rows: dict[str, list[float]],
    name: str,
    wave: Waveform,
    own: Heard,
    pieces: Sequence[Piece],
    usual: dict[str, float],
) -> None:
    out = Heard(played(wave, pieces), own.reference)
    for measure, values in ratios(out, own, seams(pieces), usual).items():
        rows[f"{name}: {measure}"] += values


if __name__ == "__main__":
    main()
